"""Claiming what is due and keeping the claim alive: what two workers must never share.

A claim is one row with a lease; the queue rows it holds name it. The lease is longer than the HTTP timeout
and prolonged by a heartbeat, which touches that one row however many events it holds. A lease that ran out
is not given back by its holder but taken away, by any worker that notices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, delete, exists, insert, select, update

from bridge.outbox.ids import new_id
from bridge.outbox.lanes import Lane
from bridge.outbox.tables import claims, fetches, lanes, payloads, queue

_LONGEST_WAIT_MS = 30 * 86_400_000  # far beyond any retry, pause or slow replay
_LONGEST_LEASE_MS = 86_400_000  # far beyond any call and its heartbeat


@dataclass(frozen=True, slots=True)
class ClaimedEvent:
    """One event in the hands of a worker. `body` is sent as it is."""

    id: bytes
    body: bytes
    attempts: int
    accepted_until: int


@dataclass(frozen=True, slots=True)
class Lease:
    """Who wants to send, and until when (milliseconds) nobody else may."""

    worker: str
    until: int


@dataclass(frozen=True, slots=True)
class Claim:
    """Events of one lane that one worker may send until the lease ends."""

    id: bytes
    lane: Lane
    events: tuple[ClaimedEvent, ...]
    lease: Lease


def due_lanes(connection: Connection, now: int) -> set[int]:
    """Return the lanes in which something is due; a cheap look before a claim."""
    due = exists().where(queue.c.lane_id == lanes.c.id, queue.c.due_at <= now, queue.c.claim_id.is_(None))
    return set(connection.execute(select(lanes.c.id).where(due)).scalars())


def claim_due(connection: Connection, lane: Lane, lease: Lease, now: int, limit: int) -> Claim | None:
    """Take up to `limit` due events of a lane, oldest first."""
    due = (
        select(queue.c.event_id)
        .where(queue.c.lane_id == lane.id, queue.c.due_at <= now, queue.c.claim_id.is_(None))
        .order_by(queue.c.due_at, queue.c.event_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return _claim(connection, lane, lease, due)


def claim_these(connection: Connection, lane: Lane, lease: Lease, ids: Sequence[bytes]) -> Claim | None:
    """Take certain events of a lane, due or not, unless another worker has them."""
    wanted = (
        select(queue.c.event_id)
        .where(queue.c.lane_id == lane.id, queue.c.event_id.in_(ids), queue.c.claim_id.is_(None))
        .order_by(queue.c.event_id)
        .with_for_update(skip_locked=True)
    )
    return _claim(connection, lane, lease, wanted)


def _claim(connection: Connection, lane: Lane, lease: Lease, wanted: Select[tuple[bytes]]) -> Claim | None:
    claim_id = new_id(lease.until)
    taken = connection.execute(
        update(queue)
        .where(queue.c.event_id.in_(wanted), queue.c.claim_id.is_(None))
        .values(claim_id=claim_id)
    )
    if not taken.rowcount:
        return None
    connection.execute(insert(claims).values(id=claim_id, worker=lease.worker, lease_until=lease.until))
    rows = connection.execute(
        select(queue.c.event_id, payloads.c.body, queue.c.attempts, queue.c.accepted_until)
        .join_from(queue, payloads, payloads.c.event_id == queue.c.event_id)
        .where(queue.c.claim_id == claim_id)
        .order_by(queue.c.event_id)
    ).all()
    return Claim(claim_id, lane, tuple([ClaimedEvent(*row) for row in rows]), lease)


def prolong(connection: Connection, claim_ids: Sequence[bytes], lease_until: int) -> int:
    """Give claims more time; return how many of them are still ours."""
    return connection.execute(
        update(claims).where(claims.c.id.in_(claim_ids)).values(lease_until=lease_until)
    ).rowcount


def free_lost(connection: Connection, now: int) -> int:
    """Make the events of claims whose lease has run out claimable again; return how many claims there were.

    So too what waits for a time that nobody can have meant: it was written by a clock that was set wrong.
    """
    lost = list(connection.execute(delete(claims).where(_is_lost(now)).returning(claims.c.id)).scalars())
    if lost:
        for table in (queue, fetches):
            connection.execute(update(table).where(table.c.claim_id.in_(lost)).values(claim_id=None))
    connection.execute(
        update(queue)
        .where(queue.c.lane_id.in_(select(lanes.c.id)), queue.c.due_at > now + _LONGEST_WAIT_MS)
        .values(due_at=now)
    )
    connection.execute(update(fetches).where(fetches.c.due_at > now + _LONGEST_WAIT_MS).values(due_at=now))
    return len(lost)


def any_lost(connection: Connection, now: int) -> bool:
    """Return whether some lease has run out, or something waits for a time that nobody can have meant."""
    misdated = exists().where(queue.c.lane_id == lanes.c.id, queue.c.due_at > now + _LONGEST_WAIT_MS)
    any_misdated = select(lanes.c.id).where(misdated).exists()
    misdated_fetch = exists().where(fetches.c.due_at > now + _LONGEST_WAIT_MS)
    found = exists().where(_is_lost(now)) | any_misdated | misdated_fetch
    return bool(connection.execute(select(found)).scalar())


def _is_lost(now: int) -> ColumnElement[bool]:
    return (claims.c.lease_until < now) | (claims.c.lease_until > now + _LONGEST_LEASE_MS)
