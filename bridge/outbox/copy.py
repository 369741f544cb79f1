"""Copying everything from one database to another, SQLite to PostgreSQL or the other way.

The source is read in one transaction, so the copy shows one moment; the target is written in one, so it is a
whole copy or stays as it was. That nothing changed meanwhile is checked at the end: what a running bridge had
stored or sent after that moment would be lost or sent twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, exists, func, insert, select

from bridge.errors import CannotOpen, WrongUse
from bridge.outbox.database import Database
from bridge.outbox.database_errors import translated_errors
from bridge.outbox.migrate import upgrade
from bridge.outbox.queries import discrepancies
from bridge.outbox.records import to_ms
from bridge.outbox.tables import attempts, claims, events, fetches, imports, jobs, metadata, queue, webhooks
from bridge.plurals import counted

_ROWS_AT_ONCE = 1000
_STOP = "stop the bridge and every worker, then copy again"

CopyProgress = Callable[[str, int], None]


def ignore_progress(_table: str, _rows: int) -> None:
    """Show no progress."""


def copy(
    source_url: str, target_url: str, now: datetime, progress: CopyProgress = ignore_progress
) -> dict[str, int]:
    """Make the target equal to the source; return how many rows of each table there are.

    Both are migrated first. May be repeated: what the target held is replaced. Claims are not copied; what
    was being sent waits again. Raises CannotOpen when a bridge works on either of them, or when one has
    already worked on the target; CannotStore when a database fails. The target is unchanged then.
    """
    source, target = Database(source_url), Database(target_url)
    try:
        _require_two(source, target)
        upgrade(source_url)
        upgrade(target_url)
        with translated_errors():
            return target.write(lambda into: _copy(source, into, to_ms(now), progress))
    finally:
        source.close()
        target.close()


def _require_two(source: Database, target: Database) -> None:
    if source.file and not source.file.is_file():
        raise CannotOpen(f"{source.file}: there is no such database", fix="check the first URL")
    if source.engine.url == target.engine.url:
        raise WrongUse("both URLs name the same database", fix="give the URL of another one as the second")


def _copy(source: Database, target: Connection, now: int, progress: CopyProgress) -> dict[str, int]:
    def replace(original: Connection) -> dict[str, int]:
        _require_no_work_of_its_own(original, target)
        return _replace(original, target, progress)

    _require_nobody_sends(target, "target", now)
    before = source.read(lambda connection: _state_of_stopped(connection, now))
    rows = source.snapshot(replace)
    after = source.read(lambda connection: _state_of_stopped(connection, now))
    _require(before == after, "the source changed while it was copied", _STOP)
    return rows


def _require(holds: bool, message: str, fix: str) -> None:
    if not holds:
        raise CannotOpen(message, fix=fix)


def _require_nobody_sends(connection: Connection, which: str, now: int) -> None:
    sending = connection.execute(select(exists().where(claims.c.lease_until > now))).scalar()
    _require(not sending, f"a worker is sending events of the {which}", _STOP)


def _state_of_stopped(connection: Connection, now: int) -> tuple[Any, ...]:
    """Return figures that every webhook, call, import, job and admin action changes."""
    _require_nobody_sends(connection, "source", now)
    figures = (
        func.count(webhooks.c.id),
        _newest(webhooks).scalar_subquery(),
        select(func.count(events.c.id)).scalar_subquery(),
        select(func.max(events.c.changed_at)).scalar_subquery(),
        select(func.sum(events.c.attempts)).scalar_subquery(),
        select(func.count(queue.c.event_id)).scalar_subquery(),
        select(func.sum(queue.c.due_at)).scalar_subquery(),
        select(func.sum(fetches.c.due_at)).scalar_subquery(),
        _newest(attempts).scalar_subquery(),
        select(func.sum(imports.c.position)).scalar_subquery(),
        select(func.sum(jobs.c.step + 1)).scalar_subquery(),
    )
    return tuple(connection.execute(select(*figures)).one())


def _newest(table: Table) -> Select[Any]:
    """Select the highest id; before PostgreSQL 18, max() does not take bytes."""
    return select(table.c.id).order_by(table.c.id.desc()).limit(1)


def _require_no_work_of_its_own(source: Connection, target: Connection) -> None:
    for table, what in ((webhooks, "webhooks"), (attempts, "calls")):
        newest = target.scalar(_newest(table))
        _require(
            newest is None or _has(source, table, newest) or _was_deleted(source, table, newest),
            f"the target has {what} that the source does not have",
            "copy into an empty database; a bridge has already worked on this one",
        )


def _has(connection: Connection, table: Table, row_id: bytes) -> bool:
    return bool(connection.execute(select(exists().where(table.c.id == row_id))).scalar())


def _was_deleted(connection: Connection, table: Table, row_id: bytes) -> bool:
    """Say whether a row is older than all that retention has left; ids are ordered by time."""
    oldest = connection.execute(select(table.c.id).order_by(table.c.id).limit(1)).scalar()
    return oldest is not None and row_id < oldest


def _replace(source: Connection, target: Connection, progress: CopyProgress) -> dict[str, int]:
    for table in metadata.sorted_tables:
        target.execute(table.delete())
    rows = {
        table.name: _copy_table(table, source, target, progress)
        for table in metadata.sorted_tables
        if table is not claims
    }
    _continue_numbering(target)
    _reconcile(rows, source, target)
    return rows


def _copy_table(table: Table, source: Connection, target: Connection, progress: CopyProgress) -> int:
    copied = 0
    everything = source.execute(select(table), execution_options={"yield_per": _ROWS_AT_ONCE})
    for rows in everything.mappings().partitions():
        unclaimed = {"claim_id": None} if table in {queue, fetches} else {}
        target.execute(insert(table), [{**row, **unclaimed} for row in rows])
        copied += len(rows)
        progress(table.name, copied)
    return copied


def _continue_numbering(target: Connection) -> None:
    """PostgreSQL counts apart from the table; it must go on after the highest number."""
    if target.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        if (column := table.autoincrement_column) is not None:
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            highest = select(func.max(column)).scalar_subquery()
            target.execute(select(func.setval(sequence, highest)))  # NULL, of no rows, sets nothing


def _reconcile(copied: dict[str, int], source: Connection, target: Connection) -> None:
    """Compare what the target holds now, table by table and by the totals of its events."""
    there = {
        name: target.execute(select(func.count()).select_from(metadata.tables[name])).scalar_one()
        for name in copied
    }
    wrong = [
        f"{name}: {counted(number, 'row')} copied, {there[name]:,} there"
        for name, number in copied.items()
        if there[name] != number
    ]
    wrong += set(discrepancies(target)) - set(discrepancies(source))
    _require(not wrong, f"the copy does not reconcile ({'; '.join(wrong)})", "copy into an empty database")
