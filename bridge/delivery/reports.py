"""What delivery tells about itself: one report for each call, and notices for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from bridge.delivery.meta_responses import Verdict
from bridge.outbox import Attempt, EventRecord, Settled
from bridge.outbox.ids import moment_of
from bridge.outbox.records import text_id


@dataclass(frozen=True, slots=True)
class Ends:
    """How the events of one call ended: all alike (`common`), or each in its own way (`each`)."""

    ids: tuple[bytes, ...]
    common: Settled | None = None
    each: Mapping[bytes, Settled] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[bytes, Settled]]:
        return ((row, self.common or self.each[row]) for row in self.ids)


@dataclass(frozen=True, slots=True)
class BatchReport:
    """One call and what became of its events, for logs, metrics, alerts and callbacks.

    What takes time is only worked out when it is asked for: most calls carry hundreds of events.
    """

    attempt: Attempt
    verdict: Verdict
    ends: Ends
    rows: Callable[[], list[EventRecord]]

    @property
    def settled(self) -> dict[str, Settled]:
        """Return the end of every event, by its id as people write it."""
        return {text_id(row): end for row, end in self.ends}

    def counts(self) -> Counter[str]:
        """Return how many events have which status now."""
        if self.ends.common:
            return Counter({self.ends.common.status: len(self.ends.ids)})
        return Counter(end.status for _, end in self.ends)

    def ages_of_sent(self) -> list[float]:
        """Return how many seconds each event that was sent had been in the outbox when the answer came."""
        ended_at = self.attempt.started_at.timestamp() * 1000 + self.attempt.duration_ms
        if self.ends.common and self.ends.common.status == "sent":
            return [(ended_at - moment_of(row)) / 1000 for row in self.ends.ids]
        return [(ended_at - moment_of(row)) / 1000 for row, end in self.ends if end.status == "sent"]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should hear of once.

    `kind` is paused, resumed, fewer_received, expiring, expired, trouble or fault.
    """

    kind: str
    destination: str | None
    text: str


Observe = Callable[[BatchReport], None]
Tell = Callable[[Notice], None]


def unobserved(_report: BatchReport) -> None:
    """Tell nobody about a call."""


def untold(_notice: Notice) -> None:
    """Tell nobody about a notice."""
