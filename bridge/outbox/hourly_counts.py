"""Counts that are kept, not scanned: how many webhooks came in each hour, and what their events are now.

Whoever inserts, settles or deletes events notes in the `Changes` of the open transaction what that changes;
the outbox stores their sum as its last statement, so counts and events cannot differ, and two transactions
that count the same are in each other's way for the shortest time. An event counts in the hour in which its
webhook came, under its present status; one that is being sent counts as waiting. A held one counts under its
reason, too.

On PostgreSQL, where many transactions are open at once, each connection adds to rows of its own (`writer`):
with one row for all, only one of them could commit at a time. Readers add the rows up, and `compact` does so
for good once an hour is over.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    case,
    column,
    delete,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)

from bridge.mode import DEMO_DATASET_ID, Mode, mode_of
from bridge.outbox.database import PreparedStatement, Read, dialect_insert
from bridge.outbox.ids import moment_of
from bridge.outbox.records import Status, from_ms, to_ms
from bridge.outbox.tables import events, hourly_counts, webhooks
from bridge.plurals import counted

HOUR_MS = 3_600_000
_BUSY_HOURS = 2  # `compact` leaves them alone: they still change all the time
_WRITERS = {"sqlite": 1, "postgresql": 8}
_writers = itertools.count(random.randrange(8))  # noqa: S311 - processes should begin apart
_CHANGES, _WRITER = "changes of the hourly counts", "writer of the hourly counts"
_WEBHOOKS, _RECEIVED = "webhooks", "received"  # what a row counts, if not events of a status
_KEY = tuple([column for column in hourly_counts.primary_key if column.name != "writer"])
_TO_BE_DONE = frozenset({"waiting", "fetching"})
_COLUMNS = (*[column.name for column in _KEY], "writer", "number")
_SHOWN = [column for column in _KEY if column.name not in {"dataset_id", "reason"}]
_STATUS = [column.name for column in _KEY].index("status")
_REASON_LENGTH = 200  # characters: PostgreSQL takes no key of more than 2,704 bytes

# What must be known of an event to count it, without its status and with it; a held one also by its reason.
PLACE = (
    events.c.webhook_id,
    events.c.mapping,
    events.c.destination,
    events.c.dataset_id,
    events.c.test_event_code,
    events.c.reason,
)
COUNTED = (*PLACE, events.c.status)
# Hours since 1970, mapping, destination, dataset, mode, a status or what else is counted, why it is held.
Key = tuple[int, str, str, str, str, str, str]


class EventCount(NamedTuple):
    """How many events of webhooks that came in one hour (UTC) are alike; `sending` counts as `waiting`."""

    hour: datetime
    mapping: str
    destination: str
    mode: Mode
    status: Status
    number: int


class WebhookCount(NamedTuple):
    """How many webhooks of a mapping came in one hour (UTC), and how many events they became."""

    hour: datetime
    mapping: str
    webhooks: int
    events: int


class Changes:
    """What one transaction changes in the counts. Most of a group are alike, so those are added up first."""

    def __init__(self) -> None:
        self.counts: Counter[Key] = Counter()

    def add(self, rows: Iterable[Sequence[Any]], number: int = 1) -> None:
        """Count events, of which each row has the `COUNTED` columns; -1 takes them away."""
        for (*place, status), count in _alike(rows):
            self.counts[_key(place, status)] += number * count

    def move(self, rows: Iterable[Sequence[Any]], old: str, new: str) -> None:
        """Count events (their `PLACE` columns) under another status than before."""
        for place, count in _alike(rows):
            self.counts[_key(place, old)] -= count
            self.counts[_key(place, new)] += count

    def add_webhooks(self, rows: Iterable[Sequence[Any]], number: int = 1) -> None:
        """Count webhooks (id, mapping, how many events each became); -1 takes them away."""
        for (hour, mapping, event_count), count in _alike(rows):
            self.counts[_webhook_key(hour, mapping, _WEBHOOKS)] += number * count
            self.counts[_webhook_key(hour, mapping, _RECEIVED)] += number * count * event_count

    def add_received(self, webhook_id: bytes, mapping: str, events: int) -> None:
        """Count that a webhook became more events, or fewer."""
        self.counts[_webhook_key(_hour_of(webhook_id), mapping, _RECEIVED)] += events


def _alike(rows: Iterable[Sequence[Any]]) -> Iterable[tuple[Any, int]]:
    """Return how many rows are alike: each with the hour of its webhook in place of its id."""
    return Counter([(_hour_of(row[0]), *row[1:]) for row in rows]).items()


def _hour_of(webhook_id: bytes) -> int:
    return moment_of(webhook_id) // HOUR_MS


def _key(place: Sequence[Any], status: str) -> Key:
    hour, mapping, destination, dataset_id, test_event_code, reason = place
    mode = mode_of(dataset_id, test_event_code)
    counted_reason = (reason or "")[:_REASON_LENGTH] if status == "held" else ""
    return hour, mapping, destination, dataset_id, mode, status, counted_reason


def _webhook_key(hour: int, mapping: str, what: str) -> Key:
    return hour, mapping, "", "", "", what, ""


def changes_in(connection: Connection) -> Changes:
    """Return what the open transaction of a connection changes in the counts, to be added to."""
    changes: Changes = connection.info.setdefault(_CHANGES, Changes())
    return changes


def forget_changes(connection: Connection) -> None:
    """Begin anew: what an earlier transaction of this connection noted was rolled back with it."""
    connection.info.pop(_CHANGES, None)


class CountChanges:
    """Stores what transactions change, by a statement that is compiled once."""

    def __init__(self, engine: Engine) -> None:
        name = engine.dialect.name
        insert = dialect_insert(name)(hourly_counts)
        addition = insert.on_conflict_do_update(
            index_elements=list(hourly_counts.primary_key),
            set_={"number": hourly_counts.c.number + insert.excluded.number},
        )
        self._add = PreparedStatement(addition, engine, _COLUMNS)
        self._writers = _WRITERS[name]

    def store(self, connection: Connection) -> bool:
        """Store what the open transaction changes, in order, so that two never wait for each other.

        Return whether more events wait than before, to be sent or for their records.
        """
        changes: Changes | None = connection.info.pop(_CHANGES, None)
        if changes is None:
            return False
        writer = connection.info.setdefault(_WRITER, next(_writers) % self._writers)
        rows = [(*key, writer, number) for key, number in sorted(changes.counts.items()) if number]
        self._add.many(connection, rows)
        return any(key[_STATUS] in _TO_BE_DONE and number > 0 for key, number in changes.counts.items())


class HourlyCounts:
    """Answers from the kept counts; `read` is the outbox's."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def events(
        self,
        since: datetime,
        until: datetime | None = None,
        *,
        mapping: str | None = None,
        destinations: frozenset[str] | None = None,
        mode: Mode | None = None,
    ) -> list[EventCount]:
        """Count the events of webhooks that came from the hour of `since` up to `until`, oldest hour first.

        `destinations` are those that whoever asks may see. Hours without any event are left out.
        """
        table = hourly_counts.c
        conditions = [table.mode != "", *_lies_between(since, until), *_equals(table.mapping, mapping)]
        conditions += _equals(table.mode, mode)
        if destinations is not None:
            conditions.append(table.destination.in_(sorted(destinations)))
        return [EventCount(_moment(row[0]), *row[1:]) for row in self._rows(conditions)]

    def webhooks(
        self, since: datetime, until: datetime | None = None, *, mapping: str | None = None
    ) -> list[WebhookCount]:
        """Count the webhooks that came from the hour of `since` up to `until`, oldest hour first."""
        table = hourly_counts.c
        conditions = [table.mode == "", *_lies_between(since, until), *_equals(table.mapping, mapping)]
        numbers = {(row.hour, row.mapping, row.status): row.number for row in self._rows(conditions)}
        return [
            WebhookCount(_moment(hour), name, number, numbers.get((hour, name, _RECEIVED), 0))
            for (hour, name, what), number in numbers.items()
            if what == _WEBHOOKS
        ]

    def _rows(self, conditions: list[ColumnElement[bool]]) -> Sequence[Any]:
        chosen = _summed(*_SHOWN).where(*conditions).order_by(*_SHOWN)
        return self._read(lambda connection: connection.execute(chosen).all())


def _lies_between(since: datetime, until: datetime | None) -> Iterator[ColumnElement[bool]]:
    yield hourly_counts.c.hour >= to_ms(since) // HOUR_MS
    if until is not None:
        yield hourly_counts.c.hour <= (to_ms(until) - 1) // HOUR_MS


def _equals(column: ColumnElement[str], value: str | None) -> list[ColumnElement[bool]]:
    return [] if value is None else [column == value]


def _moment(hour: int) -> datetime:
    return from_ms(hour * HOUR_MS)


def _summed(*columns: ColumnElement[Any]) -> Select[Any]:
    """Add up what all writers have counted; what came to nothing is left out."""
    number = func.sum(hourly_counts.c.number).label("number")
    return select(*columns, number).group_by(*columns).having(number != 0)


def totals() -> Select[Any]:
    """Select how many events there are of each status, and how many all webhooks became (`received`)."""
    return _summed(hourly_counts.c.status).where(hourly_counts.c.status != _WEBHOOKS)


def number_of(connection: Connection, statuses: Iterable[str]) -> int:
    """Return how many events have one of these statuses."""
    chosen = select(func.coalesce(func.sum(hourly_counts.c.number), 0))
    return int(connection.execute(chosen.where(hourly_counts.c.status.in_(statuses))).scalar_one())


def held(most: int) -> Select[Any]:
    """Select mapping, reason (may be empty) and number of what is held; the most frequent come first."""
    keys = (hourly_counts.c.mapping, hourly_counts.c.reason)
    chosen = _summed(*keys).where(hourly_counts.c.status == "held")
    return chosen.order_by(column("number").desc(), *keys).limit(most)


def by_dataset(statuses: Iterable[str]) -> Select[Any]:
    """Select how many events there are of these statuses, by status, destination and dataset."""
    keys = (hourly_counts.c.status, hourly_counts.c.destination, hourly_counts.c.dataset_id)
    return _summed(*keys).where(hourly_counts.c.status.in_(statuses), hourly_counts.c.dataset_id != "")


def waiting(connection: Connection) -> list[tuple[str, int, int]]:
    """Return how many events wait for each destination, and the first hour in which one of them came."""
    by_hour = _summed(hourly_counts.c.destination, hourly_counts.c.hour)
    of_hours = by_hour.where(hourly_counts.c.status == "waiting").subquery()
    chosen = (
        select(of_hours.c.destination, func.sum(of_hours.c.number), func.min(of_hours.c.hour))
        .group_by(of_hours.c.destination)
        .order_by(of_hours.c.destination)
    )
    return [(destination, int(number), hour) for destination, number, hour in connection.execute(chosen)]


def last_hours() -> Select[Any]:
    """Select each mapping of which a webhook is kept, and the last hour (since 1970) in which one came."""
    hour = func.max(hourly_counts.c.hour)
    came = (hourly_counts.c.status == _WEBHOOKS, hourly_counts.c.number > 0)
    return select(hourly_counts.c.mapping, hour).where(*came).group_by(hourly_counts.c.mapping)


def compact(connection: Connection, now: int) -> int:
    """Add up what several writers have counted in hours that are over, and forget what came to nothing."""
    several = select(*_KEY).group_by(*_KEY).having(func.count() > 1)
    is_loose = or_(hourly_counts.c.number == 0, tuple_(*_KEY).in_(several))
    is_over = hourly_counts.c.hour < now // HOUR_MS - _BUSY_HOURS
    taken = delete(hourly_counts).where(is_over, is_loose).returning(*_KEY, hourly_counts.c.number)
    rows = connection.execute(taken).all()
    for *key, number in rows:
        changes_in(connection).counts[tuple(key)] += number
    return len(rows)


def differences(connection: Connection) -> list[str]:
    """Return what is wrong with the kept counts: nothing, unless they differ from what a scan counts."""
    kept = {tuple(row) for row in connection.execute(_summed(*_KEY))}
    scanned = {tuple(row) for row in connection.execute(scan()) if row[-1]}
    differing = {row[:-1] for row in kept ^ scanned}
    if not differing:
        return []
    verb = "differs" if len(differing) == 1 else "differ"
    return [f"{counted(len(differing), 'hourly count')} {verb} from a scan"]


def scan() -> Any:
    """Select what the counts must be, by looking at every webhook and every event."""
    hour = (webhooks.c.received_at // HOUR_MS).label("hour")
    nothing = literal("")
    mode = case(
        (events.c.dataset_id == DEMO_DATASET_ID, "demo"),
        (func.coalesce(events.c.test_event_code, "") != "", "test"),
        else_="live",
    ).label("mode")
    kept_reason = func.substr(func.coalesce(events.c.reason, ""), 1, _REASON_LENGTH)
    reason = case((events.c.status == "held", kept_reason), else_="").label("reason")
    of = events.c
    keys = (hour, of.mapping, of.destination, of.dataset_id, mode, of.status, reason)
    joined = select(*keys, func.count()).join_from(events, webhooks, webhooks.c.id == events.c.webhook_id)
    of_events = joined.group_by(*keys)
    of_webhooks = [
        select(hour, webhooks.c.mapping, nothing, nothing, nothing, literal(what), nothing, number).group_by(
            hour, webhooks.c.mapping
        )
        for what, number in ((_WEBHOOKS, func.count()), (_RECEIVED, func.sum(webhooks.c.event_count)))
    ]
    return union_all(of_events, *of_webhooks)
