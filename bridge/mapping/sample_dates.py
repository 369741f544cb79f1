"""Moves a sample webhook to another day, so that a body captured long ago can be posted as if it came now."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

_DATE = re.compile(rb"(?<!\d)(20\d\d)-(\d\d)-(\d\d)(?!\d)")
_UNIX_TIME = re.compile(rb"(?<![\w.-])(1\d{9})(\d{3})?(?![\w.-])")
_NEAR = timedelta(days=400)


def redated(body: bytes, then: datetime, now: datetime) -> bytes:
    """Return the body with its dates and Unix times moved by the whole days between two moments.

    Only what lies within 400 days of `then` is moved, so that birthdays and ids stay. Whole days keep
    every time of day, offset and distance as they were, and nothing ends up in the future that was not.
    """
    days = timedelta(days=(now - then).days)
    if not days:
        return body
    return _UNIX_TIME.sub(
        _moving(_moved_unix_time, days, then), _DATE.sub(_moving(_moved_date, days, then), body)
    )


def _moving(
    move: Callable[[re.Match[bytes], timedelta, datetime], bytes], days: timedelta, then: datetime
) -> Callable[[re.Match[bytes]], bytes]:
    return lambda found: move(found, days, then)


def _moved_date(found: re.Match[bytes], days: timedelta, then: datetime) -> bytes:
    try:
        day = date(*(int(part) for part in found.groups()))
    except ValueError:
        return found[0]
    if abs(day - then.date()) > _NEAR:
        return found[0]
    return (day + days).isoformat().encode()


def _moved_unix_time(found: re.Match[bytes], days: timedelta, then: datetime) -> bytes:
    moment = datetime.fromtimestamp(int(found[1]), UTC)
    if abs(moment - then) > _NEAR:
        return found[0]
    return str(int(found[1]) + int(days.total_seconds())).encode() + (found[2] or b"")
