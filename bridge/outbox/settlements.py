"""Settling: storing the outcome of a call, for a range of events at once or for each event by itself.

Every settlement begins with the claim's own row. A worker that finds it gone has lost the lease: another may
be sending these events, and nothing the late worker learned is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, exists, insert, literal, select, update

from bridge.errors import LeaseLost
from bridge.outbox.database import in_portions
from bridge.outbox.hourly_counts import PLACE, changes_in
from bridge.outbox.records import Attempt, raw_id, to_ms
from bridge.outbox.tables import attempts, claims, event_attempts, events, queue


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of an event: a final status, or `waiting` again, due at `due_at` (milliseconds).

    Without `due_at` a waiting event keeps its time and the attempt does not count: the response was
    about the destination (an expired or revoked token, a limit), not about the event.
    """

    status: str
    reason: str | None = None
    due_at: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A range of the events of a claim, in its own order; without bounds, all of it."""

    claim_id: bytes
    first: bytes | None = None
    last: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Call:
    attempt_id: bytes | None
    at: int


def settle_span(
    connection: Connection, span: Span, settled: Settled, attempt: Attempt | None, now: int
) -> None:
    """Settle a range of a claim alike: a handful of statements, however many events."""
    _lock(connection, span.claim_id)
    attempt_id = _write_attempt(connection, attempt)
    mine = queue.c.claim_id == span.claim_id
    if span.first is not None:
        mine &= queue.c.event_id.between(span.first, span.last)
    of_span = events.c.id.in_(select(queue.c.event_id).where(mine))
    if attempt_id and settled.status != "sent":
        lines = select(queue.c.event_id, literal(attempt_id)).where(mine)
        connection.execute(insert(event_attempts).from_select(["event_id", "attempt_id"], lines))
    _update_events(connection, of_span, settled, _Call(attempt_id, now))
    _leave_queue(connection, settled, mine)
    _end_if_empty(connection, span.claim_id)


def settle_some(
    connection: Connection,
    claim_id: bytes,
    outcomes: Mapping[bytes, Settled],
    attempt: Attempt | None,
    now: int,
) -> None:
    """Settle some events of a claim, each in its own way; the claim ends with its last event."""
    _lock(connection, claim_id)
    attempt_id = _write_attempt(connection, attempt)
    for settled in dict.fromkeys(outcomes.values()):
        ids = [event_id for event_id, its in outcomes.items() if its == settled]
        _settle_each(connection, claim_id, settled, ids, _Call(attempt_id, now))
    _end_if_empty(connection, claim_id)


def expire(connection: Connection, now: int, settled: Settled) -> int:
    """Settle everything in the queue that is too old and unclaimed; return how many there were."""
    old = (queue.c.accepted_until <= now // 1000) & queue.c.claim_id.is_(None)
    of_queue = events.c.id.in_(select(queue.c.event_id).where(old))
    expired = _update_events(connection, of_queue, settled, _Call(None, now))
    connection.execute(delete(queue).where(old))
    return expired


def release(connection: Connection, claim_id: bytes) -> None:
    """Give back a claim untouched: nothing was sent."""
    connection.execute(update(queue).where(queue.c.claim_id == claim_id).values(claim_id=None))
    connection.execute(delete(claims).where(claims.c.id == claim_id))


def _end_if_empty(connection: Connection, claim_id: bytes) -> None:
    left = exists().where(queue.c.claim_id == claim_id)
    connection.execute(delete(claims).where(claims.c.id == claim_id, ~left))


def _lock(connection: Connection, claim_id: bytes) -> None:
    """Make sure the claim is still ours, and stays so until we commit."""
    if (
        connection.execute(select(claims.c.id).where(claims.c.id == claim_id).with_for_update()).first()
        is None
    ):
        raise LeaseLost("the lease ran out before the response was stored; another worker has the events")


def _settle_each(
    connection: Connection, claim_id: bytes, settled: Settled, ids: list[bytes], call: _Call
) -> None:
    if call.attempt_id and settled.status != "sent":
        lines = [{"event_id": event_id, "attempt_id": call.attempt_id} for event_id in ids]
        connection.execute(insert(event_attempts), lines)
    for some in in_portions(ids):
        _update_events(connection, events.c.id.in_(some), settled, call)
        _leave_queue(connection, settled, queue.c.event_id.in_(some) & (queue.c.claim_id == claim_id))


def _update_events(connection: Connection, chosen: ColumnElement[bool], settled: Settled, call: _Call) -> int:
    """Write what becomes of some queued events; return how many there were."""
    values = _event_values(settled, call.attempt_id, call.at)
    changed = update(events).where(chosen, events.c.status == "waiting").values(values)
    if settled.status == "waiting":
        return connection.execute(changed).rowcount
    rows = connection.execute(changed.returning(*PLACE)).all()
    changes_in(connection).move(rows, "waiting", settled.status)
    return len(rows)


def _event_values(settled: Settled, attempt_id: bytes | None, now: int) -> dict[str, Any]:
    values: dict[str, Any] = {"changed_at": now}
    if attempt_id:
        values["last_attempt"] = attempt_id
    if settled.status != "waiting" or settled.due_at is not None:
        values |= {"reason": settled.reason}
        values |= {"attempts": events.c.attempts + 1} if attempt_id else {}
    if settled.status != "waiting":
        values["status"] = settled.status
    if settled.status not in {"waiting", "sent"}:
        values["stands"] = None
    return values


def _leave_queue(connection: Connection, settled: Settled, mine: ColumnElement[bool]) -> None:
    statement: Any = delete(queue).where(mine)
    if settled.status == "waiting":
        later = {} if settled.due_at is None else {"due_at": settled.due_at, "attempts": queue.c.attempts + 1}
        statement = update(queue).where(mine).values(claim_id=None, **later)
    connection.execute(statement)


def _write_attempt(connection: Connection, attempt: Attempt | None) -> bytes | None:
    if attempt is None:
        return None
    attempt_id = raw_id(attempt.id)
    values = {name: getattr(attempt, name) for name in attempt.__slots__}
    values |= {"id": attempt_id, "started_at": to_ms(attempt.started_at)}
    connection.execute(insert(attempts).values(values))
    return attempt_id
