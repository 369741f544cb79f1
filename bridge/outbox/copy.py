"""Copying everything from one database to another, SQLite to PostgreSQL or the other way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Table, func, select, text, tuple_

from bridge.outbox.database import Database, dialect_insert
from bridge.outbox.tables import claims, lanes, metadata, queue

_PAGE = 1000

CopyProgress = Callable[[str, int], None]


def ignore_progress(_table: str, _rows: int) -> None:
    """Show no progress."""


def copy(source_url: str, target_url: str, progress: CopyProgress = ignore_progress) -> dict[str, int]:
    """Copy every row; return how many rows of each table the source holds.

    Both databases must be upgraded, and nothing may write to the source meanwhile (stop the bridge). May
    be repeated after it was interrupted: what is there already is left as it is. Claims are not copied;
    what was being sent waits again.
    """
    source, target = Database(source_url), Database(target_url)
    try:
        return {table.name: _copy_table(source, target, table, progress) for table in _tables()}
    finally:
        source.close()
        target.close()


def _tables() -> list[Table]:
    return [table for table in metadata.sorted_tables if table is not claims]


def _copy_table(source: Database, target: Database, table: Table, progress: CopyProgress) -> int:
    key = tuple_(*table.primary_key.columns)
    names = [column.name for column in table.primary_key.columns]
    pages = select(*table.columns).order_by(*table.primary_key.columns).limit(_PAGE)
    copied, last = 0, None
    while True:
        page = pages if last is None else pages.where(key > last)
        rows = source.read(lambda connection, page=page: _rows(connection, page, table))  # type: ignore[misc]
        if not rows:
            break
        target.write(lambda connection, rows=rows: _insert(connection, table, rows))  # type: ignore[misc]
        last = tuple(rows[-1][name] for name in names)
        copied += len(rows)
        progress(table.name, copied)
    if table is lanes:
        target.write(_continue_numbering)
    return copied


def _rows(connection: Connection, page: Any, table: Table) -> list[dict[str, Any]]:
    rows = [dict(row) for row in connection.execute(page).mappings()]
    return [{**row, "claim_id": None} for row in rows] if table is queue else rows


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    insert = dialect_insert(connection.dialect.name)
    connection.execute(insert(table).on_conflict_do_nothing(), rows)


def _continue_numbering(connection: Connection) -> None:
    """PostgreSQL counts lanes apart from the table; it must go on after the highest."""
    if connection.dialect.name != "postgresql":
        return
    highest = connection.execute(select(func.max(lanes.c.id))).scalar()
    if highest:
        connection.execute(
            text("SELECT setval(pg_get_serial_sequence('lanes', 'id'), :highest)"), {"highest": highest}
        )
