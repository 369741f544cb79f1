"""A database of an earlier version opens, is upgraded, and holds everything that it held."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.errors import CannotOpen
from bridge.outbox import Query, upgrade
from bridge.outbox.purpose import mark_purpose, refuse_demo_beside_live

OLD = (Path(__file__).parent / "databases" / "0001.sql").read_text("utf-8")
TABLES = ("webhooks", "raw_webhooks", "events", "payloads", "queue", "lanes", "attempts", "imports")


@pytest.fixture
def old_url(tmp_path: Path) -> str:
    """A database as the first version left it; see the statements for what is in it."""
    with sqlite3.connect(tmp_path / "bridge.db") as connection:
        connection.executescript(OLD)
    connection.close()
    return f"sqlite:///{tmp_path / 'bridge.db'}"


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def everything(url: str) -> dict[str, list[dict[str, object]]]:
    """What every row says; a column that says nothing may be a new one."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.row_factory = sqlite3.Row
    try:
        return {
            table: [
                {name: row[name] for name in row.keys() if row[name] is not None}  # noqa: SIM118
                for row in connection.execute(f"SELECT * FROM {table}")
            ]
            for table in TABLES
        }
    finally:
        connection.close()


def test_an_upgrade_changes_no_webhook_and_no_event(old_url, open_store):
    before = everything(old_url)

    upgrade(old_url)
    upgrade(old_url)

    assert everything(old_url) == before
    modes = Counter(record.mode for record in open_store(old_url).find(Query()))
    assert modes == {"live": 4, "test": 1, "demo": 1}


def test_repeat_keys_keep_their_webhooks_and_learn_what_they_are_bound_to(old_url):
    keys = rows(old_url, "SELECT repeat_key, webhook_id, expires_at FROM repeat_keys")

    upgrade(old_url)

    assert rows(old_url, "SELECT repeat_key, webhook_id, expires_at FROM repeat_keys") == keys
    assert rows(old_url, "SELECT repeat_key, scope FROM repeat_keys") == [
        (b"key-1", "1234567890123456"),
        (b"key-2", "1234567890123456"),
        (b"key-3", "1234567890123456:TEST1 rev1"),
        (b"key-4", "1000000000000000 rev1"),
        (b"key-5", "1234567890123456,222"),
        (b"key-6", ""),
    ]


def test_a_webhook_of_before_the_upgrade_is_still_a_duplicate_after_it(
    old_url, open_store, webhook, event, now
):
    upgrade(old_url)
    outbox = open_store(old_url)
    of_main = event("lead-1", dataset_id="1234567890123456")

    again = webhook("1", of_main)._replace(
        mapping="lead", repeat_key=b"key-1", received_at=now + timedelta(hours=1)
    )

    assert outbox.add(again).duplicate


def test_live_goes_on_in_a_database_that_is_older_than_markers(old_url):
    upgrade(old_url)

    mark_purpose(old_url, "live")

    assert rows(old_url, "SELECT * FROM properties") == [("purpose", "live")]
    for refuse in (lambda: mark_purpose(old_url, "demo"), lambda: refuse_demo_beside_live(old_url)):
        with pytest.raises(CannotOpen, match="holds events of a real dataset"):
            refuse()


def test_a_demo_is_refused_beside_a_database_that_was_not_upgraded_yet(old_url):
    with pytest.raises(CannotOpen, match="no dataset is configured"):
        refuse_demo_beside_live(old_url)


@pytest.mark.parametrize("name", ["nothing.db", "empty.db"], ids=["no file", "an empty file"])
def test_a_demo_is_welcome_where_nothing_is(tmp_path, name):
    (tmp_path / "empty.db").touch()
    refuse_demo_beside_live(f"sqlite:///{tmp_path / name}")


def test_a_demo_marks_its_database_and_live_is_refused_there_once_it_holds_events(
    database_url, open_store, webhook, event
):
    mark_purpose(database_url, "live")
    mark_purpose(database_url, "demo")  # nothing was in it yet
    open_store(database_url).add(webhook("1", event("1", dataset_id="1000000000000000")))

    mark_purpose(database_url, "demo")
    with pytest.raises(CannotOpen, match="belongs to a demo"):
        mark_purpose(database_url, "live")


APART = """
import sys
from bridge.outbox import upgrade
upgrade(sys.argv[1], apart=True)
upgrade(sys.argv[1], apart=True)
print("alembic" in sys.modules)
"""


def test_a_server_upgrades_apart_and_keeps_nothing_of_what_that_needs(tmp_path, open_store, webhook):
    url = f"sqlite:///{tmp_path}/new.db"
    ran = subprocess.run([sys.executable, "-c", APART, url], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
    assert open_store(url).add(webhook()).duplicate is False


@pytest.mark.parametrize("apart", [False, True], ids=["here", "apart"])
def test_a_file_that_is_no_database_cannot_be_upgraded(tmp_path, apart):
    file = tmp_path / "bridge.db"
    file.write_bytes(b"no database at all, but long enough to look like one" * 100)
    with pytest.raises(CannotOpen, match="the database cannot be opened: the database file is damaged"):
        upgrade(f"sqlite:///{file}", apart=apart)
