"""Whether a source may be called now: its pause, its rate, and what each outcome says about the source.

The outbox keeps both, so that all nodes act alike. A pause is the same record as that of a destination:

    closed ──(a refused key, a redirect, a certificate; several calls in a row without an answer)──▶ paused
    paused ──(its time is over)──▶ one call probes ──(an answer about the record)──▶ closed
                                       └────────(the same trouble)────────▶ paused, longer
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from bridge.delivery import circuit_breaker
from bridge.delivery.reports import Notification, Notify, ignore_notification
from bridge.fetch.outcomes import FoundRecord, SourceOutcome, TryLater
from bridge.outbox import Outbox, Pause
from bridge.outbox.call_rates import call_rate
from bridge.outbox.pauses import PauseKind, source_scope
from bridge.settings import Source

PATIENCE = timedelta(seconds=2)  # how long a call may wait for its turn
_PROBE = timedelta(seconds=30)  # longer than any call
_KIND_OF_LENGTH = {"unreachable": "unreachable", "setup": "repair", "limit": "limit"}


@dataclass(frozen=True, slots=True)
class _Spare:
    """Turns that were taken in advance, and how long they are good."""

    number: int
    taken_at: datetime
    until: datetime


class Gate(Protocol):
    """Decides whether a source may be called, and learns from what came of it."""

    def admit(self, source: Source) -> timedelta | TryLater:
        """Return how long to wait before the call, or why there is none now."""

    def observe(self, source: Source, outcome: SourceOutcome) -> None:
        """Learn from an outcome."""


class OpenGate:
    """Lets every call pass; for a person who tries one by hand."""

    def admit(self, _source: Source) -> timedelta | TryLater:
        """Let it pass."""
        return timedelta()

    def observe(self, _source: Source, _outcome: SourceOutcome) -> None:
        """Learn nothing."""


class SharedGate:
    """The gate of all nodes; `clock` is the worker's."""

    def __init__(
        self, outbox: Outbox, clock: Callable[[], datetime], notify: Notify = ignore_notification
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._notify = notify
        self._unanswered: dict[str, int] = {}
        self._lock = threading.Lock()
        self._spare: dict[str, _Spare] = {}

    def admit(self, source: Source) -> timedelta | TryLater:
        """Return how long to wait before the call, or why there is none now."""
        now, scope = self._clock(), source_scope(source.name)
        if self._use_spare(source, now):
            return timedelta()
        pause = self._outbox.pauses().get(scope)
        if pause is not None and not self._may_probe(pause, now):
            return TryLater(f"{source.name} is paused: {pause.reason}", wait=max(pause.until - now, PATIENCE))
        rate = call_rate(source.rate.count, source.rate.seconds)
        wanted = 1 if pause else rate.most_turns
        turns = self._outbox.fetches.take_turns(source.name, rate, now, PATIENCE, wanted)
        if not turns.number:
            return TryLater(f"the rate of {source.name} is kept", wait=turns.wait)
        self._keep_spare(source, _Spare(turns.number - 1, now, now + rate.good_for))
        return turns.wait

    def _use_spare(self, source: Source, now: datetime) -> bool:
        """Use a turn that was taken in advance, if there is one."""
        with self._lock:
            spare = self._spare.get(source.name)
            if spare is None or not (spare.number and spare.taken_at <= now < spare.until):
                return False
            self._spare[source.name] = replace(spare, number=spare.number - 1)
            return True

    def _keep_spare(self, source: Source, spare: _Spare) -> None:
        with self._lock:
            self._spare[source.name] = spare

    def _may_probe(self, pause: Pause, now: datetime) -> bool:
        if pause.is_in_force(now):
            return False
        return pause.kind == "limit" or self._outbox.take_probe(pause.scope, now, now + _PROBE)

    def observe(self, source: Source, outcome: SourceOutcome) -> None:
        """Pause the source when the outcome is about it, resume it when it is about a record."""
        if not isinstance(outcome, TryLater):
            self._unanswered.pop(source.name, None)
            self._resume(source)
            if isinstance(outcome, FoundRecord) and outcome.wait > PATIENCE:
                self._pause(source, "limit", outcome.wait, "its rate limit is used up")
        elif outcome.trouble == "limit":
            self._pause(source, "limit", outcome.wait, outcome.reason)
        elif outcome.trouble == "setup":
            repair = f"{outcome.reason}; check sources.{source.name} in bridge.yaml"
            self._pause(source, "setup", timedelta(), repair)
        elif outcome.trouble == "unreachable":
            self._count_failure(source, outcome)

    def _count_failure(self, source: Source, outcome: TryLater) -> None:
        """Pause after several failures in a row, or when a probe failed."""
        failures = self._unanswered[source.name] = self._unanswered.get(source.name, 0) + 1
        is_known = source_scope(source.name) in self._outbox.pauses()
        if is_known or outcome.wait or failures >= circuit_breaker.FAILURES_UNTIL_PAUSE:
            self._pause(source, "unreachable", outcome.wait, outcome.reason)

    def _pause(self, source: Source, trouble: str, asked: timedelta, reason: str) -> None:
        """Pause for as long as was asked, or a while that grows; notify of the first pause of a circuit."""
        now, scope = self._clock(), source_scope(source.name)
        self._keep_spare(source, _Spare(0, now, now))
        known = self._outbox.pauses().get(scope)
        kind: PauseKind = "limit" if trouble == "limit" else "circuit"
        if kind == "limit" and known is not None and _outlasts(known, now, asked):
            return
        length = (
            circuit_breaker.always(asked) if asked else circuit_breaker.length_of(_KIND_OF_LENGTH[trouble])
        )
        wanted = Pause(scope, kind, now, known.trips if known else 0, reason, now)
        if self._outbox.pause(wanted, length, now) and kind == "circuit":
            self._notify(Notification("paused", f"source {source.name}", reason))

    def _resume(self, source: Source) -> None:
        scope = source_scope(source.name)
        known = self._outbox.pauses().get(scope)
        if known is not None and _outlasts(known, self._clock(), timedelta()):
            return
        if known is not None and self._outbox.resume(scope, known.trips) and known.kind == "circuit":
            self._notify(Notification("resumed", f"source {source.name}", "records are fetched again"))


def _outlasts(known: Pause, now: datetime, asked: timedelta) -> bool:
    """Return whether a limit holds in spite of an answer to a call that was on its way when it began."""
    return known.kind == "limit" and known.is_in_force(now) and now + asked <= known.until
