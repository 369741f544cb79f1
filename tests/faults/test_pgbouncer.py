"""Behind PgBouncer in transaction mode two nodes store and deliver; a restart of the primary costs time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection

from bridge.errors import CannotOpen
from bridge.outbox import upgrade
from bridge.outbox.arrivals import HEARD_SECONDS, UNHEARD_SECONDS
from bridge.outbox.database import Database
from bridge.outbox.pgbouncer import is_pooled
from bridge.simulator import Simulator
from tests.conftest import PostgresServer, free_port, locked
from tests.faults import child

pytestmark = [pytest.mark.postgres, pytest.mark.process]

PAGE = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text("utf-8")
AS_DOCUMENTED = PAGE.partition("```ini\n[pgbouncer]\n")[2].partition("```")[0]
EACH = 150  # webhooks of a node


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """PgBouncer itself, from Debian where it is not here yet; installing it starts nothing."""
    with locked(tmp_path_factory.getbasetemp().parent / "installing-pgbouncer"):
        if shutil.which("pgbouncer") is None and os.geteuid() == 0 and shutil.which("apt-get"):
            for arguments in ("update -qq", "install -y -qq --no-install-recommends pgbouncer"):
                command = ["apt-get", *arguments.split()]
                environment = {**os.environ, "RUNLEVEL": "1"}
                subprocess.run(command, check=False, capture_output=True, env=environment)
    found = shutil.which("pgbouncer")
    if found is None and "CI" not in os.environ:
        pytest.skip("PgBouncer is missing: apt-get install pgbouncer")
    assert found, "PgBouncer is missing, and could not be installed"
    return found


@pytest.fixture(scope="module")
def primary() -> Iterator[PostgresServer]:
    """A PostgreSQL that may be restarted, with an upgraded database."""
    server = PostgresServer()
    server.make()
    server.start()
    upgrade(server.url())
    yield server
    server.remove()


@contextmanager
def pgbouncer(program: str, primary: PostgresServer, settings: str) -> Iterator[str]:
    """Run PgBouncer before a server; yield the URL that leads through it."""
    port = free_port()
    file = primary.folder / f"pgbouncer-{port}.ini"
    file.write_text(
        f"[databases]\n* = host=127.0.0.1 port={primary.port} user=postgres\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        + settings
    )
    as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with (primary.folder / "pgbouncer.out").open("ab") as out:
        running = subprocess.Popen(
            [program, *as_user, str(file)], stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        _wait_for(f"postgresql://postgres@127.0.0.1:{port}/postgres")
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        running.terminate()
        running.wait()


def _wait_for(url: str) -> None:
    for _ in range(100):
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("PgBouncer does not answer")


def test_who_listens_directly_hears_of_what_is_stored_through_pgbouncer(program, primary):
    with (
        pgbouncer(program, primary, AS_DOCUMENTED) as url,
        closing(child.open_it(url)) as storing,
        closing(child.open_it(primary.url())) as listening,
        listening.arrivals.listening(threading.Event()),
    ):
        _until(lambda: listening.arrivals.look_every_seconds == HEARD_SECONDS)
        seen = listening.arrivals.wait(0, 0)
        storing.add(child.webhook(-1))
        _until(lambda: listening.arrivals.wait(seen, 1) != seen)


def told_of(connection: Connection) -> tuple[bool, int | None]:
    driver = connection.connection.driver_connection
    return is_pooled(connection), driver.prepare_threshold


def test_a_connection_through_pgbouncer_is_known_and_leaves_nothing_behind(program, primary):
    with pgbouncer(program, primary, AS_DOCUMENTED) as url:
        with closing(Database(url)) as pooled, closing(Database(primary.url())) as direct:
            assert (pooled.read(told_of), direct.read(told_of)) == ((True, None), (False, 5))
        with closing(child.open_it(url)) as outbox, outbox.arrivals.listening(threading.Event()):
            assert outbox.arrivals.look_every_seconds == UNHEARD_SECONDS
        listening = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
        with psycopg.connect(primary.url()) as connection:
            assert connection.execute(listening).fetchone() == (0,)


@pytest.mark.parametrize(
    ("settings", "statement", "message"),
    [
        ("pool_mode = transaction\n", "SELECT 1", "PgBouncer refuses"),
        (AS_DOCUMENTED, "ALTER ROLE postgres SET synchronous_commit = off", "before they are on disk"),
    ],
    ids=["options are not ignored", "commits are not durable"],
)
def test_what_must_be_set_otherwise_is_said_at_the_start(program, primary, settings, statement, message):
    primary.execute(statement)
    with pgbouncer(program, primary, settings) as url, pytest.raises(CannotOpen, match=message) as refused:
        upgrade(url)
    primary.execute("ALTER ROLE postgres RESET synchronous_commit")
    assert "ignore_startup_parameters" in refused.value.fix or "ALTER ROLE" in refused.value.fix


@pytest.fixture
def start_node(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start processes of a node; what still runs at the end is stopped."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, child.__file__, *map(str, arguments)]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(child.__file__).parents[2])}
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_two_nodes_store_and_deliver_while_the_primary_restarts(program, primary, open_store, start_node):
    with pgbouncer(program, primary, AS_DOCUMENTED) as url, Simulator() as simulator:
        for _ in range(2):
            start_node("work", url, simulator.url)
        doors = [start_node("door", url, number * EACH, EACH) for number in range(2)]
        acknowledged = [door.stdout.readline() for door in doors]
        primary.stop()
        primary.start()
        acknowledged += [line for door in doors for line in door.stdout]
        outbox = open_store(primary.url())
        _until(lambda: outbox.counts().by_status["waiting"] == outbox.counts().by_status["sending"] == 0)
        arrived = {event["event_id"] for event in simulator.events}

    assert len(acknowledged) == 2 * EACH
    assert {f"order-{int(key)}" for key in acknowledged} == arrived - {"order--1"}


def _until(is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to that in half a minute")
