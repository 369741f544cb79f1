"""A mistyped dataset and an expired token: played with real processes until every lead is found again."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from bridge.simulator import Simulator
from tests.end_to_end.test_live_is_live import ADMIN, LEAD, folder, lead, listed, live, received, run

__all__ = ["folder"]
pytestmark = pytest.mark.process

TOKEN = "a-token-for-tests"
MISTYPED, RIGHT = "1234567890123465", "1234567890123456"


@pytest.fixture
def simulator():
    with Simulator(datasets={RIGHT: {TOKEN}, "42": {"of-another-client"}}) as running:
        yield running


def codes(bridge) -> set[str]:
    return {reason["code"] for reason in bridge.get("/readyz").body["reasons"]}


def test_a_mistyped_dataset_costs_no_lead(simulator, folder, start_bridge, wait_until):
    mistyped = live(simulator, META_DATASET_ID=MISTYPED)
    bridge = start_bridge(environment=mistyped)
    for number in range(5):
        bridge.post("/hooks/lead", lead(number))
    assert bridge.post("/hooks/lead", {"id": 5}).status == 422
    wait_until(lambda: "paused" in codes(bridge))
    bridge.stop()
    assert received(simulator) == {}

    right = live(simulator)
    bridge = start_bridge(environment=right)
    answer = bridge.post("/hooks/lead?wait=true", lead(6))
    assert answer.body["status"] == "sent", "the pause of the mistyped dataset holds up nothing else"
    assert "dataset_not_configured" in codes(bridge)
    status = json.loads(run(folder, right, "status", "--json").stdout)
    left_behind = {"destination": "main", "dataset_id": MISTYPED, "waiting": 5, "held": 1, "fetching": 0}
    assert status["not_configured"] == [left_behind]
    checked = run(folder, right, "check", "--live", "--json")
    assert checked.returncode == 1
    assert MISTYPED in checked.stdout
    replayed = run(folder, right, "events", "replay", "--status", "held", "--json")
    assert json.loads(replayed.stdout) == {"other_dataset": 1}

    retarget = ("events", "retarget", "--from-dataset", MISTYPED, "--to", "main", "--json")
    counted = json.loads(run(folder, right, *retarget, "--dry-run").stdout)
    assert (counted["waiting"], counted["held"], counted["dry_run"]) == (5, 1, True)
    assert received(simulator) == {"lead-6": 1}
    moved = json.loads(run(folder, right, *retarget).stdout)
    assert (moved["waiting"], moved["held"], moved["to_dataset"]) == (5, 1, RIGHT)

    expected = Counter({f"lead-{number}": 1 for number in (0, 1, 2, 3, 4, 6)})
    wait_until(lambda: received(simulator) == expected)
    assert bridge.post("/hooks/lead", lead(0)).body["status"] == "duplicate"
    again = bridge.post("/hooks/lead", {"id": 5})
    assert again.status == 422
    assert not codes(bridge) & {"dataset_not_configured", "paused"}
    assert "bridge_paused" not in bridge.get("/metrics").body
    bridge.stop()
    statuses = Counter((event["status"], event["dataset_id"]) for event in listed(folder, right))
    assert statuses == {("sent", RIGHT): 6, ("held", RIGHT): 1}
    assert run(folder, right, "events", "check").returncode == 0


def test_one_clients_people_never_reach_anothers_dataset(simulator, folder, start_bridge, wait_until):
    two = "  other: {dataset_id: 42, access_token: of-another-client}\n"
    main = "destinations:\n  main: {dataset_id: %s, access_token: a-token-for-tests}\n"
    (folder / "bridge.yaml").write_text(main % MISTYPED + two)
    environment = {"CAPI_BRIDGE_GRAPH_URL": simulator.url, "CAPI_BRIDGE_ADMIN_TOKEN": "admin"}
    bridge = start_bridge(environment=environment)
    (folder / "mappings" / "lead.yaml").write_text(LEAD + "send_to: main\n")
    wait_until(lambda: bridge.post("/hooks/lead", lead(1)).status == 200)
    bridge.stop()

    for_other = ("events", "retarget", "--from-dataset", MISTYPED, "--to", "other")
    still_there = run(folder, environment, *for_other)
    assert still_there.returncode == 2
    itself = run(folder, environment, "events", "retarget", "--from-dataset", MISTYPED, "--to", "main")
    assert "no events moved" in itself.stdout
    assert "still configured" in still_there.stderr

    (folder / "bridge.yaml").write_text(main % RIGHT + two)
    left_alone = run(folder, environment, *for_other, "--json")
    assert json.loads(left_alone.stdout)["left"] == 1
    assert "--across" in left_alone.stderr
    nobody = run(folder, environment, "events", "retarget", "--from-dataset", MISTYPED, "--to", "mian")
    assert (nobody.returncode, "main, other" in nobody.stderr) == (2, True)
    assert [event["dataset_id"] for event in listed(folder, environment)] == [MISTYPED]

    ran = run(folder, environment, *for_other, "--across", "--json")
    assert json.loads(ran.stdout)["waiting"] == 1
    assert [event["destination"] for event in listed(folder, environment)] == ["other"]


def test_a_paused_destination_is_visible_everywhere(folder, start_bridge, wait_until):
    with Simulator(expired_tokens={TOKEN}) as simulator:
        environment = live(simulator)
        bridge = start_bridge(environment=environment)

        waited = bridge.post("/hooks/lead?wait=true", lead(1))
        assert (waited.status, waited.body["status"]) == (200, "queued")
        assert any("token" in reason for reason in waited.body["reasons"])
        wait_until(lambda: "paused" in codes(bridge))
        once_more = bridge.post("/hooks/lead?wait=true", lead(2))
        assert any("main is paused" in reason for reason in once_more.body["reasons"])

        waiting = listed(folder, environment)
        assert {event["status"] for event in waiting} <= {"waiting", "sending"}
        assert all("main is paused" in event["reason"] for event in waiting if event["status"] == "waiting")
        shown = run(folder, environment, "events", "show", waiting[0]["id"])
        assert "main is paused" in shown.stdout
        status = json.loads(run(folder, environment, "status", "--json").stdout)
        [main] = status["destinations"]
        assert (main["name"], main["paused"], main["waiting"] + main["sending"]) == ("main", True, 2)
        assert "token" in main["reason"]
        assert [one["name"] for one in status["mappings"] if one["last_webhook_at"]] == ["lead"]
        assert "PAUSED" in run(folder, environment, "status").stdout
        api = bridge.get("/api/events", ADMIN).body["events"]
        assert {event["mode"] for event in api} == {"live"}
        bridge.stop()

    with Simulator() as simulator:
        bridge = start_bridge(environment=live(simulator))
        wait_until(lambda: received(simulator) == {"lead-1": 1, "lead-2": 1})
        assert "paused" not in codes(bridge)
