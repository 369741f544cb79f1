"""What a person asks first: what is held and why, when webhooks last came and events were last accepted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from bridge.outbox.database import Read
from bridge.outbox.event_conditions import conditions
from bridge.outbox.hourly_counts import HOUR_MS, held, last_hours
from bridge.outbox.ids import first_id, moment_of
from bridge.outbox.records import Query, from_ms
from bridge.outbox.tables import attempts, events, lanes, queue, webhooks

_MOST_REASONS = 20


@dataclass(frozen=True, slots=True)
class HeldFor:
    """How many events of a mapping are held for one reason."""

    mapping: str
    reason: str | None
    events: int


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many events of a mapping are where they are for one reason, and when the last one got there."""

    status: str
    mapping: str
    reason: str | None
    events: int
    last_changed_at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the shape of a group in every JSON answer."""
        return {**asdict(self), "last_changed_at": self.last_changed_at.isoformat("T", "milliseconds")}


class Overview:
    """Answers by reading through what is kept; `read` is the outbox's."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def held(self) -> list[HeldFor]:
        """Return what is held, by mapping and reason; the most frequent come first."""
        rows = self._read(lambda connection: connection.execute(held(_MOST_REASONS)).all())
        return [HeldFor(mapping, reason or None, number) for mapping, reason, number in rows]

    def reasons(self, query: Query) -> list[ReasonCount]:
        """Group the events that a query means by status, mapping and reason; the most frequent come first."""
        keys = (events.c.status, events.c.mapping, events.c.reason)
        number = func.count().label("number")
        chosen = select(*keys, number, func.max(events.c.changed_at)).select_from(events)
        grouped = (
            chosen.outerjoin(queue, queue.c.event_id == events.c.id)
            .where(*conditions(query))
            .group_by(*keys)
            .order_by(number.desc(), *keys)
            .limit(query.limit)
        )
        rows = self._read(lambda connection: connection.execute(grouped).all())
        return [
            ReasonCount(status, mapping, reason, number, from_ms(changed_at))
            for status, mapping, reason, number, changed_at in rows
        ]

    def last_successes(self) -> dict[str, datetime]:
        """Return when Meta last accepted a batch of each destination, as far as attempts are kept."""
        newest = select(attempts.c.started_at).order_by(attempts.c.id.desc()).limit(1)
        delivered = newest.where(attempts.c.outcome == "delivered")

        def work(connection: Connection) -> dict[str, datetime]:
            names = connection.execute(select(lanes.c.destination).distinct()).scalars().all()
            found = {
                name: connection.execute(delivered.where(attempts.c.destination == name)).scalar()
                for name in names
            }
            return {name: from_ms(started_at) for name, started_at in found.items() if started_at is not None}

        return self._read(work)

    def last_webhooks(self) -> dict[str, datetime]:
        """Return when the last webhook that is kept came, by mapping: looked for in its last counted hour."""

        def work(connection: Connection) -> dict[str, datetime]:
            hours: dict[str, int] = dict(connection.execute(last_hours()).all())
            found = {
                name: connection.execute(_newest_in(name, hour)).scalar() for name, hour in hours.items()
            }
            return {name: from_ms(moment_of(row_id)) for name, row_id in found.items() if row_id is not None}

        return self._read(work)


def _newest_in(mapping: str, hour: int) -> Select[Any]:
    """Select the last webhook of a mapping up to the end of an hour."""
    until = first_id((hour + 1) * HOUR_MS)
    chosen = select(webhooks.c.id).where(webhooks.c.mapping == mapping, webhooks.c.id < until)
    return chosen.order_by(webhooks.c.id.desc()).limit(1)
