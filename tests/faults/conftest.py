"""A bridge with one mapping, and honest senders beside whatever happens to it."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import urllib3

from bridge.simulator import Simulator
from tests.conftest import SHORT_LEASE

LEAD = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
user_data: {email: mail}
"""


@pytest.fixture
def start(tmp_path: Path, start_bridge: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "lead.yaml").write_text(LEAD)
    (tmp_path / "bridge.yaml").write_text(SHORT_LEASE)
    with Simulator() as meta:

        def run(*arguments: str, **more: str) -> Any:
            environment = {
                "CAPI_BRIDGE_GRAPH_URL": meta.url,
                "META_DATASET_ID": "1234567890123456",
                "META_ACCESS_TOKEN": "a-token",
                "CAPI_BRIDGE_ADMIN_TOKEN": "admin",
                **more,
            }
            return start_bridge(*arguments, environment=environment)

        yield run


@dataclass
class Honest:
    """Sends one request after the other, over new and kept connections, and notes status and time.

    Like every sender it tries once more when a kept connection was closed just as it used it.
    """

    url: str
    path: str
    statuses: list[Any] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def until(self, stop: threading.Event, pause_seconds: float = 0.005) -> None:
        with urllib3.PoolManager(
            retries=urllib3.Retry(1, status=0, allowed_methods=None), timeout=20
        ) as http:
            while not stop.wait(pause_seconds):
                self._send(http, next(self.numbers))

    def _send(self, http: urllib3.PoolManager, number: int) -> None:
        started = time.perf_counter()
        method, body, headers = "GET", None, {}
        if self.path.startswith("/hooks"):
            method, headers = "POST", {"Content-Type": "application/json"}
            body = json.dumps({"id": f"honest-{number}", "mail": "jane@example.com"})
        if number % 3 == 0:
            headers["Connection"] = "close"
        try:
            status: Any = http.request(method, self.url + self.path, body=body, headers=headers).status
        except urllib3.exceptions.HTTPError as error:
            status = type(error).__name__
        self.statuses.append(status)
        if status == 200:
            self.acknowledged.append(f"honest-{number}")
        self.seconds.append(time.perf_counter() - started)

    def p99_ms(self) -> float:
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def workers_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no such line")
