"""A trial run: what a mapping that is only text so far makes of a webhook. Nothing is stored or sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple

from bridge.body.parse import parse
from bridge.errors import BridgeError, Invalid, WrongUse
from bridge.explain.masking import mask
from bridge.explain.render import plainly
from bridge.explain.unused_fields import unused_fields
from bridge.finding import Finding
from bridge.ingest.preview import preview
from bridge.lint import lint_with
from bridge.lint.evidence import Evidence, answered, webhooks_in_tests
from bridge.mapping import CompiledMapping
from bridge.mapping.draft import draft_mapping
from bridge.models import AnswerLookup, Request, Verified, Webhook
from bridge.pipeline import translate
from bridge.recognize.payload_fields import payload_fields
from bridge.serialization import encode_readable
from bridge.web.api.dry_run import recorded_in
from bridge.web.console.sample_choice import ANY_BODY
from bridge.web.context import AppContext

_MOST_FIELDS = 500
_LONGEST_SHOWN = 60


class WrittenMapping(NamedTuple):
    """A mapping as it is being written: its text, its name, and the folder of its samples.

    `answers` are the recorded answers of what it fetches, or their text.
    """

    text: str
    name: str = "mapping"
    folder: Path | None = None
    answers: Any = ""


class GivenWebhook(NamedTuple):
    """The webhook that a mapping is tried with: as it came, what it says, and the answers recorded for it."""

    request: Request
    data: Any
    answers: AnswerLookup


class SampleField(NamedTuple):
    """One field of the webhook, as a mapping reads it: what it holds, and what it looks like at Meta."""

    path: str
    shown: str
    looks_like: str | None
    destination: str | None
    is_used: bool


class TrialRun(NamedTuple):
    """What became of the webhook, and everything that is wrong with the mapping.

    `problem` is what stopped it; `tests` are those of the mapping, where they were run.
    """

    result: Mapping[str, Any] | None = None
    events: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    fields: tuple[SampleField, ...] = ()
    tests: Sequence[Any] = ()
    problem: str = ""
    fix: str = ""

    @property
    def marks(self) -> list[dict[str, Any]]:
        """Return every finding that belongs to a line of the mapping, for the editor."""
        held = self.result["held"] if self.result else ()
        of_events = (finding for one in held for finding in one["findings"])
        found = [finding.as_json() for finding in self.findings]
        return [*found, *of_events, *(self.result["findings"] if self.result else ())]


def run_trial(
    context: AppContext, written: WrittenMapping, request: Request | None, *, reveal: bool, with_tests: bool
) -> TrialRun:
    """Run a mapping over a webhook (there may be none yet); `reveal` shows personal data as it came."""
    data, problem = _read(request)
    try:
        mapping = draft_mapping(
            written.text, context.spec, context.settings.destinations, written.name, written.folder
        )
        answers = recorded_in(written.answers)
    except Invalid as invalid:
        return TrialRun(findings=invalid.findings, fields=_fields(data, None, reveal=reveal), problem=problem)
    except WrongUse as error:
        return TrialRun(fields=_fields(data, None, reveal=reveal), problem=error.message, fix=error.fix)
    tests = _tests(context, mapping) if with_tests else ()
    webhooks = [] if request is None or problem else [answered(Webhook(request, data), mapping, answers)]
    evidence = Evidence(webhooks, webhooks_in_tests(mapping))
    findings = (*mapping.warnings, *lint_with(mapping, evidence, context.spec))
    run = TrialRun(findings=tuple(dict.fromkeys(findings)), tests=tests, problem=problem)
    if request is None or not webhooks:
        return run
    given = GivenWebhook(request, data, mapping.recorded(answers))
    return _translated(context, mapping, given, run, reveal=reveal)


def _read(request: Request | None) -> tuple[Any, str]:
    """Return what a webhook says, and why it cannot be read."""
    if request is None:
        return None, ""
    try:
        return parse(Verified(request), ANY_BODY).data, ""
    except BridgeError as error:
        return None, f"The webhook cannot be read: {error.message}"


def _translated(
    context: AppContext, mapping: CompiledMapping, given: GivenWebhook, run: TrialRun, *, reveal: bool
) -> TrialRun:
    spec, webhook = context.spec, Verified(given.request)
    try:
        translation = translate(webhook, mapping, spec, fetched=given.answers, explain=True, reveal=reveal)
    except BridgeError as error:
        return run._replace(problem=error.message, fix=error.fix)
    result = preview(translation, context.settings, given.request.received_at)
    unused = {field["path"] for field in result["unused"]}
    return run._replace(
        result=result,
        events=tuple(encode_readable(event) for event in result["events"]),
        fields=_fields(given.data, unused, reveal=reveal),
    )


def _fields(data: Any, unused: Set[str] | None, *, reveal: bool) -> tuple[SampleField, ...]:
    return tuple(_each_field(data, unused, reveal=reveal)) if data is not None else ()


def _each_field(data: Any, unused: Set[str] | None, *, reveal: bool) -> Iterator[SampleField]:
    known = {field["path"]: field for field in unused_fields(data, ())}
    for field in payload_fields(data)[:_MOST_FIELDS]:
        about = known.get(field.path, {})
        shown = plainly(field.value if reveal else mask(field.value))[:_LONGEST_SHOWN]
        destination = about.get("destination")
        is_used = unused is not None and field.path in known and field.path not in unused
        yield SampleField(field.path, shown, about.get("looks_like"), destination, is_used)


def _tests(context: AppContext, mapping: CompiledMapping) -> Sequence[Any]:
    """Run the tests of the mapping; one that is given a file outside its folder is left out."""
    from bridge.authoring.test_runner import run_tests

    folder = mapping.file.parent.resolve()
    return [
        result
        for result in run_tests(mapping, context.spec, context.now())
        if result.test.given_file is None or result.test.given_file.resolve().is_relative_to(folder)
    ]
