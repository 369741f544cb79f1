"""Runs the tests inside a mapping through the whole pipeline, and puts expected and got side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.authoring.expectations import NOTHING, Difference, differences
from bridge.errors import BridgeError
from bridge.explain.build import clear_text
from bridge.explain.render import field_lines
from bridge.finding import Position
from bridge.mapping import CompiledMapping, MappingTest
from bridge.mapping.samples import sample_of_test
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Event, Translation, Verified
from bridge.pipeline import translate
from bridge.privacy.person_identifiers import readable

_VERDICTS = {"expect_skipped": "skipped", "expect_held": "held", "expect_suppressed": "suppressed"}


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is not as expected: where it is written, both sides, and the field's own story."""

    position: Position
    what: str
    expected: str
    got: str
    story: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the failure for programs."""
        return {
            "field": self.what,
            "expected": self.expected,
            "got": self.got,
            "explanation": list(self.story),
            "file": self.position.file,
            "line": self.position.line,
            "column": self.position.column,
        }


@dataclass(frozen=True, slots=True)
class TestResult:
    """What became of one test; it passed when there is no failure."""

    mapping: str
    test: MappingTest
    failures: tuple[Failure, ...]

    @property
    def passed(self) -> bool:
        """Say whether everything was as expected."""
        return not self.failures


def run_tests(mapping: CompiledMapping, spec: MetaSpec, now: datetime) -> tuple[TestResult, ...]:
    """Run every test of a mapping; `now` is the time of arrival of those that name none.

    Signatures are not checked: a test says what a webhook means, not who may send it.
    """
    return tuple(
        TestResult(mapping.name, test, _failures(mapping, test, spec, now)) for test in mapping.tests
    )


def _failures(
    mapping: CompiledMapping, test: MappingTest, spec: MetaSpec, now: datetime
) -> tuple[Failure, ...]:
    try:
        sample = sample_of_test(test, mapping.name, now)
        fetched = mapping.recorded(sample.fetched)
        translation = translate(
            Verified(sample.request), mapping, spec, fetched=fetched, explain=True, reveal=True
        )
    except BridgeError as error:
        return (Failure(test.position, "the webhook", "can be read", error.message),)
    if test.kind == "expect_erased":
        return _wrong_person(mapping, test, translation)
    if isinstance(test.expected, str):
        return _wrong_verdict(test, test.expected, translation)
    return _wrong_events(mapping, test, test.expected, translation, spec)


# --- events ----------------------------------------------------------------------------------------


def _wrong_events(
    mapping: CompiledMapping,
    test: MappingTest,
    expected: Sequence[Mapping[str, Any]],
    translation: Translation,
    spec: MetaSpec,
) -> tuple[Failure, ...]:
    ready = [number for number, event in enumerate(translation.events) if event.verdict == "ready"]
    if len(ready) != len(expected):
        verdicts = tuple(_verdict_of(event) for event in translation.events)
        got = _counted(ready)
        return (Failure(test.position, "number of events", _counted(expected), got, verdicts),)
    exactly = test.kind == "expect_exactly"
    failures = []
    for number, (wanted, index) in enumerate(zip(expected, ready, strict=True)):
        event = translation.events[index]
        explained_fields = translation.explanation[index].get("fields", [])
        for difference in differences(wanted, event.data or {}, mapping.settings, spec, exactly=exactly):
            name = spec.name_in_mappings(difference.field)
            failures.append(_failure(test, number, difference, name, explained_fields))
    return tuple(failures)


def _failure(
    test: MappingTest, number: int, difference: Difference, name: str, fields: Iterable[Mapping[str, Any]]
) -> Failure:
    """Return what is not as expected; `name` is the field as mappings call it."""
    record = next((field for field in fields if field["field"] == difference.field), None)
    event = f"event {number + 1}, " if len(test.expected) > 1 else ""
    return Failure(
        test.positions.get((number, difference.field), test.position),
        f"{event}{name}",
        difference.expected,
        _readable(difference, record),
        tuple(line.strip() for line in field_lines({**record, "field": name})) if record else (),
    )


def _readable(difference: Difference, record: Mapping[str, Any] | None) -> str:
    """Return what was sent as a person reads it: for a hash, what was hashed."""
    if record is None or difference.got == NOTHING or not difference.field.startswith("user_data."):
        return difference.got
    return f"{clear_text(record) or difference.got} (as cleaned)"


def _counted(events: Sequence[Any]) -> str:
    return "no event" if not events else f"{len(events)} event{'s' if len(events) > 1 else ''}"


# --- erasing ---------------------------------------------------------------------------------------


def _wrong_person(
    mapping: CompiledMapping, test: MappingTest, translation: Translation
) -> tuple[Failure, ...]:
    """Compare every identifier of whom the webhook asks to erase, cleaned on both sides."""
    [wanted] = test.expected if isinstance(test.expected, tuple) else ({},)
    texts = {
        kind: [str(text) for text in (value if isinstance(value, list) else [value])]
        for kind, value in wanted.items()
    }
    country = mapping.settings.phone_country
    expected = {(one.kind, one.cleaned) for one in readable(texts, country)}
    got = (
        {(one.kind, one.cleaned) for one in translation.erasure.identifiers} if translation.erasure else set()
    )
    if expected == got and len(expected) == sum(map(len, texts.values())):
        return ()
    return (Failure(test.position, "whom to erase", _named(expected), _named(got)),)


def _named(identifiers: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{kind} {text}" for kind, text in sorted(identifiers)) or "nobody"


# --- verdicts --------------------------------------------------------------------------------------


def _wrong_verdict(test: MappingTest, reason: str, translation: Translation) -> tuple[Failure, ...]:
    verdict = _VERDICTS[test.kind]
    verdicts = tuple(_verdict_of(event) for event in translation.events)
    if any(event.verdict == "ready" for event in translation.events):
        got = ", ".join(dict.fromkeys(event.verdict for event in translation.events))
        return (Failure(test.position, "outcome", verdict, got, verdicts),)
    if any(event.verdict == verdict and reason.casefold() in _reasons(event) for event in translation.events):
        return ()
    return (Failure(test.position, "outcome", f"{verdict}: {reason}", "; ".join(verdicts) or "no event"),)


def _reasons(event: Event) -> str:
    return " ".join([event.reason or "", *(finding.message for finding in event.findings)]).casefold()


def _verdict_of(event: Event) -> str:
    reason = f": {event.reason}" if event.reason else ""
    return f"{event.label} is {event.verdict}{reason}"
