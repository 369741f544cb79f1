"""A webhook that names a person only, from the post to Meta, with real processes and a real API between."""

from __future__ import annotations

import json
import subprocess

import pytest

from bridge.simulator import Simulator
from tests.conftest import COMMAND
from tests.crm import DEAL, Crm, hash_of

pytestmark = pytest.mark.process

ADMIN = {"Authorization": "Bearer admin"}


REFUSED_KEY = "it refused the key, or what the key may read (HTTP 403); check sources.crm in bridge.yaml"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "deal.yaml").write_text(DEAL)
    return tmp_path


def environment_of(meta):
    return {
        "CAPI_BRIDGE_GRAPH_URL": meta.url,
        "META_DATASET_ID": "1234567890123456",
        "META_ACCESS_TOKEN": "a-token",
        "CAPI_BRIDGE_ADMIN_TOKEN": "admin",
    }


def run(folder, environment, *arguments):
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=folder,
        env={"HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def counts(bridge):
    body = bridge.get("/api/counts", ADMIN).body
    assert body["balanced"]
    return {status: number for status, number in body["by_status"].items() if number}


def test_a_thousand_webhooks_of_ten_persons_cost_ten_calls(folder, start_bridge, wait_until):
    with Simulator(keep=2_000) as meta, Crm() as crm:
        (folder / "bridge.yaml").write_text(crm.sources())
        bridge = start_bridge(environment=environment_of(meta))
        for number in range(1_000):
            assert bridge.post("/hooks/deal", {"id": number, "person_id": 1 + number % 10}).status == 200
        wait_until(lambda: counts(bridge) == {"sent": 1_000}, seconds=90)
        metrics = bridge.get("/metrics").body

    assert crm.asked == {f"/persons/{number}": 1 for number in range(1, 11)}
    assert 'bridge_source_calls_total{outcome="found",source="crm"} 10.0' in metrics
    assert 'bridge_events{status="fetching"} 0.0' in metrics
    assert {event["event_id"]: event["user_data"]["em"] for event in meta.events} == {
        f"deal-{number}": [hash_of(1 + number % 10)] for number in range(1_000)
    }


def test_who_waits_for_meta_waits_for_the_record_too(folder, start_bridge):
    with Simulator() as meta, Crm() as crm:
        (folder / "bridge.yaml").write_text(crm.sources())
        bridge = start_bridge(environment=environment_of(meta))
        answer = bridge.post("/hooks/deal?wait=true", {"id": 1, "person_id": 7})
        assert (answer.status, answer.body["status"]) == (200, "sent")
        [event] = answer.body["events"]
        assert (event["event_name"], event["event_id"], event["status"]) == ("Lead", "deal-1", "sent")

        crm.fail = lambda _path: 404
        answer = bridge.post("/hooks/deal?wait=true", {"id": 2, "person_id": 8})
        assert (answer.status, answer.body["status"]) == (200, "held")

        crm.fail = lambda _path: 503
        answer = bridge.post("/hooks/deal?wait=true", {"id": 3, "person_id": 9})
        assert (answer.status, answer.body["status"]) == (200, "queued")
        assert answer.body["reasons"] == ["waits for crm: it answered HTTP 503"]
    assert [event["user_data"]["em"] for event in meta.events] == [[hash_of(7)]]


def test_a_refused_key_is_seen_everywhere_and_the_pause_can_be_ended(folder, start_bridge, wait_until):
    with Simulator() as meta, Crm() as crm:
        (folder / "bridge.yaml").write_text(crm.sources())
        environment = environment_of(meta)
        bridge = start_bridge(environment=environment)
        crm.fail = lambda _path: 403
        assert bridge.post("/hooks/deal", {"id": 1, "person_id": 7}).body["status"] == "queued"
        wait_until(lambda: "paused" in [reason["code"] for reason in bridge.get("/readyz").body["reasons"]])
        assert counts(bridge) == {"fetching": 1}
        assert bridge.get("/api/counts", ADMIN).body["fetching"][0]["source"] == "crm"

        listed = run(folder, environment, "sources", "--json")
        [source] = json.loads(listed.stdout)["sources"]
        assert (source["name"], source["paused"], source["webhooks"]) == ("crm", True, 1)
        assert source["reason"] == REFUSED_KEY
        assert "PAUSED since" in run(folder, environment, "status").stdout
        shown = run(folder, environment, "events", "list", "--status", "fetching", "--json").stdout
        events = json.loads(shown)
        assert [event["status"] for event in events["events"]] == ["fetching"]
        assert events["events"][0]["reason"].endswith(REFUSED_KEY)

        crm.fail = lambda _path: None
        resumed = run(folder, environment, "sources", "resume", "crm")
        assert (resumed.returncode, resumed.stdout) == (0, "records are fetched from crm again\n")
        wait_until(lambda: counts(bridge) == {"sent": 1})
        log = bridge.log()
    assert "crm-token" not in log
    assert "/persons/" not in log


def test_a_wrong_name_of_a_source_is_answered_with_the_one_that_was_meant(folder):
    with Simulator() as meta, Crm() as crm:
        (folder / "bridge.yaml").write_text(crm.sources())
        environment = environment_of(meta)
        wrong = run(folder, environment, "sources", "resume", "crn")
        assert wrong.returncode == 2
        assert "did you mean crm?" in wrong.stderr
        fine = run(folder, environment, "sources", "resume", "crm")
        assert (fine.returncode, fine.stdout) == (0, "crm was not paused\n")
        assert "is fetched from" in run(folder, environment, "sources").stdout


def test_worker_once_fetches_what_is_due(folder, start_bridge):
    with Simulator() as meta, Crm() as crm:
        (folder / "bridge.yaml").write_text(crm.sources())
        environment = environment_of(meta)
        bridge = start_bridge("--no-deliver", environment=environment)
        bridge.post("/hooks/deal", {"id": 1, "person_id": 7})
        done = run(folder, environment, "worker", "--once")
        assert done.stdout == "1 call: 1 sent\n"
        assert counts(bridge) == {"sent": 1}
