"""The whole road with real processes: gunicorn, the delivery process, the simulator, real sockets."""

from __future__ import annotations

import itertools
import json
import threading
from pathlib import Path

import pytest
import urllib3

from bridge.simulator import Simulator
from tests.conftest import SHORT_LEASE

pytestmark = pytest.mark.process

LEAD = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
user_data: {email: mail, phone: tel, full_name: name, zip: plz}
settings: {phone_country: DE}
"""
JANE = "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"


@pytest.fixture
def simulator():
    with Simulator() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "lead.yaml").write_text(LEAD)
    return tmp_path


def settings(simulator_url: str) -> dict[str, str]:
    return {
        "CAPI_BRIDGE_GRAPH_URL": simulator_url,
        "META_DATASET_ID": "1234567890123456",
        "META_ACCESS_TOKEN": "a-token-for-tests",
        "CAPI_BRIDGE_ADMIN_TOKEN": "admin",
    }


def lead(number: int) -> dict[str, object]:
    return {"id": number, "mail": " Jane@Example.com ", "tel": "0151 2345678", "name": "Jane van Doe"}


def received_ids(simulator: Simulator) -> list[str]:
    return sorted(event["event_id"] for event in simulator.events)


def test_a_webhook_becomes_an_accepted_event(simulator, folder, start_bridge, wait_until):
    bridge = start_bridge(environment=settings(simulator.url))

    answer = bridge.post("/hooks/lead", lead(77))

    assert answer.status == 200
    assert answer.body["status"] == "queued"
    [queued] = answer.body["events"]
    assert (queued["event_name"], queued["event_id"], queued["status"]) == ("Lead", "lead-77", "waiting")
    [event] = wait_until(lambda: simulator.events)
    assert event["user_data"]["em"] == [JANE]
    assert event["event_id"] == "lead-77"

    def status() -> str:
        return bridge.get(f"/api/events/{queued['id']}", {"Authorization": "Bearer admin"}).body["status"]

    wait_until(lambda: status() == "sent")


def test_the_same_webhook_again_is_one_event(simulator, folder, start_bridge, wait_until):
    bridge = start_bridge(environment=settings(simulator.url))

    answers = [bridge.post("/hooks/lead", lead(1)) for _ in range(5)]

    assert [answer.body["status"] for answer in answers] == ["queued", *["duplicate"] * 4]
    wait_until(lambda: simulator.events)
    bridge.stop()
    assert received_ids(simulator) == ["lead-1"]


def test_waiting_for_the_answer_gives_metas_own_words(simulator, folder, start_bridge):
    bridge = start_bridge(environment=settings(simulator.url))

    answer = bridge.post("/hooks/lead?wait=true", lead(5))

    assert (answer.status, answer.body["status"], answer.body["events_received"]) == (200, "sent", 1)
    assert answer.body["fbtrace_id"]


def test_what_was_accepted_before_a_sudden_death_is_delivered_after_it(folder, start_bridge, wait_until):
    """Meta cannot be reached, the machine loses power, both come back: nothing that was answered is lost."""
    with Simulator() as gone:
        unreachable = gone.url
    bridge = start_bridge(environment=settings(unreachable))
    numbers = range(40)
    assert {bridge.post("/hooks/lead", lead(number)).status for number in numbers} == {200}
    bridge.kill()

    with Simulator() as simulator:
        again = start_bridge(environment=settings(simulator.url))
        wait_until(lambda: len(simulator.events) >= len(numbers))
        again.stop()
        assert received_ids(simulator) == sorted(f"lead-{number}" for number in numbers)


def test_a_death_in_the_middle_of_the_work_loses_nothing_that_was_answered(
    simulator, folder, start_bridge, wait_until
):
    """Killed while it takes webhooks and delivers them; Meta may see one twice, with the same id only."""
    (folder / "bridge.yaml").write_text(SHORT_LEASE)
    bridge = start_bridge(environment=settings(simulator.url))
    acknowledged: list[str] = []
    enough = threading.Event()

    def post_until_it_dies() -> None:
        for number in itertools.count():
            try:
                answer = bridge.post("/hooks/lead", lead(number))
            except (urllib3.exceptions.HTTPError, json.JSONDecodeError):
                return
            if answer.status == 200:
                acknowledged.append(f"lead-{number}")
            if len(acknowledged) >= 60:
                enough.set()

    sender = threading.Thread(target=post_until_it_dies)
    sender.start()
    assert enough.wait(60)
    bridge.kill()
    sender.join(60)

    again = start_bridge(environment=settings(simulator.url))
    wait_until(lambda: set(acknowledged) <= set(received_ids(simulator)))
    again.stop()
    assert set(acknowledged) <= set(received_ids(simulator))


def test_a_bridge_that_is_asked_to_stop_finishes_its_work(simulator, folder, start_bridge):
    bridge = start_bridge(environment=settings(simulator.url))
    assert bridge.post("/hooks/lead", lead(9)).status == 200

    assert bridge.stop() == 0
    assert "Traceback" not in bridge.log()


def test_a_mapping_that_breaks_while_the_bridge_runs_stays_in_force(
    simulator, folder, start_bridge, wait_until
):
    bridge = start_bridge("--workers", "1", environment=settings(simulator.url))
    file = folder / "mappings" / "lead.yaml"

    file.write_text(LEAD.replace("event_name", "event_nme"))

    wait_until(lambda: bridge.get("/readyz").body["status"] == "degraded")
    ready = bridge.get("/readyz")
    assert ready.status == 200
    assert "lead.yaml" in json.dumps(ready.body["reasons"])
    assert bridge.post("/hooks/lead", lead(3)).body["status"] == "queued"

    file.write_text(LEAD.replace("event_name: Lead", "event_name: Contact"))
    wait_until(lambda: bridge.get("/readyz").body["status"] == "ready")
    assert bridge.post("/hooks/lead", lead(4)).body["events"][0]["event_name"] == "Contact"


def test_nothing_personal_is_ever_written_to_the_log(simulator, folder, start_bridge, wait_until):
    bridge = start_bridge(environment=settings(simulator.url))
    bridge.post("/hooks/lead", lead(1))
    bridge.post("/hooks/lead", b'{"mail": "jane@example.com",}', {"Content-Type": "application/json"})
    bridge.post("/hooks/lead", {"mail": "jane@example.com", "tel": "nonsense"})
    wait_until(lambda: simulator.events)
    bridge.stop()

    log = bridge.log().lower()
    assert [secret for secret in ("jane", "2345678", "a-token-for-tests", JANE) if secret in log] == []
