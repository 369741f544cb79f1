"""Retention: delete raw webhooks first, then whole webhooks that are finished.

Ids begin with their moment, so "older than" is a range at the beginning of each table; what is deleted goes
in small portions, so that other writers never wait long.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, exists, select

from bridge.outbox.ids import first_id
from bridge.outbox.tables import (
    attempts,
    event_attempts,
    events,
    fetched,
    fetches,
    payloads,
    queue,
    raw_webhooks,
    repeat_keys,
    webhooks,
)

PORTION = 2000


@dataclass(frozen=True, slots=True)
class Purged:
    """How much was deleted."""

    raw_webhooks: int
    webhooks: int
    repeat_keys: int
    attempts: int
    jobs: int


def purge_raw(connection: Connection, before: int) -> int:
    """Delete one portion of the raw webhooks that came before a moment, and what was fetched for them.

    Those for which something is still to be fetched stay: they could not be mapped without.
    """
    waits = exists().where(fetches.c.webhook_id == raw_webhooks.c.webhook_id)
    old = select(raw_webhooks.c.webhook_id).where(raw_webhooks.c.webhook_id < first_id(before), ~waits)
    portion = old.order_by(raw_webhooks.c.webhook_id).limit(PORTION)
    ids = list(connection.execute(portion).scalars())
    connection.execute(delete(fetched).where(fetched.c.webhook_id.in_(ids)))
    return connection.execute(delete(raw_webhooks).where(raw_webhooks.c.webhook_id.in_(ids))).rowcount


def purge_webhooks(connection: Connection, before: int) -> int:
    """Delete one portion of the webhooks that came before a moment and of which nothing waits to be sent."""
    waits = exists().where(events.c.webhook_id == webhooks.c.id, events.c.id == queue.c.event_id)
    is_held = exists().where(events.c.webhook_id == webhooks.c.id, events.c.status == "held")
    is_fetched_for = exists().where(fetches.c.webhook_id == webhooks.c.id)
    old = select(webhooks.c.id).where(webhooks.c.id < first_id(before), ~waits, ~is_held, ~is_fetched_for)
    ids = list(connection.execute(old.order_by(webhooks.c.id).limit(PORTION)).scalars())
    return delete_webhooks(connection, ids)


def purge_repeat_keys(connection: Connection, now: int) -> int:
    """Delete the repeat keys whose window is over."""
    return connection.execute(delete(repeat_keys).where(repeat_keys.c.expires_at <= now)).rowcount


def purge_attempts(connection: Connection, before: int) -> int:
    """Delete one portion of the attempts made before a moment."""
    old = select(attempts.c.id).where(attempts.c.id < first_id(before)).order_by(attempts.c.id).limit(PORTION)
    return connection.execute(delete(attempts).where(attempts.c.id.in_(old))).rowcount


def delete_webhooks(connection: Connection, ids: list[bytes]) -> int:
    """Delete webhooks with everything that belongs to them."""
    of_webhooks = events.c.webhook_id.in_(ids)
    delete_event_parts(connection, select(events.c.id).where(of_webhooks))
    connection.execute(delete(events).where(of_webhooks))
    for table in (raw_webhooks, fetched):
        connection.execute(delete(table).where(table.c.webhook_id.in_(ids)))
    return connection.execute(delete(webhooks).where(webhooks.c.id.in_(ids))).rowcount


def lock_fetches(connection: Connection, webhook_ids: object) -> None:
    """Keep what is fetched for some webhooks from being settled until we commit.

    Whoever settles locks this row first, and the events after it; in another order two would wait for each
    other.
    """
    mine = fetches.c.webhook_id.in_(webhook_ids)  # type: ignore[arg-type]
    chosen = select(fetches.c.webhook_id).where(mine).order_by(fetches.c.webhook_id)
    connection.execute(chosen.with_for_update()).all()


def delete_event_parts(connection: Connection, ids: object) -> None:
    """Delete what hangs on events, but not the events themselves; `ids` is a list or a selection."""
    columns: tuple[ColumnElement[bytes], ...] = (
        payloads.c.event_id,
        queue.c.event_id,
        event_attempts.c.event_id,
    )
    for table, column in zip((payloads, queue, event_attempts), columns, strict=True):
        connection.execute(delete(table).where(column.in_(ids)))  # type: ignore[arg-type]
