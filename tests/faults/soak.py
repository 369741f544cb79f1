"""The long proof: rounds of webhooks while processes are killed, the database restarts and Meta misbehaves.

    python tests/faults/soak.py [--minutes 10] [--webhooks 20000] [--database sqlite|postgresql] [--seed N]

Each round stores its webhooks through two doors into a fresh database, from which several workers deliver to
the simulator. Doors and workers are killed and started again all the time. At the end every acknowledged
webhook must be at the simulator, the books must balance, and nothing may have arrived more often than
processes died while it was on the line. Exits with 1 at the first round that breaks a promise.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bridge.outbox import Outbox, upgrade
from bridge.simulator import Simulator

HERE = Path(__file__).parent
FAULTS = "500, timeout, html, reset-after-accept, 2, 429:retry-after=1, timeout-after-accept"


def _load(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


child = _load("soak_child", HERE / "child.py")
fixtures = _load("soak_fixtures", HERE.parent / "conftest.py")


@dataclass
class Round:
    """One round: what runs, what was acknowledged, how often somebody was killed."""

    url: str
    graph_url: str
    folder: Path
    webhooks: int
    jitter: random.Random
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    doors: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    kills: int = 0

    def start(self, *arguments: object, output: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a child; what it prints goes to a file, so that a kill loses nothing of it."""
        with (output or Path(os.devnull)).open("ab") as out:
            return subprocess.Popen(
                [sys.executable, str(HERE / "child.py"), *map(str, arguments)],
                stdout=out,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(HERE.parents[1])},
            )

    def start_worker(self) -> None:
        self.workers.append(self.start("work", self.url, self.graph_url))

    def start_door(self, number: int) -> None:
        """Let a door go on where the acknowledged ones end, some of them once more."""
        half = self.webhooks // 2
        first = number * half
        done = len(set(self.acknowledged(number)))
        again = max(first, first + done - self.jitter.randrange(1, 20))
        self.doors[number] = self.start(
            "door", self.url, again, first + half - again, output=self.log(number)
        )

    def log(self, number: int) -> Path:
        return self.folder / f"door-{number}"

    def acknowledged(self, number: int) -> list[str]:
        path = self.log(number)
        return [line for line in path.read_text().split("\n")[:-1] if line] if path.exists() else []

    def disturb(self) -> None:
        """Kill a worker or a door, and start another in its place."""
        self.kills += 1
        if self.jitter.random() < 0.6:
            victim = self.jitter.choice(self.workers)
            self.workers.remove(victim)
            victim.kill()
            victim.wait()
            self.start_worker()
            return
        number = self.jitter.choice(list(self.doors))
        if self.doors[number].poll() is None:
            self.doors[number].kill()
            self.doors[number].wait()
            self.start_door(number)

    def is_storing(self) -> bool:
        return any(process.poll() is None for process in self.doors.values())

    def stop(self) -> None:
        for process in [*self.workers, *self.doors.values()]:
            process.terminate()
        for process in [*self.workers, *self.doors.values()]:
            process.wait(60)


def play(url: str, simulator: Simulator, jitter: random.Random, webhooks: int, restart: Any) -> str:
    """Play one round; return a line about it, or raise AssertionError with the promise that broke."""
    with tempfile.TemporaryDirectory() as folder:
        game = Round(url, simulator.url, Path(folder), webhooks, jitter)
        started = time.monotonic()
        for _ in range(jitter.choice([2, 4])):
            game.start_worker()
        for number in range(2):
            game.start_door(number)
        try:
            while game.is_storing():
                time.sleep(jitter.uniform(0.3, 2.0))
                simulator.fail(jitter.choice(FAULTS.split(", ")))
                game.disturb()
                if jitter.random() < 0.1:
                    restart()
        finally:
            game.stop()
        simulator.clear_faults()
        acknowledged = {f"order-{key}" for number in range(2) for key in game.acknowledged(number)}
    outbox = child.open_it(url)
    try:
        return judge(outbox, simulator, acknowledged, game, time.monotonic() - started)
    finally:
        outbox.close()


def judge(outbox: Outbox, simulator: Simulator, acknowledged: set[str], game: Round, seconds: float) -> str:
    """Deliver what is left, then hold every promise against what happened."""
    ahead = timedelta()
    worker = child.worker_on(outbox, simulator.url, clock=lambda: datetime.now(UTC) + ahead)
    for minutes in (0, 1, 20, 40, 60):
        ahead = timedelta(minutes=minutes)
        worker.run_once()
    times = Counter(event["event_id"] for event in simulator.events)
    lost = acknowledged - times.keys()
    assert not lost, f"{len(lost)} acknowledged webhooks never arrived"
    assert len(acknowledged) == game.webhooks, f"{len(acknowledged)} of {game.webhooks} acknowledged"
    assert outbox.discrepancies() == [], outbox.discrepancies()
    counts = {status: number for status, number in outbox.counts().by_status.items() if number}
    assert counts == {"sent": game.webhooks}, counts
    repeated = sum(number - 1 for number in times.values())
    return (
        f"{game.webhooks} webhooks in {seconds:.0f} s, {len(game.workers)} workers, {game.kills} killed: "
        f"all delivered, {repeated} arrived once more under the same id (at most {max(times.values())} times)"
    )


@contextmanager
def database(kind: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """Make a fresh database; yield its address and what restarts it."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/bridge.db", lambda: None
        return
    server = fixtures.PostgresServer()
    server.make()
    server.start()
    try:

        def restart() -> None:
            server.stop()
            server.start()

        yield server.url(), restart
    finally:
        server.remove()


def main() -> int:
    """Play rounds until the time is over."""
    options = argparse.ArgumentParser()
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--webhooks", type=int, default=20_000)
    options.add_argument("--database", choices=["both", "sqlite", "postgresql"], default="both")
    options.add_argument("--seed", type=int, default=int(time.time()))
    given = options.parse_args()
    jitter = random.Random(given.seed)
    kinds = ["sqlite", "postgresql"] if given.database == "both" else [given.database]
    print(f"seed {given.seed}", flush=True)
    until = time.monotonic() + given.minutes * 60
    played = 0
    while time.monotonic() < until or played < len(kinds):
        kind = kinds[played % len(kinds)]
        with tempfile.TemporaryDirectory() as folder, Simulator(keep=10 * given.webhooks) as simulator:
            Path(folder).chmod(0o755)
            with database(kind, Path(folder)) as (url, restart):
                upgrade(url)
                try:
                    print(kind, play(url, simulator, jitter, given.webhooks, restart), flush=True)
                except AssertionError as broken:
                    print(f"{kind}: BROKEN: {broken}", flush=True)
                    return 1
        played += 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
