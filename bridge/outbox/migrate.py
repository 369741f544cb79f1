"""Migrations: run once, by whichever process comes first, and cost nothing when there is nothing to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table, text

from bridge.outbox.database import Database
from bridge.outbox.database_errors import errors_of_opening

HEAD = "0019"
_MIGRATIONS = Path(__file__).parent / "migrations"
_PROGRESS = table("alembic_version", column("version_num"))
_LOCK = 0x6361_7069_6272  # any number, as long as every process uses the same: "capibr"


def upgrade(database_url: str, *, apart: bool = False) -> None:
    """Migrate the database to the newest schema; raises CannotOpen when it cannot be reached.

    Safe to call from every process at every start: one of them does the work, the others wait for it.
    `apart` has it done by a forked child, if it can, so that a server does not keep the 10 MB which the work
    imports; only for a process that has no other threads yet.
    """
    with closing(Database(database_url)) as database, errors_of_opening():
        if apart and revision(database) != HEAD:
            _in_a_child(lambda: database.write(_upgrade))
        if revision(database) != HEAD:
            database.write(_upgrade)


def _in_a_child(work: Callable[[], None]) -> None:
    """Do something in a forked child; if it fails there, the caller will find it not done."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def revision(database: Database) -> str | None:
    """Return the revision of the schema, or None for a new database."""
    return database.read(_revision)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(select(_PROGRESS.c.version_num)).scalar_one_or_none()


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if _revision(connection) == HEAD:
        return
    from alembic import command  # 0.4 s to import, and only needed here
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
