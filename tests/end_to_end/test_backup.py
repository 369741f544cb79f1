"""A backup made while webhooks come in, restored elsewhere: everything that was answered is there."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import sqlite3
import stat
import threading

import pytest

from bridge.simulator import Simulator
from tests.end_to_end.test_live_is_live import LEAD, folder, lead, live, run

__all__ = ["folder"]
pytestmark = pytest.mark.process


def test_a_backup_under_load_is_restored_with_everything_that_was_answered(
    folder, tmp_path_factory, start_bridge, wait_until
):
    with Simulator() as gone:
        unreachable = live(gone)
    bridge = start_bridge("--no-deliver", environment=unreachable)  # a claim would last a minute
    (folder / "mappings" / "broken.yaml").write_text(LEAD.replace("email: mail", "email: mial"))
    wait_until(lambda: bridge.post("/hooks/broken", lead(0)).status == 422)
    answered: list[str] = []
    stop, enough = threading.Event(), threading.Event()

    def post() -> None:
        for number in itertools.count():
            if stop.is_set():
                return
            if bridge.post("/hooks/lead", lead(number)).status == 200:
                answered.append(f"lead-{number}")
            if len(answered) == 50:
                enough.set()

    sender = threading.Thread(target=post)
    sender.start()
    assert enough.wait(60)
    before = list(answered)
    made = run(folder, unreachable, "db", "backup", "copy.db", "--json")
    stop.set()
    sender.join(30)
    bridge.stop()

    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["bytes"] == (folder / "copy.db").stat().st_size
    assert "secret.key" in made.stderr
    assert stat.S_IMODE((folder / "copy.db").stat().st_mode) == 0o600
    assert not list(folder.glob(".copy*"))

    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "data").mkdir()
    shutil.copy(folder / "copy.db", elsewhere / "data" / "bridge.db")
    shutil.copy(folder / "data" / "secret.key", elsewhere / "data" / "secret.key")
    shutil.copytree(folder / "mappings", elsewhere / "mappings")
    (elsewhere / "mappings" / "broken.yaml").write_text(LEAD)
    with Simulator() as simulator:
        start_bridge(folder=elsewhere, environment=live(simulator))
        replayed = run(elsewhere, live(simulator), "events", "replay", "--status", "held", "--json")
        assert json.loads(replayed.stdout).get("still_held") is None, replayed.stdout
        wait_until(lambda: set(before) <= {event["event_id"] for event in simulator.events})
        assert run(elsewhere, live(simulator), "events", "check").returncode == 0


def test_a_backup_never_overwrites_and_says_what_to_do(folder):
    environment = {"META_DATASET_ID": "1", "META_ACCESS_TOKEN": "token"}
    assert run(folder, environment, "db", "backup", "copy.db").returncode == 3
    assert run(folder, environment, "db", "upgrade").returncode == 0
    assert run(folder, environment, "db", "backup", "copy.db").returncode == 0

    again = run(folder, environment, "db", "backup", "copy.db")
    nowhere = run(folder, environment, "db", "backup", "missing/copy.db")

    assert (again.returncode, "is there already" in again.stderr) == (2, True)
    assert (nowhere.returncode, "could not be made" in nowhere.stderr) == (3, True)
    with contextlib.closing(sqlite3.connect(folder / "copy.db")) as copied:
        assert copied.execute("SELECT count(*) FROM events").fetchall() == [(0,)]


def test_a_server_is_backed_up_by_its_own_program(folder):
    url = "postgresql://bridge:geheim@db.example/bridge"
    environment = {"META_DATASET_ID": "1", "META_ACCESS_TOKEN": "token", "CAPI_BRIDGE_DATABASE_URL": url}

    refused = run(folder, environment, "db", "backup", "copy.dump")

    assert refused.returncode == 2
    assert "pg_dump --format=custom --file=copy.dump postgresql://bridge@db.example/bridge" in refused.stderr
    assert "geheim" not in refused.stderr
