"""Part `draining`: how fast the delivery processes empty a full store into a mock that answers at once.

100,000 events wait when the processes start; the time runs from the first arrival to the last. One full store
is made on each database, and every run gets a copy of it. One connection at 100 ms: what batching is worth.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import postgres, purchase, servers
from benchmarks.figures import Figure, figure
from benchmarks.rounds import in_rounds
from benchmarks.waiting import SECRET_KEY, waiting_webhook
from bridge.crypto import Cipher
from bridge.outbox import NewWebhook, open_outbox, upgrade
from bridge.pipeline import translate
from bridge.serialization import encode

PART = "draining"
ROUNDS = 3
WAITING = 100_000
SLOW_WAITING = 30_000
WORKERS = (1, 2, 4)
_ONE = "draining 100,000 waiting events, one process"


def measure(*, rounds: int = ROUNDS) -> list[Figure]:
    """Return events per second on SQLite and PostgreSQL, and what more processes bring there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = on_sqlite(folder, rounds)
        with postgres.databases() as databases:
            return made + on_postgresql(folder, databases, rounds) if databases else made


def on_sqlite(folder: Path, rounds: int) -> list[Figure]:
    """Measure one process at full speed, and one connection when every answer takes 100 ms."""
    full, slow = folder / "full.db", folder / "slow.db"
    fill(f"sqlite:///{full}", WAITING)
    fill(f"sqlite:///{slow}", SLOW_WAITING)
    runs = {
        "fast": partial(drain_once, folder, partial(_copied, full), WAITING),
        "slow": partial(
            drain_once, folder, partial(_copied, slow), SLOW_WAITING, latency_seconds=0.1, parallel=1
        ),
    }
    series = in_rounds(runs, rounds)
    return [
        figure(PART, _ONE, "events/s", series["fast"]),
        figure(PART, "one connection at 100 ms answer latency", "events/s", series["slow"]),
    ]


def on_postgresql(folder: Path, databases: postgres.Databases, rounds: int) -> list[Figure]:
    """Measure one process, two and four, and two whose calls take so long that no core is busy.

    What they share is the database, and the cores of this machine.
    """
    full, slow = next(databases), next(databases)
    fill(full, WAITING)
    fill(slow, SLOW_WAITING)
    of_full, of_slow = _copies(databases, full), _copies(databases, slow)
    fast = partial(drain_once, folder, of_full, WAITING)
    slowly = partial(drain_once, folder, of_slow, SLOW_WAITING, latency_seconds=0.1, parallel=1)
    runs = {f"{workers}": partial(fast, workers=workers) for workers in WORKERS}
    runs |= {f"slow {workers}": partial(slowly, workers=workers) for workers in (1, 2)}
    series = in_rounds(runs, rounds)
    waiting_for_meta = series["slow 2"].over(series["slow 1"])
    return [
        figure(PART, f"{_ONE} (PostgreSQL)", "events/s", series["1"]),
        figure(PART, "two workers draining PostgreSQL against one", "x", series["2"].over(series["1"])),
        figure(PART, "four workers draining PostgreSQL against one", "x", series["4"].over(series["1"])),
        figure(PART, "two workers against one, each with one connection at 100 ms", "x", waiting_for_meta),
    ]


def _copies(databases: postgres.Databases, of: str) -> Callable[[Path], str]:
    return lambda _folder: databases.copy_of(of)


def _copied(full: Path, folder: Path) -> str:
    shutil.copy(full, folder / "bridge.db")
    return f"sqlite:///{folder}/bridge.db"


def drain_once(
    parent: Path,
    filled: Callable[[Path], str],
    waiting: int,
    *,
    latency_seconds: float = 0.0,
    parallel: int = 4,
    workers: int = 1,
) -> float:
    """Start workers on a full store; return events per second between the first and the last arrival.

    `filled` makes the store, in a folder if it is a file, and returns its URL.
    """
    with tempfile.TemporaryDirectory(dir=parent) as name:
        folder = Path(name)
        with servers.mock_meta(folder, latency_seconds=latency_seconds) as mock:
            more = f"delivery: {{parallel: {parallel}}}\n"
            servers.prepare(folder, mock.url, database_url=filled(folder), more=more)
            return _drain(folder, mock, waiting, workers)


def _drain(folder: Path, mock: servers.Running, waiting: int, workers: int) -> float:
    secrets = {"BENCH_SECRET": purchase.SECRET, "CAPI_BRIDGE_SECRET_KEY": SECRET_KEY}
    command = [str(servers.BIN / "capi-bridge"), "worker"]
    with contextlib.ExitStack() as started:
        running = [
            started.enter_context(servers.running(command, number, folder, secrets))
            for number in range(workers)
        ]
        deadline = time.monotonic() + 120
        while mock.get("/counts")["distinct"] < waiting:
            time.sleep(0.05)
            if any(one.process.poll() is not None for one in running) or time.monotonic() > deadline:
                raise RuntimeError("".join(one.log.read_text()[-2000:] for one in running))
    counts = mock.get("/counts")
    if counts["events"] != waiting:
        raise RuntimeError(f"{waiting} events waited and {counts['events']} arrived")
    return (waiting - counts["first_batch"]) / (counts["last_at"] - counts["first_at"])


def fill(url: str, waiting: int) -> None:
    """Put finished events into a store, as the live endpoint would."""
    event = dict(translate(purchase.request(), *_translation_arguments()).events[0].data or {})
    template = encode(event)
    upgrade(url)
    outbox = open_outbox(url, cipher=Cipher([SECRET_KEY]))
    for start in range(1, waiting + 1, 2_000):
        numbers = range(start, min(start + 2_000, waiting + 1))
        outbox.add_all([_waiting(number, template) for number in numbers])
    outbox.close()


def _translation_arguments():
    from benchmarks.transform import prepare

    spec, mapping = prepare()
    return mapping, spec


def _waiting(number: int, template: bytes) -> NewWebhook:
    event_id = f"order-{number}"
    return waiting_webhook(number, event_id, template.replace(b"order-820982911946154508", event_id.encode()))
