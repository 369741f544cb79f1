"""How many events came in each hour or day, and what they are now: from the counts that are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from bridge.outbox import STATUSES
from bridge.outbox.hourly_counts import EventCount, WebhookCount

Step = Literal["hour", "day"]
LENGTHS: Mapping[Step, timedelta] = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
KEPT_STATUSES = tuple(status for status in STATUSES if status != "sending")  # it counts as waiting


@dataclass(frozen=True, slots=True)
class Moment:
    """What came in the hour or day that begins at `at` (UTC); `webhooks` is None where none are counted."""

    at: datetime
    webhooks: int | None
    by_status: Mapping[str, int] = field(default_factory=dict)

    @property
    def received(self) -> int:
        """Return how many events came."""
        return sum(self.by_status.values())

    def as_json(self) -> dict[str, Any]:
        """Return the numbers for programs; every status is there."""
        numbers = {status: self.by_status.get(status, 0) for status in KEPT_STATUSES}
        return {"at": self.at.isoformat(), "webhooks": self.webhooks, "received": self.received} | numbers


def beginning_of(moment: datetime, step: Step) -> datetime:
    """Return when the hour or day of a moment began, in UTC."""
    hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour if step == "hour" else hour.replace(hour=0)


def time_series(
    events: Iterable[EventCount],
    webhooks: Iterable[WebhookCount] | None,
    since: datetime,
    until: datetime,
    step: Step,
) -> list[Moment]:
    """Return every hour or day from `since` to `until`, those too in which nothing came."""
    statuses: dict[datetime, Counter[str]] = {}
    for count in events:
        statuses.setdefault(beginning_of(count.hour, step), Counter())[count.status] += count.number
    came = Counter[datetime]()
    for one in webhooks or ():
        came[beginning_of(one.hour, step)] += one.webhooks
    return [
        Moment(at, None if webhooks is None else came[at], statuses.get(at, {}))
        for at in _between(beginning_of(since, step), until, LENGTHS[step])
    ]


def _between(first: datetime, until: datetime, length: timedelta) -> Sequence[datetime]:
    number = max(0, -(-(until - first) // length))
    return [first + length * step for step in range(number)]


def totals_of(events: Iterable[EventCount]) -> Counter[str]:
    """Add events up by status, over all that was counted."""
    totals = Counter[str]()
    for count in events:
        totals[count.status] += count.number
    return totals
