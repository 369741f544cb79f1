"""The clock of the machine is set wrong for a while under a running server: nothing is lost, it is reported.

The server runs with libfaketime, which reads how far off the clock is from a file; the monotonic clock stays
real, as it does when somebody sets the clock of a machine.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator import Simulator
from tests.crm import DEAL, Crm
from tests.faults.conftest import LEAD, Honest, workers_of

pytestmark = pytest.mark.process

ADMIN = {"Authorization": "Bearer admin"}
MONITOR_SECONDS = 30.0  # how often the delivery process looks whether it is time to delete
FETCHING = (
    DEAL.replace("/persons/{person_id}", "/persons/{number}")
    .replace("take: data", "ids: {number: {from: id, split: '-', take: last}}")
    .replace("$person.", "$person.data.")
)
SETTINGS = "retention: {raw_webhooks: 1d, events: 2d}\n"


def libraries() -> Iterator[Path]:
    """Find libfaketime: in the test tools (built for Linux on x86-64), or the one of the system."""
    found = importlib.util.find_spec("libfaketime")
    assert found is not None, "libfaketime is missing: install the dev requirements"
    assert found.origin is not None
    yield Path(found.origin).parent / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"
    yield from Path("/usr/lib").glob("*/faketime/libfaketime.so.1")


def environment_of(library: Path, offset: Path) -> dict[str, str]:
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


def is_off(environment: dict[str, str]) -> bool:
    """Tell whether a program with this environment sees another time of day, and the same monotonic clock."""
    read = [sys.executable, "-c", "import time; print(time.time(), time.monotonic())"]
    ran = subprocess.run(read, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    wall, monotonic = map(float, ran.stdout.split())
    return abs(wall - time.time()) > 3000 and abs(monotonic - time.monotonic()) < 60


class Clock:
    """The clock of the machine, as the server sees it."""

    def __init__(self, folder: Path) -> None:
        self._offset = folder / "clock"
        self._set("+1h")
        usable = (environment_of(library, self._offset) for library in libraries())
        found = next(filter(is_off, usable), None)
        if found is None:
            pytest.fail("libfaketime does not work on this machine; install a newer one than 0.9.10")
        self.environment = found
        self._set("+0")

    def _set(self, off: str) -> None:
        new = self._offset.with_name("clock.new")
        new.write_text(f"{off}\n")
        new.replace(self._offset)

    @contextmanager
    def off_by(self, off: str) -> Iterator[None]:
        self._set(off)
        yield
        self._set("+0")


@contextmanager
def beside(sender: Honest) -> Iterator[None]:
    """Send one webhook after the other until the end of the block."""
    stop = threading.Event()
    thread = threading.Thread(target=sender.until, args=(stop, 0.1))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def kept(bridge: Any) -> dict[str, int]:
    body = bridge.get("/api/counts", ADMIN).body
    assert body["balanced"]
    return {status: number for status, number in body["by_status"].items() if number}


def reasons(bridge: Any) -> set[str]:
    return {reason["code"] for reason in bridge.get("/readyz").body["reasons"]}


def test_a_clock_that_is_wrong_for_a_while_costs_no_event_and_deletes_nothing(
    tmp_path: Path, start_bridge: Callable[..., Any], wait_until: Callable[..., Any]
) -> None:
    clock = Clock(tmp_path)
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "lead.yaml").write_text(LEAD)
    (tmp_path / "mappings" / "deal.yaml").write_text(FETCHING)

    def now_and_then(path: str) -> int | None:
        """Fail the first two calls for every tenth record, so that some webhooks wait at any time."""
        return 503 if path.endswith("0") and crm.asked[path] < 3 else None

    with Simulator(keep=100_000) as meta, Crm(now_and_then) as crm:
        (tmp_path / "bridge.yaml").write_text(SETTINGS + crm.sources())
        bridge = start_bridge(
            environment={
                "CAPI_BRIDGE_GRAPH_URL": meta.url,
                "META_DATASET_ID": "1234567890123456",
                "META_ACCESS_TOKEN": "a-token",
                "CAPI_BRIDGE_ADMIN_TOKEN": "admin",
                **clock.environment,
            }
        )

        def goes_on() -> None:
            """Wait until something that came in from now on has arrived at Meta."""
            accepted = len(sender.acknowledged)
            wait_until(lambda: len(sender.acknowledged) > accepted + 5)
            newest = f"lead-{sender.acknowledged[-1]}"
            wait_until(lambda: any(event["event_id"] == newest for event in meta.events))

        held = [bridge.post("/hooks/lead", {"id": f"held-{number}"}).body["status"] for number in range(3)]
        assert held == ["held"] * 3
        processes = workers_of(bridge.process.pid)
        sender = Honest(bridge.url, "/hooks/lead")
        of_ids = Honest(bridge.url, "/hooks/deal")
        with beside(sender), beside(of_ids):
            goes_on()
            assert "clock_stepped" not in reasons(bridge)
            for off, seconds in (("-60", 0.0), ("+1d", 0.0), ("+40d", MONITOR_SECONDS + 5)):
                with clock.off_by(off):
                    until = time.monotonic() + seconds
                    goes_on()
                    wait_until(lambda: "clock_stepped" in reasons(bridge))
                    wait_until(lambda until=until: time.monotonic() >= until, seconds=60)
                    goes_on()
                goes_on()
        everything = len(sender.acknowledged) + len(of_ids.acknowledged)
        wait_until(lambda: kept(bridge) == {"sent": everything, "held": 3}, seconds=60)

        assert set(sender.statuses + of_ids.statuses) == {200}
        assert workers_of(bridge.process.pid) == processes, "no process was lost"
        arrived = Counter(event["event_id"] for event in meta.events)
        assert arrived == Counter(
            [f"lead-{number}" for number in sender.acknowledged]
            + [f"deal-{number}" for number in of_ids.acknowledged]
        )
        details = [
            bridge.get(f"/api/events/{event['id']}", ADMIN).body
            for event in bridge.get("/api/events?status=held", ADMIN).body["events"]
        ]
        assert [detail["raw_kept"] for detail in details] == [True] * 3
    lines = [json.loads(line) for line in bridge.log().splitlines() if line.startswith("{")]
    steps = {line["seconds"] for line in lines if line["event"] == "clock_stepped"}
    assert steps == {-60, 86_400, 3_456_000}
    assert "retention" not in {line["event"] for line in lines}
    assert bridge.stop() == 0
