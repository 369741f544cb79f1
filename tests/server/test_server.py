"""Real processes and raw sockets: what only a real server can get wrong."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import re
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator import Simulator

pytestmark = pytest.mark.process

LEAD = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
user_data: {email: mail}
"""
BODY = b'{"id": 1, "mail": "jane@example.com"}'


@pytest.fixture
def meta() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "lead.yaml").write_text(LEAD)
    return tmp_path


@pytest.fixture
def start(meta: Simulator, folder: Path, start_bridge: Callable[..., Any]) -> Callable[..., Any]:
    def run(*arguments: str, settings: str = "") -> Any:
        (folder / "bridge.yaml").write_text(settings)
        environment = {
            "CAPI_BRIDGE_GRAPH_URL": meta.url,
            "META_DATASET_ID": "1234567890123456",
            "META_ACCESS_TOKEN": "a-token",
            "CAPI_BRIDGE_ADMIN_TOKEN": "admin",
        }
        return start_bridge(*arguments, environment=environment)

    return run


def raw(port: int, *parts: bytes) -> bytes:
    """Send bytes as they are and return the whole answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
        received = b""
        while data := connection.recv(65_536):
            received += data
        return received


def head(*lines: str) -> bytes:
    return "\r\n".join(("POST /hooks/lead HTTP/1.1", "Host: x", "Connection: close", *lines, "", "")).encode()


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


JSON = "Content-Type: application/json"


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        pytest.param(head(JSON, f"Content-Length: {len(BODY)}") + BODY, {200}, id="an ordinary one"),
        pytest.param(
            head(JSON, "Transfer-Encoding: chunked") + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY),
            {200},
            id="in chunks",
        ),
        pytest.param(
            head(JSON, f"Content-Length: {len(BODY)}", "Content-Length: 3") + BODY, {400}, id="two lengths"
        ),
        pytest.param(
            head(JSON, "Content-Length: 3", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
            {400},
            id="a length and chunks",
        ),
        pytest.param(
            head(JSON, "Transfer-Encoding: chunked") + b"1\r\n \r\n" * 3000,
            {400},
            id="in thousands of tiny chunks",
        ),
        pytest.param(head(JSON, "Content-Length: -1"), {400}, id="a negative length"),
        pytest.param(head(JSON, "Content-Length: 99999999999"), {413}, id="a length over the bound"),
        pytest.param(head(JSON), {400}, id="no length"),
        pytest.param(b"GARBAGE\r\n\r\n", {400}, id="no HTTP"),
    ],
)
def test_each_way_of_framing_a_body_has_its_answer(start, request_bytes, expected):
    answer = raw(start().port, request_bytes)
    assert status_of(answer) in expected


def test_a_chunked_body_over_the_bound_is_refused_without_reading_it_all(start):
    bridge = start(settings="limits: {max_body_bytes: 10 KiB}\n")
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    answer = raw(bridge.port, head(JSON, "Transfer-Encoding: chunked"), chunk * 4, b"0\r\n\r\n")
    assert status_of(answer) == 413


def test_a_file_over_the_bound_is_refused_by_a_page_that_the_browser_gets_to_see(start):
    bridge = start()
    signed_in = bridge.post(
        "/console/session", b"token=admin", {"Content-Type": "application/x-www-form-urlencoded"}
    )
    cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
    most = 40_000_000  # more than may arrive unread of all senders together
    upload = f"POST /console/import HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nConnection: close\r\n"
    upload += f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {most}\r\n\r\n"
    answer = raw(bridge.port, upload.encode(), bytes(most))
    assert status_of(answer) == 413
    assert b"<h1>Too large</h1>" in answer


def test_senders_that_trickle_do_not_keep_the_others_out(start):
    """More slow senders than there are threads: they are cut off, and a good one is answered."""
    bridge = start("--workers", "1", "--threads", "2", settings="limits: {read_timeout: 1s}\n")
    slow = [socket.create_connection(("127.0.0.1", bridge.port), timeout=30) for _ in range(4)]
    try:
        for connection in slow:
            connection.sendall(head(JSON, "Content-Length: 1000") + b'{"id"')
        assert bridge.post("/hooks/lead", {"id": 2, "mail": "jane@example.com"}).status == 200
        answers = [connection.recv(65_536) for connection in slow]
    finally:
        for connection in slow:
            connection.close()
    assert {status_of(answer) for answer in answers if answer} <= {400}


def test_a_stop_answers_what_is_under_way_and_settles_it(meta, start, wait_until):
    bridge = start()
    meta.fail("slow=1s")
    answers = []
    sender = threading.Thread(
        target=lambda: answers.append(
            bridge.post("/hooks/lead?wait=true", {"id": 3, "mail": "j@example.com"})
        )
    )
    sender.start()
    wait_until(lambda: meta.counts()["requests"])

    assert bridge.stop() == 0
    sender.join(30)

    assert [(answer.status, answer.body["status"]) for answer in answers] == [(200, "sent")]
    assert "Traceback" not in bridge.log()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_delivery_process_that_dies_is_started_again(meta, start, wait_until):
    bridge = start("--workers", "1")
    before = set(children_of(bridge.process.pid))
    assert len(before) == 2
    for child in before:
        os.kill(child, signal.SIGKILL)

    wait_until(lambda: len(set(children_of(bridge.process.pid)) - before) == 2)
    assert bridge.post("/hooks/lead", {"id": 4, "mail": "jane@example.com"}).status == 200
    wait_until(lambda: meta.events)


def test_delivery_ends_with_the_master_even_when_that_is_killed(start, wait_until):
    bridge = start("--workers", "1")
    children = children_of(bridge.process.pid)
    os.kill(bridge.process.pid, signal.SIGKILL)
    bridge.process.wait(30)

    def all_gone() -> bool:
        return not any(Path(f"/proc/{child}").exists() for child in children)

    wait_until(all_gone)


def test_without_delivery_events_wait(meta, start):
    bridge = start("--no-deliver")
    bridge.post("/hooks/lead", {"id": 5, "mail": "jane@example.com"})
    counts = bridge.get("/api/counts", {"Authorization": "Bearer admin"}).body
    assert counts["by_status"]["waiting"] == 1
    assert meta.counts()["requests"] == 0


def test_the_processes_count_together(start, wait_until):
    bridge = start("--workers", "2")
    for number in range(20):
        bridge.post("/hooks/lead", {"id": number, "mail": "jane@example.com"})

    def counted() -> bool:
        text = bridge.get("/metrics").body
        return (
            'bridge_webhooks_total{mapping="lead",status="queued"} 20.0' in text
            and 'bridge_events_delivered_total{destination="main",mode="live"} 20.0' in text
        )

    wait_until(counted)


def test_log_lines_are_json_and_tell_of_webhooks_and_attempts(meta, start, wait_until):
    bridge = start()
    answer = bridge.post("/hooks/lead", {"id": 6, "mail": "jane@example.com"})
    wait_until(lambda: meta.events)
    bridge.stop()

    lines = [json.loads(line) for line in bridge.log().splitlines() if line.startswith("{")]
    [webhook] = [line for line in lines if line["event"] == "webhook"]
    assert webhook["request_id"] == answer.body["request_id"]
    assert (webhook["mapping"], webhook["status"], webhook["code"]) == ("lead", "queued", 200)
    attempts = [line for line in lines if line["event"] == "attempt"]
    assert [(line["outcome"], line["events"]) for line in attempts] == [("delivered", 1)]


STRANGE = (
    b"HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    head(JSON, "Content-Length: " + "7" * 5000),
    b"GET /jane@example.com?token=secret HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /hook/jane@example.com HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"POST /hooks/lead?token=secret jane@example.com HTTP/1.1\r\nHost: x\r\n\r\n",
    head("Authorization Bearer secret", "Cookie: jane@example.com"),
)


def test_what_strangers_send_leaves_lines_of_json_without_their_words_in_the_log(start):
    bridge = start("--workers", "1", "--no-deliver")
    begins = len(bridge.log())
    for strange in STRANGE:
        raw(bridge.port, strange)
    bridge.stop()
    written = bridge.log()[begins:]
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line.get("path", line.get("error")) for line in lines] == ["ValueError", "/…", "/hook"]
    assert not any(word in written for word in ("jane", "secret", "7777"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(("--bind", "nonsense"), 2, "HOST:PORT", id="no address"),
        pytest.param(("--config", "missing.yaml"), 3, "missing.yaml", id="no such file"),
    ],
)
def test_a_start_that_cannot_be_says_why(folder, arguments, code, words):
    ran = subprocess.run(
        [Path(sys.executable).parent / "capi-bridge", "serve", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert (ran.returncode, words in ran.stderr) == (code, True)


def test_a_port_that_is_taken_is_said_in_a_sentence(start, folder):
    bridge = start()
    ran = subprocess.run(
        [Path(sys.executable).parent / "capi-bridge", "serve", "--bind", f"127.0.0.1:{bridge.port}"],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": os.environ["PATH"], "META_DATASET_ID": "1", "META_ACCESS_TOKEN": "t"},
    )  # fmt: skip
    assert (ran.returncode, "cannot listen" in ran.stderr) == (3, True)


# --- webhooks that arrive whole, and those that do not: the same answers -----------------------------


def whole(number: int, *lines: str, mail: str = "jane@example.com", path: str = "/hooks/lead") -> bytes:
    body = json.dumps({"id": number, "mail": mail}).encode()
    first = (f"POST {path} HTTP/1.1", "Host: x", JSON, f"Content-Length: {len(body)}", *lines, "", "")
    return "\r\n".join(first).encode() + body


LAST = "Connection: close"


def in_two(request: bytes) -> tuple[bytes, bytes]:
    head, blank, body = request.partition(b"\r\n\r\n")
    return head + blank, body


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param((whole(1), whole(2), whole(3, LAST)), [200, 200, 200], id="one after the other"),
        pytest.param((whole(1) + whole(2) + whole(3, LAST),), [200, 200, 200], id="three at once"),
        pytest.param((whole(1)[:40], whole(1)[40:-3], whole(1)[-3:] + whole(2, LAST)), [200, 200], id="bits"),
        pytest.param(in_two(whole(1, "Expect: 100-continue", LAST)), [100, 200], id="expects to be asked"),
        pytest.param((whole(1, "Expect: 100-continue", LAST),), [200], id="does not wait to be asked"),
        pytest.param((whole(1, path="/hooks/none"), whole(2, LAST)), [404, 200], id="a wrong address first"),
        pytest.param((whole(1, path="/hooks/lead?wait=true"), whole(2, LAST)), [200, 200], id="one waits"),
        pytest.param((whole(1, mail="x" * 30_000), whole(2, LAST)), [200, 200], id="a long one first"),
        pytest.param((whole(1, "Content-Length: 3"),), [400], id="two lengths"),
        pytest.param((whole(1, "Bad Header: 3"),), [400], id="a header that is none"),
    ],
)
def test_connections_carry_whole_and_broken_webhooks_alike(start, parts, expected):
    bridge = start("--workers", "1")
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=30) as connection:
        answers = b""
        for part in parts:
            connection.sendall(part)
            connection.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                answers += connection.recv(65_536)
        connection.settimeout(30)
        while data := connection.recv(65_536):
            answers += data
    assert [int(status) for status in re.findall(rb"HTTP/1.1 (\d{3}) ", answers)] == expected
    assert "Traceback" not in bridge.log()


def test_whole_webhooks_are_answered_while_every_thread_waits_for_somebody(start):
    bridge = start("--workers", "1", "--threads", "1")
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=30) as slow:
        slow.sendall(head(JSON, "Content-Length: 1000") + b'{"id"')
        assert status_of(raw(bridge.port, whole(1, LAST))) == 200


def test_a_sender_that_hangs_up_before_its_answer_loses_nothing(meta, start, wait_until):
    bridge = start("--workers", "1")
    for number in range(20):
        with socket.create_connection(("127.0.0.1", bridge.port), timeout=30) as connection:
            connection.sendall(whole(number))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_until(lambda: len(meta.events) == 20)
    assert bridge.post("/hooks/lead", {"id": 99, "mail": "jane@example.com"}).status == 200
    assert "Traceback" not in bridge.log()


def test_many_senders_at_once_get_each_their_own_answer(start):
    bridge = start("--workers", "2", "--no-deliver")

    def send(sender: int) -> list[tuple[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=30)
        told = []
        for number in range(25):
            body = json.dumps({"id": f"{sender}-{number}", "mail": "jane@example.com"})
            headers = {"Content-Type": "application/json", "X-Request-Id": f"sender-{sender}-{number}"}
            connection.request("POST", "/hooks/lead", body, headers)
            answer = json.load(connection.getresponse())
            told.append((answer["request_id"], answer["events"][0]["event_id"]))
        connection.close()
        return told

    with ThreadPoolExecutor(24) as pool:
        told = list(itertools.chain.from_iterable(pool.map(send, range(24))))
    names = [f"{sender}-{number}" for sender in range(24) for number in range(25)]
    assert told == [(f"sender-{name}", f"lead-{name}") for name in names]
    counts = bridge.get("/api/counts", {"Authorization": "Bearer admin"}).body
    assert counts["by_status"]["waiting"] == 24 * 25


def test_while_the_database_is_locked_others_are_served_and_senders_told_to_come_again(start, folder):
    bridge = start("--workers", "1", "--no-deliver")
    assert bridge.post("/hooks/lead", {"id": 1, "mail": "jane@example.com"}).status == 200
    [file] = folder.rglob("*.db")
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        with socket.create_connection(("127.0.0.1", bridge.port), timeout=60) as connection:
            connection.sendall(whole(2))
            assert bridge.get("/healthz").status == 200
            assert status_of(connection.recv(65_536)) == 503
        stranger.execute("ROLLBACK")
    assert bridge.post("/hooks/lead", {"id": 2, "mail": "jane@example.com"}).body["status"] == "queued"
