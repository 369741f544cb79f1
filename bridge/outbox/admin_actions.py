"""Admin actions: queue events again, discard them, and find the webhooks of those that are held."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, exists, insert, select, update

from bridge.models import Request
from bridge.outbox.database import in_portions
from bridge.outbox.deletion import lock_fetches
from bridge.outbox.hourly_counts import PLACE, changes_in
from bridge.outbox.inserts import (
    claims_event_id,
)
from bridge.outbox.lanes import LaneOf, lane_key
from bridge.outbox.records import text_id
from bridge.outbox.tables import (
    events,
    fetched,
    fetches,
    payloads,
    queue,
    raw_webhooks,
    webhooks,
)

_FOR_EVER = 2**62
REPLAYABLE = ("sent", "refused", "expired", "discarded", "waiting")
_UNSENT = ("fetching", "waiting", "held")
_DISCARDABLE = (*_UNSENT, "refused", "expired")


def requeue(
    connection: Connection, due_at: Mapping[bytes, int], now: int, lane_of: LaneOf
) -> dict[bytes, str]:
    """Send events again with the same body and ids, each at its time; return what became of each.

    An event that waits already is only made due, and so is what is fetched for one (`fetching`). One whose
    name and id another event took meanwhile stays as it is (`duplicate`), and so does one that is too old by
    now (`too_old`), has no body (`no_body`) or is being sent (`sending`).
    """
    rows = connection.execute(
        select(
            events, payloads.c.event_id.label("has_body"), queue.c.claim_id, queue.c.event_id.label("queued")
        )
        .outerjoin_from(events, payloads, payloads.c.event_id == events.c.id)
        .outerjoin(queue, queue.c.event_id == events.c.id)
        .where(events.c.id.in_(list(due_at)))
        .order_by(events.c.id)
        .with_for_update(of=events)
    ).all()
    return {row.id: _requeue_one(connection, row, due_at[row.id], now, lane_of) for row in rows}


def _requeue_one(connection: Connection, row: Any, due_at: int, now: int, lane_of: LaneOf) -> str:
    if row.claim_id is not None:
        return "sending"
    if row.queued is not None:
        connection.execute(update(queue).where(queue.c.event_id == row.id).values(due_at=due_at))
        return "replayed"
    if row.status == "fetching":
        mine = (fetches.c.webhook_id == row.webhook_id) & fetches.c.claim_id.is_(None)
        connection.execute(update(fetches).where(mine).values(due_at=due_at))
    reason = _why_not(connection, row, now)
    if reason:
        return reason
    claim = claims_event_id("waiting", row.event_id, row.test_event_code)
    values = {"status": "waiting", "reason": None, "changed_at": now, "stands": claim}
    connection.execute(update(events).where(events.c.id == row.id).values(values))
    changes_in(connection).move([[row._mapping[column] for column in PLACE]], row.status, "waiting")
    lane = lane_of(lane_key(row.destination, row.dataset_id, row.test_event_code))
    queued = {"event_id": row.id, "lane_id": lane, "due_at": due_at, "attempts": 0}
    connection.execute(insert(queue).values(**queued, accepted_until=row.accepted_until or _FOR_EVER))
    return "replayed"


def _why_not(connection: Connection, row: Any, now: int) -> str | None:
    if row.status not in REPLAYABLE:
        return str(row.status)
    if row.has_body is None:
        return "no_body"
    if row.accepted_until is not None and row.accepted_until <= now // 1000:
        return "too_old"
    taken = exists().where(
        events.c.event_id == row.event_id,
        events.c.event_name == row.event_name,
        events.c.dataset_id == row.dataset_id,
        events.c.stands == 1,
        events.c.id != row.id,
    )
    return "duplicate" if not row.test_event_code and connection.execute(select(taken)).scalar() else None


def discard(
    connection: Connection, ids: Sequence[bytes], reason: str, now: int, of: Sequence[str] = _DISCARDABLE
) -> int:
    """Discard events of these statuses; what is being sent is left alone. Return how many were discarded."""
    return _end(connection, ids, of, "discarded", reason, now)


def withdraw(connection: Connection, webhook_ids: Sequence[bytes], reason: str, now: int) -> None:
    """Suppress what is not sent yet of some webhooks, because their person does not want it any more."""
    for some in in_portions(webhook_ids):
        unsent = select(events.c.id).where(events.c.webhook_id.in_(some), events.c.status.in_(_UNSENT))
        ids = list(connection.execute(unsent).scalars())
        _end(connection, ids, _UNSENT, "suppressed", reason, now)
        theirs = (events.c.id.in_(ids), events.c.status == "suppressed")
        connection.execute(update(events).where(*theirs).values(consent="denied", consent_source=reason))
        connection.execute(
            delete(payloads).where(payloads.c.event_id.in_(select(events.c.id).where(*theirs)))
        )


def _end(  # noqa: PLR0913, PLR0917 - what becomes of which events
    connection: Connection, ids: Sequence[bytes], of: Sequence[str], status: str, reason: str, now: int
) -> int:
    of_these = select(events.c.webhook_id).where(events.c.id.in_(ids))
    lock_fetches(connection, of_these)
    claimed = exists().where(queue.c.event_id == events.c.id, queue.c.claim_id.is_not(None))
    chosen = select(*PLACE, events.c.id, events.c.status).where(
        events.c.id.in_(ids), events.c.status.in_(of), ~claimed
    )
    rows = connection.execute(chosen.order_by(events.c.id).with_for_update()).all()
    values = {"status": status, "reason": reason, "changed_at": now, "stands": None}
    connection.execute(update(events).where(events.c.id.in_([row.id for row in rows])).values(values))
    for *event, _row_id, before in rows:
        changes_in(connection).move([event], before, status)
    gone = exists().where(events.c.id == queue.c.event_id, events.c.status == status)
    connection.execute(delete(queue).where(queue.c.event_id.in_(ids), gone))
    _stop_fetching(connection, of_these)
    return len(rows)


def _stop_fetching(connection: Connection, webhook_ids: Select[tuple[bytes]]) -> None:
    """Fetch nothing more for those of some webhooks of which no event is fetching any more."""
    still = exists().where(events.c.webhook_id == fetches.c.webhook_id, events.c.status == "fetching")
    connection.execute(delete(fetches).where(fetches.c.webhook_id.in_(webhook_ids), ~still))


@dataclass(frozen=True, slots=True)
class HeldEvent:
    """Where a held event was to go, and as what: that does not change when it is mapped again."""

    destination: str
    dataset_id: str
    test_event_code: str | None


@dataclass(frozen=True, slots=True)
class HeldWebhook:
    """A webhook with held events; `request` is None when it is no longer kept or cannot be decrypted.

    `fetched` is what was fetched for it.
    """

    id: str
    mapping: str
    request: Request | None
    is_kept: bool
    events: tuple[HeldEvent, ...]
    fetched: bytes | None = None


def held_webhooks(
    connection: Connection,
    ids: Sequence[bytes],
    decrypt: Callable[[bytes | None, bytes], Request | None],
    opened: Callable[[bytes | None, bytes], bytes | None],
) -> list[HeldWebhook]:
    """Return the webhooks that these held events came from."""
    of_held = select(events.c.webhook_id).where(events.c.id.in_(ids), events.c.status == "held")
    rows = connection.execute(
        select(webhooks.c.id, webhooks.c.mapping, raw_webhooks.c.sealed, fetched.c.sealed.label("fetched"))
        .outerjoin_from(webhooks, raw_webhooks, raw_webhooks.c.webhook_id == webhooks.c.id)
        .outerjoin(fetched, fetched.c.webhook_id == webhooks.c.id)
        .where(webhooks.c.id.in_(of_held))
        .order_by(webhooks.c.id)
    )
    return [
        HeldWebhook(
            id=text_id(row.id),
            mapping=row.mapping,
            request=decrypt(row.sealed, row.id),
            is_kept=row.sealed is not None,
            events=_held_events(connection, row.id),
            fetched=opened(row.fetched, row.id),
        )
        for row in rows.all()
    ]


def _held_events(connection: Connection, webhook_id: bytes) -> tuple[HeldEvent, ...]:
    columns = (events.c.destination, events.c.dataset_id, events.c.test_event_code)
    of_webhook = select(*columns).where(events.c.webhook_id == webhook_id, events.c.status == "held")
    return tuple(HeldEvent(*row) for row in connection.execute(of_webhook.order_by(events.c.id)))
