"""The long proof over HTTP: `capi-bridge serve` under load while its processes are killed.

    python tests/faults/soak_server.py [--webhooks 23000] [--database both|sqlite|postgresql] [--seed N]

Senders post until so many webhooks are acknowledged, and try again what was not, as senders do. One in four
names a person only, who is fetched from a CRM that is slow, limited or down now and then. Meanwhile a web
worker or the delivery process is killed about once a second. At the end every acknowledged webhook must be
at the simulator, with its person, and the totals must reconcile. Exits with 1 at the first database that
breaks a promise.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import urllib3

sys.path.insert(0, str(Path(__file__).parents[2]))

from bridge.simulator import Simulator
from tests.conftest import PostgresServer, RunningBridge
from tests.crm import DEAL, Crm, hash_of
from tests.faults.conftest import LEAD, workers_of

ADMIN = {"Authorization": "Bearer admin"}
SENDERS = 8


def webhook_of(number: int) -> tuple[str, dict[str, object]]:
    """Return where a webhook goes, and its body."""
    if number % 4:
        return "/hooks/lead", {"id": number, "mail": f"p{number}@example.com"}
    return "/hooks/deal", {"id": number, "person_id": 1 + number % 500}


def event_id_of(number: int) -> str:
    return f"lead-{number}" if number % 4 else f"deal-{number}"


def unreliable(jitter: random.Random) -> Any:
    """Return what makes a CRM answer in a bad way now and then."""

    def fail(_path: str) -> int | None:
        time.sleep(jitter.choice([0, 0, 0.01, 0.2]))
        return jitter.choice([None] * 12 + [500, 503, 429])

    return fail


class Senders:
    """Post webhook after webhook; each is tried until it is acknowledged."""

    def __init__(self, url: str, wanted: int) -> None:
        self._url = url
        self._numbers = iter(range(wanted))
        self._lock = threading.Lock()
        self.acknowledged: list[int] = []
        self.refused: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._send) for _ in range(SENDERS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def are_busy(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _next(self) -> int | None:
        with self._lock:
            return next(self._numbers, None)

    def _send(self) -> None:
        with urllib3.PoolManager(retries=False, timeout=30) as http:
            for number in iter(self._next, None):
                while not self._is_acknowledged(http, number):
                    time.sleep(0.05)

    def _is_acknowledged(self, http: urllib3.PoolManager, number: int) -> bool:
        path, body = webhook_of(number)
        headers = {"Content-Type": "application/json"}
        try:
            answer = http.request("POST", self._url + path, body=json.dumps(body), headers=headers)
        except urllib3.exceptions.HTTPError as error:
            self.refused[type(error).__name__] += 1
            return False
        if answer.status != 200:
            self.refused[str(answer.status)] += 1
            return False
        self.acknowledged.append(number)
        return True


def play(url: str, folder: Path, wanted: int, jitter: random.Random) -> str:
    """Kill processes until everything is acknowledged; return a line, or raise AssertionError."""
    (folder / "mappings").mkdir()
    (folder / "mappings" / "lead.yaml").write_text(LEAD)
    (folder / "mappings" / "deal.yaml").write_text(DEAL)
    with Simulator(keep=4 * wanted) as meta, Crm(unreliable(jitter)) as crm:
        (folder / "bridge.yaml").write_text(crm.sources("200/s"))
        environment = {
            "CAPI_BRIDGE_DATABASE_URL": url,
            "CAPI_BRIDGE_GRAPH_URL": meta.url,
            "META_DATASET_ID": "1234567890123456",
            "META_ACCESS_TOKEN": "a-token",
            "CAPI_BRIDGE_ADMIN_TOKEN": "admin",
        }
        bridge = RunningBridge(folder, environment, ("--workers", "2")).start()
        assert bridge.process is not None
        try:
            senders, killed = Senders(bridge.url, wanted), 0
            started = time.monotonic()
            senders.start()
            while senders.are_busy:
                time.sleep(jitter.uniform(0.5, 1.5))
                victims = workers_of(bridge.process.pid)
                if len(victims) == 3:  # two web workers and the delivery
                    os.kill(jitter.choice(victims), signal.SIGKILL)
                    killed += 1
            seconds = time.monotonic() - started
            crm.fail = lambda _path: None
            counts = _settled(bridge, time.monotonic() + 300)
            arrived = Counter(event["event_id"] for event in meta.events)
            persons = {event["event_id"]: event["user_data"]["em"] for event in meta.events}
            assert bridge.stop() == 0
        finally:
            bridge.kill()
    lost = {event_id_of(number) for number in senders.acknowledged} - arrived.keys()
    assert not lost, f"{len(lost)} acknowledged webhooks never arrived"
    assert len(senders.acknowledged) == wanted, f"{len(senders.acknowledged)} acknowledged"
    assert counts == {"sent": wanted}, counts
    wrong = [n for n in range(0, wanted, 4) if persons[event_id_of(n)] != [hash_of(1 + n % 500)]]
    assert not wrong, f"{len(wrong)} events have another person than their webhook names"
    repeated = sum(arrived.values()) - len(arrived)
    return (
        f"{wanted} webhooks acknowledged in {seconds:.0f} s while {killed} processes were killed "
        f"({sum(senders.refused.values())} tries were not answered, {dict(senders.refused)}): none lost, "
        f"{repeated} arrived once more under the same id; {sum(crm.asked.values())} calls for "
        f"{len(crm.asked)} persons"
    )


def _settled(bridge: Any, until: float) -> dict[str, int]:
    """Wait until nothing is under way, and return what became of everything."""
    while True:
        time.sleep(0.5)
        try:
            body = bridge.get("/api/counts", ADMIN).body
        except urllib3.exceptions.HTTPError:  # the last one that was killed
            continue
        counts = {status: number for status, number in body["by_status"].items() if number}
        if not counts.keys() & {"fetching", "waiting", "sending"} or time.monotonic() > until:
            assert body["balanced"], body
            return counts


def main() -> int:
    """Play once on each database."""
    options = argparse.ArgumentParser()
    options.add_argument("--webhooks", type=int, default=23_000)
    options.add_argument("--database", choices=["both", "sqlite", "postgresql"], default="both")
    options.add_argument("--seed", type=int, default=int(time.time()))
    given = options.parse_args()
    print(f"seed {given.seed}", flush=True)
    kinds = ["sqlite", "postgresql"] if given.database == "both" else [given.database]
    for kind, number in zip(kinds, itertools.count(given.seed)):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            server = PostgresServer() if kind == "postgresql" else None
            if server:
                server.make()
                server.start()
            try:
                url = server.url() if server else f"sqlite:///{folder}/bridge.db"
                (folder / "bridge").mkdir()
                print(kind, play(url, folder / "bridge", given.webhooks, random.Random(number)), flush=True)
            except AssertionError as broken:
                print(f"{kind}: BROKEN: {broken}", flush=True)
                return 1
            finally:
                if server:
                    server.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
