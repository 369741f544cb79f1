"""Part `delivery`: from our answer to Meta's, against a mock that answers at once.

End to end: webhooks put in by wrk, counted where they arrive. Latency: a steady stream, timed by event id.
Draining: 100,000 events that wait when the sender processes start. One connection at 100 ms: what batching
is worth. Idle: the processor time of a server that has nothing to do. On SQLite and, where that differs, on
PostgreSQL.
"""

from __future__ import annotations

import contextlib
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from itertools import repeat
from pathlib import Path

import urllib3

from benchmarks import load, postgres, purchase, servers
from benchmarks.figures import Figure, figure
from benchmarks.rounds import Series, in_rounds
from bridge.crypto import Cipher
from bridge.outbox import NewEvent, NewWebhook, open_outbox, upgrade
from bridge.pipeline import translate
from bridge.serialization import encode

PART = "delivery"
WAITING = 100_000
SLOW_WAITING = 30_000
STEADY_PER_SECOND = (10, 100)
STEADY_SECONDS = 5
_STREAMS = 4
_IDLE_SECONDS = 10.0
_SETTLING_SECONDS = 3.0
_SECRET_KEY = "a-key-of-the-benchmark-only-0001"


def measure() -> list[Figure]:
    """Return events per second and latencies of the real server and the real worker."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = end_to_end(folder, rounds=5) if load.is_there() else []
        made += latency(folder, repeat(None), rounds=3) + idle(folder) + draining(folder, rounds=5)
        made += one_slow_connection(folder, rounds=3)
        with postgres.databases() as urls:
            return made + on_postgresql(folder, urls, rounds=3) if urls else made


def end_to_end(folder: Path, *, rounds: int) -> list[Figure]:
    """Webhooks in at 32 connections, events out to the mock, two web workers and the delivery process."""
    seen = [end_to_end_once(folder / f"e2e-{number}", first=number * 40_000 + 1) for number in range(rounds)]
    answered, arrived = (Series(tuple(column)) for column in zip(*seen, strict=True))
    return [
        figure(PART, "end to end, 2 workers, 32 connections", "events/s", arrived),
        figure(PART, "answered meanwhile", "webhooks/s", answered),
    ]


def end_to_end_once(folder: Path, *, first: int, seconds: int = 4) -> tuple[float, float]:
    """Return webhooks answered and events arrived per second; every answered one must arrive."""
    folder.mkdir(parents=True)
    bodies = load.write_bodies(folder / "bodies.txt", 30_000, first=first)
    with servers.mock_meta(folder) as mock, servers.bridge(folder, graph_url=mock.url) as bridge:
        url = f"{bridge.url}/hooks/{purchase.NAME}"
        started = time.perf_counter()
        answered = load.wrk(url, bodies, connections=32, seconds=seconds)
        if answered.bad or answered.broken:
            raise RuntimeError(f"{answered.bad} rejected, {answered.broken} broken")
        while mock.get("/counts")["distinct"] < answered.requests:
            time.sleep(0.01)
            if time.perf_counter() - started > 120:
                raise RuntimeError(f"of {answered.requests} only {mock.get('/counts')} arrived")
        spent = time.perf_counter() - started
    return answered.per_second, answered.requests / spent


def latency(folder: Path, urls: Iterator[str | None], where: str = "SQLite", *, rounds: int) -> list[Figure]:
    """A steady stream over four connections: from the moment we answer to the moment it arrives."""
    made: list[Figure] = []
    for rate in STEADY_PER_SECOND:
        name = f"from our answer to Meta ({where}, {rate} a second)"
        seen = [latency_once(folder / f"{where}-{rate}-{n}", rate, next(urls)) for n in range(rounds)]
        p50, p99 = (Series(tuple(column)) for column in zip(*seen, strict=True))
        made += [figure(PART, f"{name}, p50", "ms", p50), figure(PART, f"{name}, p99", "ms", p99)]
    return made


def latency_once(folder: Path, rate: int, database_url: str | None) -> tuple[float, float]:
    """Return p50 and p99 in milliseconds."""
    folder.mkdir(parents=True)
    answered_at: dict[str, float] = {}
    with (
        servers.mock_meta(folder) as mock,
        servers.bridge(folder, graph_url=mock.url, database_url=database_url) as bridge,
    ):
        streams = [
            threading.Thread(target=_stream, args=(bridge.url, start, rate, answered_at))
            for start in range(_STREAMS)
        ]
        for stream in streams:
            stream.start()
        for stream in streams:
            stream.join()
        while mock.get("/counts")["distinct"] < len(answered_at):
            time.sleep(0.02)
        arrived_at = mock.get("/times")
    waits = sorted((arrived_at[name] - answered_at[name]) * 1e3 for name in answered_at)
    return statistics.median(waits), waits[int(len(waits) * 0.99)]


def _stream(url: str, start: int, rate: int, answered_at: dict[str, float]) -> None:
    pace = random.Random(start)
    with urllib3.PoolManager(retries=False) as http:
        for number in range(1 + start, rate * STEADY_SECONDS, _STREAMS):
            body = purchase.numbered(number)
            headers = {"Content-Type": "application/json"}
            answer = http.request("POST", f"{url}/hooks/{purchase.NAME}", body=body, headers=headers)
            answered_at[f"order-{purchase.FIRST_NUMBER + number}"] = time.time()
            if answer.status != 200:
                raise RuntimeError(f"answered {answer.status}")
            time.sleep(pace.uniform(0.5, 1.5) * _STREAMS / rate)


def idle(folder: Path, database_url: str | None = None, where: str = "SQLite") -> list[Figure]:
    """Measure what `serve` costs with nothing to do: two web workers and the delivery process."""
    with servers.bridge(folder / f"idle-{where}", "--workers", "2", database_url=database_url) as bridge:
        time.sleep(_SETTLING_SECONDS)
        shares = tuple(_share_of_a_core(bridge, _IDLE_SECONDS) for _ in range(3))
    return [figure(PART, f"idle cost of serve ({where})", "% of a core", Series(shares))]


def _share_of_a_core(bridge: servers.Running, seconds: float) -> float:
    before, started = bridge.processor_seconds(), time.monotonic()
    time.sleep(seconds)
    return (bridge.processor_seconds() - before) / (time.monotonic() - started) * 100


def on_postgresql(folder: Path, urls: Iterator[str], *, rounds: int) -> list[Figure]:
    """Measure latency, idle cost, and how fast one worker and two empty a full store."""
    drained = {
        f"{workers}": lambda workers=workers: drain_once(
            folder, WAITING, database_url=next(urls), workers=workers
        )
        for workers in (1, 2)
    }
    series = in_rounds(drained, rounds)
    return [
        *latency(folder, urls, "PostgreSQL", rounds=rounds),
        *idle(folder, next(urls), "PostgreSQL"),
        figure(PART, "draining 100,000 waiting events, one process (PostgreSQL)", "events/s", series["1"]),
        figure(PART, "two workers draining PostgreSQL against one", "x", series["2"].over(series["1"])),
    ]


def draining(folder: Path, *, rounds: int) -> list[Figure]:
    """Measure how fast one delivery process empties a full store."""
    per_second = partial(drain_once, folder, WAITING)
    series = in_rounds({"drain": per_second}, rounds)["drain"]
    return [figure(PART, "draining 100,000 waiting events, one process", "events/s", series)]


def one_slow_connection(folder: Path, *, rounds: int) -> list[Figure]:
    """Measure one connection when every answer takes 100 ms."""
    per_second = partial(drain_once, folder, SLOW_WAITING, latency_seconds=0.1, parallel=1)
    series = in_rounds({"slow": per_second}, rounds)["slow"]
    return [figure(PART, "one connection at 100 ms answer latency", "events/s", series)]


def drain_once(
    parent: Path,
    waiting: int,
    *,
    latency_seconds: float = 0.0,
    parallel: int = 4,
    database_url: str | None = None,
    workers: int = 1,
) -> float:
    """Fill a store, start workers on it; return events per second between the first and the last arrival."""
    with tempfile.TemporaryDirectory(dir=parent) as name:
        folder = Path(name)
        with servers.mock_meta(folder, latency_seconds=latency_seconds) as mock:
            more = f"delivery: {{parallel: {parallel}}}\n"
            servers.prepare(folder, mock.url, database_url=database_url, more=more)
            fill(database_url or f"sqlite:///{folder}/bridge.db", waiting)
            return _drain(folder, mock, waiting, workers)


def _drain(folder: Path, mock: servers.Running, waiting: int, workers: int) -> float:
    secrets = {"BENCH_SECRET": purchase.SECRET, "CAPI_BRIDGE_SECRET_KEY": _SECRET_KEY}
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
    outbox = open_outbox(url, cipher=Cipher([_SECRET_KEY]))
    for start in range(1, waiting + 1, 2_000):
        numbers = range(start, min(start + 2_000, waiting + 1))
        outbox.add_all([_waiting(number, template) for number in numbers])
    outbox.close()


def _translation_arguments():
    from benchmarks.transform import prepare

    spec, mapping = prepare()
    return mapping, spec


def _waiting(number: int, template: bytes) -> NewWebhook:
    name = f"order-{number}"
    event = NewEvent(
        status="waiting",
        destination="main",
        dataset_id=servers.DATASET,
        event_name="Purchase",
        event_id=name,
        event_time=int(purchase.NOW.timestamp()) - 3600,
        body=template.replace(b"order-820982911946154508", name.encode()),
        match_score=80,
        accepted_until=int(purchase.NOW.timestamp()) + 500_000,
    )
    return NewWebhook(
        purchase.NAME,
        "0" * 16,
        number.to_bytes(32, "big"),
        604_800,
        purchase.NOW,
        None,
        f"{number:026d}",
        (event,),
    )
