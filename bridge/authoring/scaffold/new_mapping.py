"""Makes a new mapping that passes `check` and `test` as written: planned, tried out, corrected, tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bridge.authoring.scaffold.plan import Plan, Wishes, empty_plan, plan_mapping
from bridge.authoring.scaffold.shipped_start import (
    FoundBySample,
    can_start_from_shipped,
    shipped_start,
    with_own_fields,
    with_wishes,
)
from bridge.authoring.scaffold.yaml_writer import Heading, StarterTest, test_lines, write_mapping
from bridge.body.parse import parse
from bridge.coerce.emptiness import is_empty
from bridge.errors import Invalid, WrongUse
from bridge.explain.build import clear_text
from bridge.finding import Finding
from bridge.lint.event_lint import lint_events
from bridge.mapping import CompiledMapping, load_mapping
from bridge.mapping.language.inline_tests import RECORDED_WORDS
from bridge.meta_spec.shipped_files import shipped
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Event, Receive, Request, Translation, Verified
from bridge.pipeline import translate
from bridge.recognize.known_shapes import known_shape
from bridge.recognize.payload_fields import payload_fields
from bridge.recognize.recognition_tables import KnownShape

_MOST_CORRECTIONS = 20
_LONGEST_SOURCE = 120
_SHOWN_IN_TEST = ("event_name", "event_id", "event_time", "custom_data.value", "custom_data.currency")
_HELD_FOR = "not enough customer information"
_GIVEN = {"id": 1, "email": "jane@example.com", "phone": "+49 151 23456789", "name": "Jane Doe"}
_NEEDED = frozenset({"event_name", "action_source", "version"})
# a sample is old by nature; the test that is written for it sets the clock
_OF_ITS_AGE = frozenset({"event_time_too_old", "event_time_in_future"})
_PAGE = "https://www.example.com/contact"


@dataclass(frozen=True, slots=True)
class MappingRequest:
    """What a new mapping is made from. `file` is where it will be, `given` its sample's path beside it.

    Without `given` no test is written: it would hold the person of the sample. `answers` are the recorded
    ones of what a mapping fetches.
    """

    file: Path
    wishes: Wishes
    sample: Request | None = None
    given: str = ""
    made_from: str | None = None
    known_shapes: bool = True
    answers: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class NewMapping:
    """The text of a new mapping, and what its author should know about it."""

    text: str
    plan: Plan
    looks_like: KnownShape | None = None


def new_mapping(asked: MappingRequest, spec: MetaSpec, now: datetime) -> NewMapping:
    """Return a mapping for a sample, or the usual contact form when there is none.

    A sample of a known shape starts from the shipped mapping. Raises UnreadableBody when the sample cannot be
    read, and WrongUse when it says nothing. Lines with errors are commented out.
    """
    if asked.sample is None:
        plan = empty_plan(asked.wishes)
        text = _planned(plan, asked, spec, now)
        return NewMapping(text + tests_as_text([_first_test(plan, now)]), plan)
    data = parse(Verified(asked.sample), Receive(max_size_bytes=2_097_152)).data
    if all(is_empty(field.value) for field in payload_fields(data)):
        advice = "save the body of a webhook as your sender posts it, with the data of somebody made up"
        raise WrongUse("the sample has no field with a value", fix=advice)
    plan = plan_mapping(data, asked.wishes, spec.standard_events)
    shape = known_shape(data) if asked.known_shapes and can_start_from_shipped(asked.wishes) else None
    text = _from_shipped(shape, plan, asked, spec) if shape else _planned(plan, asked, spec, now)
    compiled = _compiled(text, asked.file, spec)
    tests = [test_of_sample(compiled, asked, spec, now)] if asked.given else []
    return NewMapping(text + tests_as_text(tests), plan, shape)


def _planned(plan: Plan, asked: MappingRequest, spec: MetaSpec, now: datetime) -> str:
    heading = Heading(asked.file.stem, f"What {asked.file.stem} sends", asked.made_from)
    text = _corrected(write_mapping(plan, heading), asked, spec, now)
    if asked.wishes.action_source is None and _lacks_its_page(text, asked.file, spec):
        elsewhere = replace(plan, action_source="system_generated")
        return _corrected(write_mapping(elsewhere, heading), asked, spec, now)
    return text


def _from_shipped(shape: KnownShape, plan: Plan, asked: MappingRequest, spec: MetaSpec) -> str:
    original = (shipped("mappings") / f"{shape.like}.yaml").read_text("utf-8")
    text = with_wishes(shipped_start(shape, original, asked.made_from or "it"), asked.wishes)
    assert asked.sample is not None
    mapping = _compiled(text, asked.file, spec)
    explained = _translated(mapping, asked.sample, spec, explain=True, reveal=True).explanation
    longer = with_own_fields(text, plan, _found_in(explained, spec))
    try:
        _compiled(longer, asked.file, spec)
    except Invalid:
        return text
    return longer


def _found_in(explained: Sequence[Mapping[str, Any]], spec: MetaSpec) -> FoundBySample:
    """Return which fields the shipped mapping filled from the sample, by their long names."""
    fields = [field for event in explained for field in event.get("fields", ())]
    names = {field["field"]: _long_name(field["field"], spec).partition(".")[2] for field in fields}
    filled = frozenset(names[field["field"]] for field in fields if field["given"] is not None)
    missing = frozenset(
        names[field["field"]]
        for field in fields
        if field["tried"] and all(entry["outcome"] == "absent" for entry in field["tried"])
    )
    return FoundBySample(filled, missing - filled)


def tests_as_text(tests: list[StarterTest]) -> str:
    """Return the `tests` block alone."""
    return "\n".join(["", *test_lines(tests), ""]) if tests else ""


def _translated(  # noqa: PLR0913 - the last three are named
    mapping: CompiledMapping,
    request: Request,
    spec: MetaSpec,
    *,
    answers: Mapping[str, Any] | None = None,
    explain: bool = False,
    reveal: bool = False,
) -> Translation:
    """Translate a sample; a record that nobody has recorded yet is missing."""
    fetched = mapping.recorded(_recorded(mapping, answers))
    return translate(Verified(request), mapping, spec, fetched=fetched, explain=explain, reveal=reveal)


def _recorded(mapping: CompiledMapping, answers: Mapping[str, Any] | None) -> dict[str, Any]:
    missing, _ = RECORDED_WORDS
    return {**{step.name: missing for step in mapping.fetch}, **(answers or {})}


def _compiled(text: str, file: Path, spec: MetaSpec) -> CompiledMapping:
    return load_mapping(file, environment={}, spec=spec, source=text.encode(), secrets="optional")


# --- correcting ------------------------------------------------------------------------------------


def _corrected(text: str, asked: MappingRequest, spec: MetaSpec, now: datetime) -> str:
    """Comment out every line that is wrong (an odd key, a value Meta would reject), until nothing is."""
    for _ in range(_MOST_CORRECTIONS):
        wrong = _errors(text, asked, spec, now)
        if not wrong:
            break
        lines = text.split("\n")
        for finding in wrong:
            number = (finding.position.line if finding.position else 1) - 1
            if not lines[number].lstrip().startswith("#"):
                lines[number] = f"# {lines[number]}   # not understood: {_on_one_line(finding.message)}"
        text = "\n".join(lines)
    return text


def _on_one_line(message: str) -> str:
    return "".join(character if character.isprintable() else " " for character in message)


def _errors(text: str, asked: MappingRequest, spec: MetaSpec, now: datetime) -> list[Finding]:
    try:
        mapping = _compiled(text, asked.file, spec)
    except Invalid as invalid:
        return [finding for finding in invalid.findings if finding.severity == "error"]
    rejected = _rejected_values(mapping, asked.sample, spec, now) if asked.sample else []
    found = [finding for finding in lint_events(mapping, spec) if finding.severity == "error"]
    lines = text.split("\n")
    return [
        finding
        for finding in (*found, *rejected)
        if finding.position and lines[finding.position.line - 1].partition(":")[0] not in _NEEDED
    ]


def _lacks_its_page(text: str, file: Path, spec: MetaSpec) -> bool:
    found = lint_events(_compiled(text, file, spec), spec)
    return any(finding.code == "website_without_url" for finding in found)


def _rejected_values(
    mapping: CompiledMapping, sample: Request, spec: MetaSpec, now: datetime
) -> list[Finding]:
    """Return what the sample shows to be unusable: a date that cannot be read, a URL that is none."""
    lines = {line.position for line in mapping.lines}
    events = _translated(mapping, replace(sample, received_at=now), spec).events
    return [
        finding
        for event in events
        for finding in event.findings
        if finding.severity == "error" and finding.position in lines and finding.code not in _OF_ITS_AGE
    ]


# --- the test --------------------------------------------------------------------------------------


def _first_test(plan: Plan, now: datetime) -> StarterTest:
    given: dict[str, Any] = dict(_GIVEN)
    if "event_source_url" in plan.paths:
        given["page_url"] = _PAGE
    if "custom_data.value" in plan.paths:
        given |= {"value": "49.90", "currency": "EUR"}
    expected = {
        "event_name": plan.event_name,
        "event_id": f"{(plan.event_id or '').partition('{')[0]}1",
        "user_data.email": "jane@example.com",
        "user_data.last_name": "doe",
    }
    return StarterTest("an example; put a real webhook here", given, expect=[expected])


def test_of_sample(
    mapping: CompiledMapping, asked: MappingRequest, spec: MetaSpec, now: datetime
) -> StarterTest:
    """Return a test that expects what a mapping makes of the sample today."""
    assert asked.sample is not None
    request = replace(asked.sample, received_at=now)
    happened = _happened(mapping, request, spec, asked.answers)
    arrived = happened + timedelta(minutes=1) if happened else now
    translation = _translated(
        mapping,
        replace(request, received_at=arrived),
        spec,
        answers=asked.answers,
        explain=True,
        reveal=True,
    )
    fetched = _recorded(mapping, asked.answers)
    name = "the sample this mapping was made from (not confirmed yet)"
    shown_now = arrived.strftime("%Y-%m-%dT%H:%M:%SZ") if happened else None
    ready = [number for number, event in enumerate(translation.events) if event.verdict == "ready"]
    if ready:
        explained = [translation.explanation[number] for number in ready]
        expect = [_expected(event, spec, timed=happened is not None) for event in explained]
        read_from = [_read_from(event, spec) for event in explained]
        return StarterTest(name, asked.given, shown_now, expect, read_from=read_from, fetched=fetched)
    event = translation.events[0] if translation.events else None
    outcome, reason = _outcome(event)
    return StarterTest(name, asked.given, shown_now, outcome=outcome, reason=reason, fetched=fetched)


def _happened(
    mapping: CompiledMapping, request: Request, spec: MetaSpec, answers: Mapping[str, Any] | None
) -> datetime | None:
    """Return when the sample says it happened, when the mapping reads it."""
    if not any(line.field == "event_time" for line in mapping.lines):
        return None
    for event in _translated(mapping, request, spec, answers=answers).events:
        seconds = (event.data or {}).get("event_time")
        if isinstance(seconds, int) and seconds != int(request.received_at.timestamp()):
            return datetime.fromtimestamp(seconds, UTC)
    return None


def _outcome(event: Event | None) -> tuple[str, str]:
    if event is None or event.verdict == "skipped":
        return "expect_skipped", (event.reason if event and event.reason else "")[:80]
    reason = event.reason or ""
    if event.verdict == "suppressed":
        return "expect_suppressed", reason[:80]
    return "expect_held", _HELD_FOR if _HELD_FOR in reason else reason[:80]


def _long_name(name: str, spec: MetaSpec) -> str:
    rule = spec.user_data.get(name.removeprefix("user_data."))
    return f"user_data.{rule.long_name or rule.name}" if rule else name


def _read_from(explained: Mapping[str, Any], spec: MetaSpec) -> dict[str, str]:
    """Return where each field was read, and what a time means, for a person to compare."""
    sources = {}
    for field in explained["fields"]:
        if field["field"] == "event_name":
            continue
        source = _on_one_line(str(field["from"])) if field["from"] and field["line"] else ""
        if field["field"] == "event_time" and isinstance(field["sent"], int):
            source = f"{datetime.fromtimestamp(field['sent'], UTC):%Y-%m-%d %H:%M} UTC, from {source}"
        elif source:
            source = f"from {source}"
        sources[_long_name(field["field"], spec)] = source[:_LONGEST_SOURCE]
    return sources


def _expected(explained: Mapping[str, Any], spec: MetaSpec, *, timed: bool) -> dict[str, Any]:
    """Return what the test expects of one event: names, ids, money, and the person as it was cleaned."""
    expected: dict[str, Any] = {}
    for field in explained["fields"]:
        name = field["field"]
        if field["sent"] is None or (name == "event_time" and not timed):
            continue
        if name in _SHOWN_IN_TEST and (name != "event_id" or field["line"]):
            expected[name] = field["sent"]
        elif name.startswith("user_data.") and name != "user_data.fbc":
            clear = clear_text(field)
            if clear is not None:
                expected[_long_name(name, spec)] = clear
    return expected
