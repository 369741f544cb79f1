"""The delivery process is killed in the middle of jobs: another one goes on, and every row was done once."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.process

ADMIN = {"Authorization": "Bearer admin"}
ROWS = 1_500


def delivery_of(bridge: Any) -> int:
    """Return the process id of the delivery: the one child that does not listen."""
    pid = bridge.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    [delivery] = [int(child) for child in children if not listens(int(child), bridge.port)]
    return delivery


def listens(pid: int, port: int) -> bool:
    hexadecimal = f":{port:04X} "
    listening = {
        line.split()[9]
        for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()
        if hexadecimal in line and " 0A " in line
    }
    links = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    return bool(links & {f"socket:[{inode}]" for inode in listening})


def state_of(bridge: Any, job_id: str) -> Any:
    return bridge.get(f"/api/jobs/{job_id}", ADMIN).body


def killed_in_mid_job(bridge: Any, job: Any, wait_until: Any) -> Any:
    """Kill the delivery while the job is under way, and return the job when it is finished."""
    wait_until(lambda: state_of(bridge, job["id"])["done"] >= ROWS // 4)
    os.kill(delivery_of(bridge), signal.SIGKILL)
    assert state_of(bridge, job["id"])["state"] == "running"
    return wait_until(
        lambda: (now := state_of(bridge, job["id"]))["state"] in {"done", "failed"} and now, seconds=90
    )


def result_of(bridge: Any, job: Any) -> list[Any]:
    path, lines = f"/api/jobs/{job['id']}/result", []
    while path:
        answer = bridge.get(path, ADMIN)
        lines += [json.loads(line) for line in answer.body.splitlines()]
        path = answer.headers.get("Link", "").partition("<")[2].partition(">")[0]
    return lines


def totals(bridge: Any) -> dict[str, int]:
    counts = bridge.get("/api/counts", ADMIN).body
    assert counts["balanced"]
    return {status: number for status, number in counts["by_status"].items() if number}


def test_jobs_go_on_after_the_delivery_was_killed_and_do_each_row_once(start, database_url, wait_until):
    environment = {"CAPI_BRIDGE_DATABASE_URL": database_url, "CAPI_BRIDGE_SECRET_KEY": "a key for the tests"}
    bridge = start(**environment)
    rows = "".join(json.dumps({"id": number}) + "\n" for number in range(1, ROWS + 1)).encode()
    job = bridge.post("/api/import/lead?format=jsonl&per_second=900", rows, ADMIN).body
    imported = killed_in_mid_job(bridge, job, wait_until)
    assert (imported["state"], imported["done"], imported["counts"]) == ("done", ROWS, {"held": ROWS})
    assert totals(bridge) == {"held": ROWS}
    assert [line["row"] for line in result_of(bridge, job)] == list(range(1, ROWS + 1))

    mapping = bridge.folder / "mappings" / "lead.yaml"
    mapping.write_text(mapping.read_text().replace("{email: mail}", "{external_id: id}"))
    wait_until(lambda: bridge.post("/dry-run/lead", {"id": 1}, ADMIN).body["events"])
    job = bridge.post("/api/jobs", {"kind": "replay", "status": "held"}, ADMIN).body
    replayed = killed_in_mid_job(bridge, job, wait_until)
    assert (replayed["state"], replayed["done"], replayed["counts"]) == ("done", ROWS, {"remapped": ROWS})
    wait_until(lambda: totals(bridge) == {"sent": ROWS}, seconds=90)

    job = bridge.post("/api/jobs", {"kind": "export", "status": "sent"}, ADMIN).body
    wait_until(lambda: state_of(bridge, job["id"])["state"] == "done")
    seen = Counter(line["event_id"] for line in result_of(bridge, job))
    assert seen == Counter(f"lead-{number}" for number in range(1, ROWS + 1))
    some = bridge.get("/api/events?limit=20", ADMIN).body["events"]
    for event in some:
        history = bridge.get(f"/api/events/{event['id']}", ADMIN).body["attempts"]
        assert [line["outcome"] for line in history].count("remapped") == 1
    assert bridge.stop() == 0
