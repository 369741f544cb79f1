"""What a database is for, a demo or live events: a marker inside it, and the refusal to mix the two."""

from __future__ import annotations

from contextlib import closing
from typing import Literal

from sqlalchemy import Connection, inspect, select

from bridge.errors import CannotOpen
from bridge.mode import DEMO_DATASET_ID
from bridge.outbox.database import Database, dialect_insert
from bridge.outbox.database_errors import DRIVER_ERRORS, errors_of_opening
from bridge.outbox.tables import events, properties

Purpose = Literal["demo", "live"]
_NAME = "purpose"
_MIXED: dict[Purpose, tuple[str, str]] = {
    "demo": (
        "this database holds events of a real dataset, but no dataset is configured",
        "set META_DATASET_ID and META_ACCESS_TOKEN (in the environment, in a .env file, or as destinations: "
        "in bridge.yaml); to run a demo, do it in another folder or with another database_url",
    ),
    "live": (
        "this database belongs to a demo",
        "set database_url to another database, or remove this one: a demo and live events are never mixed",
    ),
}


def mark_purpose(database_url: str, purpose: Purpose) -> None:
    """Mark a database that is up to date for one purpose.

    Raises CannotOpen when it holds events of the other one. A database without a marker is older than
    markers: live events may go on there beside what a demo left.
    """
    with closing(Database(database_url)) as database, errors_of_opening():
        if database.read(_purpose) != purpose:
            database.write(lambda connection: _mark(connection, purpose))


def refuse_demo_beside_live(live_database_url: str) -> None:
    """Raise CannotOpen when the database of live events holds some: leads would go to a demo unnoticed."""
    database = Database(live_database_url)
    try:
        holds_events = database.file is None or database.file.is_file()
        if holds_events and database.read(_holds_live_events):
            raise _mixed("demo")
    except (*DRIVER_ERRORS, OSError):
        return  # not a database, or one that cannot be reached: nothing of it is used
    finally:
        database.close()


def _purpose(connection: Connection) -> str | None:
    chosen = select(properties.c.value).where(properties.c.name == _NAME)
    return connection.execute(chosen).scalar_one_or_none()


def _mark(connection: Connection, purpose: Purpose) -> None:
    if _is_of_another(connection, purpose):
        raise _mixed(purpose)
    marker = dialect_insert(connection.dialect.name)(properties).values(name=_NAME, value=purpose)
    connection.execute(marker.on_conflict_do_update(index_elements=["name"], set_={"value": purpose}))


def _is_of_another(connection: Connection, purpose: Purpose) -> bool:
    if purpose == "demo":
        return _holds_live_events(connection)
    return (
        _purpose(connection) == "demo"
        and connection.execute(select(events.c.id).limit(1)).first() is not None
    )


def _holds_live_events(connection: Connection) -> bool:
    if not inspect(connection).has_table(events.name):
        return False
    real = select(events.c.id).where(events.c.dataset_id.not_in(["", DEMO_DATASET_ID])).limit(1)
    return connection.execute(real).first() is not None


def _mixed(purpose: Purpose) -> CannotOpen:
    message, fix = _MIXED[purpose]
    return CannotOpen(message, fix=fix)
