"""Real sockets: what the wire can do to a call, and that no event is lost or sent under another id by it."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from datetime import UTC, datetime, timedelta

import pytest

from bridge.delivery.http_client import GraphRequest, http_sender
from bridge.delivery.worker import Worker, delivery_context
from bridge.outbox import NewEvent, NewWebhook
from bridge.settings import Destination
from bridge.simulator import Simulator

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DATASET = "1234567890123456"


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def simulator(clock):
    with Simulator(clock=clock) as running:
        yield running


def real_event(number):
    body = {
        "event_name": "Purchase",
        "event_time": int(NOW.timestamp()) - 60,
        "event_id": f"order-{number}",
        "action_source": "system_generated",
        "user_data": {"em": [hashlib.sha256(str(number).encode()).hexdigest()]},
        "custom_data": {"value": 9.5, "currency": "EUR"},
    }
    return NewEvent(
        "waiting",
        "main",
        DATASET,
        "Purchase",
        f"order-{number}",
        body["event_time"],
        json.dumps(body).encode(),
        accepted_until=int(NOW.timestamp()) + 500_000,
    )


@pytest.fixture
def deliver(outbox, simulator, clock, settings_of, tmp_path):
    """Store events and let a worker with a real HTTP client deliver them, time passing between its rounds."""
    from dataclasses import replace

    settings = replace(
        settings_of(tmp_path),
        graph_url=simulator.url,
        destinations={"main": Destination("main", DATASET, "token")},
    )

    def run(number, rounds=6):
        for index in range(number):
            outbox.add(NewWebhook("shop", "r", None, 0, NOW, None, "request", (real_event(index),)))
        send = http_sender(timedelta(seconds=0.5), 2)
        worker = Worker(delivery_context(outbox, settings, clock=clock, send=send, jitter=lambda: 0.5))
        for _ in range(rounds):
            worker.run_once()
            clock.now += timedelta(minutes=3)
        return {status: count for status, count in outbox.counts().by_status.items() if count}

    return run


def test_what_is_stored_is_what_arrives(deliver, simulator):
    assert deliver(3, rounds=1) == {"sent": 3}
    assert simulator.events == [json.loads(real_event(number).body) for number in range(3)]


@pytest.mark.parametrize(
    ("faults", "repeats"),
    [
        pytest.param("500", 1, id="500"),
        pytest.param("html", 1, id="an HTML page"),
        pytest.param("timeout", 1, id="hangs"),
        pytest.param("reset-after-accept", 2, id="accepted, then the connection breaks"),
        pytest.param("timeout-after-accept", 2, id="accepted, then hangs"),
        pytest.param("500*3, timeout, html", 1, id="one after the other"),
        pytest.param("429:retry-after=2", 1, id="rate limit"),
        pytest.param("190/463", 1, id="a token that comes back to life"),
    ],
)
def test_a_fault_on_the_wire_costs_time_and_nothing_else(deliver, simulator, faults, repeats):
    simulator.fail(faults)
    assert deliver(4) == {"sent": 4}
    assert set(simulator.repeats().values()) <= {repeats}
    assert {event["event_id"] for event in simulator.events} == {f"order-{number}" for number in range(4)}


def a_server(answer):
    """Answer one connection with these bytes, then close."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with connection, listener:
            connection.recv(65_536)
            connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/v25.0/1/events"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}", None, id="cut short"),
        pytest.param(b"rubbish\r\n\r\n", None, id="not HTTP"),
        pytest.param(b"", None, id="closed at once"),
        pytest.param(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
            302,
            id="redirect not followed",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnope", 200, id="not JSON"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000, None, id="endless"
        ),
    ],
)
def test_odd_answers_are_replies_not_exceptions(answer, status):
    response = http_sender(timedelta(seconds=5), 1)(GraphRequest(a_server(answer), "token", b"{}"))
    assert (response.status, response.body) == (status, None)


def test_nobody_listening_is_a_reply_too():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    response = http_sender(timedelta(seconds=1), 1)(GraphRequest(f"http://127.0.0.1:{port}/", "token", b"{}"))
    assert (response.status, response.failure) == (None, "NewConnectionError")
