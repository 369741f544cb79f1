"""Forged beacons over HTTP change no stored event, and lead no sale to the click of somebody else.

They come over two connections, a hundred at a time, as if from as many addresses. A thousand take 2 s;
`make soak` sends ten thousand (FORGED=10000 in the environment), which take 20 s.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator import Simulator
from tests.conftest import RunningBridge, wait_until

pytestmark = pytest.mark.process

NUMBER = int(os.environ.get("FORGED", "1000"))
AT_ONCE = 100
SITE, ANNA = "https://www.example.com", "a" * 32
FBC, FORGED_FBC = "fb.1.1795168700000.IwAR0Anna", "fb.1.1795168700000.IwAR0Forged"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SETTINGS = """\
destinations: {main: {dataset_id: "1234567890123456", access_token: "a-token-for-tests"}}
keys: {admin: admin}
trusted_proxies: [127.0.0.1]
companion: {origins: [https://www.example.com]}
"""
CRM = """\
version: 1
receive: {verify: {scheme: token, header: X-Token, secret: "${CRM_TOKEN}"}}
event_name: Lead
action_source: system_generated
event_id: crm-{id}
user_data: {email: email}
visit: {by: [{visitor_id: visitor_id}, {cb_event_id: cb_event_id}, email], add: [fbc, fbp]}
"""


def granted(number: int, **others: Any) -> dict[str, Any]:
    """Return what a browser of its own reports."""
    visit = {"granted": True, "source": "page", "visitor_id": f"{number:032x}", "page": f"{SITE}/"}
    return {**visit, "fbc": FORGED_FBC, "fbp": f"fb.1.1795168700000.{number}", **others}


# what is forged, from which origin and address, and the answers that there may be
FORGERIES: tuple[tuple[Callable[[int], Any], str, str, set[int]], ...] = (
    (granted, SITE, "each", {204}),
    (lambda n: granted(n, event_name="Lead", event_id="lead-anna"), SITE, "each", {204}),
    (lambda n: granted(n, event_name="Lead", event_id="lead-anna", granted=False), SITE, "each", {204}),
    (lambda n: granted(n, event_name="Lead", event_id=f"lead-{n}"), SITE, "each", {204}),
    (lambda n: granted(n, event_name="Purchase", event_id="crm-1", data={"value": 9e9}), SITE, "each", {403}),
    (lambda n: granted(n, event_name="Lead", event_id="lead-anna"), "https://evil.example", "each", {403}),
    (lambda n: [granted(n)], SITE, "each", {400}),
    (lambda n: granted(n, fbp="fb.1.1795168700000.4242"), SITE, "one", {204, 429}),
)


def beacon(body: Any, origin: str = SITE, address: str = "203.0.113.7") -> bytes:
    content = json.dumps(body).encode()
    head = f"POST /c HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nOrigin: {origin}\r\n"
    head += f"User-Agent: {BROWSER}\r\nX-Forwarded-For: {address}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def forged(number: int) -> bytes:
    make, origin, whose, _ = FORGERIES[number % len(FORGERIES)]
    each = f"100.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return beacon(make(number), origin, each if whose == "each" else "203.0.113.9")


def answers(connection: socket.socket, number: int) -> Iterator[int]:
    """Yield the statuses of so many answers, in the order in which they come."""
    reader = connection.makefile("rb")
    for _ in range(number):
        status = int(reader.readline().split()[1])
        length = 0
        while (line := reader.readline()) not in {b"\r\n", b""}:
            if found := re.fullmatch(rb"content-length: (\d+)\r\n", line.lower()):
                length = int(found[1])
        reader.read(length)
        yield status


def forge(port: int, numbers: range, seen: Counter[tuple[int, int]]) -> None:
    """Send these forgeries over one connection; count the answers by kind and status."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for begin in range(0, len(numbers), AT_ONCE):
            part = numbers[begin : begin + AT_ONCE]
            connection.sendall(b"".join(map(forged, part)))
            for number, status in zip(part, answers(connection, len(part)), strict=True):
                seen[number % len(FORGERIES), status] += 1


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[RunningBridge]:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "crm.yaml").write_text(CRM)
    browser = Path("mappings/browser.yaml").read_text("utf-8").partition("samples:")[0]
    (tmp_path / "mappings" / "browser.yaml").write_text(browser)
    (tmp_path / "bridge.yaml").write_text(SETTINGS)
    with Simulator() as meta:
        environment = {"CAPI_BRIDGE_GRAPH_URL": meta.url, "CRM_TOKEN": "crm"}
        running = RunningBridge(tmp_path, environment, ("--workers", "1")).start()
        try:
            yield running
        finally:
            running.stop()


def test_forged_beacons_change_no_stored_event_and_no_later_sale(bridge):
    admin = {"Authorization": "Bearer admin"}

    def shown(event_id: str) -> Any:
        body = bridge.get(f"/api/events/{event_id}", admin).body
        return {name: value for name, value in body.items() if name != "request_id"}  # of this answer

    def sent(mapping: str, number: int = 1) -> Any:
        """Return the events of a mapping, oldest first, once there are so many and all are sent."""
        found = bridge.get(f"/api/events?mapping={mapping}", admin).body["events"]
        is_done = [event["status"] for event in found] == ["sent"] * number
        return [shown(event["id"]) for event in reversed(found)] if is_done else None

    def reports(number: int, **data: Any) -> None:
        answer = bridge.post("/hooks/crm", {"id": number, **data}, {"X-Token": "crm"})
        assert answer.status == 200, answer.body

    anna = granted(0, visitor_id=ANNA, fbc=FBC, fbp="fb.1.1795168700000.4242")
    headers = {"Origin": SITE, "User-Agent": BROWSER, "Content-Type": "text/plain"}
    lead = json.dumps({**anna, "event_name": "Lead", "event_id": "lead-anna"}).encode()
    assert bridge.send("POST", "/c", lead, headers).status == 204
    reports(1, email="anna@example.com", visitor_id=ANNA)
    before = [*wait_until(lambda: sent("browser")), *wait_until(lambda: sent("crm"))]

    seen: Counter[tuple[int, int]] = Counter()
    half = NUMBER // 2
    parts = [range(1, 1 + half), range(1 + half, 1 + NUMBER)]
    threads = [threading.Thread(target=forge, args=(bridge.port, part, seen)) for part in parts]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{NUMBER} forged beacons in {time.monotonic() - started:.1f} s: {dict(sorted(seen.items()))}")

    assert seen.total() == NUMBER
    for kind, (*_, allowed) in enumerate(FORGERIES):
        assert {status for other, status in seen if other == kind} <= allowed, kind
    assert [shown(event["id"]) for event in before] == before
    reports(2, email="Anna@Example.com")
    reports(3, email="new@example.com", cb_event_id="lead-anna")
    joined = wait_until(lambda: sent("crm", 3))
    assert [event["body"]["user_data"].get("fbc") for event in joined] == [FBC, FBC, None]
    assert "Traceback" not in bridge.log()
