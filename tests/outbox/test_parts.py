"""The parts of the outbox by themselves: keys, ids, group commit, bounds, migrations, moving house."""

from __future__ import annotations

import itertools
import sqlite3
import stat
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from bridge.crypto import Cipher, Nonces, key_from_file
from bridge.errors import CannotDecrypt, CannotOpen, CannotStore, WrongUse
from bridge.outbox import Bounds, Query, copy, upgrade
from bridge.outbox.backpressure import Backpressure
from bridge.outbox.database import Database, parse_url
from bridge.outbox.hourly_counts import CountChanges
from bridge.outbox.ids import first_id, moment_of, new_id
from bridge.outbox.inserts import Statements, pack, store, store_again
from bridge.outbox.lanes import Lanes, all_lanes, lane_key, number
from bridge.outbox.migrate import HEAD, revision
from bridge.outbox.queries import counts as counts_of
from bridge.outbox.tables import metadata
from bridge.outbox.write_lock import WriteLock

OLD, NEW = "the key of last year", "the key of this year"


class TestCipher:
    def test_what_was_sealed_opens_for_its_own_row_only(self):
        cipher = Cipher([NEW])
        encrypted = cipher.encrypt(b"secret", b"row 1")
        assert cipher.decrypt(encrypted, b"row 1") == b"secret"
        with pytest.raises(CannotDecrypt, match="another row"):
            cipher.decrypt(encrypted, b"row 2")

    def test_a_new_key_in_front_still_decrypts_what_the_old_one_encrypted(self):
        encrypted = Cipher([OLD]).encrypt(b"secret")
        both = Cipher([NEW, OLD])
        assert both.decrypt(encrypted) == b"secret"
        with pytest.raises(CannotDecrypt, match="no key with id"):
            Cipher([NEW]).decrypt(encrypted)

    @pytest.mark.parametrize("place", [0, 3, 10, 20, -1])
    def test_one_changed_byte_is_noticed(self, place):
        encrypted = bytearray(Cipher([NEW]).encrypt(b"secret"))
        encrypted[place] ^= 1
        with pytest.raises(CannotDecrypt):
            Cipher([NEW]).decrypt(bytes(encrypted))

    def test_the_same_text_never_seals_to_the_same_bytes(self):
        assert Cipher([NEW]).encrypt(b"x") != Cipher([NEW]).encrypt(b"x")

    def test_many_threads_never_get_the_same_nonce(self):
        nonces, taken = Nonces(), []
        threads = [
            threading.Thread(target=lambda: taken.extend([nonces.take() for _ in range(5_000)]))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(taken), len(set(taken)), {len(nonce) for nonce in taken}) == (40_000, 40_000, {12})

    @pytest.mark.parametrize("texts", [[], ["short"]], ids=["no key", "a short key"])
    def test_bad_keys_are_refused_without_showing_them(self, texts):
        with pytest.raises(WrongUse) as refusal:
            Cipher(texts)
        assert "short'" not in str(refusal.value)


class TestKeyFile:
    def test_it_is_made_once_and_readable_by_its_owner_alone(self, tmp_path):
        path = tmp_path / "data" / "key"
        first = key_from_file(path)
        assert len(first) >= 32
        assert key_from_file(path) == first
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(path.parent.iterdir()) == [path]

    def test_many_that_start_together_agree_on_one_key(self, tmp_path):
        keys = []
        threads = [
            threading.Thread(target=lambda: keys.append(key_from_file(tmp_path / "key"))) for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(keys) == 16
        assert len(set(keys)) == 1

    def test_an_empty_file_is_no_key(self, tmp_path):
        (tmp_path / "key").touch()
        with pytest.raises(CannotOpen, match="empty"):
            key_from_file(tmp_path / "key")

    def test_a_place_that_cannot_be_written_is_named(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(CannotOpen, match="cannot write a secret key"):
            key_from_file(tmp_path / "file" / "key")


class TestIds:
    def test_ids_of_one_moment_sort_in_the_order_they_were_made(self):
        ids = [new_id(1_795_244_386_123) for _ in range(5_000)]
        wraps = sum(later < earlier for earlier, later in itertools.pairwise(ids))
        assert len(set(ids)) == 5_000
        assert wraps <= 1  # the counter starts anywhere and may come round once

    def test_an_id_tells_its_moment_and_is_a_uuid_of_version_7(self):
        row_id = new_id(1_795_244_386_123)
        assert moment_of(row_id) == 1_795_244_386_123
        assert (row_id[6] >> 4, row_id[8] >> 6) == (7, 2)
        assert first_id(1_795_244_386_123) < row_id < first_id(1_795_244_386_124)


def test_a_forked_child_makes_neither_the_ids_nor_the_nonces_of_its_parent():
    script = """
import os
from bridge.crypto import Nonces
from bridge.outbox.ids import new_id
nonces = Nonces()
new_id(0), nonces.take()
child = os.fork()
if child:
    os.waitpid(child, 0)
print(*[new_id(0).hex() for _ in range(50)], *[nonces.take().hex() for _ in range(50)], flush=True)
"""
    made = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert len(set(made.stdout.split())) == 200


class TestBounds:
    def test_the_queue_is_counted_now_and_then_and_less_often_when_that_takes_long(self):
        moments = iter([0.0, 0.0, 0.5, 10.0, 51.0, 51.0, 51.0])
        asked = []
        guard = Backpressure(
            Bounds(queue_events=10), lambda: asked.append(10) or 3, None, lambda: next(moments)
        )
        for _ in range(3):
            guard.check()
        assert asked == [10, 10]

    def test_a_nearly_full_disk_refuses_and_forgives(self, tmp_path):
        free = [5]
        moments = iter([0.0, 0.0, 0.0, 9.0, 9.0, 9.0])
        guard = Backpressure(
            Bounds(free_disk_bytes=10),
            lambda: 0,
            tmp_path / "a.db",
            lambda: next(moments),
            lambda _folder: free[0],
        )
        with pytest.raises(CannotStore, match="disk is nearly full"):
            guard.check()
        free[0] = 50
        guard.check()


class TestMigrations:
    def test_the_migrated_tables_are_the_declared_ones(self, database_url):
        database = Database(database_url)
        found = database.read(
            lambda connection: compare_metadata(MigrationContext.configure(connection), metadata)
        )
        database.close()
        assert [difference for difference in found if "alembic_version" not in str(difference)] == []

    def test_many_processes_that_start_together_migrate_once(self, tmp_path):
        url = f"sqlite:///{tmp_path}/new/bridge.db"
        errors = []

        def start():
            try:
                upgrade(url)
            except Exception as error:  # noqa: BLE001 - shown below
                errors.append(error)

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        database = Database(url)
        assert revision(database) == HEAD
        database.close()

    def test_a_migration_apart_leaves_neither_its_imports_nor_a_process_in_a_server(self, tmp_path):
        url = f"sqlite:///{tmp_path}/bridge.db"
        code = f"""
import os, sys
from bridge.outbox import upgrade
upgrade({url!r}, apart=True)
print('alembic' in sys.modules)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print('no child')
"""
        ran = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, stdout=subprocess.PIPE)
        assert ran.stdout == b"False\nno child\n"
        database = Database(url)
        assert revision(database) == HEAD
        database.close()

    @pytest.mark.parametrize(
        "url",
        ["sqlite:////proc/nowhere/bridge.db", "postgresql://nobody@127.0.0.1:1/nothing"],
        ids=["file", "server"],
    )
    def test_what_cannot_be_opened_is_said_without_the_password(self, url):
        with pytest.raises(CannotOpen) as refusal:
            upgrade(url.replace("nobody@", "nobody:secret@"))
        assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("sqlite:///a.db", "sqlite"),
        ("postgresql://u:p@h/d", "postgresql+psycopg"),
        ("postgres://h/d", "postgresql+psycopg"),
    ],
)
def test_addresses_name_their_driver(text, driver):
    assert parse_url(text).drivername == driver


@pytest.mark.parametrize("text", ["", "mysql://h/d", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_other_addresses_are_refused_with_an_example(text):
    with pytest.raises(WrongUse) as refusal:
        parse_url(text)
    assert "sqlite:///" in refusal.value.fix


@pytest.mark.postgres
@pytest.mark.parametrize("direction", ["to PostgreSQL", "to SQLite"])
def test_a_copy_takes_everything_along(
    new_sqlite_url, new_postgres_url, open_store, webhook, event, now, direction
):
    urls = (new_sqlite_url(), new_postgres_url())
    old_url, new_url = urls if direction == "to PostgreSQL" else urls[::-1]
    old = open_store(old_url)
    receipts = [old.add(webhook(str(number))) for number in range(30)]
    old.add(webhook("held", event("", status="held", body=None, reason="no e-mail", destination="other")))
    old.claim(old.lanes()[0], worker="w", now=now, lease_until=now + timedelta(minutes=1), limit=5)
    seen = []
    later = now + timedelta(minutes=2)
    first = copy(old_url, new_url, later, lambda table, rows: seen.append((table, rows)))
    assert copy(old_url, new_url, later) == first
    assert (first["events"], first["queue"], ("events", 31) in seen) == (31, 30, True)

    new = open_store(new_url)
    assert new.counts().by_status["waiting"] == 30
    records = {record.id: record for record in old.find(Query(statuses=frozenset({"waiting", "held"})))}
    assert {record.id: record for record in new.find(Query()) if record.id in records} == records
    assert new.add(webhook("3")).webhook_id == receipts[3].webhook_id
    assert new.raw(receipts[3].webhook_id) == old.raw(receipts[3].webhook_id)
    assert new.add(webhook("new", event("new", destination="third"))).events[0].status == "waiting"
    assert len({lane.id for lane in new.lanes()}) == 2


def test_a_lost_answer_to_commit_neither_stores_twice_nor_refuses(database_url, webhook, event):
    database = Database(database_url)
    run = Statements(database.engine, Cipher([NEW]))
    packed = [pack(webhook(key, event(key)), Cipher([NEW])) for key in ("1", None)]
    later = pack(webhook("2"), Cipher([NEW]))
    lane_of = Lanes(database.write).numbered(lane for one in [*packed, later] for lane in one.lanes())
    count_changes = CountChanges(database.engine)

    def write(way, webhooks):
        def work(connection):
            receipts = way(connection, run, webhooks, lane_of)
            count_changes.store(connection)
            return receipts

        return database.write(work)

    first = write(store, packed)
    again = write(store_again, [*packed, later])
    counts = database.read(counts_of)
    database.close()
    assert again[:2] == first
    assert (again[2].duplicate, counts.received, counts.reconciled) == (False, 3, True)


def test_what_fails_leaves_nothing_behind_and_the_next_write_is_whole(new_sqlite_url, open_store):
    url = new_sqlite_url()
    open_store(url)
    database = Database(url)

    def add(connection, name, error=None):
        number(connection, lane_key(name, "1", None))
        if error:
            raise error

    database.write(lambda connection: add(connection, "first"))
    with pytest.raises(KeyError):
        database.write(lambda connection: add(connection, "lost", KeyError()))
    with pytest.raises(sqlite3.OperationalError):
        database.write(lambda connection: connection.connection.driver_connection.execute("ROLLBACK"))
    database.write(lambda connection: add(connection, "second"))
    other = Database(url)
    found = [lane.destination for lane in other.read(all_lanes)]
    other.close()
    database.close()
    assert found == ["first", "second"]


def test_reading_works_while_somebody_writes(new_sqlite_url, open_store, webhook, tmp_path):
    url = new_sqlite_url()
    outbox = open_store(url)
    outbox.add(webhook("1"))
    lock = WriteLock(Path(f"{url.removeprefix('sqlite:///')}.turn"))
    with lock():
        assert len(outbox.find(Query())) == 1
    lock.close()
