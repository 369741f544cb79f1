"""An agency: twelve clients in one mapping, one in a folder of its own, each with its own dataset."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.simulator import Simulator
from tests.conftest import COMMAND

pytestmark = pytest.mark.process

ADMIN = {"Authorization": "Bearer admin"}
CLIENTS = [f"client{number}" for number in range(1, 13)]
DATASETS = {name: f"10000000000000{number:02}" for number, name in enumerate(CLIENTS, 1)}
DESTINATIONS = "".join(
    f"  {name}: {{dataset_id: '{dataset}', access_token: token-of-{name}}}\n"
    for name, dataset in DATASETS.items()
)
LEAD = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
user_data: {email: email}
"""


def shared(clients: list[str]) -> str:
    rows = "".join(f"    location-of-{name}: {name}\n" for name in clients)
    return f"{LEAD}send_to:\n  from: location.id\n  lookup:\n{rows}"


@pytest.fixture
def meta() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def folder(tmp_path: Path, meta: Simulator) -> Path:
    (tmp_path / "mappings" / "client1").mkdir(parents=True)
    (tmp_path / "mappings" / "agency.yaml").write_text(shared(CLIENTS[:11]))
    (tmp_path / "mappings" / "client1" / "lead.yaml").write_text(f"{LEAD}send_to: client1\n")
    settings = f"graph_url: {meta.url}\nkeys: {{admin: admin}}\ndestinations:\n{DESTINATIONS}"
    (tmp_path / "bridge.yaml").write_text(settings)
    return tmp_path


def run(folder: Path, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def lead(number: int, client: str) -> dict[str, object]:
    return {"id": number, "email": "jane@example.com", "location": {"id": f"location-of-{client}"}}


def test_each_client_gets_its_own_leads_and_a_new_one_nobody_elses(meta, folder, start_bridge, wait_until):
    bridge = start_bridge()
    for number, client in enumerate(CLIENTS):
        answer = bridge.post("/hooks/agency", lead(number, client))
        assert (answer.status, answer.body["status"]) == (200, "queued" if client != "client12" else "held")
    wait_until(lambda: len(meta.events) == 11)
    sent = Counter((received.dataset_id, received.event["event_id"]) for received in meta.received())
    assert sent == Counter((DATASETS[name], f"lead-{number}") for number, name in enumerate(CLIENTS[:11]))

    [held] = bridge.get("/api/events?status=held", ADMIN).body["events"]
    assert (held["destination"], held["findings"][0]["code"]) == ("(unknown)", "unknown_client")
    (folder / "mappings" / "agency.yaml").write_text(shared(CLIENTS))
    wait_until(lambda: "client12" in str(bridge.get("/api/mappings/agency", ADMIN).body["send_to"]))
    replayed = run(folder, "events", "replay", "--status", "held")
    assert (replayed.returncode, replayed.stdout) == (0, "1 remapped\n"), replayed.stderr
    wait_until(lambda: len(meta.events) == 12)
    assert meta.received()[-1].dataset_id == DATASETS["client12"]
    assert bridge.get(f"/api/events/{held['id']}", ADMIN).body["destination"] == "client12"


def test_a_mapping_in_a_folder_has_its_path_as_its_name_everywhere(meta, folder, start_bridge, wait_until):
    bridge = start_bridge()
    assert bridge.post("/hooks/client1/lead", lead(1, "client1")).body["status"] == "queued"
    assert bridge.post("/hooks/client1%2Flead", lead(2, "client1")).body["status"] == "queued"
    assert bridge.post("/hooks/client2/lead", lead(3, "client2")).status == 404
    assert (
        bridge.post("/dry-run/client1/lead", lead(4, "client1")).body["sent_to"][0]["destination"]
        == "client1"
    )
    wait_until(lambda: len(meta.events) == 2)
    assert [event["mapping"] for event in bridge.get("/api/events", ADMIN).body["events"]] == [
        "client1/lead"
    ] * 2
    assert bridge.get("/api/mappings/client1/lead", ADMIN).body["name"] == "client1/lead"
    imported = bridge.send("POST", "/api/import/client1/lead", b"id,email\n5,joe@example.com\n", ADMIN)
    assert (imported.status, imported.body["request"]["mapping"]) == (202, "client1/lead")
    assert 'mapping="client1/lead"' in bridge.get("/metrics", ADMIN).body

    assert run(folder, "check", "client1/lead").returncode == 0
    ran = run(folder, "dry-run", "client1/lead", "--json", stdin=json.dumps(lead(6, "client1")))
    assert json.loads(ran.stdout)["sent_to"][0]["destination"] == "client1"
    assert "did you mean client1/lead?" in run(folder, "dry-run", "client1/laed", stdin="{}").stderr
    listed = json.loads(run(folder, "events", "list", "--mapping", "client1/lead", "--json").stdout)
    assert {event["mapping"] for event in listed["events"]} == {"client1/lead"}
    made = run(folder, "init", "client3/order", "--event", "Purchase", "--send-to", "client3")
    assert (made.returncode, (folder / "mappings" / "client3" / "order.yaml").is_file()) == (0, True), (
        made.stderr
    )
    wait_until(lambda: bridge.post("/hooks/client3/order", {}).status != 404)
    settings = (folder / "bridge.yaml").read_text()
    (folder / "bridge.yaml").write_text(f"{settings}hooks:\n  client1/lead: {{rate_limit: 1/h}}\n")
    assert run(folder, "reload").returncode == 0
    statuses = [bridge.post("/hooks/client1/lead", lead(number, "client1")).status for number in (7, 8)]
    assert statuses == [200, 429]
