"""Looking things up: lists, one event with all that is known of it, counts and depths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    union_all,
)

from bridge.mode import mode_of
from bridge.outbox import hourly_counts
from bridge.outbox.event_conditions import IS_CLAIMED, conditions
from bridge.outbox.event_hours import hours_of
from bridge.outbox.hourly_counts import HOUR_MS
from bridge.outbox.ids import first_id, moment_of
from bridge.outbox.lanes import Lane
from bridge.outbox.pauses import Pause, all_pauses, why_not_fetched, why_waiting
from bridge.outbox.records import (
    STATUSES,
    Attempt,
    Counts,
    Depth,
    EventDetail,
    EventRecord,
    Query,
    from_ms,
    text_id,
)
from bridge.outbox.tables import (
    attempts,
    event_attempts,
    events,
    fetches,
    lanes,
    payloads,
    queue,
    raw_webhooks,
    webhooks,
)
from bridge.plurals import counted

_IS_FETCHED_FOR = (fetches.c.webhook_id == events.c.webhook_id) & (events.c.status == "fetching")
_STATUS = case((IS_CLAIMED, "sending"), else_=events.c.status)
_SHOWN = (
    events.c.id,
    events.c.webhook_id,
    events.c.mapping,
    events.c.label,
    events.c.destination,
    events.c.dataset_id,
    events.c.test_event_code,
    events.c.event_name,
    events.c.event_id,
    events.c.event_time,
    _STATUS.label("status"),
    events.c.reason,
    events.c.findings,
    events.c.match_score,
    events.c.consent,
    events.c.consent_source,
    events.c.accepted_until,
    webhooks.c.received_at,
    events.c.changed_at,
    events.c.attempts,
    func.coalesce(queue.c.due_at, fetches.c.due_at).label("next_attempt_at"),
    fetches.c.source.label("fetched_from"),
)

# read only where a person looks at events
_OF_ONE = (payloads.c.body, attempts.c.code, attempts.c.subcode)


def find(connection: Connection, query: Query) -> list[EventRecord]:
    """Return the events that match a query, newest first."""
    where = [*conditions(query), *hours_of(connection, query, newest=True)]
    chosen = _with_body(_joined(select(*_SHOWN, *_OF_ONE))).where(*where)
    return _records(connection, chosen.order_by(events.c.id.desc()).limit(query.limit))


def count(connection: Connection, query: Query) -> int:
    """Return how many events match a query, without its limit."""
    where = [*conditions(query), *hours_of(connection, query)]
    inner = _with_queue(select(events.c.id)).where(*where).subquery()
    return int(connection.execute(select(func.count()).select_from(inner)).scalar_one())


def ids_of(connection: Connection, query: Query) -> list[bytes]:
    """Return the ids of the events that match a query, oldest first."""
    where = [*conditions(query), *hours_of(connection, query)]
    chosen = _with_queue(select(events.c.id)).where(*where).order_by(events.c.id)
    return list(connection.execute(chosen.limit(query.limit)).scalars())


def show(connection: Connection, event_id: bytes) -> EventDetail | None:
    """Return everything that is kept about one event."""
    row = connection.execute(
        _with_body(
            _joined(select(*_SHOWN, *_OF_ONE, webhooks.c.revision, webhooks.c.request_id, _raw_kept()))
        ).where(events.c.id == event_id)
    ).first()
    if row is None:
        return None
    return EventDetail(
        event=_record(row, all_pauses(connection)),
        body=row.body,
        attempts=tuple(attempts_of(connection, event_id)),
        revision=row.revision,
        request_id=row.request_id,
        raw_kept=bool(row.raw_kept),
    )


def attempts_of(connection: Connection, event_id: bytes) -> list[Attempt]:
    """Return the calls that carried an event, in order: the failed ones, and the last."""
    failed = select(event_attempts.c.attempt_id).where(event_attempts.c.event_id == event_id)
    last = select(events.c.last_attempt).where(events.c.id == event_id, events.c.last_attempt.is_not(None))
    carried = or_(attempts.c.id.in_(failed), attempts.c.id.in_(last))
    return [
        _attempt(row) for row in connection.execute(select(attempts).where(carried).order_by(attempts.c.id))
    ]


def records(connection: Connection, ids: Sequence[bytes]) -> list[EventRecord]:
    """Return some events by their ids, oldest first."""
    chosen = _joined(select(*_SHOWN)).where(events.c.id.in_(ids)).order_by(events.c.id)
    return _records(connection, chosen)


def statuses(connection: Connection, ids: list[bytes]) -> dict[bytes, tuple[str, str | None]]:
    """Return the present status and reason of some events."""
    rows = connection.execute(
        select(events.c.id, _STATUS, events.c.reason)
        .outerjoin_from(events, queue, queue.c.event_id == events.c.id)
        .where(events.c.id.in_(ids))
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def lanes_of(connection: Connection, ids: list[bytes]) -> list[tuple[Lane, list[bytes]]]:
    """Return the events that are still queued, by lane."""
    rows = connection.execute(
        select(queue.c.event_id, lanes.c.id, lanes.c.destination, lanes.c.dataset_id, lanes.c.test_event_code)
        .join_from(queue, lanes, lanes.c.id == queue.c.lane_id)
        .where(queue.c.event_id.in_(ids))
        .order_by(lanes.c.id, queue.c.event_id)
    )
    grouped: dict[Lane, list[bytes]] = {}
    for event_id, number, destination, dataset_id, code in rows:
        grouped.setdefault(Lane(number, destination, dataset_id, code or None), []).append(event_id)
    return list(grouped.items())


def counts(connection: Connection) -> Counts:
    """Return how many events are in each status, and independently how many the webhooks became."""
    sending = select(literal("sending"), func.count()).select_from(queue).where(IS_CLAIMED)
    rows: Any = connection.execute(union_all(hourly_counts.totals(), sending)).all()
    kept: dict[str, int] = dict(rows)
    kept["waiting"] = kept.get("waiting", 0) - kept["sending"]
    return Counts(kept.pop("received", 0), {status: kept.get(status, 0) for status in STATUSES})


def discrepancies(connection: Connection) -> list[str]:
    """Return every way in which the totals do not reconcile; an empty list proves that nothing is lost."""
    found = hourly_counts.differences(connection)
    totals = counts(connection)
    if not totals.reconciled:
        received, accounted = counted(totals.received, "event"), sum(totals.by_status.values())
        found.append(f"{received} received, {accounted} accounted for")
    queued = exists().where(queue.c.event_id == events.c.id)
    has_body = exists().where(payloads.c.event_id == queue.c.event_id)
    known = exists().where(events.c.id == queue.c.event_id, events.c.status == "waiting")
    fetched_for = exists().where(fetches.c.webhook_id == events.c.webhook_id)
    still_fetching = exists().where(
        events.c.webhook_id == fetches.c.webhook_id, events.c.status == "fetching"
    )
    has_request = exists().where(raw_webhooks.c.webhook_id == fetches.c.webhook_id)
    checks: tuple[tuple[str, str, Any, ColumnElement[bool]], ...] = (
        ("waiting event", "that nobody will send", events, and_(events.c.status == "waiting", not_(queued))),
        ("queued event", "not waiting", queue, not_(known)),
        ("queued event", "without a body", queue, not_(has_body)),
        (
            "fetching event",
            "that nobody will fetch for",
            events,
            and_(events.c.status == "fetching", not_(fetched_for)),
        ),
        ("webhook", "to fetch for without a fetching event", fetches, not_(still_fetching)),
        ("webhook", "to fetch for, but not kept", fetches, not_(has_request)),
    )
    for noun, rest, source, broken in checks:
        number = connection.execute(select(func.count()).select_from(source).where(broken)).scalar_one()
        if number:
            found.append(f"{counted(number, noun)} {rest}")
    return found


def depths(connection: Connection, now: int) -> list[Depth]:
    """Return how much waits for each destination, and how old the oldest is."""
    sending = _sending(connection)
    return [
        Depth(destination, number - sending[destination], sending[destination], age)
        for destination, number, first_hour in hourly_counts.waiting(connection)
        for age in [_age_of_oldest(connection, destination, first_hour, now)]
    ]


def _sending(connection: Connection) -> Counter[str]:
    claimed = (
        select(lanes.c.destination, func.count())
        .join_from(queue, lanes, lanes.c.id == queue.c.lane_id)
        .where(IS_CLAIMED)
        .group_by(lanes.c.destination)
    )
    rows: Any = connection.execute(claimed).all()
    return Counter(dict(rows))


def _age_of_oldest(connection: Connection, destination: str, hour: int, now: int) -> float | None:
    """Look for the oldest event that waits from the hour on in which there is one, by the counts."""
    of_destination = queue.c.lane_id.in_(select(lanes.c.id).where(lanes.c.destination == destination))
    from_then_on = select(queue.c.event_id).where(queue.c.event_id >= first_id(hour * HOUR_MS))
    oldest = from_then_on.where(of_destination).order_by(queue.c.event_id).limit(1)
    found = connection.execute(oldest).scalar()
    return None if found is None else (now - moment_of(found)) / 1000


def queued(connection: Connection) -> int:
    """Return how many events have still to be sent or fetched for."""
    return hourly_counts.number_of(connection, ("waiting", "fetching"))


def expiring(connection: Connection, before: int) -> int:
    """Return how many queued events Meta would reject for their age at `before` (Unix seconds)."""
    old = queue.c.accepted_until <= before
    return int(connection.execute(select(func.count()).select_from(queue).where(old)).scalar_one())


def _joined(selection: Select[Any]) -> Select[Any]:
    return (
        selection.select_from(events)
        .join(webhooks, webhooks.c.id == events.c.webhook_id)
        .outerjoin(queue, queue.c.event_id == events.c.id)
        .outerjoin(fetches, _IS_FETCHED_FOR)
    )


def _with_queue(selection: Select[Any]) -> Select[Any]:
    return selection.select_from(events).outerjoin(queue, queue.c.event_id == events.c.id)


def _with_body(selection: Select[Any]) -> Select[Any]:
    return selection.outerjoin(payloads, payloads.c.event_id == events.c.id).outerjoin(
        attempts, attempts.c.id == events.c.last_attempt
    )


def _raw_kept() -> Any:
    return exists().where(raw_webhooks.c.webhook_id == events.c.webhook_id).label("raw_kept")


def _records(connection: Connection, chosen: Select[Any]) -> list[EventRecord]:
    paused = all_pauses(connection)
    return [_record(row, paused) for row in connection.execute(chosen)]


def _reason(row: Row[Any], paused: Mapping[str, Pause]) -> str | None:
    """Return why an event is where it is; one that waits for something paused says so."""
    why = None
    if row.status == "waiting":
        why = why_waiting(paused, row.destination, row.dataset_id)
    elif row.fetched_from:
        why = why_not_fetched(paused, row.fetched_from, row.changed_at)
    reason: str | None = why or row.reason
    return reason


def _record(row: Row[Any], paused: Mapping[str, Pause]) -> EventRecord:
    return EventRecord(
        id=text_id(row.id),
        webhook_id=text_id(row.webhook_id),
        mapping=row.mapping,
        label=row.label,
        destination=row.destination,
        dataset_id=row.dataset_id,
        test_event_code=row.test_event_code,
        mode=mode_of(row.dataset_id, row.test_event_code),
        event_name=row.event_name,
        event_id=row.event_id,
        event_time=row.event_time,
        status=row.status,
        reason=_reason(row, paused),
        findings=tuple(orjson.loads(row.findings)) if row.findings else (),
        match_score=row.match_score,
        consent=row.consent,
        consent_source=row.consent_source,
        accepted_until=row.accepted_until,
        received_at=from_ms(row.received_at),
        changed_at=from_ms(row.changed_at),
        attempts=row.attempts,
        next_attempt_at=None if row.next_attempt_at is None else from_ms(row.next_attempt_at),
        **_of_one(row) if hasattr(row, "body") else {},
    )


def _of_one(row: Row[Any]) -> dict[str, Any]:
    """Return what people ask about an event: its worth, its order, and the code of its reason."""
    sold = (orjson.loads(row.body).get("custom_data") or {}) if row.body else {}
    order_id = sold.get("order_id")
    return {
        "value": sold.get("value"),
        "currency": sold.get("currency"),
        "order_id": None if order_id is None else str(order_id),
        "reason_code": _reason_code(row),
    }


def _reason_code(row: Row[Any]) -> str | None:
    if row.status == "refused" and row.code is not None:
        return str(row.code) if row.subcode is None else f"{row.code}/{row.subcode}"
    found = orjson.loads(row.findings) if row.findings and row.status == "held" else ()
    return next((finding["code"] for finding in found if finding["severity"] == "error"), None)


def _attempt(row: Row[Any]) -> Attempt:
    values = dict(row._mapping)
    return Attempt(**values | {"id": text_id(row.id), "started_at": from_ms(row.started_at)})
