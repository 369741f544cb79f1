"""Part `intake`: durable answers of the real server, against bare Flask under the same gunicorn settings.

SQLite with synchronous=FULL; a 200 means a commit. Every body is different, and after each round there
must be as many webhooks in the store as 200s were given. Delivery is off here (part `delivery` has it on),
so that each server has the two cores to itself and wrk.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import load, postgres, purchase, servers
from benchmarks.figures import Figure, figure
from benchmarks.load import Answered
from benchmarks.rounds import Series
from benchmarks.waiting import SECRET_KEY

PART = "intake"
ROUNDS = 5
WINDOW_SECONDS = 2
WARM_SECONDS = 1  # wrk knows whole seconds only
BODIES = 60_000  # each of wrk's two threads must not come round in a window
CONNECTIONS = (8, 32, 128)
THREADS = 8


def measure(*, rounds: int = ROUNDS) -> list[Figure]:
    """Return requests per second and p99 as ratios to bare Flask, by connections and workers."""
    if not load.is_there():
        return []
    with tempfile.TemporaryDirectory() as folder:
        windows = Windows(Path(folder))
        made = against_flask(windows, 2, rounds) + against_flask(windows, 1, min(rounds, 3))
        return made + slow_disk(windows, rounds) + on_postgresql(windows, rounds)


@dataclass(slots=True)
class Windows:
    """Gives every window bodies that no window had before, and keeps the results by name."""

    folder: Path
    next_number: int = 1
    seen: dict[str, list[Answered]] = field(default_factory=dict)

    def run(self, name: str, url: str, connections: int, *, signed: bool = False, keep: bool = True) -> int:
        """Load a server for one window; return how many webhooks it answered."""
        bodies = self._new_bodies(signed=signed)
        seconds = WINDOW_SECONDS if keep else WARM_SECONDS
        return self._kept(name, load.wrk(url, bodies, connections=connections, seconds=seconds), keep=keep)

    def run_both(self, name: str, urls: tuple[str, str], connections: int, *, keep: bool = True) -> int:
        """Load two addresses at the same time, with so many connections each; keep the sum."""
        bodies = [self._new_bodies(), self._new_bodies()]
        seconds = WINDOW_SECONDS if keep else WARM_SECONDS
        with ThreadPoolExecutor(2) as together:
            first, second = together.map(
                lambda url, file: load.wrk(url, file, connections=connections, seconds=seconds), urls, bodies
            )
        return self._kept(name, first.plus(second), keep=keep)

    def _new_bodies(self, *, signed: bool = False) -> Path:
        file = self.folder / f"bodies-{self.next_number // BODIES % 2}.txt"
        load.write_bodies(file, BODIES, first=self.next_number, signed=signed)
        self.next_number += BODIES
        return file

    def _kept(self, name: str, answered: Answered, *, keep: bool) -> int:
        if answered.bad or answered.broken:
            raise RuntimeError(f"{name}: {answered.bad} rejected, {answered.broken} broken")
        if answered.requests > BODIES and not name.startswith("flask"):  # Flask looks at none of them
            raise RuntimeError(f"{name}: more answers than bodies; raise BODIES")
        if keep:
            self.seen.setdefault(name, []).append(answered)
        return answered.requests

    def per_second(self, name: str) -> Series:
        return Series(tuple(one.per_second for one in self.seen[name]))

    def p99(self, name: str) -> Series:
        return Series(tuple(one.p99_ms for one in self.seen[name]))

    def p50(self, name: str) -> Series:
        return Series(tuple(one.p50_ms for one in self.seen[name]))


def against_flask(windows: Windows, workers: int, rounds: int) -> list[Figure]:
    """Compare with bare Flask at each number of connections, and once with a signed source."""
    windows.seen.clear()
    for number in range(rounds):
        with tempfile.TemporaryDirectory(dir=windows.folder) as folder:
            _round(windows, workers, Path(folder), random.Random(number))
    return _against_flask_figures(windows, f"{workers} worker{'s' if workers > 1 else ''}")


def _round(windows: Windows, workers: int, folder: Path, jitter: random.Random) -> None:
    many = ["--workers", str(workers), "--threads", str(THREADS), "--no-deliver"]
    stored = 0
    with (
        servers.bare_flask(folder / "flask", workers=workers, threads=THREADS) as flask,
        servers.bridge(folder, *many) as bridge,
    ):
        plain, signed = f"{bridge.url}/hooks/{purchase.NAME}", f"{bridge.url}/hooks/{purchase.NAME}-signed"
        stored += windows.run("warm", plain, 32, keep=False)
        windows.run("warm", f"{flask.url}/hooks/x", 32, keep=False)
        order = [(kind, connections) for kind in ("flask", "bridge") for connections in CONNECTIONS]
        order.append(("signed", 32))
        jitter.shuffle(order)
        for kind, connections in order:
            url = {"flask": f"{flask.url}/hooks/x", "bridge": plain, "signed": signed}[kind]
            answered = windows.run(f"{kind} {connections}", url, connections, signed=kind == "signed")
            stored += 0 if kind == "flask" else answered
    check_nothing_is_lost(folder / "bridge.db", stored)


def _against_flask_figures(windows: Windows, named: str) -> list[Figure]:
    made: list[Figure] = []
    for connections in CONNECTIONS:
        bridge, flask = f"bridge {connections}", f"flask {connections}"
        ratio = windows.per_second(bridge).over(windows.per_second(flask))
        p99 = windows.p99(bridge).over(windows.p99(flask))
        where = f"{named}, {connections} connections"
        notes = [
            f"{windows.per_second(name).median:,.0f}/s, p50 {windows.p50(name).median:.1f} ms, "
            f"p99 {windows.p99(name).median:.1f} ms"
            for name in (bridge, flask)
        ]
        note = f"{notes[0]}; Flask {notes[1]}"
        made.append(figure(PART, f"durable intake of bare Flask, {where}", "x", ratio, note))
        is_target = where == "2 workers, 32 connections"
        made.append(
            figure(PART, "its p99 against bare Flask's" if is_target else f"p99 of that, {where}", "x", p99)
        )
    signed = windows.per_second("signed 32").over(windows.per_second("flask 32"))
    made.append(figure(PART, f"the same, HMAC-verified, {named}, 32 connections", "x", signed))
    return made


def on_postgresql(windows: Windows, rounds: int) -> list[Figure]:
    """Measure the intake on PostgreSQL, where there is one."""
    with postgres.databases() as databases:
        if databases is None:
            return []
        return against_sqlite(windows, databases, rounds) + two_nodes(windows, databases, min(rounds, 3))


def against_sqlite(windows: Windows, databases: postgres.Databases, rounds: int) -> list[Figure]:
    """Compare the intake on PostgreSQL with that on SQLite, side by side on the same disk."""
    windows.seen.clear()
    for number in range(rounds):
        order = {"sqlite": None, "postgresql": next(databases)}
        for name in random.Random(number).sample(list(order), len(order)):
            _window_on(windows, name, order[name])
    ratio = windows.per_second("postgresql").over(windows.per_second("sqlite"))
    note = f"{windows.per_second('postgresql').median:,.0f}/s, 32 connections"
    return [figure(PART, "durable intake on PostgreSQL against SQLite, 2 workers", "x", ratio, note)]


def two_nodes(windows: Windows, databases: postgres.Databases, rounds: int) -> list[Figure]:
    """Compare two web nodes of one worker each with one of two workers, on the same PostgreSQL."""
    windows.seen.clear()
    for number in range(rounds):
        for nodes in random.Random(number).sample((1, 2), 2):
            _window_of_nodes(windows, nodes, next(databases))
    ratio = windows.per_second("nodes: 2").over(windows.per_second("nodes: 1"))
    note = f"{windows.per_second('nodes: 2').median:,.0f}/s, 32 connections, all on this machine"
    return [figure(PART, "two web nodes on PostgreSQL against one with as many workers", "x", ratio, note)]


def _window_of_nodes(windows: Windows, nodes: int, database_url: str) -> None:
    many = ["--workers", str(2 // nodes), "--threads", str(THREADS), "--no-deliver"]
    with tempfile.TemporaryDirectory(dir=windows.folder) as folder, contextlib.ExitStack() as started:
        urls = [
            started.enter_context(
                servers.bridge(
                    Path(folder, str(number)),
                    *many,
                    database_url=database_url,
                    environment={"CAPI_BRIDGE_SECRET_KEY": SECRET_KEY},
                )
            ).url
            for number in range(nodes)
        ]
        both = (f"{urls[0]}/hooks/{purchase.NAME}", f"{urls[-1]}/hooks/{purchase.NAME}")
        windows.run_both("warm", both, 16, keep=False)
        windows.run_both(f"nodes: {nodes}", both, 16)


def _window_on(windows: Windows, name: str, database_url: str | None) -> None:
    many = ["--workers", "2", "--threads", str(THREADS), "--no-deliver"]
    with (
        tempfile.TemporaryDirectory(dir=windows.folder) as folder,
        servers.bridge(Path(folder), *many, database_url=database_url) as bridge,
    ):
        url = f"{bridge.url}/hooks/{purchase.NAME}"
        windows.run("warm", url, 32, keep=False)
        windows.run(name, url, 32)


def slow_disk(windows: Windows, rounds: int) -> list[Figure]:
    """Compare group commit with a commit for each webhook, on a disk that takes 2 ms longer."""
    shim = build_shim(windows.folder)
    if shim is None:
        print("  skipped: a slower disk is emulated with a small C file, and gcc is not installed")
        return []
    windows.seen.clear()
    slow = {"LD_PRELOAD": str(shim), "FSYNC_DELAY_US": "2000"}
    commands = {
        "together": (str(servers.BIN / "capi-bridge"),),
        "alone": (sys.executable, "-m", "benchmarks.one_commit_each"),
    }
    for number in range(rounds):
        order = list(commands)
        random.Random(number).shuffle(order)
        for name in order:
            _slow_window(windows, name, commands[name], slow)
    ratio = windows.per_second("together").over(windows.per_second("alone"))
    return [
        figure(PART, "at +2 ms per fsync, against one commit per request", "x", ratio),
        figure(
            PART, "durable intake at +2 ms per fsync, 2 workers", "webhooks/s", windows.per_second("together")
        ),
    ]


def _slow_window(windows: Windows, name: str, command: Sequence[str], slow: Mapping[str, str]) -> None:
    many = ["--workers", "2", "--threads", str(THREADS), "--no-deliver"]
    with tempfile.TemporaryDirectory(dir=windows.folder) as folder:
        with servers.bridge(Path(folder), *many, environment=slow, command=command) as bridge:
            url = f"{bridge.url}/hooks/{purchase.NAME}"
            stored = windows.run("warm", url, 32, keep=False) + windows.run(name, url, 32)
        check_nothing_is_lost(Path(folder) / "bridge.db", stored)


def check_nothing_is_lost(file: Path, answered: int) -> None:
    """Every 200 must be a webhook in the store; a few more may have been stopped before their answer."""
    with contextlib.closing(sqlite3.connect(file)) as database:
        stored = int(database.execute("SELECT count(*) FROM webhooks").fetchone()[0])
    if not answered <= stored <= answered + 1024:
        raise RuntimeError(f"{answered} webhooks were answered and {stored} stored")


def build_shim(folder: Path) -> Path | None:
    """Compile the library that makes fsync slower."""
    shim = folder / "slow_fsync.so"
    source = Path(__file__).parent / "slow_fsync.c"
    command = ["gcc", "-O2", "-shared", "-fPIC", "-o", str(shim), str(source), "-ldl"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    return shim
