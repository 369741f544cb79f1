"""Retention: delete raw webhooks first, then whole webhooks that are finished.

Ids begin with their moment, so "older than" is a range at the beginning of each table; what is deleted goes
in small portions, so that other writers never wait long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, exists, select

from bridge.outbox.database import Write
from bridge.outbox.deletion import delete_webhooks
from bridge.outbox.hourly_counts import compact
from bridge.outbox.ids import first_id
from bridge.outbox.job_queue import purge_jobs
from bridge.outbox.tables import (
    attempts,
    events,
    fetched,
    fetches,
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


def purge(write: Write, now: int, raw_before: int, before: int) -> Purged:
    """Delete what came before a moment, raw webhooks before another one, in transactions of one portion."""
    purged = Purged(
        raw_webhooks=delete_all(write, lambda connection: purge_raw(connection, raw_before)),
        webhooks=delete_all(write, lambda connection: purge_webhooks(connection, before)),
        repeat_keys=write("purge", lambda connection: purge_repeat_keys(connection, now)),
        attempts=delete_all(write, lambda connection: purge_attempts(connection, before)),
        jobs=delete_all(write, lambda connection: purge_jobs(connection, raw_before)),
    )
    write("compact", lambda connection: compact(connection, now))
    return purged


def delete_all(write: Write, work: Callable[[Connection], int]) -> int:
    """Delete portion by portion, each in a transaction of its own; return how many rows that were."""
    total = 0
    while portion := write("purge", work):
        total += portion
    return total


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
