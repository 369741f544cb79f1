"""A backup is a whole copy under its name, or none at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bridge.errors import CannotOpen, WrongUse
from bridge.outbox import Query
from bridge.outbox.backup import backup


def test_a_backup_holds_everything_and_is_readable_by_its_owner_alone(
    new_sqlite_url, open_store, webhook, tmp_path
):
    source = new_sqlite_url()
    store = open_store(source)
    store.add(webhook())
    target = tmp_path / "copy.db"
    (tmp_path / ".copy.db.unfinished").write_bytes(b"of a backup that was interrupted")

    size = backup(source, target)

    assert size == target.stat().st_size
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert not (tmp_path / ".copy.db.unfinished").exists()
    assert open_store(f"sqlite:///{target}").find(Query()) == store.find(Query())


def test_a_file_that_is_there_is_left_alone(new_sqlite_url, tmp_path):
    target = tmp_path / "copy.db"
    target.write_bytes(b"of yesterday")
    with pytest.raises(WrongUse, match="is there already"):
        backup(new_sqlite_url(), target)
    assert target.read_bytes() == b"of yesterday"


def test_a_database_on_a_server_is_backed_up_by_its_own_tool(tmp_path):
    with pytest.raises(WrongUse) as refused:
        backup("postgresql://bridge:secret@db.example/bridge", tmp_path / "copy.dump")
    command = f"pg_dump --format=custom --file={tmp_path}/copy.dump postgresql://bridge@db.example/bridge"
    assert refused.value.fix == f"run: {command}"


def test_a_database_that_is_not_there_is_not_created(tmp_path):
    with pytest.raises(CannotOpen, match="there is no database yet"):
        backup(f"sqlite:///{tmp_path}/missing.db", tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_an_error(new_sqlite_url, tmp_path):
    with pytest.raises(CannotOpen, match=r"the copy could not be made \(FileNotFoundError\)"):
        backup(new_sqlite_url(), tmp_path / "missing" / "copy.db")


def test_a_damaged_database_leaves_no_backup_that_looks_right(new_sqlite_url, open_store, webhook, tmp_path):
    source = new_sqlite_url()
    store = open_store(source)
    store.add_all([webhook(str(number)) for number in range(200)])
    store.close()
    file = Path(source.removeprefix("sqlite:///"))
    whole = file.read_bytes()
    page = 40 * 4096  # any page of rows
    file.write_bytes(whole[:page] + b"\xff" * 4096 + whole[page + 4096 :])

    with pytest.raises(CannotOpen, match=r"the copy could not be made \(DatabaseError\)"):
        backup(source, tmp_path / "copy.db")
    assert not list(tmp_path.glob("*copy.db*"))
    file.write_bytes(whole)  # for the check of the totals
