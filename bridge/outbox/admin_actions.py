"""Admin actions: queue again, discard, and replace held events with corrected ones."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Select, delete, exists, func, insert, select, update

from bridge.mode import UNKNOWN_DESTINATION
from bridge.models import Request
from bridge.outbox.database import in_portions
from bridge.outbox.deletion import delete_events, lock_fetches
from bridge.outbox.hourly_counts import COUNTED, changes_in
from bridge.outbox.ids import moment_of, new_id
from bridge.outbox.inserts import (
    Statements,
    claims_event_id,
    fetch_row,
    pack_event,
    store_events,
)
from bridge.outbox.lanes import LaneOf, lane_key
from bridge.outbox.new_jobs import insert_job, pack_job_of
from bridge.outbox.packed import EventRows
from bridge.outbox.records import NewEvent, NewFetch, NewJob, raw_id, text_id, to_ms
from bridge.outbox.tables import (
    attempts,
    event_attempts,
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
_BECAME = {"waiting": "remapped", "held": "still_held"}
# The status that a correction replaces -> how the history of an event names that.
_OUTCOMES: dict[str, str] = {"held": "remapped", "fetching": "fetched"}
_NO_LONGER = "the corrected mapping makes no such event"


@dataclass(frozen=True, slots=True)
class Correction:
    """What a webhook becomes with the mapping as it is now, and with what was fetched for it.

    `fetch` says what is still to be fetched for those of its events that are `fetching`; `note` is a line for
    the history of its events; `job` is what the webhook asks for.
    """

    revision: str
    events: tuple[NewEvent, ...]
    fetch: NewFetch | None = None
    note: str = ""
    job: NewJob | None = None


@dataclass(frozen=True, slots=True)
class ReplayPage:
    """Some events to be sent again: what held webhooks become first, and when each other event is due."""

    corrections: Mapping[str, Correction]
    due_at: Mapping[str, datetime]


def replay_page(
    connection: Connection, run: Statements, page: ReplayPage, now: int, lane_of: LaneOf
) -> Counter[str]:
    """Replace held events by corrected ones, make the others due; count what became of them."""
    corrector = Corrector(connection, run, lane_of, now)
    became: Counter[str] = Counter()
    for webhook_id, correction in page.corrections.items():
        corrected = corrector.correct(raw_id(webhook_id) or b"", correction)
        became.update(_BECAME.get(status, status) for status in corrected.values())
    due = {raw_id(event_id) or b"": to_ms(moment) for event_id, moment in page.due_at.items()}
    became.update(requeue(connection, due, now, lane_of).values())
    return became


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
    changes_in(connection).move([[row._mapping[column] for column in COUNTED]], row.status, "waiting")
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
    chosen = select(*COUNTED, events.c.id, events.c.status).where(
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


class Corrector:
    """Replaces the events of a webhook that have one status (held, fetching); the others stay as they are.

    An event keeps its own id. Old and new events are paired by label and destination,
    then by order; what is new is added, what is gone is discarded.
    """

    def __init__(
        self,
        connection: Connection,
        run: Statements,
        lane_of: LaneOf,
        now: int,
        status: Literal["held", "fetching"] = "held",
    ) -> None:
        self._connection = connection
        self._run = run
        self._lane_of = lane_of
        self._now = now
        self._status = status

    def correct(self, webhook_id: bytes, correction: Correction) -> dict[bytes, str]:
        """Return the status each event of the webhook that was touched has now."""
        old = self._connection.execute(
            select(events.c.id, events.c.label, events.c.destination, events.c.status)
            .where(events.c.webhook_id == webhook_id)
            .order_by(events.c.id)
            .with_for_update()
        ).all()
        held = [row for row in old if row.status == self._status]
        if not held:  # another process was faster
            return {}
        pairs, added = _paired(old, correction.events, self._status)
        gone = [row.id for row in held if row.id not in pairs]
        self._record(webhook_id, [row.id for row in held], correction)
        self._remove([row_id for row_id in pairs if row_id in {row.id for row in held}])
        replaced = [(row.id, pairs[row.id]) for row in held if row.id in pairs]
        fresh = [(new_id(moment_of(webhook_id)), event) for event in added]
        written = self._store(webhook_id, [*replaced, *fresh])
        if correction.fetch is not None and "fetching" in written.values():
            self._fetch(webhook_id, correction.fetch)
        discard(self._connection, gone, _NO_LONGER, self._now)
        if correction.job:
            insert_job(self._connection, pack_job_of(correction.job, self._run.cipher, webhook_id, self._now))
        self._connection.execute(
            update(webhooks)
            .where(webhooks.c.id == webhook_id)
            .values(revision=correction.revision, event_count=webhooks.c.event_count + len(fresh))
        )
        changes_in(self._connection).add_received(webhook_id, self._mapping_of(webhook_id), len(fresh))
        return {**written, **dict.fromkeys(gone, "discarded")}

    def _store(self, webhook_id: bytes, rows: Sequence[tuple[bytes, NewEvent]]) -> dict[bytes, str]:
        mapping = self._mapping_of(webhook_id)
        packed = [self._pack(row_id, event, mapping, webhook_id) for row_id, event in rows]
        allowed = self._run.never_send.events(self._connection, packed)
        stored = store_events(self._connection, self._run, allowed, self._lane_of)
        return {row_id: line.status for row_id, line in stored.items()}

    def _mapping_of(self, webhook_id: bytes) -> str:
        chosen = select(webhooks.c.mapping).where(webhooks.c.id == webhook_id)
        return str(self._connection.execute(chosen).scalar_one())

    def _fetch(self, webhook_id: bytes, fetch: NewFetch) -> None:
        self._connection.execute(delete(fetches).where(fetches.c.webhook_id == webhook_id))
        if fetch.anew:
            self._connection.execute(delete(fetched).where(fetched.c.webhook_id == webhook_id))
        self._run.fetches.many(self._connection, [fetch_row(fetch, webhook_id, self._now)])

    def _pack(self, row_id: bytes, event: NewEvent, mapping: str, webhook_id: bytes) -> EventRows:
        rows = pack_event(event, mapping, webhook_id, self._now)
        return replace(
            rows,
            id=row_id,
            event=rows.event | {"id": row_id},
            payload=rows.payload and (row_id, *rows.payload[1:]),
        )

    def _remove(self, ids: Sequence[bytes]) -> None:
        self._connection.execute(delete(payloads).where(payloads.c.event_id.in_(ids)))
        delete_events(self._connection, events.c.id.in_(ids))

    def _record(self, webhook_id: bytes, ids: Sequence[bytes], correction: Correction) -> None:
        """Leave a line in the history of each event, so that both revisions can be seen."""
        chosen = select(webhooks.c.revision, func.count(events.c.id), func.min(events.c.destination))
        revision, number, destination = self._connection.execute(
            chosen.join_from(webhooks, events, events.c.webhook_id == webhooks.c.id)
            .where(webhooks.c.id == webhook_id)
            .group_by(webhooks.c.revision)
        ).one()
        attempt_id = new_id(self._now)
        line = {
            "id": attempt_id,
            "destination": destination,
            "dataset_id": "",
            "events": number,
            "started_at": self._now,
            "duration_ms": 0,
            "outcome": _OUTCOMES[self._status],
            "reason": correction.note
            or f"mapped again with revision {correction.revision}, before with {revision}",
        }
        self._connection.execute(insert(attempts).values(line))
        lines = [{"event_id": row_id, "attempt_id": attempt_id} for row_id in ids]
        self._connection.execute(insert(event_attempts), lines)


def _paired(
    old: Sequence[Any], new: Sequence[NewEvent], status: str
) -> tuple[dict[bytes, NewEvent], list[NewEvent]]:
    """Pair each old row with the new event that replaces it; return the pairs and the events left over."""
    places: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for row in old:
        places[row.label, row.destination].append(row.id)
    pairs: dict[bytes, NewEvent] = {}
    rest: list[NewEvent] = []
    for event in new:
        place = places[event.label, event.destination]
        if place:
            pairs[place.pop(0)] = event
        else:
            rest.append(event)
    return _paired_by_order([row for row in old if row.status == status], pairs, rest)


def _paired_by_order(
    old: Sequence[Any], pairs: dict[bytes, NewEvent], rest: list[NewEvent]
) -> tuple[dict[bytes, NewEvent], list[NewEvent]]:
    """Pair the rest with rows left over: a webhook that could not be mapped had no labels."""
    added = []
    free = [row for row in old if row.id not in pairs]
    for event in rest:
        match = next(
            (row for row in free if row.destination in {event.destination, UNKNOWN_DESTINATION}), None
        )
        if match is None:
            added.append(event)
        else:
            free.remove(match)
            pairs[match.id] = event
    return pairs, added
