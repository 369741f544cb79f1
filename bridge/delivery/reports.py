"""What delivery reports: one report for each call, and notifications for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from bridge.delivery.meta_responses import Verdict
from bridge.outbox import Attempt, EventRecord, Settled
from bridge.outbox.ids import moment_of
from bridge.outbox.records import text_id


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the events of one call: all alike (`common`), or each on its own (`each`)."""

    ids: tuple[bytes, ...]
    common: Settled | None = None
    each: Mapping[bytes, Settled] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[bytes, Settled]]:
        return ((row, self.common or self.each[row]) for row in self.ids)


@dataclass(frozen=True, slots=True)
class BatchReport:
    """One call and what became of its events, for logs, metrics, alerts and result webhooks.

    What takes time is only worked out when it is asked for: most calls carry hundreds of events.
    """

    attempt: Attempt
    verdict: Verdict
    outcomes: Outcomes
    rows: Callable[[], list[EventRecord]]

    @property
    def settled(self) -> dict[str, Settled]:
        """Return the outcome of every event, by its id in text form."""
        return {text_id(row): settled for row, settled in self.outcomes}

    def counts(self) -> Counter[str]:
        """Return how many events have which status now."""
        if self.outcomes.common:
            return Counter({self.outcomes.common.status: len(self.outcomes.ids)})
        return Counter(settled.status for _, settled in self.outcomes)

    def ages_of_sent(self) -> list[float]:
        """Return how many seconds each event that was sent had been in the outbox when the response came."""
        if self.outcomes.common is None or self.outcomes.common.status != "sent":
            return []  # a call is sent as a whole, or not at all
        answered_at = self.attempt.started_at.timestamp() * 1000 + self.attempt.duration_ms
        return [(answered_at - moment_of(row)) / 1000 for row in self.outcomes.ids]


@dataclass(frozen=True, slots=True)
class Notification:
    """Something a person should be notified of once.

    `kind` is paused, resumed, fewer_received, expiring, expired, trouble or fault.
    """

    kind: str
    destination: str | None
    text: str


Observe = Callable[[BatchReport], None]
Notify = Callable[[Notification], None]


def ignore_report(_report: BatchReport) -> None:
    """Ignore a call."""


def ignore_notification(_notification: Notification) -> None:
    """Ignore a notification."""
