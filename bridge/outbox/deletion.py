"""Deleting events and webhooks with everything that belongs to them, children first."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, select

from bridge.outbox.hourly_counts import COUNTED, changes_in
from bridge.outbox.tables import (
    event_attempts,
    events,
    fetched,
    fetches,
    payloads,
    queue,
    raw_webhooks,
    webhooks,
)


def delete_webhooks(connection: Connection, ids: list[bytes]) -> int:
    """Delete webhooks with everything that belongs to them."""
    of_webhooks = events.c.webhook_id.in_(ids)
    delete_event_parts(connection, select(events.c.id).where(of_webhooks))
    delete_events(connection, of_webhooks)
    for table in (raw_webhooks, fetched):
        connection.execute(delete(table).where(table.c.webhook_id.in_(ids)))
    gone = delete(webhooks).where(webhooks.c.id.in_(ids))
    rows = connection.execute(gone.returning(webhooks.c.id, webhooks.c.mapping, webhooks.c.event_count)).all()
    changes_in(connection).add_webhooks(rows, -1)
    return len(rows)


def delete_events(connection: Connection, chosen: ColumnElement[bool]) -> list[Any]:
    """Delete events; return what is counted of each, and its status."""
    gone = connection.execute(delete(events).where(chosen).returning(*COUNTED)).all()
    changes_in(connection).add(gone, -1)
    return list(gone)


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
