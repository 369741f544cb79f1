"""Refusals: which requests were turned away lately, at which URL and why. Counted, and bounded.

They hold no address, header or body: the name of a mapping, a status, and the words of the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, or_, select

from bridge.outbox.database import Read, Write, dialect_insert
from bridge.outbox.records import from_ms, to_ms
from bridge.outbox.tables import refusals

REFUSALS_ARE_KEPT = timedelta(days=1)
_NOT_FOUND = 404
_MOST_ROWS = {True: 100, False: 400}  # of URLs that do not exist, which anybody can make up; of all others


class RefusalKind(NamedTuple):
    """What refusals have in common that are counted together; an empty `name` stands for any other."""

    name: str
    status: int
    reason: str


class Refusal(NamedTuple):
    """How often something was refused, and when first and last."""

    kind: RefusalKind
    times: int
    first_at: datetime
    last_at: datetime


class Refusals:
    """The refusals of a database; `read` and `write` are the outbox's."""

    def __init__(self, read: Read, write: Write) -> None:
        self._read, self._write = read, write

    def add(self, counted: Mapping[RefusalKind, int], now: datetime) -> None:
        """Add to the counts; rows that are old, or too many, are deleted."""

        def work(connection: Connection) -> None:
            for kind, times in sorted(counted.items()):  # in one order: two processes must not wait in a ring
                _add(connection, kind, times, to_ms(now))
            connection.execute(delete(refusals).where(_is_over(now)))
            for is_unknown in _MOST_ROWS:
                _delete_oldest(connection, is_unknown=is_unknown)

        if counted:
            self._write("refusals", work)

    def of(self, name: str, now: datetime) -> list[Refusal]:
        """Return what was refused lately at the URL of a name, the newest first."""
        return self._found(refusals.c.name == name, now)

    def not_found(self, now: datetime) -> list[Refusal]:
        """Return which URLs were asked for lately that do not exist, the newest first."""
        return self._found(refusals.c.status == _NOT_FOUND, now)

    def _found(self, wanted: ColumnElement[bool], now: datetime) -> list[Refusal]:
        chosen = select(refusals).where(wanted, ~_is_over(now)).order_by(refusals.c.last_at.desc())
        rows = self._read(lambda connection: connection.execute(chosen).all())
        return [
            Refusal(
                RefusalKind(row.name, row.status, row.reason),
                row.times,
                from_ms(row.first_at),
                from_ms(row.last_at),
            )
            for row in rows
        ]


def _add(connection: Connection, kind: RefusalKind, times: int, now: int) -> None:
    new = dialect_insert(connection.dialect.name)(refusals).values(
        **kind._asdict(), times=times, first_at=now, last_at=now
    )
    more = {"times": refusals.c.times + times, "last_at": now}
    key = ["name", "status", "reason"]
    connection.execute(new.on_conflict_do_update(index_elements=key, set_=more))


def _delete_oldest(connection: Connection, *, is_unknown: bool) -> None:
    alike = (refusals.c.status == _NOT_FOUND) if is_unknown else (refusals.c.status != _NOT_FOUND)
    newest = select(refusals.c.last_at).where(alike).order_by(refusals.c.last_at.desc())
    last = connection.execute(newest.offset(_MOST_ROWS[is_unknown] - 1).limit(1)).scalar()
    if last is not None:
        connection.execute(delete(refusals).where(alike, refusals.c.last_at < last))


def _is_over(now: datetime) -> ColumnElement[bool]:
    """Match what is old, and what a clock that was set wrong wrote."""
    is_old = refusals.c.last_at <= to_ms(now - REFUSALS_ARE_KEPT)
    return or_(is_old, refusals.c.last_at > to_ms(now + REFUSALS_ARE_KEPT))
