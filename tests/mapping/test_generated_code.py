"""The code written for a mapping and the general way give the same events, to the last byte and finding.

`CASES=200000 pytest tests/mapping/test_generated_code.py` looks at more of them; `make soak` does.
"""

from __future__ import annotations

import ast
import copy
import json
import keyword
import os
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from bridge.authoring.code_listing import code_listing
from bridge.body.parse import parse
from bridge.errors import Invalid, Refused
from bridge.mapping import CompiledMapping, load_mapping
from bridge.mapping.language.path_syntax import read_path
from bridge.mapping.runtime.event import EventCode
from bridge.mapping.runtime.known_answers import Answers
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.shipped_files import shipped
from bridge.meta_spec.spec import with_severities
from bridge.models import (
    CleanDraft,
    Fetched,
    FetchRequest,
    ReadingSettings,
    Request,
    Verified,
    Webhook,
)
from bridge.normalize.context import Known
from bridge.normalize.custom_data import CUSTOM_DATA_READERS
from bridge.normalize.event_fields import READERS
from bridge.normalize.field import cleaners
from bridge.normalize.ordinary import short_way_of, short_way_of_person
from bridge.normalize.product_items import ITEM_READERS
from bridge.normalize.user_data import known_about
from bridge.pipeline import finish
from bridge.serialization import encode
from bridge.validate import is_right_by_its_values

CASES = int(os.environ.get("CASES", "20000"))
TESTS = Path(__file__).parent.parent
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SPEC = load_meta_spec()
SETTINGS = ReadingSettings()
HEADERS = {"user-agent": "Mozilla/5.0 (X11; Linux)", "cookie": "_fbp=fb.1.1795219200000.1; _fbc=fb.1.1.x"}


class AnySecret(dict[str, str]):
    """An environment in which every secret is set."""

    def __missing__(self, name: str) -> str:
        return "00ff00ff"

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, default: Any = None) -> Any:
        return "00ff00ff"


@cache
def mappings() -> dict[str, CompiledMapping]:
    files = [
        *sorted(shipped("mappings").glob("*.yaml")),
        *sorted((TESTS / "mapping" / "valid").glob("*.yaml")),
        *sorted((TESTS / "mapping" / "code").glob("*.yaml")),
        *sorted((TESTS / "cases").glob("*/*/mapping.yaml")),
    ]
    return {
        name_of(file): load_mapping(file, environment=AnySecret(), spec=SPEC, secrets="optional")
        for file in files
    }


def written(*lines: str) -> CompiledMapping:
    source = "\n".join(("version: 1", "action_source: system_generated", *lines, "")).encode()
    return load_mapping(Path("mappings/written.yaml"), environment={}, spec=SPEC, source=source)


def name_of(file: Path) -> str:
    folder = file.parent
    if file.name == "mapping.yaml":
        return f"{folder.parent.name}/{folder.name}"
    return f"{folder.name}/{file.stem}"


def outcome(mapping: CompiledMapping, webhook: Webhook, *, by_code: bool) -> list[tuple[Any, ...]]:
    now = webhook.request.received_at
    drafts = mapping.cleaned_drafts(webhook, SPEC) if by_code else mapping.drafts(webhook)
    events = [finish(draft, SPEC, now) for draft in drafts]
    return [
        (
            event.verdict,
            event.label,
            None if event.data is None else encode(event.data),
            event.send_to,
            event.findings,
            event.reason,
            event.match,
        )
        for event in events
    ]


def assert_same(mapping: CompiledMapping, webhook: Webhook) -> None:
    general = outcome(mapping, webhook, by_code=False)
    assert outcome(mapping, webhook, by_code=True) == general, json.dumps(webhook.data, default=repr)


def arrived(data: Any, headers: dict[str, str] = HEADERS, now: datetime = NOW) -> Webhook:
    query = {"fbclid": "IwAR123", "source": "ads"}
    body = json.dumps(data, default=str).encode("utf-8", "surrogatepass")
    return Webhook(Request("POST", "https://x.example/", headers, query, body, "203.0.113.7", now), data)


# --- what senders really sent ----------------------------------------------------------------------


def recorded() -> Iterator[tuple[CompiledMapping, Webhook]]:
    """Yield every shipped sample and every golden case as it arrived."""
    for mapping in mappings().values():
        for sample in filter(Path.is_file, mapping.samples):
            side_file = sample.with_name(f"{sample.name.split('.')[0]}.headers.json")
            side = json.loads(side_file.read_text("utf-8")) if side_file.is_file() else {"headers": {}}
            yield from parsed(mapping, sample.read_bytes(), side)
        for test in mapping.tests:
            yield mapping, arrived(test.given)
    for folder in sorted((TESTS / "cases").glob("*/*")):
        case = yaml.safe_load((folder / "case.yaml").read_text("utf-8"))
        own = (folder / "mapping.yaml").is_file()
        mapping = mappings()[f"{folder.parent.name}/{folder.name}" if own else f"mappings/{case['mapping']}"]
        yield from parsed(mapping, (folder / "body.raw").read_bytes(), case)


def parsed(
    mapping: CompiledMapping, body: bytes, side: dict[str, Any]
) -> Iterator[tuple[CompiledMapping, Webhook]]:
    headers = {name.lower(): str(value) for name, value in side.get("headers", {}).items()}
    now = datetime.fromisoformat(str(side.get("now", NOW.isoformat())))
    request = Request("POST", "https://x.example/", headers, side.get("query", {}), body, None, now)
    try:
        yield mapping, parse(Verified(request), mapping.receive)
    except Refused:
        return


def test_recorded_webhooks_become_the_same_events():
    webhooks = list(recorded())
    for mapping, webhook in webhooks:
        assert_same(mapping, webhook)
    assert len(webhooks) > 200


def test_most_recorded_events_go_the_short_way():
    drafts = [draft for mapping, webhook in recorded() for draft in mapping.cleaned_drafts(webhook, SPEC)]
    wanted = [draft for draft in drafts if isinstance(draft, CleanDraft) or draft.verdict == "ready"]
    assert sum(isinstance(draft, CleanDraft) for draft in wanted) > len(wanted) * 0.6


# --- what nobody sent yet --------------------------------------------------------------------------

PLAIN: list[Any] = [
    "Jane", "O'Connor", "van Doe", "José", "Nguyễn", "정", "Mary Ann", "jane2", "na", "NA", "Jr.",
    "jane@example.com", " Jane.Doe+x@Example.COM ", "null@example.com", "a.null.b@example.com", "x@y",
    "Jane@Exámple.de",
    "mailto:jane@example.com", "__x__@example.com", "jane@-a-.com", "jane@example.com.",
    "JANE@EXAMPLE.COM; bob@x.de",
    "+14165550199", "+4915112345678", "0151 2345678", "+1 (416) 555-0199", "14165550199", 4915112345678,
    "123",
    "1990-02-03", "1890-02-03", "2990-02-03", "19900203", "03.02.1990", "02/03/1990", "1990-13-45",
    "Berlin", "New York", "São Paulo", "St. John's", "12345", "01067", "10011-1234", "SW1A 1AA", 1067, "1067",
    "DE", "de", "us", "US", "Germany", "Deutschland", "CA", "NY", "California", "zz", "Namibia",
    "f", "female", "männlich", "divers",
    820982911946154508, 0, 1, 2, -1, 77, 10**25, -(10**30), True, False, None, 12.5, 0.1 + 0.2, 1e300, 5e-9,
    14.950000000000001,
    Decimal("12.50"), Decimal("1E+30"), Decimal("820982911946154508.0"), 1.0, 3.0, 1e16,
    "12.50", "1.234", "1,234.56", "1.234,56", "12,5", "0", "00", "1e5", "1.2E+17", "5.", "007",
    "1234567.00", "€ 12,00",
    "EUR", "eur", "€", "$", "XXX", "US Dollar", "JPY", "KWD",
    "2026-11-21T10:00:00+01:00", "2026-11-21T10:00:00Z", "2026-11-21T10:00:00", "2026-11-21",
    "2026-11-21T99:00:00Z",
    "2030-01-01T00:00:00Z", "2026-11-21T12:00:30Z", "0001-01-01T00:00:00+14:00", 1795219200, "1795219200",
    1795219200000, 46353.5,
    "fb.1.1795219200000.1116446470", "fb.1.1795219200000.IwAR2F4-dbP0l7Mn1IawQQGCINEz7PYXQvwjNwB",
    "fb.1.1795219200000.a-null-b00",
    "fb.1.1795219200000.__abcdef__", "fb.1.1795219200000.abcdefghi.AQ.AQ", "fb.2.179.x", "IwAR2F4",
    "IwAR_null_x",
    "https://shop.example/orders/820982911946154508/thank-you", "http://shop.example",
    "https://x.example/?email=a@b.de",
    "https://x.example/?q=1#frag", "https://x.example/%40/a", "shop.example/x",
    "https://x.example/?fbclid=IwAR_xyz",
    "https://x.example/call/+1-416-555-0199", "https://x.example/a?token=1", "ftp://x.example/",
    "https://x.example/ü",
    "203.0.113.7", "10.0.0.1", "203.0.113.7, 10.0.0.1", "2001:db8::1", "::1", "999.1.1.1", "203.0.113.7:8080",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "curl/8.0", "Mozilla/5.0 (X11)\t",
    " Mozilla/5.0 (X11) ", "Mozilla/4.0",
    "order-1001", "order-14165550199", "lead_null_7", "undefined-123", "None-5", "a-b-c-d-e-5", "lead-",
    "x", "4165550199",
    "", " ", "\t", "null", "NULL", " Null ", "undefined", "n/a", "test", "{{x}}", "{{ x", "{name}", "<x>",
    "%X%", "(none)", "-", "--",
    "[]", "{}", '["a", "b"]', '[1, 2]', "[x", '{"email": "jane@example.com"}',
    '[{"id": 7, "quantity": 2, "item_price": "3.50"}]',
    r'{"email": "ja\u0000ne@example.com"}', r'[{"id": "a\u0000b", "quantity": 1}]', r'["a\ud800", "b"]',
    "\x00", "a\x00b", "\ud800", "ａｂｃ", "Ⅷ", "\u200bJane", "e\u0301", "İ", "ß", "K", "١٢٣", "²", "𝔍ane",
    "\u2028", "a" * 27, "a" * 28, "a" * 300,
    "f" * 64, "d41d8cd98f00b204e9800998ecf8427e", "A" * 64,
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "paid", "PAID", " paid ", "pending", "yes", "no", "granted", "denied", "closedwon", "qualifiedtobuy",
    "won", "product", "crm",
    [], {}, [[]], [None], ["Jane"], ["jane@example.com", "bob@example.com", ""], [1, "2", None], [{}],
    {"a": 1}, [{"id": 1}],
    [{"id": "A1", "quantity": 1, "price": "5.00"}, "x", None, []], {"0": "a", "1": "b"},
    [1.5, 820982911946154508, "7"],
]  # fmt: skip
ORDINARY: dict[str, list[Any]] = {
    "em": ["Jane.Doe@Example.com", "bob@example.co.uk"],
    "ph": ["+14165550199", "+4915112345678"],
    "fn": ["Jane", "Mary Ann", "José"],
    "ln": ["O'Connor", "Doe"],
    "full_name": ["Jane van Doe", "Dr. Jane Doe"],
    "db": ["1990-02-03"],
    "ct": ["Berlin", "New York"],
    "st": ["NY", "Bayern"],
    "zp": ["10011-1234", "01067"],
    "country": ["US", "de"],
    "external_id": [115310627314723954, "c77"],
    "client_ip_address": ["203.0.113.7"],
    "client_user_agent": ["Mozilla/5.0 (X11; Linux x86_64)"],
    "fbc": ["fb.1.1795219200000.IwAR2F4-dbP0l7Mn1IawQQGC"],
    "fbp": ["fb.1.1795219200000.1116446470"],
    "fbclid": ["IwAR2F4-dbP0l7Mn1IawQQGC"],
    "event_time": ["2026-11-21T10:00:00+01:00", 1795219200],
    "event_id": [820982911946154508, "77", "a1b2"],
    "event_source_url": [
        "https://shop.example/orders/820982911946154508/x",
        "https://x.example/?fbclid=Iw123",
    ],
    "value": ["129.95", 12.5, 20],
    "currency": ["EUR", "USD"],
    "order_id": [820982911946154508, "1001"],
    "num_items": [3],
    "content_ids": ["A1", 77],
    "contents": ["5.00", 2, 77, "A1"],
    "when": ["paid", "won", "yes", 5, "closedwon"],
    "consent": ["granted", "yes"],
    "event_name": ["closedwon", "won", "paid", "qualifiedtobuy"],
}


def filled(mapping: CompiledMapping, chance: random.Random) -> Any:
    """Return a payload in which most paths of the mapping lead to an ordinary value."""
    data: Any = {}
    for line in mapping.lines:
        field = line.field.removeprefix("user_data.").removeprefix("custom_data.")
        for use in line.paths:
            path = use.compiled.path
            if path.root in {"system", "answer"} or chance.random() < 0.1:
                continue
            if answer_of(use.base, mapping) or not path.body:
                continue
            base = [] if path.root == "webhook" or use.base is None else [*keys_of(use.base), "*"]
            value = chance.choice(ORDINARY.get(field, ["x1", 7, "some text"]))
            place(data, [*base, *keys_of(use.text)], value)
    return [data] if mapping.each is not None and mapping.each.path == "$" else data


def with_answers(webhook: Webhook, mapping: CompiledMapping, chance: random.Random) -> Webhook:
    """Return the webhook with answers of its calls, odd ones too; some calls have none."""
    made: dict[str, Any] = {step.name: {} for step in mapping.fetch}
    for line in mapping.lines:
        for use in line.paths:
            value = chance.choice(ORDINARY.get(line.field.rpartition(".")[2], ["x1", 7]))
            path, listed = use.compiled.path, answer_of(use.base, mapping)
            if use.answer and path.body:
                place(made[use.answer], keys_of(path.body), value)
            elif listed and path.root == "item":
                below = (use.base or "").partition(".")[2]
                place(made[listed], [*keys_of(below), "*", *keys_of(use.text)], value)
    answers: dict[FetchRequest, Fetched | None] = {}

    def lookup(call: FetchRequest) -> Fetched | None:
        value = mutated(made[call.step], chance, chance.choice((0, 0, 1, 3)))
        found = Fetched(value, call.source, withheld=chance.random() < 0.1)
        return answers.setdefault(call, found if chance.random() < 0.9 else None)

    return Webhook(webhook.request, webhook.data, webhook.notes, Answers(lookup))


def answer_of(base: str | None, mapping: CompiledMapping) -> str:
    """Return the step whose answer holds a list, empty when none does."""
    name = (base or "").partition(".")[0]
    return next((step.name for step in mapping.fetch if name == f"${step.name}"), "")


def keys_of(text: str) -> list[str]:
    """Return the steps of a path; a condition puts its text into the entry."""
    keys: list[str] = []
    for step in read_path(text).steps:
        if step.kind == "match" and step.subpath is not None:
            keys.append(f"({step.subpath.body}={step.key}")
        else:
            keys.append("*" if step.kind == "each" else step.key)
    return keys


def place(into: Any, keys: list[str], value: Any) -> None:
    """Put a value where a path leads, with the objects and lists on the way."""
    for key, below in zip(keys, [*keys[1:], None], strict=True):
        is_list = below is not None and (below[:1] in {"*", "("} or below in {"first", "0"})
        new: Any = value if below is None else [] if is_list else {}
        if isinstance(into, list):
            if key.startswith("("):
                name, _, wanted = key[1:].partition("=")
                entry = next((e for e in into if isinstance(e, dict) and e.get(name) == wanted), None)
                if entry is None:
                    entry = {name: wanted}
                    into.append(entry)
                into = entry
                continue
            if key in {"*", "first", "0", "last"}:
                if not into:
                    into.append(new)
                into = into[0]
                continue
            return
        if not isinstance(into, dict) or key.startswith("(") or key == "*":
            return
        into = into.setdefault(key, new)


def mutated(data: Any, chance: random.Random, times: int) -> Any:
    """Return the payload with some of its parts replaced, removed, doubled or renamed."""
    data = copy.deepcopy(data)
    for _ in range(times):
        spots = list(spots_of(data))
        if not spots:
            return chance.choice(PLAIN)
        parent, key = chance.choice(spots)
        action = chance.random()
        if action < 0.75:
            parent[key] = copy.deepcopy(chance.choice(PLAIN))
        elif action < 0.85:
            del parent[key]
        elif action < 0.9 and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))
        elif action < 0.95 and isinstance(parent, dict):
            parent[f" {key}" if chance.random() < 0.5 else f"{key}.x"] = parent.pop(key)
        else:
            parent[key] = {"value": parent[key]} if chance.random() < 0.5 else [parent[key]]
    return data


def spots_of(data: Any) -> Iterator[tuple[Any, Any]]:
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in list(entries):
        yield data, key
        yield from spots_of(value)


def bases(mapping: CompiledMapping, chance: random.Random) -> Iterator[Any]:
    """Yield payloads to start from, for ever: what the mapping's paths want, and its samples."""
    samples = [webhook.data for own, webhook in recorded_by_mapping().get(id(mapping), ())]
    while True:
        yield filled(mapping, chance)
        yield chance.choice(samples) if samples else filled(mapping, chance)


@cache
def recorded_by_mapping() -> dict[int, list[tuple[CompiledMapping, Webhook]]]:
    found: dict[int, list[tuple[CompiledMapping, Webhook]]] = {}
    for mapping, webhook in recorded():
        found.setdefault(id(mapping), []).append((mapping, webhook))
    return found


@pytest.mark.parametrize("name", mappings())
def test_any_payload_becomes_the_same_events(name):
    mapping, chance = mappings()[name], random.Random(name)
    start = bases(mapping, chance)
    for number in range(CASES // len(mappings()) + 1):
        data = mutated(next(start), chance, chance.choice((0, 1, 1, 2, 3, 6)))
        now = NOW if number % 5 else NOW + timedelta(days=chance.randint(-9, 9))
        webhook = arrived(data, HEADERS if number % 3 else {}, now)
        assert_same(mapping, with_answers(webhook, mapping, chance) if mapping.fetch else webhook)


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: repr(value)[:40])
def test_every_odd_value_in_every_field_becomes_the_same(value):
    mapping = mappings()["code/every-field"]
    base = filled(mapping, random.Random(1))
    for parent, key in list(spots_of(base)):
        before = parent[key]
        parent[key] = value
        assert_same(mapping, arrived(base))
        parent[key] = before


# --- what validation need not look at again ----------------------------------------------------------


def short_ways() -> Iterator[tuple[str, Any, bool]]:
    """Yield the schema's name of each field with a short way, the short way, and whether a list is sent."""
    for field in ("", "custom_data.", "custom_data.contents."):
        for name in {"": READERS, "custom_data.": CUSTOM_DATA_READERS}.get(field, ITEM_READERS):
            if short := short_way_of(f"{field}{name}"):
                yield f"{field}{name}", partial(short, known=Known(SETTINGS, 1795262400, (), SPEC)), False
    context = known_about("US", SETTINGS, SPEC, 1795262400)
    for name, cleaner in cleaners(SPEC, True).items():
        if (short := short_way_of_person(cleaner, SPEC)) is not None:
            yield f"user_data.{name}", partial(short, context=context), cleaner.many


def schema_of(field: str) -> Any:
    schema: Any = SPEC.event_schema
    for step in field.split("."):
        schema = schema["properties"][step]
        schema = schema.get("items", schema) if step == "contents" else schema
    return jsonschema_rs.Draft202012Validator(schema)


def test_whatever_a_short_way_sends_satisfies_the_schema_by_itself():
    values = [*PLAIN, *(value for values in ORDINARY.values() for value in values), [77, "1001"], "Purchase"]
    sent_by = dict.fromkeys((field for field, _, _ in short_ways()), 0)
    for field, short, many in short_ways():
        schema = schema_of(field)
        for sent in filter(lambda sent: sent is not None, map(short, values)):
            sent_by[field] += 1
            assert schema.is_valid([sent] if many else sent), (field, sent)
    assert len(sent_by) > 25
    filled_by_a_cache = {f"user_data.{name}" for name, one in cleaners(SPEC, True).items() if one.common}
    assert {field for field, count in sent_by.items() if not count} <= filled_by_a_cache


def is_known(draft: CleanDraft) -> bool:
    return draft.shape in draft.shapes and is_right_by_its_values(draft.data, draft.unproven, SPEC, draft.now)


def test_most_recorded_events_are_validated_by_their_shape():
    for mapping, webhook in recorded():
        outcome(mapping, webhook, by_code=True)
    drafts = [draft for mapping, webhook in recorded() for draft in mapping.cleaned_drafts(webhook, SPEC)]
    clean = [draft for draft in drafts if isinstance(draft, CleanDraft)]
    assert sum(map(is_known, clean)) > len(clean) * 0.7


def test_an_event_of_a_known_shape_is_still_held_when_its_time_or_a_value_is_wrong():
    mapping = written(
        "event_name: Purchase",
        "event_time: at",
        "user_data: {email: email, fbc: fbc}",
        "custom_data: {value: total, currency: currency, content_name: title}",
    )
    good = {"email": "jane@example.com", "total": "5.00", "currency": "EUR", "at": 1795219200, "title": "Tea"}
    now, later = NOW, NOW + timedelta(days=9)
    webhooks = [
        arrived(good | change, now=at)
        for at in (now, later)
        for change in (
            {},
            {"total": "-5"},
            {"currency": "XXQ"},
            {"currency": "Euro"},
            {"fbc": "fb.1.1795219200000.IwAR2F4"},
            {"fbc": "fb.1.1495219200000.IwAR2F4"},
            {"title": 7.5},
            {"total": ""},
        )
    ]
    verdicts = set()
    for webhook in [*webhooks, *webhooks[::-1]]:
        assert_same(mapping, webhook)
        [draft] = mapping.cleaned_drafts(webhook, SPEC)
        verdicts.add(finish(draft, SPEC, webhook.request.received_at).verdict)
    assert verdicts == {"ready", "held"}
    assert len(mapping.events[0].code.shapes) == 3


def test_a_field_that_is_copied_is_not_taken_for_one_that_is_absent():
    mapping = written(
        "event_name: Purchase",
        "user_data: {email: mail}",
        "custom_data: {value: total, currency: currency}",
        "copy: {from: more}",
    )
    given = {"mail": "jane@example.com", "currency": "EUR", "more": {"color": "red"}}
    whole, without_value = arrived(given | {"total": "5.00"}), arrived(given)
    for webhook in (whole, without_value, whole):
        assert_same(mapping, webhook)


# --- what the source may hold ----------------------------------------------------------------------


def every_code() -> list[EventCode]:
    return [event.code for mapping in mappings().values() for event in mapping.events if event.code]


def test_nearly_every_event_has_code():
    events = [event for mapping in mappings().values() for event in mapping.events]
    assert len(every_code()) >= len(events) - 4


def test_the_source_holds_names_of_ours_and_numbers_only():
    for code in every_code():
        tree = ast.parse(code.source)
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        assert texts == []
        assert not any("__" in name or keyword.iskeyword(name) for name in names)


@pytest.mark.parametrize("name", [name for name in mappings() if name.startswith("mappings/")])
def test_the_listing_of_a_shipped_mapping_stays_readable_and_points_into_its_file(name):
    mapping = mappings()[name]
    lines = code_listing(mapping).splitlines()
    assert len(lines) < 300
    assert max(map(len, lines)) <= 200
    ast.parse("\n".join(lines))
    pointed_at = {int(found[1]) for line in lines if (found := re.search(r"# line ([0-9]+): ", line))}
    of_lines = {line.position.line for event in mapping.events if event.code for line in event.lines}
    positions = {spot.line for event in mapping.events for spot in event.positions.values()}
    assert pointed_at <= of_lines | positions
    assert len(of_lines - pointed_at) <= 1 + sum(event.code is None for event in mapping.events)


HOSTILE = (
    "__import__('os').system('touch /tmp/x')",
    '"); raise SystemExit  #',
    "a\nraise SystemExit\n",
    "a\r\x0craise SystemExit",
    "{0.__class__}",
    "lambda",
    "event",
    "scope",
    "None",
    "read_1",
    "\\",
    "'''",
    "\u2028import os",
    "%s" * 40,
    "é" * 200,
)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_and_texts_stay_data(name):
    quoted = json.dumps(name)
    path = json.dumps(f"['{name}']" if "'" not in name else name)
    text = "\n".join(
        (
            "version: 1",
            "action_source: website",
            f"event_name: {json.dumps(name.replace('{', '').replace('}', ''))}",
            f"user_data: {{email: [{path}, email], city: {{text: {quoted}}}}}",
            f"custom_data: {{properties: {{{quoted}: {path}}}, "
            f"order_id: {{from: {path}, default: {quoted}}}}}",
            f"defaults: {{content_name: {quoted}}}",
            f"when: {{status: [{quoted}, paid]}}",
            "",
        )
    )
    try:
        mapping = load_mapping(Path("mappings/odd.yaml"), environment={}, spec=SPEC, source=text.encode())
    except Invalid:
        return
    assert {type(node) for node in ast.parse(code_listing(mapping)).body} <= {ast.FunctionDef}
    for value in ("Jane", name, 7, [name]):
        assert_same(mapping, arrived({name: value, "status": "paid", "email": "jane@example.com"}))
        assert_same(mapping, arrived({name: value, "status": name}))


def test_a_mapping_of_thousands_of_lines_has_code_too():
    lines = "\n".join(f"    p{number}: field.p{number}" for number in range(10_000))
    head = "version: 1\nevent_name: Lead\naction_source: website\nuser_data: {email: email}\n"
    source = f"{head}custom_data:\n  properties:\n{lines}\n".encode()
    mapping = load_mapping(Path("mappings/long.yaml"), environment={}, spec=SPEC, source=source)
    data = {"email": "jane@example.com", "field": {f"p{number}": number for number in range(0, 10_000, 3)}}
    assert mapping.events[0].code is not None
    assert_same(mapping, arrived(data))


def test_other_rules_than_those_of_the_code_go_the_general_way():
    mapping = mappings()["code/every-field"]
    other = with_severities(SPEC, {"website_without_user_agent": "error"})
    assert not any(isinstance(d, CleanDraft) for d in mapping.cleaned_drafts(arrived({}), other))
