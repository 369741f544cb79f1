"""Part `delivery`: from our answer to Meta's, against a mock that answers at once.

End to end: webhooks put in by wrk, counted where they arrive. Latency: a steady stream over four connections,
timed by event id. Idle: the processor time of servers that have nothing to do. On SQLite and PostgreSQL.
"""

from __future__ import annotations

import contextlib
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import urllib3

from benchmarks import load, postgres, purchase, servers
from benchmarks.figures import Figure, figure
from benchmarks.rounds import Series

PART = "delivery"
ROUNDS = 3
STEADY_SECONDS = {10: 8, 100: 4}  # webhooks a second: how long a window is
_STREAMS = 4
_IDLE_SECONDS = 10.0
_SETTLING_SECONDS = 3.0


def measure(*, rounds: int = ROUNDS) -> list[Figure]:
    """Return events per second and latencies of the real server."""
    with tempfile.TemporaryDirectory() as name, postgres.databases() as databases:
        folder = Path(name)
        made = end_to_end(folder, rounds=rounds) if load.is_there() else []
        made += latency(folder, "SQLite", None, rounds=rounds)
        urls: dict[str, str | None] = {"SQLite": None}
        if databases:
            made += latency(folder, "PostgreSQL", next(databases), rounds=rounds)
            urls["PostgreSQL"] = next(databases)
        return made + idle(folder, urls, rounds=rounds)


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


def latency(folder: Path, where: str, database_url: str | None, *, rounds: int) -> list[Figure]:
    """Return p50 and p99 of the time from the moment we answer to the moment the event arrives."""
    made: list[Figure] = []
    parent = folder / f"latency-{where}"
    parent.mkdir()
    with (
        servers.mock_meta(parent) as mock,
        servers.bridge(parent, graph_url=mock.url, database_url=database_url) as bridge,
    ):
        numbers = iter(range(1, 10**6))
        for rate, seconds in STEADY_SECONDS.items():
            seen = [
                _window(bridge, mock, rate, [next(numbers) for _ in range(rate * seconds)])
                for _ in range(rounds)
            ]
            name = f"from our answer to Meta ({where}, {rate} a second)"
            p50, p99 = (Series(tuple(column)) for column in zip(*seen, strict=True))
            made += [figure(PART, f"{name}, p50", "ms", p50), figure(PART, f"{name}, p99", "ms", p99)]
    return made


def _window(
    bridge: servers.Running, mock: servers.Running, rate: int, numbers: list[int]
) -> tuple[float, float]:
    """Send some orders at a rate; return p50 and p99 in milliseconds."""
    answered_at: dict[str, float] = {}
    streams = [
        threading.Thread(target=_stream, args=(bridge.url, rate, numbers[start::_STREAMS], answered_at))
        for start in range(_STREAMS)
    ]
    for stream in streams:
        stream.start()
    for stream in streams:
        stream.join()
    if len(answered_at) != len(numbers):
        raise RuntimeError(f"{len(answered_at)} of {len(numbers)} webhooks were answered")
    while not answered_at.keys() <= (arrived_at := mock.get("/times")).keys():
        time.sleep(0.02)
    waits = sorted((arrived_at[name] - answered_at[name]) * 1e3 for name in answered_at)
    return statistics.median(waits), waits[int(len(waits) * 0.99)]


def _stream(url: str, rate: int, numbers: list[int], answered_at: dict[str, float]) -> None:
    pace = random.Random(numbers[0])
    with urllib3.PoolManager(retries=False) as http:
        for number in numbers:
            body = purchase.numbered(number)
            headers = {"Content-Type": "application/json"}
            answer = http.request("POST", f"{url}/hooks/{purchase.NAME}", body=body, headers=headers)
            answered_at[f"order-{purchase.FIRST_NUMBER + number}"] = time.time()
            if answer.status != 200:
                raise RuntimeError(f"answered {answer.status}")
            time.sleep(pace.uniform(0.5, 1.5) * _STREAMS / rate)


def idle(folder: Path, urls: Mapping[str, str | None], *, rounds: int) -> list[Figure]:
    """Measure what `serve` with two web workers costs on each database while there is nothing to do."""
    with contextlib.ExitStack() as started:
        running = {
            where: started.enter_context(
                servers.bridge(folder / f"idle-{where}", "--workers", "2", database_url=url)
            )
            for where, url in urls.items()
        }
        time.sleep(_SETTLING_SECONDS)
        shares = [_shares_of_a_core(running) for _ in range(rounds)]
    return [
        figure(
            PART, f"idle cost of serve ({where})", "% of a core", Series(tuple(one[where] for one in shares))
        )
        for where in running
    ]


def _shares_of_a_core(running: Mapping[str, servers.Running]) -> dict[str, float]:
    before, started = {where: one.processor_seconds() for where, one in running.items()}, time.monotonic()
    time.sleep(_IDLE_SECONDS)
    spent = time.monotonic() - started
    return {where: (one.processor_seconds() - before[where]) / spent * 100 for where, one in running.items()}
