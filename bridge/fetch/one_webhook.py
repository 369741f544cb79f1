"""Fetching for one webhook: map it, make the calls that it needs, and again, until all is decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bridge.errors import Refused, UnknownMapping
from bridge.fetch.client import SourceClient
from bridge.fetch.kept_answers import found_answers, packed_answers
from bridge.fetch.outcomes import FoundRecord, NoRecord, SourceOutcome, TryLater
from bridge.fetch.visit_lookup import VisitLookup, joined_visits
from bridge.finding import Finding
from bridge.ingest.entries import new_events
from bridge.ingest.replay import with_codes
from bridge.mapping import CompiledMapping, MappingFolder
from bridge.mapping.language.visit_words import VISIT_SOURCE
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Fetched, FetchRequest, Request, Translation, Verified
from bridge.outbox import Correction, HeldEvent, NewEvent
from bridge.outbox.fetch_queue import Decided, FetchingWebhook
from bridge.outbox.ids import moment_of
from bridge.pipeline import translate
from bridge.plurals import counted
from bridge.settings import Settings

_MOST_ROUNDS = 10  # a mapping has three steps, each of which may need the one before it
_BEFORE_TOO_OLD = timedelta(minutes=5)

Answers = dict[FetchRequest, Fetched]


@dataclass(frozen=True, slots=True)
class FetchParts:
    """What fetching for a webhook works with; `before_call` is called before every call."""

    settings: Settings
    spec: MetaSpec
    mappings: MappingFolder
    client: SourceClient
    visits: VisitLookup
    clock: Callable[[], datetime]
    before_call: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Undecided:
    """A source could not be asked, or not be understood; `give_up_at` is until when it is tried."""

    source: str
    outcome: TryLater
    give_up_at: datetime
    kept: bytes | None = field(repr=False)


def fetch_for(webhook: FetchingWebhook, parts: FetchParts) -> Decided | Undecided:
    """Return what a webhook has become with the records that it names, or what it has to wait for."""
    if webhook.request is None:
        return held(webhook, _finding("cannot_open", "no key that is set decrypts the webhook"))
    if not all(parts.settings.is_configured(one.destination, one.dataset_id) for one in webhook.events):
        return held(webhook, _finding("other_dataset", "its dataset is not configured any more"))
    try:
        mapping = parts.mappings.get(webhook.mapping)
        return _Fetching(webhook, webhook.request, mapping, parts).run()
    except UnknownMapping:
        return _without_mapping(webhook, parts)
    except Refused as refusal:
        return held(webhook, _finding(refusal.code, refusal.message))


def _without_mapping(webhook: FetchingWebhook, parts: FetchParts) -> Decided | Undecided:
    """Wait for a mapping that may be under repair."""
    reason = f"the mapping {webhook.mapping} is not in use now"
    if parts.clock() >= webhook.give_up_at:
        return held(webhook, _finding("unknown_mapping", reason))
    return Undecided(webhook.source, TryLater(reason, "unreachable"), webhook.give_up_at, webhook.kept)


def _finding(code: str, message: str) -> Finding:
    return Finding("error", code, message, "replay the event when that is fixed")


def held(webhook: FetchingWebhook, finding: Finding) -> Decided:
    """Return that a webhook cannot be finished, and what has to be fixed first."""
    received_at = moment_of(webhook.id) // 1000
    events = tuple(_held_event(event, finding, received_at) for event in webhook.events)
    return Decided(Correction(webhook.revision, events, note=finding.message), webhook.kept)


def _held_event(event: HeldEvent, finding: Finding, received_at: int) -> NewEvent:
    return NewEvent(
        status="held",
        destination=event.destination,
        dataset_id=event.dataset_id,
        event_name="",
        event_id="",
        event_time=received_at,
        body=None,
        test_event_code=event.test_event_code,
        reason=finding.message,
        findings=(finding,),
    )


class _Fetching:
    """One webhook under way."""

    def __init__(
        self, webhook: FetchingWebhook, request: Request, mapping: CompiledMapping, parts: FetchParts
    ) -> None:
        self._webhook = webhook
        self._request = request
        self._mapping = mapping
        self._parts = parts
        kept = found_answers(webhook.kept, mapping.revision).items()
        # a visit is looked up anew each time: consent may have been withdrawn while a record was waited for
        self._answers: Answers = {call: answer for call, answer in kept if call.source != VISIT_SOURCE}

    def run(self) -> Decided | Undecided:
        for _ in range(_MOST_ROUNDS):
            translation = self._translated(self._answers)
            if not translation.calls:
                joined = joined_visits(self._mapping, self._answers)
                return Decided(self._correction(translation), self._kept(), joined)
            for call in translation.calls:
                answer = self._answer(call)
                if isinstance(answer, TryLater):
                    return self._undecided(call, answer)
                self._answers[call] = answer
        raise RuntimeError("the mapping goes on needing calls")  # a fault of ours: it is held

    def _translated(self, answers: Mapping[FetchRequest, Fetched]) -> Translation:
        return translate(Verified(self._request), self._mapping, self._parts.spec, fetched=answers.get)

    def _answer(self, call: FetchRequest) -> Fetched | TryLater:
        """Make one call. What cannot be had within its time has failed."""
        step = self._mapping.step(call.step)
        self._parts.before_call()
        outcome = self._outcome(call)
        if isinstance(outcome, FoundRecord):
            return step.answered(outcome.data, outcome.took_ms, "cached" if outcome.cached else "")
        if isinstance(outcome, NoRecord):
            return step.missing(outcome.took_ms)
        if isinstance(outcome, TryLater):
            return step.failed(self._given_up(outcome)) if self._is_late() else outcome
        return step.failed(outcome.reason)

    def _outcome(self, call: FetchRequest) -> SourceOutcome:
        if call.source == VISIT_SOURCE:
            return self._parts.visits.call(call)
        return self._parts.client.call(call, anew=self._webhook.anew)

    def _is_late(self) -> bool:
        return self._parts.clock() >= self._webhook.give_up_at

    def _given_up(self, outcome: TryLater) -> str:
        minutes = round((self._parts.clock() - self._request.received_at).total_seconds() / 60)
        length = counted(minutes, "minute") if minutes < 120 else counted(round(minutes / 60), "hour")
        return f"{outcome.reason}; given up after {length}"

    def _undecided(self, call: FetchRequest, outcome: TryLater) -> Undecided:
        until, last = self._webhook.give_up_at, self._last_moment(outcome)
        return Undecided(call.source, outcome, min(until, last) if last else until, self._kept())

    def _last_moment(self, outcome: TryLater) -> datetime | None:
        """Return until when Meta would take what can be sent without the records, if anything can."""
        steps = {step.name: step for step in self._mapping.fetch}
        failed: Answers = {}

        def lookup(call: FetchRequest) -> Fetched:
            return self._answers.get(call) or failed.setdefault(call, steps[call.step].failed(outcome.reason))

        without = translate(Verified(self._request), self._mapping, self._parts.spec, fetched=lookup)
        waiting = [event for event in self._events(without) if event.status == "waiting"]
        ages = [event.accepted_until for event in waiting if event.accepted_until is not None]
        return datetime.fromtimestamp(min(ages), UTC) - _BEFORE_TOO_OLD if ages else None

    def _events(self, translation: Translation) -> tuple[NewEvent, ...]:
        parts, now = self._parts, self._request.received_at
        events = new_events(translation, parts.settings, parts.spec, now)
        return with_codes(events, self._webhook.events)

    def _correction(self, translation: Translation) -> Correction:
        return Correction(self._mapping.revision, self._events(translation), note=self._note())

    def _note(self) -> str:
        """Say what was fetched, for the history of the events."""
        lines = [f"{call.step} from {call.source} ({_how(answer)})" for call, answer in self._answers.items()]
        return f"fetched {', '.join(lines)}" if lines else ""

    def _kept(self) -> bytes:
        return packed_answers(self._mapping.revision, self._answers)


def _how(answer: Fetched) -> str:
    if answer.value is None:
        return answer.reason
    return answer.how or f"{answer.took_ms} ms"
