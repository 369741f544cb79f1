"""Where to look for the events that a query means: the hours in which there are any, by the counts.

Without them, a filter that matches few events, or old ones, or none, has a million rows looked at. Answers of
Meta's are not counted, but no event came after the last attempt that was answered so.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, func, select

from bridge.outbox.event_conditions import answers_of
from bridge.outbox.hourly_counts import HOUR_MS
from bridge.outbox.ids import first_id, moment_of
from bridge.outbox.records import Query, raw_id
from bridge.outbox.tables import attempts, events, hourly_counts

_EVER = 2**31
_NONE = events.c.id < b""


def hours_of(connection: Connection, query: Query, *, newest: bool = False) -> list[ColumnElement[bool]]:
    """Return between which hours the events of a query came; `false` when there are none.

    `newest`: no more than the newest ones are wanted, up to the limit of the query.
    """
    return [*_before_answers(connection, query), *_counted_hours(connection, query, newest=newest)]


def _before_answers(connection: Connection, query: Query) -> list[ColumnElement[bool]]:
    """Match what came before the last attempt that was answered as asked; clocks may differ by an hour."""
    asked = answers_of(query)
    if not asked:
        return []
    newest = select(attempts.c.id).where(*asked).order_by(attempts.c.id.desc()).limit(1)
    last = connection.execute(newest).scalar()
    return [_NONE if last is None else events.c.id < first_id(moment_of(last) + HOUR_MS)]


def _counted_hours(connection: Connection, query: Query, *, newest: bool) -> list[ColumnElement[bool]]:
    conditions = _counted_by(query)
    if not conditions:
        return []
    number = func.sum(hourly_counts.c.number)
    by_hour = select(hourly_counts.c.hour, number).where(*conditions).group_by(hourly_counts.c.hour)
    found = connection.execute(by_hour.having(number != 0).order_by(hourly_counts.c.hour.desc())).all()
    cursor = _hour_of(query.before)
    hours = [(hour, number) for hour, number in found if hour <= cursor]
    if not hours:
        return [_NONE]
    least = query.limit if newest and _is_counted(query) else _EVER
    return _between(_first(hours, least, cursor), hours[0][0])


def _counted_by(query: Query) -> list[ColumnElement[bool]]:
    """Return those conditions of a query that are conditions on counts too."""
    wanted = (
        (query.mapping, hourly_counts.c.mapping),
        (query.destination, hourly_counts.c.destination),
        (query.mode, hourly_counts.c.mode),
    )
    conditions = [column == value for value, column in wanted if value is not None]
    if query.destinations is not None:
        conditions.append(hourly_counts.c.destination.in_(sorted(query.destinations)))
    if query.statuses:
        statuses = {"waiting" if status == "sending" else status for status in query.statuses}
        conditions.append(hourly_counts.c.status.in_(sorted(statuses)))
    return [*conditions, hourly_counts.c.mode != ""] if conditions else []


def _is_counted(query: Query) -> bool:
    """Tell whether the counts say exactly how many events are meant, and not only how many at most."""
    others = (query.event_name, query.event_id, query.reason, query.http_status, query.code, query.subcode)
    bounds = (query.since, query.until, query.webhook_id, query.after)
    is_split = query.statuses & {"waiting", "sending"}  # which of the two, is not counted
    return not (query.ids or is_split or any(value is not None for value in (*others, *bounds)))


def _first(hours: list[tuple[int, int]], least: int, cursor: int) -> int:
    """Return the hour at which enough events are found, going back; that of the cursor is not whole."""
    total = 0
    for hour, number in hours:
        total += number if hour < cursor else 0
        if total >= least:
            return hour
    return hours[-1][0]


def _between(first: int, last: int) -> list[ColumnElement[bool]]:
    """Match what came from an hour on up to another, by the moments that ids begin with."""
    return [events.c.id >= first_id(first * HOUR_MS), events.c.id < first_id((last + 1) * HOUR_MS)]


def _hour_of(event_id: str | None) -> int:
    row_id = raw_id(event_id) if event_id is not None else None
    return _EVER if row_id is None else moment_of(row_id) // HOUR_MS
