"""What `init` makes of bodies it has never seen: every fact found, missed or wrong, and nothing dangerous.

A folder of `bodies/` is one webhook of a vendor as it really comes: `facts.json` says what its fields should
come out as, and under `never` what must not come out at all: other people's addresses, secrets, the names of
kinds, ids that are the same for everybody. `must-not-send.*` is a refund or a failed payment.
Run it with `-s` to see the table.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bridge.authoring.scaffold.new_mapping import MappingRequest, new_mapping
from bridge.authoring.scaffold.plan import Wishes
from bridge.coerce.dates import read_time
from bridge.explain.build import clear_text
from bridge.mapping import CompiledMapping, load_mapping
from bridge.mapping.samples import read_sample
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Request, Verified
from bridge.pipeline import translate

BODIES = Path(__file__).parent / "bodies"
NAMES = sorted(folder.name for folder in BODIES.iterdir())
SPEC = load_meta_spec()
AT_LEAST_FOUND = 0.9

# fact -> the field of the event that shows it
FIELDS = {
    "page_url": "event_source_url",
    "click_id": "user_data.fbc",
    "event_ref": "event_id",
    "contents": "custom_data.content_ids",
    **{name: f"custom_data.{name}" for name in ("value", "currency", "order_id")},
    **{
        name: f"user_data.{meta_name}"
        for name, meta_name in {
            "email": "em", "phone": "ph", "first_name": "fn", "last_name": "ln", "city": "ct", "state": "st",
            "zip": "zp", "country": "country", "external_id": "external_id", "ip": "client_ip_address",
            "user_agent": "client_user_agent", "dob": "db", "gender": "ge",
        }.items()
    },
}  # fmt: skip
LOOSE = str.maketrans("", "", " -._")


@dataclass(frozen=True)
class Tried:
    """What became of the facts of one body, and what came out that never should."""

    name: str
    outcomes: Mapping[str, str]
    leaked: tuple[str, ...]
    text: str = field(repr=False)

    def count(self, outcome: str) -> int:
        return Counter(self.outcomes.values())[outcome]


def body_of(name: str) -> Path:
    [body] = (BODIES / name).glob("body.*")
    return body


def others_of(name: str, start: str) -> list[Path]:
    return sorted(file for file in (BODIES / name).iterdir() if file.name.startswith(start))


def facts_of(name: str) -> dict[str, Any]:
    return json.loads((BODIES / name / "facts.json").read_text("utf-8"))


def request_of(body: Path) -> Request:
    about = facts_of(body.parent.name)
    moment = read_time(about["now"])
    assert moment is not None
    from datetime import UTC, datetime

    return read_sample(body, datetime.fromtimestamp(moment, UTC)).request


@cache
def mapping_of(body: Path, *, known_shapes: bool = False) -> CompiledMapping:
    """Return what `init --from` writes; without known shapes by its rules alone, as for a new sender."""
    request = request_of(body)
    file = body.parent / f"{body.parent.name}.yaml"
    asked = MappingRequest(file, Wishes(), request, body.name, body.name, known_shapes=known_shapes)
    text = new_mapping(asked, SPEC, request.received_at).text
    return load_mapping(file, environment={}, spec=SPEC, source=text.encode(), secrets="optional")


def translated(mapping: CompiledMapping, body: Path) -> Any:
    return translate(Verified(request_of(body)), mapping, SPEC, explain=True, reveal=True)


def shown(translation: Any) -> list[dict[str, Any]]:
    """Return each event's fields as they are before hashing, of those that are not skipped."""
    events = zip(translation.events, translation.explanation, strict=False)
    return [dict(_fields(explained)) for event, explained in events if event.verdict != "skipped"]


def _fields(explained: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for field_ in explained["fields"]:
        value = field_["sent"] if field_["sent"] is not None else field_["given"]
        if field_["field"].startswith("user_data."):
            value = clear_text(field_) or value
        if value is not None and not (field_["dropped"] and field_["sent"] is None):
            yield field_["field"], value


def loose(value: Any) -> str:
    return str(value).casefold().translate(LOOSE)


def alternatives(wanted: Any) -> list[Any]:
    if isinstance(wanted, list):
        return wanted
    return wanted.split("|") if isinstance(wanted, str) else [wanted]


def agrees(fact: str, wanted: Any, event: Mapping[str, Any]) -> bool | None:
    """Say whether a fact came out right; None when nothing came out for it."""
    found = event.get(FIELDS.get(fact, fact))
    if fact == "contents" and found is None:
        found = [item.get("id") for item in event.get("custom_data.contents") or []] or None
    if found is None or (fact == "event_time" and event.get("time_made_here")):
        return None
    texts = [str(item) for item in found] if isinstance(found, list) else [str(found)]
    if fact == "value":
        return any(float(texts[0]) == float(option) for option in alternatives(wanted))
    if fact in ("click_id", "event_ref"):
        return any(str(option) in texts[0] for option in alternatives(wanted))
    return any(loose(option) == loose(text) for option in alternatives(wanted) for text in texts)


def tried(name: str, *, known_shapes: bool = False) -> Tried:
    about, body = facts_of(name), body_of(name)
    mapping = mapping_of(body, known_shapes=known_shapes)
    translation = translated(mapping, body)
    events = shown(translation)
    event = events[0] if events else {}
    if not any(line.field == "event_time" for line in mapping.lines):
        event["time_made_here"] = True
    words = {True: "found", False: "wrong", None: "missed"}
    outcomes = {fact: words[agrees(fact, wanted, event)] for fact, wanted in about["facts"].items()}
    leaked = [
        leak for file in (body, *others_of(name, "se"), *others_of(name, "th")) for leak in leaks(file, about)
    ]
    return Tried(name, outcomes, tuple(leaked), "\n".join(str(line.field) for line in mapping.lines))


def leaks(file: Path, about: Mapping[str, Any]) -> Iterator[str]:
    """Yield `field: value` for everything that came out and never should."""
    for event in shown(translated(mapping_of(body_of(file.parent.name)), file)):
        for name, value in event.items():
            values = value if isinstance(value, list) else [value]
            for never in about["never"]:
                if name != "custom_data.contents" and any(is_leak(name, item, never) for item in values):
                    yield f"{name}: {never}"


def is_leak(name: str, value: Any, never: Any) -> bool:
    if isinstance(never, float):
        return name == "custom_data.value" and float(value) == never
    return loose(value) == loose(never) or (
        name == "event_id" and loose(str(value).partition("-")[2]) == loose(never)
    )


def test_facts_of_bodies_never_seen_are_found_and_nothing_comes_out_wrong(capsys):
    rows = [tried(name) for name in NAMES]
    total = Counter(outcome for row in rows for outcome in row.outcomes.values())
    lines = [f"{'body':28} facts  found missed wrong  what"]
    for row in rows:
        what = [f"{fact} {outcome}" for fact, outcome in row.outcomes.items() if outcome != "found"]
        figures = " ".join(f"{row.count(outcome):6}" for outcome in ("found", "missed", "wrong"))
        lines.append(f"{row.name:28} {len(row.outcomes):5} {figures}  {', '.join([*what, *row.leaked])}")
    lines.append(
        f"{'all':28} {sum(total.values()):5} "
        + " ".join(f"{total[o]:6}" for o in ("found", "missed", "wrong"))
    )
    table = "\n".join(lines)
    with capsys.disabled():
        print(f"\n{table}")
    assert [leak for row in rows for leak in row.leaked] == [], table
    assert total["wrong"] == 0, table
    assert total["found"] >= AT_LEAST_FOUND * sum(total.values()), table


def test_a_body_of_a_known_shape_comes_out_right_as_well():
    rows = [tried(name, known_shapes=True) for name in NAMES]
    wrong = [(row.name, fact) for row in rows for fact, outcome in row.outcomes.items() if outcome == "wrong"]
    assert (wrong, [leak for row in rows for leak in row.leaked]) == ([], [])


REFUSED = [file for name in NAMES for file in others_of(name, "must-not-send")]


@pytest.mark.parametrize("file", REFUSED, ids=lambda file: file.parent.name)
def test_a_refund_or_a_failed_payment_is_never_sent(file):
    by_the_right_sample = translated(mapping_of(body_of(file.parent.name)), file)
    by_itself = translated(mapping_of(file), file)
    by_its_shape = translated(mapping_of(file, known_shapes=True), file)
    assert {event.verdict for event in by_its_shape.events} == {"skipped"}
    assert {event.verdict for event in by_the_right_sample.events} == {"skipped"}
    assert {event.verdict for event in by_itself.events} == {"skipped"}


def test_two_webhooks_about_two_people_have_two_event_ids():
    for name in NAMES:
        for other in [*others_of(name, "second"), *others_of(name, "third")]:
            mapping = mapping_of(body_of(name))
            ids = {
                event["event_id"]
                for file in (body_of(name), other)
                for event in shown(translated(mapping, file))
            }
            assert len(ids) == 2, name
