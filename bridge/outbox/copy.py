"""Copying everything from one database to another, SQLite to PostgreSQL or the other way.

The source is read in one transaction, so the copy shows one moment. That nothing changed meanwhile is checked
at the end: what a running bridge had stored or sent after that moment would be lost or sent twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Table, delete, exists, func, select, text, tuple_, update

from bridge.errors import CannotOpen
from bridge.outbox.database import Database, dialect_insert
from bridge.outbox.queries import discrepancies
from bridge.outbox.records import to_ms
from bridge.outbox.tables import attempts, claims, events, lanes, metadata, queue, webhooks

_PAGE = 1000
_STOP = "stop the bridge and every worker, then copy again"

CopyProgress = Callable[[str, int], None]
Row = dict[str, Any]


def ignore_progress(_table: str, _rows: int) -> None:
    """Show no progress."""


def copy(
    source_url: str, target_url: str, now: datetime, progress: CopyProgress = ignore_progress
) -> dict[str, int]:
    """Make the target equal to the source; return how many rows of each table there are.

    Both databases must be migrated. May be repeated, after an interruption or later: rows that changed are
    overwritten, rows that are gone from the source are deleted. Claims are not copied; what was being sent
    waits again. Raises CannotOpen when a bridge works on the source, or when the target has webhooks of
    its own.
    """
    source, target = Database(source_url), Database(target_url)
    try:
        state = source.read(lambda connection: _state_of_stopped(connection, to_ms(now)))
        rows = source.snapshot(lambda connection: _Copy(connection, target, progress).run())
        _require(source.read(_state) == state, "the source changed while it was copied", _STOP)
    finally:
        source.close()
        target.close()
    return rows


def _require(holds: bool, message: str, fix: str) -> None:
    if not holds:
        raise CannotOpen(message, fix=fix)


def _state_of_stopped(connection: Connection, now: int) -> tuple[Any, ...]:
    sending = connection.execute(select(exists().where(claims.c.lease_until > now))).scalar()
    _require(not sending, "a worker is sending events of the source", _STOP)
    return _state(connection)


def _state(connection: Connection) -> tuple[Any, ...]:
    """Return figures that every webhook, call and admin action changes."""
    figures = (
        func.count(webhooks.c.id),
        func.max(webhooks.c.id),
        select(func.count(events.c.id)).scalar_subquery(),
        select(func.max(events.c.changed_at)).scalar_subquery(),
        select(func.sum(events.c.attempts)).scalar_subquery(),
        select(func.count(queue.c.event_id)).scalar_subquery(),
        select(func.sum(queue.c.due_at)).scalar_subquery(),
        select(func.max(attempts.c.id)).scalar_subquery(),
    )
    return tuple(connection.execute(select(*figures)).one())


class _Copy:
    """One copy: reads the source through one connection, writes the target page by page."""

    def __init__(self, source: Connection, target: Database, progress: CopyProgress) -> None:
        self._source = source
        self._target = target
        self._progress = progress

    def run(self) -> dict[str, int]:
        self._target.read(self._require_no_own_webhooks)
        # Who claims an event_id may have changed since the last copy: two rows would claim it for a moment.
        self._target.write(lambda connection: connection.execute(update(events).values(stands=None)))
        rows = {table.name: self._copy_table(table) for table in _tables()}
        self._target.write(_continue_numbering)
        self._reconcile(rows)
        return rows

    def _require_no_own_webhooks(self, target: Connection) -> None:
        newest = target.execute(select(func.max(webhooks.c.id))).scalar()
        known = newest is None or _has(self._source, newest)
        oldest = self._source.execute(select(func.min(webhooks.c.id))).scalar()
        purged = newest is not None and oldest is not None and newest < oldest
        _require(
            known or purged,
            "the target has webhooks that the source does not have",
            "copy into an empty database; a bridge has already worked on this one",
        )

    def _copy_table(self, table: Table) -> int:
        copied, last = 0, None
        for rows in self._pages(table):
            keys = [_key_of(table, row) for row in rows]
            self._target.write(partial(_put, table, rows, last, keys))
            last = keys[-1]
            copied += len(rows)
            self._progress(table.name, copied)
        self._target.write(lambda target: _delete_between(target, table, last, None, ()))
        return copied

    def _pages(self, table: Table) -> Iterator[list[Row]]:
        pages = select(*table.columns).order_by(*table.primary_key.columns).limit(_PAGE)
        page = pages
        while rows := [dict(row) for row in self._source.execute(page).mappings()]:
            yield [{**row, "claim_id": None} for row in rows] if table is queue else rows
            page = pages.where(tuple_(*table.primary_key.columns) > _key_of(table, rows[-1]))

    def _reconcile(self, copied: dict[str, int]) -> None:
        """Compare what the target holds now, table by table and by the totals of its events."""
        held = self._target.read(_counted)
        wrong = [
            f"{name}: {number} rows copied, {held[name]} there"
            for name, number in copied.items()
            if held[name] != number
        ]
        wrong += set(self._target.read(discrepancies)) - set(discrepancies(self._source))
        _require(
            not wrong, f"the copy does not reconcile ({'; '.join(wrong)})", "copy into an empty database"
        )


def _tables() -> list[Table]:
    return [table for table in metadata.sorted_tables if table is not claims]


def _key_of(table: Table, row: Row) -> tuple[Any, ...]:
    return tuple(row[column.name] for column in table.primary_key.columns)


def _has(connection: Connection, webhook_id: bytes) -> bool:
    return bool(connection.execute(select(exists().where(webhooks.c.id == webhook_id))).scalar())


def _counted(connection: Connection) -> dict[str, int]:
    return {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in _tables()
    }


def _put(
    table: Table,
    rows: list[Row],
    last: tuple[Any, ...] | None,
    keys: list[tuple[Any, ...]],
    target: Connection,
) -> None:
    """Write a page over what is there, and delete what lies between its rows."""
    _delete_between(target, table, last, keys[-1], keys)
    names = [column.name for column in table.primary_key.columns]
    insert = dialect_insert(target.dialect.name)(table)
    changing = {
        column.name: insert.excluded[column.name] for column in table.columns if column.name not in names
    }
    statement = (
        insert.on_conflict_do_update(index_elements=names, set_=changing)
        if changing
        else insert.on_conflict_do_nothing()
    )
    target.execute(statement, rows)


def _delete_between(
    target: Connection,
    table: Table,
    after: tuple[Any, ...] | None,
    up_to: tuple[Any, ...] | None,
    kept: Sequence[tuple[Any, ...]],
) -> None:
    key = tuple_(*table.primary_key.columns)
    statement = delete(table)
    if after is not None:
        statement = statement.where(key > after)
    if up_to is not None:
        statement = statement.where(key <= up_to, key.not_in(kept))
    target.execute(statement)


def _continue_numbering(connection: Connection) -> None:
    """PostgreSQL counts lanes apart from the table; it must go on after the highest."""
    if connection.dialect.name != "postgresql":
        return
    highest = connection.execute(select(func.max(lanes.c.id))).scalar()
    if highest:
        connection.execute(
            text("SELECT setval(pg_get_serial_sequence('lanes', 'id'), :highest)"), {"highest": highest}
        )
