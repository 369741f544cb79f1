"""Pauses of destinations, datasets, apps and sources, kept in the database so that every worker sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, delete, select, update

from bridge.outbox.database import dialect_insert
from bridge.outbox.records import from_ms, to_ms
from bridge.outbox.tables import pauses

PauseKind = Literal["circuit", "limit"]
LONGEST_PAUSE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Pause:
    """Something that is paused. A `circuit` asks for a probe when its time is over, a `limit` just ends.

    `trips` counts how often it paused again without a success in between.
    """

    scope: str
    kind: PauseKind
    until: datetime
    trips: int
    reason: str
    since: datetime

    def is_in_force(self, now: datetime) -> bool:
        """Return whether it has not ended. One that would last for weeks was set by a wrong clock."""
        return now < self.until <= now + LONGEST_PAUSE


def destination_scope(name: str, dataset_id: str) -> str:
    """Return the scope to pause when a token, a permission or the dataset itself is the problem."""
    return f"destination:{name}:{dataset_id}"


def dataset_scope(dataset_id: str) -> str:
    """Return the scope to pause when a dataset has reached its limit."""
    return f"dataset:{dataset_id}"


def source_scope(name: str) -> str:
    """Return the scope to pause when a source that records are fetched from is in trouble."""
    return f"source:{name}"


def source_of(scope: str) -> str | None:
    """Return the source that a scope is about; None when it is about something else."""
    kind, _, name = scope.partition(":")
    return name if kind == "source" else None


def why_waiting(pauses_by_scope: Mapping[str, Pause], destination: str, dataset_id: str) -> str | None:
    """Return why events for a dataset are not sent now; None when their destination is not paused."""
    paused = pauses_by_scope.get(destination_scope(destination, dataset_id))
    if paused is None or paused.kind != "circuit":
        return None
    return f"{destination} is paused since {paused.since.isoformat(timespec='seconds')}: {paused.reason}"


def why_not_fetched(
    pauses_by_scope: Mapping[str, Pause], source: str, looked_at: int | None = None
) -> str | None:
    """Return why records of a source are not fetched now; None when it is not paused.

    None, too, for a webhook that was looked at (Unix milliseconds) after the pause, and waits for another
    reason.
    """
    paused = pauses_by_scope.get(source_scope(source))
    if paused is None or paused.kind != "circuit" or (looked_at and looked_at > to_ms(paused.until)):
        return None
    since = paused.since.isoformat(timespec="seconds")
    return f"source {source} is paused since {since}: {paused.reason}"


def all_pauses(connection: Connection) -> dict[str, Pause]:
    """Return every pause, also those that are over and not yet lifted."""
    rows = connection.execute(
        select(pauses.c.scope, pauses.c.kind, pauses.c.until, pauses.c.trips, pauses.c.reason, pauses.c.since)
    )
    return {
        row.scope: Pause(row.scope, row.kind, from_ms(row.until), row.trips, row.reason, from_ms(row.since))
        for row in rows
    }


def pause(
    connection: Connection,
    wanted: Pause,
    length: Callable[[int], timedelta],
    now: datetime,
) -> bool:
    """Pause a scope for `length(trips)`; return whether it was running until now (a reason to notify).

    `wanted.trips` are the trips its sender knew of: several batches in flight fail together, and only the
    first of them makes the pause longer.
    """
    insert = dialect_insert(connection.dialect.name)
    first = {
        "scope": wanted.scope,
        "kind": wanted.kind,
        "until": to_ms(now + length(1)),
        "trips": 1,
        "reason": wanted.reason,
        "since": to_ms(now),
    }
    made = insert(pauses).values(first).on_conflict_do_nothing().returning(pauses.c.scope)
    if connection.execute(made).first() is not None:
        return True
    connection.execute(
        update(pauses)
        .where(pauses.c.scope == wanted.scope, pauses.c.trips == wanted.trips)
        .values(
            kind=wanted.kind,
            until=to_ms(now + length(wanted.trips + 1)),
            trips=wanted.trips + 1,
            reason=wanted.reason,
        )
    )
    return False


def take_probe(connection: Connection, scope: str, now: datetime, until: datetime) -> bool:
    """Take the right to probe a paused scope; one worker gets it; another may once that one crashed."""
    taken = connection.execute(
        update(pauses)
        .where(
            pauses.c.scope == scope,
            (pauses.c.until <= to_ms(now)) | (pauses.c.until > to_ms(now + LONGEST_PAUSE)),
        )
        .values(until=to_ms(until))
    )
    return taken.rowcount == 1


def probe_all(connection: Connection, now: datetime) -> None:
    """End the time of every circuit, so that each is probed next: the cause may have been fixed."""
    waiting = (pauses.c.kind == "circuit") & (pauses.c.until > to_ms(now))
    connection.execute(update(pauses).where(waiting).values(until=to_ms(now)))


def resume(connection: Connection, scope: str, trips: int) -> bool:
    """Lift a pause, unless it has grown since `trips` were counted; return whether it was lifted."""
    lifted = connection.execute(delete(pauses).where(pauses.c.scope == scope, pauses.c.trips == trips))
    return lifted.rowcount == 1
