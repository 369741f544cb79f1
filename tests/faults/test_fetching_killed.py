"""The delivery is killed while it fetches: another one goes on, nothing is lost and nothing arrives twice."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from bridge.simulator import Simulator
from tests.conftest import SHORT_LEASE
from tests.crm import DEAL, Crm, hash_of
from tests.faults.test_jobs_killed import delivery_of, totals

pytestmark = pytest.mark.process


@pytest.fixture
def go_on():
    event = threading.Event()
    yield event
    event.set()


def test_a_delivery_that_is_killed_in_the_middle_of_calls_loses_and_doubles_nothing(
    tmp_path, start_bridge, wait_until, go_on
):
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "deal.yaml").write_text(DEAL)

    def hang(_path):
        go_on.wait(60)

    with Simulator() as meta, Crm(hang) as crm:
        (tmp_path / "bridge.yaml").write_text(SHORT_LEASE + crm.sources())
        environment = {
            "CAPI_BRIDGE_SECRET_KEY": "a key for the tests",
            "CAPI_BRIDGE_GRAPH_URL": meta.url,
            "META_DATASET_ID": "1234567890123456",
            "META_ACCESS_TOKEN": "a-token",
            "CAPI_BRIDGE_ADMIN_TOKEN": "admin",
        }
        bridge = start_bridge(environment=environment)
        for number in range(1, 31):
            answer = bridge.post("/hooks/deal", {"id": number, "person_id": number})
            assert (answer.status, answer.body["status"]) == (200, "queued")
        wait_until(lambda: len(crm.asked) >= 4)
        assert totals(bridge) == {"fetching": 30}
        os.kill(delivery_of(bridge), signal.SIGKILL)
        go_on.set()
        crm.fail = lambda _path: None
        wait_until(lambda: totals(bridge) == {"sent": 30}, seconds=120)

    arrived = {event["event_id"]: event["user_data"]["em"] for event in meta.events}
    assert len(meta.events) == 30
    assert arrived == {f"deal-{number}": [hash_of(number)] for number in range(1, 31)}
