"""Writing webhooks: the rows of each are prepared in its own thread, then many are stored in one go.

Two guarantees are the database's own, and what they reject stays visible:

- `repeat_keys (mapping, repeat_key, scope)`: the same webhook again within its window is a *duplicate*;
  nothing new is stored, and the receipt shows the events it became. While some of them are held, it is no
  duplicate: it is mapped again, in place, with the mapping that is active now (`repeats`).
- `events (event_id, event_name, dataset_id, stands)`: a *different* webhook may yield an event that is
  already waiting or sent for that dataset (an order that two webhooks report). Sending it
  again would count on Meta's deduplication, which ends after 48 hours; an error would make the sender retry
  for ever. So the second is stored as `skipped`, its reason naming the first. Held, refused, expired,
  suppressed and discarded events claim no id: a corrected one with the same id gets through.
  Neither do test events: a rehearsal must never cost the real conversion, and may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, Table, bindparam, select

from bridge.crypto import Cipher
from bridge.errors import WrongUse
from bridge.outbox.database import PreparedStatement, dialect_insert, in_portions
from bridge.outbox.hourly_counts import COUNTED, changes_in
from bridge.outbox.ids import new_id
from bridge.outbox.lanes import LaneOf, lane_key
from bridge.outbox.never_send import NeverSend
from bridge.outbox.new_jobs import insert_jobs, pack_job_of
from bridge.outbox.packed import EventRows, PackedWebhook, Row
from bridge.outbox.raw_webhooks import encrypt_request
from bridge.outbox.records import (
    NewEvent,
    NewFetch,
    NewWebhook,
    Receipt,
    StoredEvent,
    text_id,
    to_ms,
)
from bridge.outbox.repeat_scope import repeat_scope
from bridge.outbox.tables import (
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
from bridge.outbox.visit_rows import VisitStatements, pack_visit

WEBHOOK_COLUMNS = ("id", "mapping", "revision", "received_at", "request_id", "event_count")
RAW_COLUMNS = ("webhook_id", "sealed")
REPEAT_COLUMNS = ("mapping", "repeat_key", "scope", "webhook_id", "expires_at")
EVENT_COLUMNS = tuple(column.name for column in events.columns if column.name not in {"last_attempt"})
PAYLOAD_COLUMNS = ("event_id", "body")
FETCH_COLUMNS = ("webhook_id", "source", "received_at", "due_at", "give_up_at", "anew", "attempts", "reason")
FETCHED_COLUMNS = ("webhook_id", "sealed")
EVENT_ATTEMPT_COLUMNS = ("event_id", "attempt_id")
QUEUE_COLUMNS = ("event_id", "lane_id", "due_at", "attempts", "accepted_until")
_event_row = itemgetter(*EVENT_COLUMNS)
_counted_columns = itemgetter(*[column.name for column in COUNTED])


class Statements:
    """The inserts of the intake, compiled for one database.

    OR FAIL: whatever goes wrong ends the whole transaction, so SQLite need not keep a copy of every page it
    touches to be able to undo one statement of many rows.
    """

    def __init__(self, engine: Engine, cipher: Cipher) -> None:
        self.cipher = cipher
        self.never_send = NeverSend(cipher)
        self.visits = VisitStatements(engine)
        insert = partial(_insert_or_fail, dialect_insert(engine.dialect.name))
        self.webhooks = PreparedStatement(insert(webhooks), engine, WEBHOOK_COLUMNS)
        self.raw = PreparedStatement(insert(raw_webhooks), engine, RAW_COLUMNS)
        self.payloads = PreparedStatement(insert(payloads), engine, PAYLOAD_COLUMNS)
        self.queue = PreparedStatement(insert(queue), engine, QUEUE_COLUMNS)
        self.fetches = PreparedStatement(insert(fetches), engine, FETCH_COLUMNS)
        self.fetched = PreparedStatement(_replace_fetched(engine), engine, FETCHED_COLUMNS)
        self.event_attempts = PreparedStatement(insert(event_attempts), engine, EVENT_ATTEMPT_COLUMNS)
        self.events = PreparedStatement(insert(events).on_conflict_do_nothing(), engine, EVENT_COLUMNS)
        remember = insert(repeat_keys)
        self.repeat_keys = PreparedStatement(remember.on_conflict_do_nothing(), engine, REPEAT_COLUMNS)
        self.old_keys = PreparedStatement(
            remember.values({name: bindparam(name) for name in REPEAT_COLUMNS}).on_conflict_do_update(
                index_elements=["mapping", "repeat_key", "scope"],
                set_={"webhook_id": remember.excluded.webhook_id, "expires_at": remember.excluded.expires_at},
                where=repeat_keys.c.expires_at <= bindparam("now"),
            ),
            engine,
            (*REPEAT_COLUMNS, "now"),
        )


def _insert_or_fail(insert: Callable[[Table], Any], table: Table) -> Any:
    return insert(table).prefix_with("OR FAIL", dialect="sqlite")


def _replace_fetched(engine: Engine) -> Any:
    statement = dialect_insert(engine.dialect.name)(fetched)
    return statement.on_conflict_do_update(
        index_elements=["webhook_id"], set_={"sealed": statement.excluded.sealed}
    )


def pack(webhook: NewWebhook, cipher: Cipher) -> PackedWebhook:
    """Turn a webhook into rows; all the work that needs no database is done here."""
    received_at = to_ms(webhook.received_at)
    webhook_id = new_id(received_at)
    return PackedWebhook(
        webhook=webhook,
        id=webhook_id,
        webhook_row=(
            webhook_id,
            webhook.mapping,
            webhook.revision,
            received_at,
            storable(webhook.request_id),
            len(webhook.events),
        ),
        raw_row=_raw_row(webhook, cipher, webhook_id),
        repeat_row=_repeat_row(webhook, webhook_id, received_at),
        events=tuple(
            [pack_event(event, webhook.mapping, webhook_id, received_at) for event in webhook.events]
        ),
        cipher=cipher,
        fetch_row=None if webhook.fetch is None else fetch_row(webhook.fetch, webhook_id, received_at),
        job=pack_job_of(webhook.job, cipher, webhook_id, received_at) if webhook.job else None,
        visit=pack_visit(webhook.visit, cipher) if webhook.visit else None,
    )


def fetch_row(fetch: NewFetch, webhook_id: bytes, now: int) -> Row:
    """Return the row that has records fetched for a webhook, at once."""
    return (webhook_id, fetch.source, now, now, to_ms(fetch.give_up_at), int(fetch.anew), 0, "")


def _raw_row(webhook: NewWebhook, cipher: Cipher, webhook_id: bytes) -> Row | None:
    if webhook.request is None:
        return None
    return (webhook_id, encrypt_request(webhook.request, cipher, webhook_id))


def _repeat_row(webhook: NewWebhook, webhook_id: bytes, received_at: int) -> Row | None:
    if webhook.repeat_key is None or webhook.repeat_window_seconds <= 0:
        return None
    expires_at = received_at + webhook.repeat_window_seconds * 1000
    return (webhook.mapping, webhook.repeat_key, repeat_scope(webhook), webhook_id, expires_at)


def pack_event(event: NewEvent, mapping: str, webhook_id: bytes, now: int) -> EventRows:
    """Turn one event into rows."""
    if event.status == "waiting" and event.body is None:
        raise WrongUse("an event cannot wait for delivery without a body")
    event_row_id = new_id(now)
    row = {
        "id": event_row_id,
        "webhook_id": webhook_id,
        "mapping": mapping,
        "label": storable(event.label),
        "destination": event.destination,
        "dataset_id": event.dataset_id,
        "test_event_code": storable(event.test_event_code),
        "event_name": storable(event.event_name),
        "event_id": storable(event.event_id),
        "stands": claims_event_id(event.status, event.event_id, event.test_event_code),
        "event_time": event.event_time,
        "status": event.status,
        "reason": storable(event.reason),
        "findings": findings_text(event),
        "match_score": event.match_score,
        "score_without_visit": event.score_without_visit,
        "consent": event.consent.decision if event.consent else None,
        "consent_source": storable(event.consent.source) if event.consent else None,
        "accepted_until": event.accepted_until,
        "changed_at": now,
        "attempts": 0,
    }
    payload = None if event.body is None else (event_row_id, event.body)
    waits = event.status == "waiting"
    lane = lane_key(event.destination, event.dataset_id, event.test_event_code) if waits else None
    return EventRows(event_row_id, row, payload, lane)


def claims_event_id(status: str, event_id: str | None, test_event_code: str | None) -> int | None:
    """Return whether an event claims its name and id for itself (1) or not (None)."""
    return 1 if status in {"waiting", "sending", "sent"} and event_id and not test_event_code else None


def findings_text(event: NewEvent) -> Any:
    """Return the findings as they are kept: a JSON list, or nothing."""
    if not event.findings:
        return None
    return storable(orjson.dumps([finding.as_json() for finding in event.findings]).decode())


def storable(text: str | None) -> Any:
    """Return a text every database takes: PostgreSQL has no NUL, and neither has lone surrogates.

    Only our own texts about an event go through here; its body is bytes and stays as it is.
    """
    if text is None or (text.isascii() and "\x00" not in text):
        return text
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def store(
    connection: Connection, run: Statements, packed_webhooks: Sequence[PackedWebhook], lane_of: LaneOf
) -> list[Receipt]:
    """Write all webhooks in the open transaction and return their receipts in the same order."""
    winners = _remember(connection, run, packed_webhooks)
    new = [packed for packed in packed_webhooks if winners[packed.id] == packed.id]
    fresh = run.never_send.webhooks(connection, new)
    run.webhooks.many(connection, [packed.webhook_row for packed in fresh])
    changes_in(connection).add_webhooks(
        [(packed.id, packed.webhook.mapping, len(packed.events)) for packed in fresh]
    )
    run.raw.many(connection, [packed.raw_row for packed in fresh if packed.raw_row])
    stored = store_events(connection, run, [rows for packed in fresh for rows in packed.events], lane_of)
    run.fetches.many(connection, [packed.fetch_row for packed in fresh if packed.fetch_row])
    insert_jobs(connection, [packed.job for packed in fresh])
    receipts = {packed.id: _receipt(packed, stored) for packed in fresh}
    return [
        receipts.get(packed.id) or already_stored(connection, winners[packed.id])
        for packed in packed_webhooks
    ]


def _receipt(packed: PackedWebhook, stored: Mapping[bytes, StoredEvent]) -> Receipt:
    events = tuple([stored[rows.id] for rows in packed.events])
    return Receipt(False, text_id(packed.id), events, job_id=text_id(packed.job.id) if packed.job else None)


def store_again(
    connection: Connection, run: Statements, packed_webhooks: Sequence[PackedWebhook], lane_of: LaneOf
) -> list[Receipt]:
    """Do the same after the connection broke: COMMIT may have worked, and only its confirmation was lost."""
    ids = [packed.id for packed in packed_webhooks]
    there = set(connection.execute(select(webhooks.c.id).where(webhooks.c.id.in_(ids))).scalars())
    missing = [packed for packed in packed_webhooks if packed.id not in there]
    receipts = store(connection, run, missing, lane_of)
    stored = dict(zip((packed.id for packed in missing), receipts, strict=True))
    return [stored.get(packed.id) or _stored_before(connection, packed) for packed in packed_webhooks]


def _stored_before(connection: Connection, packed: PackedWebhook) -> Receipt:
    job_id = text_id(packed.job.id) if packed.job else None
    return already_stored(connection, packed.id)._replace(duplicate=False, job_id=job_id)


def probe(connection: Connection) -> None:
    """Write a row that stands for nothing, to find out whether writing works; retention takes it away."""
    row = {"mapping": "", "repeat_key": b"probe", "scope": "", "webhook_id": bytes(16), "expires_at": 0}
    insert = dialect_insert(connection.dialect.name)(repeat_keys).values(row)
    key = list(repeat_keys.primary_key)
    connection.execute(insert.on_conflict_do_update(index_elements=key, set_={"expires_at": 0}))


def _remember(
    connection: Connection, run: Statements, packed_webhooks: Sequence[PackedWebhook]
) -> dict[bytes, bytes]:
    """Take the repeat keys; return for each webhook the one that holds its key (itself, if new).

    Nearly always all of them are new and taken in one go. Keys are taken in order, so that two processes
    never wait for each other.
    """
    holders = {packed.id: packed.id for packed in packed_webhooks}
    rows = sorted(
        [(packed.repeat_row, packed.webhook_row[3]) for packed in packed_webhooks if packed.repeat_row]
    )
    if run.repeat_keys.many(connection, [row for row, _ in rows]) == len(rows):
        return holders
    return holders | {row[3]: _holder(connection, run, row, received_at) for row, received_at in rows}


def _holder(connection: Connection, run: Statements, row: Row, received_at: int) -> bytes:
    """Take a key whose window was over when the webhook came; return the webhook that holds it then."""
    mapping, repeat_key, scope, webhook_id, _ = row
    if run.old_keys.many(connection, [(*row, received_at)]):
        return bytes(webhook_id)
    held = select(repeat_keys.c.webhook_id).where(
        repeat_keys.c.mapping == mapping,
        repeat_keys.c.repeat_key == repeat_key,
        repeat_keys.c.scope == scope,
    )
    found: bytes = connection.execute(held).scalar_one()
    return found


def store_events(
    connection: Connection, run: Statements, rows: Sequence[EventRows], lane_of: LaneOf
) -> dict[bytes, StoredEvent]:
    """Write events, bodies and queue rows; an event whose id is claimed already is written as skipped."""
    ordered = sorted(rows, key=_identity)
    if run.events.many(connection, [_event_row(row.event) for row in ordered]) < len(ordered):
        rows = _skip_claimed_ids(connection, run, rows)
    run.payloads.many(connection, [row.payload for row in rows if row.payload])
    run.queue.many(connection, [queued for row in rows if (queued := row.queue_row(lane_of))])
    changes_in(connection).add([_counted_columns(row.event) for row in rows])
    return {row.id: receipt_line(row.event) for row in rows}


def _identity(row: EventRows) -> tuple[str, str, str]:
    return row.event["event_id"] or "", row.event["event_name"], row.event["dataset_id"]


def _skip_claimed_ids(connection: Connection, run: Statements, rows: Sequence[EventRows]) -> list[EventRows]:
    written = {
        row_id
        for ids in in_portions([row.id for row in rows])
        for row_id in connection.execute(select(events.c.id).where(events.c.id.in_(ids))).scalars()
    }
    settled = [row if row.id in written else _skipped(connection, row) for row in rows]
    again = [_event_row(row.event) for row in settled if row.id not in written]
    run.events.many(connection, again)
    return settled


def _skipped(connection: Connection, row: EventRows) -> EventRows:
    event = row.event
    first = connection.execute(
        select(events.c.id).where(
            events.c.event_id == event["event_id"],
            events.c.event_name == event["event_name"],
            events.c.dataset_id == event["dataset_id"],
            events.c.stands == 1,
        )
    ).scalar_one()
    reason = f"the same event is already stored as {text_id(first)}"
    return replace(row, event=event | {"stands": None, "status": "skipped", "reason": reason}, lane=None)


def already_stored(connection: Connection, webhook_id: bytes) -> Receipt:
    """Return the receipt of a webhook that was stored before."""
    columns = (
        events.c.id,
        events.c.event_name,
        events.c.event_id,
        events.c.destination,
        events.c.status,
        events.c.reason,
    )
    found = connection.execute(
        select(*columns).where(events.c.webhook_id == webhook_id).order_by(events.c.id)
    ).mappings()
    return Receipt(True, text_id(webhook_id), tuple(receipt_line(row) for row in found))


def receipt_line(row: Any) -> StoredEvent:
    """Return what the sender may know of an event row."""
    return StoredEvent(
        id=text_id(row["id"]),
        event_name=row["event_name"],
        event_id=row["event_id"],
        destination=row["destination"],
        status=row["status"],
        reason=row["reason"],
    )
