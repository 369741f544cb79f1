"""One step of `fetch`: the call that it makes for an event, and what of the answer the mapping reads.

A step is asked when a path reads its answer, never before: an event that is skipped, or that finds
everything in the webhook, costs no call. When the answer is not there yet, reading it raises AnswerNeeded
with the call to make; the event is mapped again when that is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from bridge.explain.trace import Trace
from bridge.finding import Finding, Position
from bridge.mapping.compiler.conditions import Condition, folded
from bridge.mapping.compiler.context import Read
from bridge.mapping.language.inline_tests import RECORDED_WORDS
from bridge.mapping.language.visit_words import VISIT
from bridge.mapping.runtime.call_parts import CannotCall, Json, Target, json_body
from bridge.mapping.runtime.known_answers import Answers
from bridge.mapping.runtime.no_answer import AnswerNeeded, AnswerWithheld
from bridge.mapping.runtime.scope import MISSING, Scope, entries_of, plain_key
from bridge.models import AnswerLookup, Fetched, FetchRequest, Request, Webhook

_AFTER_A_KEY: Final = {"", ".", "[", "]", "(", "'", '"'}
_PLACES: Final = {"first", "last", "0"}
_NO_REQUEST: Final = Request("POST", "", {}, {}, b"", None, datetime.fromtimestamp(0, UTC))


@dataclass(frozen=True, slots=True)
class Match:
    """Which entry of an answer belongs to an event: its `of_entry` equals the event's `of_event`."""

    of_entry: Read
    of_event: Read
    key: str


@dataclass(frozen=True, slots=True)
class FetchStep:
    """One step, ready to run.

    `depth` is how many lists an event is inside; `reads` are the paths into the answer, None for all of it.
    `taken_from` are the keys of `take`, the outermost first.
    A step that asks another question for each event has the number of its `event`. `no_record` and `describe`
    say for people what is missing, and what was found.
    """

    name: str
    source: str
    position: Position
    method: Literal["GET", "POST"]
    target: Target
    body: Json | None
    condition: Condition | None
    take: Read | None
    match: Match | None
    keep_seconds: int
    holds_when_missing: bool
    holds_when_failed: bool
    depth: int
    taken_from: tuple[str, ...] = ()
    reads: tuple[str, ...] | None = None
    event: int = 0
    no_record: str = ""
    describe: Callable[[Any], str] | None = None

    # --- for one event

    def value(self, scope: Scope) -> Any:
        """Return what the answer holds for the event of a scope; raises NoAnswer when it is not there."""
        fetched = self.fetched(scope)
        if fetched.withheld:
            raise AnswerWithheld(self._withheld(fetched.reason))
        return MISSING if fetched.value is None else fetched.value

    def fetched(self, scope: Scope) -> Fetched:
        """Return the answer for the event of a scope; raises AnswerNeeded when nobody has asked yet."""
        event = _event_scope(scope, self.depth)
        answers = event.webhook.answers or Answers(_no_answers)
        what = f"{self.name} {self.event}"
        known: Fetched | None = answers.known(what, event.item)
        if known is None or event.trace is not None:
            known = self._apart(event, answers)
            answers.remember(what, event.item, known)
        return known

    def explained(self, scope: Scope) -> Fetched:
        """Return the answer, its source as people see it."""
        fetched = self.fetched(scope)
        if self.describe is None or fetched.value is None:
            return fetched
        return replace(fetched, source=self.describe(fetched.value), took_ms=None, how="")

    def _apart(self, scope: Scope, answers: Answers) -> Fetched:
        """Ask, and leave nothing of it at the field being filled but which fields the call was made of."""
        trace, met, found = scope.trace, len(scope.placeholders), len(scope.findings)
        scope.trace = inner = None if trace is None else Trace()
        try:
            return self._asked(scope, answers)
        finally:
            del scope.placeholders[met:], scope.findings[found:]
            scope.trace = trace
            if trace is not None and inner is not None:
                trace.paths_read += inner.paths_read

    def _asked(self, scope: Scope, answers: Answers) -> Fetched:
        if self.condition is not None and (failed := self.condition(scope)) is not None:
            return self._nothing(f"not called, because {failed}")
        try:
            call = self._call(scope)
        except CannotCall as problem:
            return self.missing(reason=f"not called, because {problem}")
        found = answers.of(call)
        if found is None:
            of_source = "" if self.describe else f" of {self.source}"
            raise AnswerNeeded(f"waits for ${self.name}{of_source}", call)
        return self._matched(found, scope, answers) if self.match else found

    def _call(self, scope: Scope) -> FetchRequest:
        body = None if self.body is None else json_body(self.body, scope)
        target = self.target.of(scope)
        return FetchRequest(self.name, self.source, self.method, target, body, self.keep_seconds)

    def _matched(self, found: Fetched, scope: Scope, answers: Answers) -> Fetched:
        """Return the entry of a list of records that belongs to this event."""
        match = self.match
        if match is None or found.value is None:
            return found
        what = f"{self.name} by {match.key}"
        entries = answers.known(what, found)
        if entries is None:
            entries = answers.remember(what, found, _by_key(found.value, match, scope))
        wanted = folded(match.of_event.read(scope))
        if wanted in entries:
            return replace(found, value=entries[wanted])
        missing = self.missing(reason="the answer has no entry for this event")
        return replace(missing, took_ms=found.took_ms, how=found.how)

    # --- for those who make the call

    def answered(
        self, data: Any, took_ms: int | None = None, how: Literal["", "cached", "recorded"] = ""
    ) -> Fetched:
        """Return what the mapping reads of an answer: its `take`, and of that the fields that paths name."""
        taken = data if self.take is None else self.take.read(Scope(Webhook(_NO_REQUEST, data), ""))
        if taken is MISSING or taken is None:
            return replace(self.missing(reason="the answer has nothing where take points"), how=how)
        return Fetched(self._kept(taken), self.source, took_ms, how)

    def missing(self, took_ms: int | None = None, reason: str = "") -> Fetched:
        """Return that there is no record; `reason` is for people."""
        reason = reason or self.no_record or f"{self.source} has no such record"
        return Fetched(None, self.source, took_ms, reason=reason, withheld=self.holds_when_missing)

    def failed(self, reason: str) -> Fetched:
        """Return that asking was given up; `reason` is for people and names no URL."""
        return Fetched(None, self.source, reason=f"{self.source}: {reason}", withheld=self.holds_when_failed)

    def recorded(self, data: Any) -> Fetched:
        """Return the answer that somebody wrote down: data, or the words `missing` or `failed`."""
        missing, failed = RECORDED_WORDS
        if data == missing:
            return replace(self.missing(), how="recorded")
        if data == failed:
            return replace(self.failed("it could not be asked"), how="recorded")
        return self.answered(data, how="recorded")

    def as_recorded(self, fetched: Fetched) -> Any:
        """Return an answer as somebody would write it down: around what was taken, what `take` takes off."""
        missing, failed = RECORDED_WORDS
        if fetched.value is None:
            return failed if fetched.reason.startswith(f"{self.source}: ") else missing
        whole = fetched.value
        for key in reversed(self.taken_from):
            whole = [whole] if key in _PLACES else {key: whole}
        return whole

    def _withheld(self, reason: str) -> Finding:
        """Return what to tell the person who has to act."""
        fix = "replay it when the record is there, or let it go on without: see on_missing and on_failure"
        return Finding(
            "error", "no_answer", f"${self.name} has no answer: {reason}", fix, position=self.position
        )

    def _nothing(self, reason: str) -> Fetched:
        return Fetched(None, self.source, reason=reason)

    def _kept(self, value: Any) -> Any:
        if self.reads is None:
            return value
        if isinstance(value, dict):
            return {key: inner for key, inner in value.items() if self._reads_key(key)}
        if isinstance(value, list) and self.match is not None:
            return [self._kept(entry) for entry in value]
        return value

    def _reads_key(self, key: str) -> bool:
        return any(_leads_into(path, plain_key(key)) for path in self.reads or ())


def _leads_into(path: str, key: str) -> bool:
    """Say whether a path starts with a key, which may hold dots itself."""
    bare = path.lstrip("['\"")
    return bare.startswith(key) and bare[len(key) : len(key) + 1] in _AFTER_A_KEY


def _no_answers(_call: FetchRequest) -> None:
    return None


def _event_scope(scope: Scope, depth: int) -> Scope:
    """Return the scope of the event around a scope, which may be one of its products."""
    scopes = [scope]
    while (outer := scopes[-1].outer) is not None:
        scopes.append(outer)
    return scopes[max(0, len(scopes) - 1 - depth)]


def _by_key(value: Any, match: Match, scope: Scope) -> dict[str | None, Any]:
    """Return the entries of a list by the text that identifies each; the first of equal ones counts."""
    found: dict[str | None, Any] = {}
    for index, entry in enumerate(entries_of(value, scope)):
        key = folded(match.of_entry.read(scope.inside(entry, index, "")))
        if key is not None:
            found.setdefault(key, entry)
    return found


def recorded_answers(steps: Sequence[FetchStep], answers: Mapping[str, Any]) -> AnswerLookup:
    """Return what looks calls up in answers that somebody wrote down, by the path called or by the step.

    A visit that nobody wrote down is one that was not found: most events have none.
    """
    by_name: dict[str, Callable[[Any], Fetched]] = {step.name: step.recorded for step in steps}

    def lookup(call: FetchRequest) -> Fetched | None:
        for key in (call.target.partition("?")[0], call.step):
            if key in answers:
                return by_name[call.step](answers[key])
        return by_name[call.step](RECORDED_WORDS[0]) if call.step == VISIT else None

    return lookup
