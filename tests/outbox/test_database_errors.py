"""What real databases raise is said in words that name what to do, and never in the driver's own."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from bridge.errors import CannotOpen, CannotStore
from bridge.outbox import upgrade
from bridge.outbox.database import Database
from bridge.outbox.database_errors import translated_errors


def no_database(folder: Path) -> str:
    (folder / "bridge.db").write_bytes(b"no database, but long enough to look like one" * 100)
    return f"sqlite:///{folder / 'bridge.db'}"


def a_folder(folder: Path) -> str:
    (folder / "bridge.db").mkdir()
    return f"sqlite:///{folder / 'bridge.db'}"


@pytest.mark.parametrize(
    ("url_in", "message"),
    [
        pytest.param(
            no_database,
            "the database cannot be opened: the database file is damaged, or is no SQLite database",
            id="a file of something else",
        ),
        pytest.param(
            a_folder,
            "the database cannot be opened: the database file cannot be opened or written",
            id="a folder",
        ),
    ],
)
def test_a_file_that_cannot_be_opened_is_described(
    tmp_path: Path, url_in: Callable[[Path], str], message: str
) -> None:
    with pytest.raises(CannotOpen) as refusal:
        upgrade(url_in(tmp_path))
    assert refusal.value.message == message


@pytest.mark.postgres
def test_a_server_that_refuses_is_described(new_postgres_url: Callable[[], str]) -> None:
    address, _, query = new_postgres_url().partition("?")
    with pytest.raises(CannotOpen) as refusal:
        upgrade(f"{address}_no_such?{query}")
    assert refusal.value.message == (
        "the database cannot be opened: the database server does not answer or refuses the connection"
    )


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("53100", "the disk of the database is full"),
        ("25006", "the database server only reads: it is a standby"),
        ("53300", "the database server has no connection left"),
        ("28P01", "the database server does not allow this user to do that"),
        ("57P01", "the database server is stopping or starting"),
        ("22012", "the database failed (DataError)"),
    ],
)
def test_what_a_server_raises_is_described_without_its_text(
    new_postgres_url: Callable[[], str], state: str, message: str
) -> None:
    database = Database(new_postgres_url())
    raised = text(f"DO $$ BEGIN RAISE EXCEPTION 'jane@example.com' USING ERRCODE = '{state}'; END $$")
    with pytest.raises(CannotStore) as refusal, translated_errors():
        database.write(lambda connection: connection.execute(raised))
    database.close()
    assert refusal.value.message == message
    assert "jane" not in f"{refusal.value} {refusal.value.fix}"


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "the disk of the database is full"),
        (errno.EROFS, "the database file cannot be opened or written"),
        (errno.EIO, "the disk of the database cannot be read or written"),
        (errno.EMFILE, "the database failed (OSError)"),
    ],
)
def test_what_the_system_raises_is_described(number: int, message: str) -> None:
    with pytest.raises(CannotStore) as refusal, translated_errors():
        raise OSError(number, os.strerror(number), "/home/jane/bridge.db.turn")
    assert refusal.value.message == message
