"""Corrections: events of webhooks that were held, or fetched for, replaced by what they have become."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, select, update

from bridge.mode import UNKNOWN_DESTINATION
from bridge.outbox.admin_actions import discard, requeue
from bridge.outbox.deletion import delete_events
from bridge.outbox.hourly_counts import changes_in
from bridge.outbox.ids import moment_of, new_id
from bridge.outbox.inserts import Statements, fetch_row, pack_event, store_events
from bridge.outbox.lanes import LaneOf
from bridge.outbox.new_jobs import insert_job, pack_job_of
from bridge.outbox.packed import EventRows
from bridge.outbox.records import NewEvent, NewFetch, NewJob, raw_id, to_ms
from bridge.outbox.tables import attempts, events, fetched, fetches, payloads, webhooks

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
    corrections = {raw_id(webhook_id) or b"": its for webhook_id, its in page.corrections.items()}
    became = Counter(_BECAME.get(status, status) for status in corrector.correct(corrections).values())
    due = {raw_id(event_id) or b"": to_ms(moment) for event_id, moment in page.due_at.items()}
    became.update(requeue(connection, due, now, lane_of).values())
    return became


@dataclass(frozen=True, slots=True)
class _Plan:
    """What becomes of the events of one webhook: the rows that are replaced, new ones, and those gone."""

    webhook_id: bytes
    mapping: str
    revision: str
    correction: Correction
    event_count: int
    destination: str
    replaced: tuple[tuple[bytes, NewEvent], ...]
    fresh: tuple[tuple[bytes, NewEvent], ...]
    gone: tuple[bytes, ...]

    @property
    def written(self) -> tuple[tuple[bytes, NewEvent], ...]:
        return (*self.replaced, *self.fresh)

    @property
    def touched(self) -> Iterator[bytes]:
        """Return the rows that were there before."""
        yield from (row_id for row_id, _ in self.replaced)
        yield from self.gone


class Corrector:
    """Replaces the events of webhooks that have one status (held, fetching); the others stay as they are.

    An event keeps its own id. Old and new events of a webhook are paired by label and destination,
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

    def correct(self, corrections: Mapping[bytes, Correction]) -> dict[bytes, str]:
        """Return the status that each event that was touched has now; `corrections` are by webhook.

        However many webhooks there are, that takes the same few statements.
        """
        plans = list(self._plans(corrections))
        if not plans:  # another process was faster
            return {}
        self._record(plans)
        self._remove([row_id for plan in plans for row_id, _ in plan.replaced])
        became = self._store(plans)
        gone = [row_id for plan in plans for row_id in plan.gone]
        if gone:
            discard(self._connection, gone, _NO_LONGER, self._now)
        for plan in plans:
            self._follow(plan, became)
        return {**became, **dict.fromkeys(gone, "discarded")}

    def _plans(self, corrections: Mapping[bytes, Correction]) -> Iterator[_Plan]:
        columns = (events.c.id, events.c.label, events.c.destination, events.c.status, events.c.webhook_id)
        chosen = (
            select(*columns, webhooks.c.mapping, webhooks.c.revision)
            .join_from(events, webhooks, webhooks.c.id == events.c.webhook_id)
            .where(events.c.webhook_id.in_(list(corrections)))
            .order_by(events.c.id)
            .with_for_update(of=events)
        )
        rows: dict[bytes, list[Any]] = {webhook_id: [] for webhook_id in corrections}
        for row in self._connection.execute(chosen):
            rows[row.webhook_id].append(row)
        for webhook_id, old in rows.items():
            if any(row.status == self._status for row in old):
                yield self._plan(webhook_id, old, corrections[webhook_id])

    def _plan(self, webhook_id: bytes, old: Sequence[Any], correction: Correction) -> _Plan:
        pairs, added = _paired(old, correction.events, self._status)
        mine = [row.id for row in old if row.status == self._status]
        return _Plan(
            webhook_id=webhook_id,
            mapping=old[0].mapping,
            revision=old[0].revision,
            correction=correction,
            event_count=len(old),
            destination=min(row.destination for row in old),
            replaced=tuple((row_id, pairs[row_id]) for row_id in mine if row_id in pairs),
            fresh=tuple((new_id(moment_of(webhook_id)), event) for event in added),
            gone=tuple(row_id for row_id in mine if row_id not in pairs),
        )

    def _store(self, plans: Sequence[_Plan]) -> dict[bytes, str]:
        packed = [self._pack(row_id, event, plan) for plan in plans for row_id, event in plan.written]
        allowed = self._run.never_send.events(self._connection, packed)
        stored = store_events(self._connection, self._run, allowed, self._lane_of)
        return {row_id: line.status for row_id, line in stored.items()}

    def _pack(self, row_id: bytes, event: NewEvent, plan: _Plan) -> EventRows:
        rows = pack_event(event, plan.mapping, plan.webhook_id, self._now)
        return replace(
            rows,
            id=row_id,
            event=rows.event | {"id": row_id},
            payload=rows.payload and (row_id, *rows.payload[1:]),
        )

    def _remove(self, ids: Sequence[bytes]) -> None:
        self._connection.execute(delete(payloads).where(payloads.c.event_id.in_(ids)))
        delete_events(self._connection, events.c.id.in_(ids))

    def _follow(self, plan: _Plan, became: Mapping[bytes, str]) -> None:
        """Write what else a correction asks for: often nothing."""
        correction, webhook_id = plan.correction, plan.webhook_id
        if correction.fetch and "fetching" in {became[row_id] for row_id, _ in plan.written}:
            self._fetch(webhook_id, correction.fetch)
        if correction.job:
            insert_job(self._connection, pack_job_of(correction.job, self._run.cipher, webhook_id, self._now))
        if plan.fresh or correction.revision != plan.revision:
            added = webhooks.c.event_count + len(plan.fresh)
            changed = update(webhooks).where(webhooks.c.id == webhook_id)
            self._connection.execute(changed.values(revision=correction.revision, event_count=added))
            changes_in(self._connection).add_received(webhook_id, plan.mapping, len(plan.fresh))

    def _fetch(self, webhook_id: bytes, fetch: NewFetch) -> None:
        self._connection.execute(delete(fetches).where(fetches.c.webhook_id == webhook_id))
        if fetch.anew:
            self._connection.execute(delete(fetched).where(fetched.c.webhook_id == webhook_id))
        self._run.fetches.many(self._connection, [fetch_row(fetch, webhook_id, self._now)])

    def _record(self, plans: Sequence[_Plan]) -> None:
        """Leave a line in the history of each event, so that both revisions can be seen."""
        lines = {new_id(self._now): plan for plan in plans}
        rows = [self._line(row_id, plan) for row_id, plan in lines.items()]
        self._connection.execute(insert(attempts), rows)
        of_events = [(event_id, row_id) for row_id, plan in lines.items() for event_id in plan.touched]
        self._run.event_attempts.many(self._connection, of_events)

    def _line(self, row_id: bytes, plan: _Plan) -> dict[str, Any]:
        remapped = f"mapped again with revision {plan.correction.revision}, before with {plan.revision}"
        return {
            "id": row_id,
            "destination": plan.destination,
            "dataset_id": "",
            "events": plan.event_count,
            "started_at": self._now,
            "duration_ms": 0,
            "outcome": _OUTCOMES[self._status],
            "reason": plan.correction.note or remapped,
        }


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
