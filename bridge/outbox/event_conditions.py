"""Which rows a query means, as conditions of the database; quick where few events match, or none.

Newest events are found first, and a condition that matches nothing has every row looked at. So each is
written to be decided by the row itself, the cheap part first, and times are compared as parts of ids.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, and_, not_, or_, select

from bridge.errors import WrongUse
from bridge.mode import DEMO_DATASET_ID, Mode
from bridge.outbox.ids import first_id
from bridge.outbox.records import Query, raw_id, to_ms
from bridge.outbox.tables import IS_EXPLAINED, attempts, events, queue

IS_CLAIMED = queue.c.claim_id.is_not(None)
_OK = 200


def conditions(query: Query) -> list[ColumnElement[bool]]:
    """Return what must hold of an event; its queue row is joined."""
    if any("\x00" in text for text in query.texts()):
        raise WrongUse("a filter holds a NUL character", fix="remove it; no stored text holds one")
    found = [*_has_texts(query), *_lies_between(query), *_was_answered(query)]
    if query.ids:
        found.append(events.c.id.in_([raw_id(text) for text in query.ids]))
    if query.statuses:
        found.append(or_(*(_has_status(status) for status in sorted(query.statuses))))
    if query.destinations is not None:
        found.append(events.c.destination.in_(sorted(query.destinations)))
    if query.mode is not None:
        found.append(_has_mode(query.mode))
    if query.reason is not None:
        found += [IS_EXPLAINED, _mentions(query.reason)]
    if query.webhook_id is not None:
        found.append(events.c.webhook_id == raw_id(query.webhook_id))
    if query.before is not None:
        found.append(events.c.id < (raw_id(query.before) or b""))
    if query.after is not None:
        found.append(events.c.id > (raw_id(query.after) or b""))
    return found


def _has_texts(query: Query) -> Iterator[ColumnElement[bool]]:
    wanted = [
        (query.mapping, events.c.mapping),
        (query.destination, events.c.destination),
        (query.event_name, events.c.event_name),
        (query.event_id, events.c.event_id),
    ]
    return (column == value for value, column in wanted if value is not None)


def _lies_between(query: Query) -> Iterator[ColumnElement[bool]]:
    """Match the time by which events are looked for; an event without data has not happened at any.

    An id begins with a moment: that of an event with the one in which its webhook was received.
    """
    if query.by == "received":
        if query.since is not None:
            yield events.c.id >= first_id(to_ms(query.since))
        if query.until is not None:
            yield events.c.id < first_id(to_ms(query.until))
        return
    if query.since or query.until:
        yield events.c.event_time > 0
    if query.since is not None:
        yield events.c.event_time * 1000 >= to_ms(query.since)
    if query.until is not None:
        yield events.c.event_time * 1000 < to_ms(query.until)


def _has_status(status: str) -> ColumnElement[bool]:
    if status == "sending":
        return events.c.id.in_(select(queue.c.event_id).where(IS_CLAIMED))
    if status == "waiting":
        return and_(events.c.status == "waiting", queue.c.claim_id.is_(None))
    matches: ColumnElement[bool] = events.c.status == status
    return matches


def _has_mode(mode: Mode) -> ColumnElement[bool]:
    """Match what `mode_of` calls demo, test or live."""
    is_demo = events.c.dataset_id == DEMO_DATASET_ID
    if mode == "demo":
        return is_demo
    has_code = events.c.test_event_code.is_not(None)
    return and_(not_(is_demo), has_code if mode == "test" else not_(has_code))


def _mentions(text: str) -> ColumnElement[bool]:
    """Match a part of the reason or of a finding, as typed: % and _ mean themselves."""
    columns = (events.c.reason, events.c.findings)
    return or_(*(and_(one.is_not(None), one.icontains(text, autoescape=True)) for one in columns))


def answers_of(query: Query) -> list[ColumnElement[bool]]:
    """Return what must hold of the last attempt; nothing when that is not asked about."""
    wanted = [
        (query.http_status, attempts.c.http_status),
        (query.code, attempts.c.code),
        (query.subcode, attempts.c.subcode),
    ]
    return [column == value for value, column in wanted if value is not None]


def _was_answered(query: Query) -> Iterator[ColumnElement[bool]]:
    """Match what Meta answered to the last attempt; it said 200 without a code to all that was sent."""
    asked = answers_of(query)
    if not asked:
        return
    if query.http_status not in {None, _OK} or query.code is not None or query.subcode is not None:
        yield events.c.status != "sent"
    yield and_(
        events.c.last_attempt.is_not(None), events.c.last_attempt.in_(select(attempts.c.id).where(*asked))
    )
