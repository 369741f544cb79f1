"""A database, a lock or a process stands still, or signals come under load: nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import urllib3

from bridge.outbox import upgrade
from tests.faults.conftest import Honest, workers_of

pytestmark = pytest.mark.process

JANE = {"id": 1, "mail": "jane@example.com"}


@contextlib.contextmanager
def beside(*clients: Honest, senders: int = 1) -> Iterator[None]:
    """Run clients until the end of the block."""
    stop = threading.Event()
    threads = [threading.Thread(target=one.until, args=(stop,)) for one in clients for _ in range(senders)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@contextlib.contextmanager
def standing_still(*processes: int) -> Iterator[None]:
    """Stop processes as a debugger, or a machine that swaps, does."""
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def post_and_ready(bridge: Any) -> tuple[Any, Any]:
    """Send a webhook, and ask whether the bridge is ready while it waits."""
    with ThreadPoolExecutor(1) as sender:
        answer = sender.submit(bridge.post, "/hooks/lead", JANE)
        ready = bridge.get("/readyz")
        return answer.result(60), ready


def test_who_holds_the_write_lock_for_ever_costs_senders_a_503_and_nothing_else(start, tmp_path):
    """As an import does that was stopped in the midst of its work."""
    bridge = start("--workers", "1", "--no-deliver")
    [lock] = tmp_path.rglob("*.turn")
    prober = Honest(bridge.url, "/healthz")
    with lock.open("a") as held, beside(prober):
        fcntl.flock(held, fcntl.LOCK_EX)
        answer, ready = post_and_ready(bridge)
    assert (answer.status, answer.body["error"]["code"]) == (503, "cannot_store")
    assert int(answer.headers["Retry-After"]) > 0
    assert ready.status == 503
    assert "write lock" in ready.body["reasons"][0]["message"]
    assert set(prober.statuses) == {200}
    assert bridge.post("/hooks/lead", JANE).body["status"] == "queued"
    assert bridge.get("/readyz").body["status"] == "ready"


@pytest.fixture
def own_postgres(postgres):
    """A server that this test may stop and start."""
    server = type(postgres)()
    server.make()
    server.start()
    upgrade(server.url())
    yield server
    server.remove()


@pytest.mark.postgres
def test_a_database_server_that_stands_still_costs_senders_a_503_and_nothing_else(start, own_postgres):
    bridge = start("--workers", "1", "--no-deliver", CAPI_BRIDGE_DATABASE_URL=own_postgres.url())
    assert bridge.post("/hooks/lead", {**JANE, "id": 0}).status == 200
    main = int((own_postgres.folder / "data" / "postmaster.pid").read_text().split()[0])
    prober = Honest(bridge.url, "/healthz")
    with standing_still(main, *workers_of(main)), beside(prober):
        answer, ready = post_and_ready(bridge)
    assert (answer.status, answer.body["error"]["code"]) == (503, "cannot_store")
    assert (ready.status, ready.body["reasons"][0]["code"]) == (503, "database")
    assert set(prober.statuses) == {200}
    assert bridge.post("/hooks/lead", JANE).body["status"] in {"queued", "duplicate"}
    assert bridge.post("/hooks/lead", JANE).body["status"] == "duplicate"


def test_a_worker_that_stands_still_does_not_keep_new_senders_waiting(start):
    bridge = start("--workers", "2", "--no-deliver")
    stopped, _ = workers_of(bridge.process.pid)
    with standing_still(stopped):
        statuses = {new_connection(bridge, number) for number in range(100)}
    assert statuses == {200}


def new_connection(bridge: Any, number: int) -> int:
    body = json.dumps({**JANE, "id": f"new-{number}"})
    headers = {"Content-Type": "application/json", "Connection": "close"}
    return urllib3.request("POST", f"{bridge.url}/hooks/lead", body=body, headers=headers).status


def stored(folder: Path) -> set[str]:
    """Return the ids of all events in the database of a bridge."""
    [file] = folder.rglob("bridge.db")
    with contextlib.closing(sqlite3.connect(file)) as database:
        return {event_id for (event_id,) in database.execute("SELECT event_id FROM events")}


def acknowledged(*clients: Honest) -> set[str]:
    return {f"lead-{one}" for client in clients for one in client.acknowledged}


def test_a_stop_with_idle_connections_does_not_wait_for_them(start, tmp_path):
    bridge = start("--workers", "2")
    with contextlib.ExitStack() as opened:
        idle = [
            opened.enter_context(socket.create_connection(("127.0.0.1", bridge.port))) for _ in range(200)
        ]
        honest = Honest(bridge.url, "/hooks/lead")
        with beside(honest):
            time.sleep(0.5)
            started = time.monotonic()
            code = bridge.stop()
            took = time.monotonic() - started
        assert code == 0
        assert all(one.recv(1) == b"" for one in idle)
    print(f"stopped with 200 idle connections in {took:.1f} s")
    assert "Traceback" not in bridge.log()
    assert "Forcing" not in bridge.log()
    assert acknowledged(honest) <= stored(tmp_path)


def test_a_reload_under_load_loses_no_answer(start, tmp_path):
    bridge = start("--workers", "2", "--no-deliver")
    honest = Honest(bridge.url, "/hooks/lead")
    before = set(workers_of(bridge.process.pid))
    with beside(honest, senders=4):
        time.sleep(0.5)
        os.kill(bridge.process.pid, signal.SIGHUP)
        time.sleep(4)
    assert set(honest.statuses) == {200}
    assert before.isdisjoint(workers_of(bridge.process.pid))
    assert acknowledged(honest) <= stored(tmp_path)
    assert "Traceback" not in bridge.log()


def test_reloads_that_are_asked_for_meanwhile_are_one_and_a_stop_does_not_wait_for_each(start):
    bridge = start("--workers", "2", "--no-deliver")
    for _ in range(40):
        os.kill(bridge.process.pid, signal.SIGHUP)
        time.sleep(0.01)
    assert bridge.stop() == 0
    assert 1 <= bridge.log().count('"event":"reloaded"') < 20
    assert "Traceback" not in bridge.log()


def test_a_new_master_takes_over_under_load_and_loses_no_answer(start, tmp_path, wait_until):
    bridge = start("--workers", "2", "--no-deliver")
    old = bridge.process.pid
    honest = Honest(bridge.url, "/hooks/lead")
    with beside(honest, senders=4):
        os.kill(old, signal.SIGUSR2)
        new = wait_until(lambda: [one for one in workers_of(old) if len(workers_of(one)) == 2])
        time.sleep(0.5)
        os.kill(old, signal.SIGTERM)
        bridge.process.wait(60)
        time.sleep(0.5)
    os.kill(new[0], signal.SIGTERM)
    wait_until(lambda: not Path(f"/proc/{new[0]}").exists() or is_zombie(new[0]))
    assert set(honest.statuses) == {200}
    assert acknowledged(honest) <= stored(tmp_path)


def is_zombie(process: int) -> bool:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_workers_that_are_killed_under_load_lose_nothing_that_was_acknowledged(start, tmp_path):
    bridge = start("--workers", "2", "--no-deliver")
    honest = Honest(bridge.url, "/hooks/lead")
    with beside(honest, senders=4):
        for _ in range(4):
            time.sleep(0.6)
            os.kill(workers_of(bridge.process.pid)[0], signal.SIGKILL)
        time.sleep(1)
    assert len(acknowledged(honest)) > 20
    assert acknowledged(honest) <= stored(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_delivery_alone_ends_when_it_is_asked_to_however_often_and_early(start, tmp_path, number):
    """A handler that sets an event can wait for ever for the event's own lock; here there is none."""
    bridge = start("--workers", "1", "--no-deliver")
    command = [Path(bridge.process.args[0]), "worker"]
    for pause in (0.9, 1.1, 1.3, 1.6):
        worker = subprocess.Popen(
            command,
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], **bridge.environment},
            stderr=subprocess.PIPE,
        )
        assert worker.stderr is not None
        while b"delivers to" not in worker.stderr.readline():
            pass
        time.sleep(pause - 0.9)
        for _ in range(20):
            worker.send_signal(number)
        assert worker.wait(30) == 0
        worker.stderr.close()
