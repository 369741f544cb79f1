"""Part `fetching`: what the sender's answer costs where records are fetched, and beside where they are.

A steady stream to the real server with its delivery process, whose source and whose Meta answer at once. In
every round the same load comes three times: no mapping fetches, the other stream's mapping does, both do.
Every order has a record of its own, so that nothing is answered from memory.
"""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import NamedTuple

import urllib3

from benchmarks import purchase, servers
from benchmarks.figures import Figure, figure
from benchmarks.rounds import in_rounds
from benchmarks.servers import Running

PART = "fetching"
ROUNDS = 4
PER_SECOND = 50  # of each stream
SECONDS = 5
FETCHING = purchase.NAME + "-fetching"
_LONGEST_SECONDS = 60


class Streams(NamedTuple):
    """The mappings of a window: whose answers are timed, and what comes at the same time."""

    timed: str
    beside: str


WINDOWS = {
    "none": Streams(purchase.NAME, purchase.NAME),
    "beside": Streams(purchase.NAME, FETCHING),
    "all": Streams(FETCHING, FETCHING),
}


def measure(*, rounds: int = ROUNDS) -> list[Figure]:
    """Return the p99 of the sender's answer with fetching, as ratios to the same without."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with servers.mock_meta(folder / "meta") as meta, servers.mock_meta(folder / "source") as source:
            sources = f"sources: {{crm: {{url: '{source.url}', insecure: yes, rate: 10000/s}}}}\n"
            purchase.write_mapping(folder / "mappings", name=FETCHING, fetches=True)
            with servers.bridge(folder, graph_url=meta.url, more=sources) as bridge:
                return _figures(bridge, meta, rounds)


def _figures(bridge: Running, meta: Running, rounds: int) -> list[Figure]:
    numbers = count(1)

    def window(streams: Streams) -> Callable[[], float]:
        return lambda: p99_of(bridge, meta, streams, numbers)

    p99 = in_rounds({name: window(streams) for name, streams in WINDOWS.items()}, rounds)
    note = "; ".join(f"{name}: {series.median:.1f} ms" for name, series in p99.items())
    beside, own = p99["beside"].over(p99["none"]), p99["all"].over(p99["none"])
    return [
        figure(PART, "p99 of the answer beside a mapping that fetches", "x", beside),
        figure(PART, "p99 of the answer of a mapping that fetches", "x", own, note),
    ]


def p99_of(bridge: Running, meta: Running, streams: Streams, numbers: count[int]) -> float:
    """Return the p99 of the timed answers (milliseconds), when all that was answered has arrived."""
    expected = meta.get("/counts")["distinct"] + 2 * PER_SECOND * SECONDS
    taken: list[float] = []
    threads = [
        threading.Thread(target=_stream, args=(f"{bridge.url}/hooks/{name}", numbers, into))
        for name, into in ((streams.timed, taken), (streams.beside, []))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until = time.monotonic() + _LONGEST_SECONDS
    while (arrived := meta.get("/counts")["distinct"]) < expected:
        if time.monotonic() > until:
            raise RuntimeError(f"of {expected} events only {arrived} arrived")
        time.sleep(0.05)
    return sorted(taken)[int(len(taken) * 0.99)]


def _stream(url: str, numbers: count[int], taken: list[float]) -> None:
    pace = random.Random(url)
    with urllib3.PoolManager(retries=False) as http:
        for _ in range(PER_SECOND * SECONDS):
            body = purchase.numbered(next(numbers))
            started = time.perf_counter()
            answer = http.request("POST", url, body=body, headers={"Content-Type": "application/json"})
            taken.append((time.perf_counter() - started) * 1e3)
            if answer.status != 200:
                raise RuntimeError(f"answered {answer.status}")
            time.sleep(pace.expovariate(PER_SECOND))
