"""How often each source is called, by all nodes together: a token bucket of one number for each source.

The number is the moment at which the bucket will be full again (the "theoretical arrival time" of the
generic cell rate algorithm, ITU-T I.371): every call moves it on by the time in which one token comes back. A
call whose token comes back within its caller's patience takes it in advance and waits; however many nodes
there are, they take turns. While tokens are left, one small update takes several, to be used soon.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from bridge.outbox.database import dialect_insert
from bridge.outbox.tables import source_rates

_MICROSECOND = timedelta(microseconds=1)
_MISDATED = timedelta(hours=1)
_MOST_TURNS = 10
_LONGEST_GOOD = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True)
class CallRate:
    """A bucket of `burst` tokens, one of which comes back every `interval`.

    A turn that was taken with others may be used for as long as it is `good_for`; then it is lost.
    """

    burst: int
    interval: timedelta
    good_for: timedelta = timedelta()

    @property
    def tolerance(self) -> timedelta:
        """How long before its turn a call may be made, because tokens were left."""
        return self.interval * (self.burst - 1)

    @property
    def most_turns(self) -> int:
        """How many turns may be taken together: other nodes find tokens too."""
        return max(1, min(self.burst // 2, _MOST_TURNS))


def call_rate(count: int, seconds: float) -> CallRate:
    """Return the bucket that lets through at most `count` calls in any stretch of `seconds`.

    A bucket of `count` tokens would let through twice as many: a full bucket, and what comes back meanwhile.
    So a tenth is kept for bursts, and the rest is spread evenly: over a little longer where turns are taken
    together, since those are used a little later.
    """
    burst, period = max(1, count // 10), timedelta(seconds=seconds)
    good_for = min(period / 20, _LONGEST_GOOD) if burst > 1 else timedelta()
    return CallRate(burst, (period + good_for) / (count - burst + 1), good_for)


class Turns(NamedTuple):
    """How many turns were given, and how long to wait: for the first call, or to ask again."""

    number: int
    wait: timedelta


def take_turns(  # noqa: PLR0913, PLR0917 - who asks for how many, and when
    connection: Connection, source: str, rate: CallRate, now: datetime, patience: timedelta, wanted: int
) -> Turns:
    """Take up to `wanted` turns: one that has to be waited for, or as many as need no wait.

    What lies further ahead than any rate allows was written by a clock that was set wrong: it is past.
    """
    at, interval, tolerance, patient = map(
        _microseconds, (_since_epoch(now), rate.interval, rate.tolerance, patience)
    )
    latest = at + tolerance + patient
    next_at = _next_at(connection, source, at)
    full_at = next_at if at <= next_at <= latest + interval + _microseconds(_MISDATED) else at
    wait = max(full_at - tolerance - at, 0) * _MICROSECOND
    if full_at > latest:
        return Turns(0, wait)
    number = max(1, min(wanted, (at + tolerance - full_at) // interval + 1))
    mine = update(source_rates).where(source_rates.c.source == source)
    connection.execute(mine.values(next_at=full_at + number * interval))
    return Turns(number, wait)


def _next_at(connection: Connection, source: str, at: int) -> int:
    """Return when the bucket is full, and keep other nodes from taking turns until we commit."""
    chosen = select(source_rates.c.next_at).where(source_rates.c.source == source).with_for_update()
    next_at: int | None = connection.execute(chosen).scalar()
    if next_at is not None:
        return next_at
    insert = dialect_insert(connection.dialect.name)
    connection.execute(insert(source_rates).values(source=source, next_at=at).on_conflict_do_nothing())
    return int(connection.execute(chosen).scalar_one())


def _since_epoch(moment: datetime) -> timedelta:
    return moment - datetime.fromtimestamp(0, UTC)


def _microseconds(time: timedelta) -> int:
    return time // _MICROSECOND
