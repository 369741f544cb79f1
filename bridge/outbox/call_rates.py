"""How often each source is called, by all nodes together: a token bucket of one number for each source.

The number is the moment at which the bucket will be full again (the "theoretical arrival time" of the
generic cell rate algorithm, ITU-T I.371): every call moves it on by the time in which one token comes back. A
call whose token comes back within its caller's patience takes it in advance and waits; so there is one small
update a call, and however many nodes there are, they take turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, case, select, update

from bridge.outbox.database import dialect_insert
from bridge.outbox.tables import source_rates

_MICROSECOND = timedelta(microseconds=1)
_MISDATED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class CallRate:
    """A bucket of `burst` tokens, one of which comes back every `interval`."""

    burst: int
    interval: timedelta

    @property
    def tolerance(self) -> timedelta:
        """How long before its turn a call may be made, because tokens were left."""
        return self.interval * (self.burst - 1)


def call_rate(count: int, seconds: float) -> CallRate:
    """Return the bucket that lets through at most `count` calls in any stretch of `seconds`.

    A bucket of `count` tokens would let through twice as many: a full bucket, and what comes back meanwhile.
    So a tenth is kept for bursts, and the rest is spread evenly.
    """
    burst = max(1, count // 10)
    return CallRate(burst, timedelta(seconds=seconds) / (count - burst + 1))


# whether the turn was given, and how long to wait: for the call, or to ask again
Turn = tuple[bool, timedelta]


def take_turn(
    connection: Connection, source: str, rate: CallRate, now: datetime, patience: timedelta
) -> Turn:
    """Take a token; return whether that worked, and how long to wait: for the call, or to ask again.

    What lies further ahead than any rate allows was written by a clock that was set wrong: it is past.
    """
    at, interval, tolerance = (
        _microseconds(now),
        rate.interval // _MICROSECOND,
        rate.tolerance // _MICROSECOND,
    )
    insert = dialect_insert(connection.dialect.name)
    connection.execute(insert(source_rates).values(source=source, next_at=at).on_conflict_do_nothing())
    mine = source_rates.c.source == source
    latest = at + tolerance + patience // _MICROSECOND
    misdated = latest + interval + _MISDATED // _MICROSECOND
    full_at = case((source_rates.c.next_at.between(at, misdated), source_rates.c.next_at), else_=at)
    taken = connection.execute(
        update(source_rates)
        .where(mine, full_at <= latest)
        .values(next_at=full_at + interval)
        .returning(source_rates.c.next_at)
    ).scalar()
    if taken is not None:
        return True, _wait(taken - interval - tolerance, at)
    next_at = connection.execute(select(source_rates.c.next_at).where(mine)).scalar_one()
    return False, _wait(next_at - tolerance, at)


def _wait(turn: int, at: int) -> timedelta:
    return timedelta(microseconds=max(turn - at, 0))


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
