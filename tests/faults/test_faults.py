"""Processes die, disks fill, servers restart: what was acknowledged is delivered all the same."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.errors import CannotStore
from bridge.failpoints import POINTS, STORE_AFTER, STORE_BEFORE
from bridge.outbox import STATUSES, upgrade
from bridge.simulator import Simulator

pytestmark = pytest.mark.process

CHILD = Path(__file__).with_name("child.py")
_spec = importlib.util.spec_from_file_location("faults_child", CHILD)
assert _spec is not None
assert _spec.loader is not None
child = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(child)


def run_child(*arguments):
    return subprocess.run(
        [sys.executable, str(CHILD), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHILD.parents[2]), "PYTHONDONTWRITEBYTECODE": "1"},
    )


def start_child(*arguments, stdin=subprocess.DEVNULL):
    return subprocess.Popen(
        [sys.executable, str(CHILD), *map(str, arguments)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHILD.parents[2])},
    )


@pytest.fixture
def simulator():
    with Simulator() as running:
        yield running


def deliver_what_is_left(outbox, simulator):
    """Do what the next worker does once the leases of the dead one are over."""
    later = timedelta()
    worker = child.worker_on(outbox, simulator.url, clock=lambda: datetime.now(UTC) + later)
    for seconds in (0, 3, 60, 200):
        later = timedelta(seconds=seconds)
        worker.run_once()


def times_arrived(simulator):
    return Counter(event["event_id"] for event in simulator.events)


def final(outbox):
    counts = outbox.counts()
    assert set(counts.by_status) == set(STATUSES)
    assert outbox.discrepancies() == []
    return {status: number for status, number in counts.by_status.items() if number}


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_between_accepting_and_settling_nothing_acknowledged_is_lost(
    point, database_url, open_store, simulator
):
    nth = 13 if point in {STORE_BEFORE, STORE_AFTER} else 1
    died = run_child("kill", database_url, simulator.url, point, nth, 20)
    assert died.returncode == -9, died.stderr
    acknowledged = {f"order-{key}" for key in died.stdout.split()}
    assert len(acknowledged) == (12 if point in {STORE_BEFORE, STORE_AFTER} else 20)

    outbox = open_store(database_url)
    deliver_what_is_left(outbox, simulator)
    arrived = [event["event_id"] for event in simulator.events]
    assert acknowledged <= set(arrived)
    stored = len(set(arrived))
    assert final(outbox) == {"sent": stored}

    for number in range(20):  # the sender tries everything again that it got no answer for, and more
        outbox.add(child.webhook(number))
    deliver_what_is_left(outbox, simulator)
    assert final(outbox) == {"sent": 20}
    assert times_arrived(simulator).keys() == {f"order-{number}" for number in range(20)}
    assert max(times_arrived(simulator).values()) <= 2


@pytest.mark.parametrize("workers", [2, 4])
def test_many_workers_and_two_doors_while_one_worker_is_killed(workers, database_url, open_store, simulator):
    doors = [open_store(database_url) for _ in range(2)]
    running = [start_child("work", database_url, simulator.url) for _ in range(workers)]
    try:
        assert [process.stdout.readline() for process in running] == [b"ready\n"] * workers

        def post(door):
            for number in range(door, 600, 2):
                doors[door].add(child.webhook(number))
                if number == 200:
                    running[0].kill()

        threads = [threading.Thread(target=post, args=(door,)) for door in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        codes = [stopped(process) for process in running]
    assert codes == [-9] + [0] * (workers - 1)
    deliver_what_is_left(doors[0], simulator)
    assert final(doors[0]) == {"sent": 600}
    times = Counter(times_arrived(simulator).values())
    assert times.keys() <= {1, 2}
    assert times[2] <= 6 * 20  # what the killed worker had under way, at most
    assert len(times_arrived(simulator)) == 600


def stopped(process):
    process.terminate()
    process.stdout.close()
    return process.wait(60)


def test_a_full_disk_refuses_honestly_and_loses_nothing(new_sqlite_url, open_store):
    url = new_sqlite_url()
    full = run_child("store", url, 5_000, 600_000)
    assert (full.returncode, "Traceback" in full.stderr) == (75, False)
    assert full.stderr.startswith("refused: the disk of the database ")
    acknowledged = full.stdout.split()
    assert len(acknowledged) > 10
    outbox = open_store(url)
    assert final(outbox) == {"waiting": len(acknowledged)}
    assert all(outbox.add(child.webhook(int(key))).duplicate for key in acknowledged)
    assert outbox.add(child.webhook(9_999)).duplicate is False


def test_a_folder_is_refused_honestly_while_it_is_read_only_and_not_longer(
    new_sqlite_url, open_store, tmp_path
):
    url = new_sqlite_url()
    file = Path(url.removeprefix("sqlite:///"))
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    open_store(url).add(child.webhook(9))
    parts = [file.with_name(f"{file.name}{suffix}") for suffix in ("", "-wal", "-shm", ".turn")]
    for part in parts:
        part.chmod(0o444)
    with start_child("powerless", url, 3, stdin=subprocess.PIPE) as child_process:
        refusal = child_process.stdout.readline()
        for part in parts:
            part.chmod(0o666)
        stored, _ = child_process.communicate(b"go on\n", 60)
    assert refusal == b"refused: the database file cannot be opened or written\n"
    assert (child_process.returncode, stored.split()) == (0, [b"0", b"1", b"2"])


def killed_with_a_wal(url):
    """Leave a database as a power cut does: acknowledged webhooks in the WAL, not yet in the file."""
    died = run_child("kill", url, "http://unused.invalid", STORE_BEFORE, 21, 30)
    assert (died.returncode, len(died.stdout.split())) == (-9, 20)
    return Path(f"{url.removeprefix('sqlite:///')}-wal")


def test_a_torn_write_at_the_end_of_the_wal_loses_nothing_acknowledged(new_sqlite_url, open_store):
    url = new_sqlite_url()
    wal = killed_with_a_wal(url)
    with wal.open("ab") as file:
        file.write(os.urandom(3_000))
    outbox = open_store(url)
    assert final(outbox) == {"waiting": 20}
    assert outbox.add(child.webhook(777)).duplicate is False


def test_a_corrupted_last_page_of_the_wal_costs_at_most_the_last_commit_and_keeps_the_books(
    new_sqlite_url, open_store
):
    url = new_sqlite_url()
    wal = killed_with_a_wal(url)
    content = bytearray(wal.read_bytes())
    content[-100:] = os.urandom(100)
    wal.write_bytes(content)
    outbox = open_store(url)
    assert final(outbox) == {"waiting": 19}
    assert sum(outbox.add(child.webhook(number)).duplicate for number in range(20)) == 19


def test_a_database_that_is_no_database_is_an_honest_refusal(new_sqlite_url, open_store):
    url = new_sqlite_url()
    Path(url.removeprefix("sqlite:///")).write_bytes(os.urandom(8_192))
    outbox = child.open_it(url)
    with pytest.raises(CannotStore, match="the database file is damaged"):
        outbox.add(child.webhook(1))
    outbox.close()


@pytest.fixture
def own_postgres(postgres):
    """A server that this test may stop and start."""
    server = type(postgres)()
    server.make()
    server.start()
    yield server
    server.remove()


@pytest.mark.postgres
def test_a_restart_of_postgresql_costs_time_and_nothing_else(own_postgres, open_store, simulator):
    url = own_postgres.url()
    upgrade(url)
    outbox = open_store(url)
    for number in range(10):
        outbox.add(child.webhook(number))
    own_postgres.stop()
    with pytest.raises(CannotStore):
        outbox.add(child.webhook(10))
    own_postgres.start()
    for number in range(5, 20):
        outbox.add(child.webhook(number))
    deliver_what_is_left(outbox, simulator)
    own_postgres.stop()
    own_postgres.start()
    assert final(outbox) == {"sent": 20}
    assert times_arrived(simulator) == {f"order-{number}": 1 for number in range(20)}
