"""A running server takes up changed settings: nothing is lost or sent twice, a mistake changes nothing."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3

from bridge.simulator import Simulator
from tests.conftest import COMMAND, RunningBridge

pytestmark = pytest.mark.process

LEAD = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
receive: {verify: {scheme: token, header: X-Token, secret: "${LEAD_SECRET}"}}
user_data: {email: mail}
"""
SETTINGS = """\
graph_url: %s
destinations:
  main: {dataset_id: "1234567890123456", access_token: "${file:token}"}
keys: {admin: admin}
"""
OTHER = "  other: {dataset_id: '6543210987654321', access_token: another-token}\n"


@pytest.fixture
def meta() -> Iterator[Simulator]:
    with Simulator(keep=1_000_000) as simulator:
        yield simulator


@pytest.fixture
def folder(tmp_path: Path, meta: Simulator) -> Path:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "lead.yaml").write_text(LEAD)
    (tmp_path / "bridge.yaml").write_text(SETTINGS % meta.url)
    (tmp_path / "token").write_text("first-token\n")
    (tmp_path / ".env").write_text("LEAD_SECRET=old-secret\n")
    return tmp_path


def reload(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(
        [COMMAND, "reload", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def posted(bridge: RunningBridge, number: int, secret: str) -> int:
    body = {"id": number, "mail": "jane@example.com"}
    return bridge.post("/hooks/lead", body, {"X-Token": secret}).status


def test_a_new_token_secret_and_destination_are_taken_up(meta, folder, start_bridge, wait_until):
    bridge = start_bridge()
    assert posted(bridge, 1, "old-secret") == 200
    wait_until(lambda: meta.events)

    (folder / "token").write_text("second-token\n")
    (folder / ".env").write_text("LEAD_SECRET=new-secret\n")
    (folder / "bridge.yaml").write_text((SETTINGS % meta.url).replace("keys:", f"{OTHER}keys:"))
    (folder / "mappings" / "both.yaml").write_text(LEAD + "send_to: [main, other]\n")
    ran = reload(folder)
    assert (ran.returncode, ran.stdout) == (0, f"127.0.0.1:{bridge.port} has taken up the settings\n")

    meta.expire_token("first-token")
    assert [posted(bridge, 2, secret) for secret in ("old-secret", "new-secret")] == [401, 200]
    body = {"id": 3, "mail": "jane@example.com"}
    assert bridge.post("/hooks/both", body, {"X-Token": "new-secret"}).status == 200
    wait_until(lambda: len(meta.events) == 4)
    sent = Counter((received.dataset_id, received.event["event_id"]) for received in meta.received())
    assert sent == {
        ("1234567890123456", "lead-1"): 1,
        ("1234567890123456", "lead-2"): 1,
        ("1234567890123456", "lead-3"): 1,
        ("6543210987654321", "lead-3"): 1,
    }


def test_a_secret_in_a_file_is_changed_without_a_restart(meta, folder, start_bridge):
    in_a_file = LEAD.replace("${LEAD_SECRET}", "${file:hook.secret}")
    (folder / "mappings" / "lead.yaml").write_text(in_a_file)
    (folder / "hook.secret").write_text("first\n")
    bridge = start_bridge()
    assert [posted(bridge, 1, secret) for secret in ("first", "second")] == [200, 401]

    (folder / "hook.secret").write_text("second\n")
    assert reload(folder).returncode == 0
    assert [posted(bridge, 2, secret) for secret in ("first", "second")] == [401, 200]

    (folder / "hook.secret").unlink()
    ran = reload(folder)
    assert (ran.returncode, "hook.secret cannot be read" in ran.stderr) == (1, True)
    assert posted(bridge, 3, "second") == 200


@contextlib.contextmanager
def a_worker(folder: Path, wait_until: Callable[..., None]) -> Iterator[subprocess.Popen[bytes]]:
    """A `capi-bridge worker` in the folder, which `reload` can find."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with (
        (folder / "worker.log").open("wb") as log,
        subprocess.Popen([COMMAND, "worker"], cwd=folder, env=environment, stderr=log) as worker,
    ):
        try:
            wait_until((folder / "data" / f"serve-worker-{worker.pid}.json").exists)
            yield worker
        finally:
            worker.terminate()


def test_a_worker_takes_up_a_new_token_and_keeps_the_old_settings_when_the_new_ones_are_wrong(
    meta, folder, start_bridge, wait_until
):
    bridge = start_bridge("--no-deliver")
    with a_worker(folder, wait_until) as worker:
        meta.expire_token("first-token")
        (folder / "token").write_text("second-token\n")
        ran = reload(folder)
        assert (ran.returncode, ran.stdout.splitlines()) == (
            0,
            [
                f"{one} has taken up the settings"
                for one in (f"127.0.0.1:{bridge.port}", f"worker-{worker.pid}")
            ],
        )
        assert posted(bridge, 1, "old-secret") == 200
        wait_until(lambda: meta.events)

        (folder / "bridge.yaml").write_text((SETTINGS % meta.url).replace("keys:", "kyes:"))
        ran = reload(folder)
        assert (ran.returncode, ran.stderr.count("keeps the old settings")) == (1, 2)
        assert posted(bridge, 2, "old-secret") == 200
        wait_until(lambda: len(meta.events) == 2)
        worker.terminate()
        assert worker.wait(60) == 0
    assert "reload_failed" in (folder / "worker.log").read_text()


BROKEN = {
    "a mistyped key": (SETTINGS.replace("keys:", "kyes:"), "kyes is not a setting"),
    "a token that is gone": (SETTINGS.replace("file:token", "file:tokn"), "tokn cannot be read"),
    "a token with an ellipsis": (
        SETTINGS.replace('"${file:token}"', "EAAB…"),
        "destinations.main.access_token must be an access token",
    ),
    "another database": ("database_url: sqlite:///data/other.db\n" + SETTINGS, "database_url has changed"),
    "no destination any more": (
        SETTINGS.replace("  main:", "  renamed:"),
        "with the new settings these mappings would stop: lead",
    ),
}


def test_settings_that_cannot_be_used_change_nothing_and_say_so(meta, folder, start_bridge, wait_until):
    bridge = start_bridge()
    for number, (text, message) in enumerate(BROKEN.values()):
        (folder / "bridge.yaml").write_text(text % meta.url, encoding="utf-8")
        ran = reload(folder, "--json") if number else reload(folder)
        assert ran.returncode == 1, ran
        assert message in ran.stdout + ran.stderr
        assert "reload_failed" in bridge.log()
        assert posted(bridge, number, "old-secret") == 200
    wait_until(lambda: len(meta.events) == len(BROKEN))
    (folder / "bridge.yaml").write_text(SETTINGS % meta.url)
    assert json.loads(reload(folder, "--json").stdout)["servers"][0]["problem"] is None


@pytest.mark.parametrize(
    ("name", "message"),
    [("mappings", "these mappings would stop: lead"), ("bridge.yaml", "the file is gone")],
)
def test_what_is_out_of_reach_for_a_moment_is_not_taken_away_by_a_reload(folder, start_bridge, name, message):
    bridge = start_bridge("--no-deliver", "--workers", "1")
    (folder / name).rename(folder / "elsewhere")
    ran = reload(folder)
    assert (ran.returncode, message in ran.stderr) == (1, True), ran
    assert posted(bridge, 1, "old-secret") == 200
    (folder / "elsewhere").rename(folder / name)
    assert reload(folder).returncode == 0


def test_without_a_server_there_is_nothing_to_reload(folder):
    ran = reload(folder)
    assert (ran.returncode, "no `capi-bridge serve` or `worker` runs" in ran.stderr) == (3, True)


def test_a_server_of_another_container_is_never_signalled(folder, start_bridge):
    bridge = start_bridge()
    [file] = (folder / "data").glob("serve-*.json")
    file.write_text(
        json.dumps({**json.loads(file.read_text()), "host": "another-container", "pid": os.getpid()})
    )
    ran = reload(folder)
    assert (ran.returncode, "runs on another-container" in ran.stderr) == (3, True)
    assert bridge.get("/healthz").status == 200


def test_under_load_no_webhook_is_lost_or_sent_twice(meta, folder, start_bridge, wait_until):
    """Senders post without a pause, and come again when a connection breaks, as all of them do."""
    bridge = start_bridge()
    stop, accepted, failures = threading.Event(), [], []

    def send(first: int) -> None:
        http = urllib3.PoolManager(retries=False, timeout=30)
        number = first
        while not stop.is_set():
            body = json.dumps({"id": number, "mail": f"p{number}@example.com"}).encode()
            headers = {"Content-Type": "application/json", "X-Token": "old-secret"}
            try:
                answer = http.request("POST", f"{bridge.url}/hooks/lead", body=body, headers=headers)
            except urllib3.exceptions.HTTPError:
                continue
            if answer.status == 200:
                accepted.append(f"lead-{number}")
                number += 1
            elif answer.status != 503:
                failures.append(answer.status)

    senders = [threading.Thread(target=send, args=(start * 1_000_000,)) for start in range(1, 5)]
    for sender in senders:
        sender.start()
    try:
        for round_number in range(3):
            (folder / "token").write_text(f"token-{round_number}\n")
            ran = reload(folder)
            assert ran.returncode == 0, ran.stderr + bridge.log()
    finally:
        stop.set()
        for sender in senders:
            sender.join()
    assert (failures, len(accepted) > 100) == ([], True)
    wait_until(lambda: len(meta.events) >= len(accepted), seconds=120)
    assert Counter(event["event_id"] for event in meta.events) == Counter(accepted)


def test_a_demo_is_left_alone_by_a_reload_and_ends_with_its_terminal(tmp_path, start_bridge):
    bridge = start_bridge("--demo", folder=tmp_path)
    ran = reload(tmp_path)
    assert (ran.returncode, "is a demo, which takes up no changed settings" in ran.stderr) == (3, True)
    assert bridge.get("/healthz").status == 200
    assert bridge.process is not None
    bridge.process.send_signal(signal.SIGHUP)
    assert bridge.process.wait(60) == 0


@contextlib.contextmanager
def on_a_terminal(folder: Path, *arguments: str) -> Iterator[int]:
    """Run a command in a terminal of its own, which is closed at the end; yield the process id."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored, and a server goes on then
        os.execve(COMMAND, [str(COMMAND), *arguments], {"PATH": os.environ["PATH"], "HOME": str(folder)})
    closed = threading.Event()
    reader = threading.Thread(target=read_until_closed, args=(terminal, closed))
    reader.start()
    try:
        yield process
    finally:
        closed.set()
        reader.join()
        os.close(terminal)


def read_until_closed(terminal: int, closed: threading.Event) -> None:
    """Take what is written; a terminal that somebody still reads would not be closed."""
    while not closed.is_set():
        if select.select([terminal], [], [], 0.05)[0]:
            os.read(terminal, 4_096)


def has_ended(process: int) -> bool:
    return os.waitpid(process, os.WNOHANG)[0] != 0


def test_a_server_ends_with_its_terminal_and_every_lead_is_found_again(
    meta, folder, start_bridge, wait_until
):
    bridge = RunningBridge(folder, {})
    with on_a_terminal(folder, "serve", "--no-deliver", "--bind", f"127.0.0.1:{bridge.port}") as process:
        wait_until(lambda: answers(bridge))
        assert [posted(bridge, number, "old-secret") for number in (1, 2)] == [200, 200]
        assert reload(folder).returncode == 0, "a terminal that is open does not end it"
    wait_until(lambda: has_ended(process), seconds=60)
    again = start_bridge()
    assert posted(again, 3, "old-secret") == 200
    wait_until(lambda: len(meta.events) == 3, seconds=60)
    assert {event["event_id"] for event in meta.events} == {"lead-1", "lead-2", "lead-3"}


def answers(bridge: RunningBridge) -> bool:
    with contextlib.suppress(urllib3.exceptions.HTTPError):
        return bridge.get("/healthz").status == 200
    return False
