"""Part `backlog`: what enqueueing and claiming cost with 1,000, 100,000 or 1,000,000 events waiting.

Three stores are filled, then measured in rounds, shuffled, so that a ratio compares neighbours in time.
Enqueue: webhooks of one event stored 32 to a commit. Claim: the thousand events that are due first, then
given back.
"""

from __future__ import annotations

import gc
import itertools
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from benchmarks import postgres, purchase
from benchmarks.figures import Figure, figure
from benchmarks.rounds import Series, in_rounds
from benchmarks.waiting import SECRET_KEY, waiting_webhook
from bridge.crypto import Cipher
from bridge.outbox import NewWebhook, Outbox, open_outbox, upgrade

PART = "backlog"
SIZES = (1_000, 100_000, 1_000_000)
ROUNDS = 15
GROUP = 32
GROUPS = 8
FILL = 2_000
CLAIM = 1_000
_BODY = b'{"event_name":"Purchase","event_id":"%s","user_data":{"em":["' + b"0" * 900 + b'"]}}'


def measure(*, rounds: int = ROUNDS, sizes: tuple[int, ...] = SIZES) -> list[Figure]:
    """Return costs and how they grow, for both databases."""
    with tempfile.TemporaryDirectory() as folder:
        made = _measure("SQLite", _sqlite(Path(folder)), rounds, sizes)
        made += _starts(Path(folder), sizes)
    with postgres.databases() as urls:
        if urls is None:
            return made
        return made + _measure("PostgreSQL", urls, rounds, sizes[:2])


@dataclass(slots=True)
class Store:
    """One store with a number of events waiting, and the next free number."""

    outbox: Outbox
    size: int
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def fill(self) -> None:
        """Fill it to its size, a few thousand events per transaction."""
        for _ in range(self.size // FILL):
            self.outbox.add_all([self.webhook() for _ in range(FILL)])
        self.outbox.add_all([self.webhook() for _ in range(self.size % FILL)])

    def webhook(self) -> NewWebhook:
        number = next(self.numbers)
        event_id = f"order-{number:018d}"
        return waiting_webhook(number, event_id, _BODY % event_id.encode(), purchase.request())

    def enqueue_microseconds(self) -> float:
        """Store groups as the group commit does; return microseconds per event."""
        groups = [[self.webhook() for _ in range(GROUP)] for _ in range(GROUPS)]
        started = time.perf_counter()
        for group in groups:
            self.outbox.add_all(group)
        return (time.perf_counter() - started) / (GROUP * GROUPS) * 1e6

    def claim_microseconds(self) -> float:
        """Claim a full batch and give it back; return microseconds per event of the claim."""
        now = datetime.now(UTC)
        [lane] = self.outbox.lanes()
        started = time.perf_counter()
        claim = self.outbox.claim(
            lane, worker="bench", now=now, lease_until=now + timedelta(minutes=1), limit=CLAIM
        )
        spent = time.perf_counter() - started
        if claim is None or len(claim.events) != CLAIM:
            raise RuntimeError("the claim did not give a full batch")
        self.outbox.release(claim)
        return spent / CLAIM * 1e6


def _measure(database: str, urls: Iterator[str], rounds: int, sizes: tuple[int, ...]) -> list[Figure]:
    stores = [Store(_open(url), size) for size, url in zip(sizes, urls, strict=False)]
    for store in stores:
        started = time.monotonic()
        store.fill()
        print(f"  {database}: {store.size:,} waiting after {time.monotonic() - started:.0f} s", flush=True)
    gc.collect()
    enqueued = in_rounds({f"{store.size}": store.enqueue_microseconds for store in stores}, rounds)
    claimed = in_rounds({f"{store.size}": store.claim_microseconds for store in stores}, rounds)
    for store in stores:
        store.outbox.close()
    return [
        *_figures(database, "enqueue", enqueued, sizes),
        *_figures(database, "claim", claimed, sizes),
    ]


def _figures(database: str, deed: str, series: dict[str, Series], sizes: tuple[int, ...]) -> list[Figure]:
    least = series[str(sizes[0])]
    ratios = [
        figure(
            PART,
            f"{deed} at {size:,} waiting against {sizes[0]:,} ({database})",
            "x",
            series[str(size)].over(least),
        )
        for size in sizes[1:]
    ]
    costs = [
        figure(PART, f"{deed} with {size:,} waiting ({database})", "us/event", series[str(size)])
        for size in sizes
    ]
    return ratios + costs


def _open(url: str) -> Outbox:
    upgrade(url)
    return open_outbox(url, cipher=Cipher([SECRET_KEY]))


def _sqlite(folder: Path) -> Iterator[str]:
    for number in itertools.count():
        (folder / str(number)).mkdir()
        (folder / str(number) / "secret.key").write_text(SECRET_KEY)
        yield f"sqlite:///{folder}/{number}/bridge.db"


def _starts(folder: Path, sizes: tuple[int, ...]) -> list[Figure]:
    """Time the real server from its start to its first accepted webhook, on each store."""
    from benchmarks.size import seconds_to_first_accepted

    many = {
        f"{size}": partial(seconds_to_first_accepted, folder / str(number), "--no-deliver")
        for number, size in enumerate(sizes)
    }
    series = in_rounds(many, 5)
    return [
        figure(PART, f"start to the first accepted webhook with {int(size):,} waiting (SQLite)", "s", one)
        for size, one in series.items()
    ]
