"""A forgotten variable, a test code left behind, a repeat: each played with real processes to its end.

Each test finds every lead again.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator import Simulator
from tests.conftest import COMMAND, RunningBridge

pytestmark = pytest.mark.process

LEAD = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
receive: {sent_by: automation}
user_data: {email: mail}
"""
NEEDS_REPAIR = LEAD.replace("email: mail", "email: mial")
ADMIN = {"Authorization": "Bearer admin"}


@pytest.fixture
def simulator():
    with Simulator() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "lead.yaml").write_text(LEAD)
    return tmp_path


def live(simulator: Simulator, **others: str) -> dict[str, str]:
    return {
        "CAPI_BRIDGE_GRAPH_URL": simulator.url,
        "META_DATASET_ID": "1234567890123456",
        "META_ACCESS_TOKEN": "a-token-for-tests",
        "CAPI_BRIDGE_ADMIN_TOKEN": "admin",
        **others,
    }


def without_dataset(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("META_")}


def run(folder: Path, environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself, as its user types it."""
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def listed(folder: Path, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    ran = run(folder, environment, "events", "list", "--json")
    assert ran.returncode == 0, ran.stderr
    events: list[dict[str, Any]] = json.loads(ran.stdout)["events"]
    return events


def lead(number: int) -> dict[str, object]:
    return {"id": number, "mail": "jane@example.com"}


def status_of(bridge: RunningBridge, event: Mapping[str, Any]) -> str:
    answer = bridge.get(f"/api/events/{event['id']}", ADMIN)
    return str(answer.body["status"])


def received(simulator: Simulator) -> Counter[str]:
    return Counter(event["event_id"] for event in simulator.events)


Start = Callable[..., RunningBridge]

# --- a demo never touches live ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [pytest.param((), id="the variables are forgotten"), pytest.param(("--demo",), id="--demo")]
)
def test_a_demo_does_not_start_where_live_events_are_kept(
    simulator, folder, start_bridge, wait_until, arguments
):
    bridge = start_bridge(environment=live(simulator))
    bridge.post("/hooks/lead", lead(1))
    wait_until(lambda: received(simulator) == {"lead-1": 1})
    bridge.stop()
    environment = live(simulator) if arguments else without_dataset(live(simulator))

    refused = run(folder, environment, "serve", "--bind", f"127.0.0.1:{bridge.port}", *arguments)

    assert refused.returncode == 3
    assert "META_DATASET_ID" in refused.stderr
    assert "META_ACCESS_TOKEN" in refused.stderr
    assert "Traceback" not in refused.stderr

    again = start_bridge(environment=live(simulator))
    assert again.post("/hooks/lead", lead(2)).body["status"] == "queued"
    wait_until(lambda: received(simulator) == {"lead-1": 1, "lead-2": 1})
    assert {event["mode"] for event in listed(folder, live(simulator))} == {"live"}


def test_a_demo_keeps_its_events_apart_and_going_live_starts_clean(
    simulator, folder, start_bridge, wait_until
):
    """The first day: a demo with the real sender, then live in the same folder, by a file that is read."""
    with Simulator() as of_demo:
        demo = without_dataset(live(of_demo))
        trial = start_bridge(environment=demo)
        shown = trial.post("/hooks/lead?wait=true", lead(1))
        assert (shown.status, shown.body["status"]) == (200, "sent")
        assert trial.get("/readyz").body["demo"] is True
        trial.stop()
        assert {(event["event_id"], event["mode"]) for event in listed(folder, demo)} == {("lead-1", "demo")}

    (folder / ".env").write_text("META_DATASET_ID=1234567890123456\nMETA_ACCESS_TOKEN='a-token'\n")
    environment = without_dataset(live(simulator))
    bridge = start_bridge(environment=environment)
    answer = bridge.post("/hooks/lead", lead(1))

    assert answer.body["status"] == "queued"
    wait_until(lambda: received(simulator) == {"lead-1": 1})
    assert bridge.get("/readyz").body["demo"] is False
    bridge.stop()
    assert [(event["event_id"], event["mode"]) for event in listed(folder, environment)] == [
        ("lead-1", "live")
    ]


def test_a_demo_takes_nothing_of_meta_from_the_environment(folder, start_bridge, wait_until):
    (folder / "bridge.yaml").write_text(
        "destinations: {main: {dataset_id: '${META_DATASET_ID}', access_token: '${META_ACCESS_TOKEN}'},\n"
        "  shop: {dataset_id: 42, access_token: another}}\n"
    )
    secrets = {"META_ACCESS_TOKEN": "a-token-for-tests", "META_TEST_EVENT_CODE": "TEST7"}
    secrets["CAPI_BRIDGE_ADMIN_TOKEN"] = "admin"
    bridge = start_bridge("--demo", environment=secrets)

    answer = bridge.post("/hooks/lead", lead(1))

    assert "test" not in answer.body
    wait_until(lambda: status_of(bridge, answer.body["events"][0]) == "sent")
    assert bridge.get("/readyz").body["test_mode"] == []
    bridge.stop()
    with closing(sqlite3.connect(folder / "data" / "bridge.demo.db")) as database:
        assert database.execute("SELECT dataset_id, test_event_code FROM events").fetchall() == [
            ("1000000000000000", None)
        ]
        assert database.execute("SELECT value FROM properties").fetchall() == [("demo",)]
    assert not (folder / "data" / "bridge.db").exists()
    assert "a-token-for-tests" not in bridge.log()


def test_the_live_profile_without_a_dataset_does_not_start(folder):
    refused = run(folder, {"CAPI_BRIDGE_PROFILE": "live"}, "serve", "--bind", "127.0.0.1:0")

    assert refused.returncode == 3
    assert "META_DATASET_ID" in refused.stderr
    assert "no_dataset" in run(folder, {"CAPI_BRIDGE_PROFILE": "live"}, "check", "--json").stdout


def test_live_serves_no_mapping_that_nobody_put_there(simulator, tmp_path, start_bridge):
    bridge = start_bridge(environment=live(simulator))

    assert bridge.post("/hooks/website-lead-form", {"email": "jane@example.com"}).status == 404
    assert "no_mappings" in [reason["code"] for reason in bridge.get("/readyz").body["reasons"]]


# --- a test never costs live ------------------------------------------------------------------------


def test_a_rehearsal_never_makes_the_real_webhook_a_duplicate(simulator, folder, start_bridge, wait_until):
    rehearsal = start_bridge(environment=live(simulator, META_TEST_EVENT_CODE="TEST7"))
    assert [rehearsal.post("/hooks/lead", lead(1)).body["status"] for _ in range(2)] == [
        "queued",
        "duplicate",
    ]
    wait_until(lambda: received(simulator) == {"lead-1": 1})
    (folder / "mappings" / "lead.yaml").write_text(LEAD.replace("Lead", "Contact"))
    wait_until(lambda: rehearsal.post("/hooks/lead", lead(1)).body["status"] == "queued")
    wait_until(lambda: received(simulator) == {"lead-1": 2})
    rehearsal.stop()

    bridge = start_bridge(environment=live(simulator))
    answer = bridge.post("/hooks/lead", lead(1))

    assert (answer.body["status"], "test" in answer.body) == ("queued", False)
    wait_until(lambda: received(simulator) == {"lead-1": 3})
    assert bridge.post("/hooks/lead", lead(1)).body["status"] == "duplicate"
    bridge.stop()
    modes = Counter(event["mode"] for event in listed(folder, live(simulator)))
    assert modes == {"test": 2, "live": 1}


def test_the_note_of_a_test_is_there_when_something_was_sent_only(simulator, folder, start_bridge):
    bridge = start_bridge(environment=live(simulator, META_TEST_EVENT_CODE="TEST7"))

    sent = bridge.post("/hooks/lead?wait=true", lead(1))
    held = bridge.post("/hooks/lead", {"id": 2})
    again = bridge.post("/hooks/lead", lead(1))

    assert (sent.status, sent.body["test"]["test_event_code"]) == (200, ["TEST7"])
    assert (held.status, "test" in held.body) == (422, False)
    assert (again.body["status"], "test" in again.body) == ("duplicate", False)


def test_a_test_code_in_a_mapping_is_shown(simulator, folder, start_bridge):
    (folder / "mappings" / "lead.yaml").write_text(LEAD + "test_event_code: TEST9\n")
    bridge = start_bridge(environment=live(simulator))

    assert bridge.get("/readyz").body["test_mode"] == [{"where": "mapping lead", "test_event_code": "TEST9"}]
    assert 'bridge_mapping_test_mode{mapping="lead"} 1.0' in bridge.get("/metrics").body


# --- a held webhook that comes again ------------------------------------------------------------------


def test_a_held_webhook_that_comes_again_is_mapped_again(simulator, folder, start_bridge, wait_until):
    mapping = folder / "mappings" / "lead.yaml"
    mapping.write_text(NEEDS_REPAIR)
    bridge = start_bridge(environment=live(simulator))
    first = bridge.post("/hooks/lead", lead(1))
    again = bridge.post("/hooks/lead", lead(1))
    assert [first.status, again.status] == [422, 422]
    assert again.body["error"]["details"] == first.body["error"]["details"]

    mapping.write_text(LEAD)
    fixed = wait_until(lambda: (a := bridge.post("/hooks/lead", lead(1))).status == 200 and a)

    assert fixed.body["status"] == "queued"
    assert fixed.body["events"][0]["id"] == first.body["events"][0]["id"]
    wait_until(lambda: received(simulator) == {"lead-1": 1})
    wait_until(lambda: status_of(bridge, fixed.body["events"][0]) == "sent")
    assert bridge.post("/hooks/lead", lead(1)).body["status"] == "duplicate"
    bridge.stop()
    assert [(event["event_id"], event["status"]) for event in listed(folder, live(simulator))] == [
        ("lead-1", "sent")
    ]
    assert run(folder, live(simulator), "events", "check").returncode == 0


def test_a_held_test_stays_a_test_when_it_is_mapped_again(simulator, folder, start_bridge, wait_until):
    """The code was asked for by the sender of this one webhook; the replay knows it from the event."""
    mapping = folder / "mappings" / "lead.yaml"
    mapping.write_text(NEEDS_REPAIR)
    bridge = start_bridge(environment=live(simulator))
    assert bridge.post("/hooks/lead?test_event_code=TEST5", lead(1), ADMIN).status == 422
    assert bridge.post("/hooks/lead", lead(2)).status == 422
    mapping.write_text(LEAD)

    ran = run(folder, live(simulator, META_TEST_EVENT_CODE="TEST8"), "events", "replay", "--status", "held")

    assert (ran.returncode, "2 remapped" in ran.stdout) == (0, True), ran.stderr
    wait_until(lambda: received(simulator) == {"lead-1": 1, "lead-2": 1})
    bridge.stop()
    modes = {event["event_id"]: event["mode"] for event in listed(folder, live(simulator))}
    assert modes == {"lead-1": "test", "lead-2": "live"}
