"""Nobody slow, silent or hostile keeps others waiting: beside each attack an honest sender is answered."""

from __future__ import annotations

import threading
import time

import pytest

from tests.faults import attacks
from tests.faults.conftest import Honest, megabytes, workers_of

pytestmark = pytest.mark.process

SECONDS = 2.5
MOST_MEGABYTES = 150


@pytest.mark.parametrize("attack", attacks.ALL, ids=lambda attack: attack.__name__)
def test_an_honest_sender_is_always_answered_beside(attack, start):
    bridge = start("--workers", "1", "--no-deliver")
    [worker] = workers_of(bridge.process.pid)
    honest, prober = Honest(bridge.url, "/hooks/lead"), Honest(bridge.url, "/healthz")
    stop = threading.Event()
    threads = [
        threading.Thread(target=work, args=arguments)
        for work, *arguments in (
            (attack, bridge.port, stop),
            (honest.until, stop),
            (prober.until, stop),
        )
    ]
    most = 0.0
    for thread in threads:
        thread.start()
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        time.sleep(0.2)
        most = max(most, megabytes(worker))
    stop.set()
    for thread in threads:
        thread.join()
    print(
        f"{attack.__name__}: {len(honest.seconds)} webhooks, p99 {honest.p99_ms():.0f} ms; "
        f"{len(prober.seconds)} times /healthz, p99 {prober.p99_ms():.0f} ms; {most:.0f} MB"
    )
    assert (set(honest.statuses), set(prober.statuses)) == ({200}, {200})
    assert workers_of(bridge.process.pid) == [worker]
    assert most < MOST_MEGABYTES
    assert "Traceback" not in bridge.log()
    assert bridge.get("/readyz").body["status"] == "ready"
