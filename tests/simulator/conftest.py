"""What every test of the simulator needs: a fixed clock, an event that is right, a client."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import urllib3

from bridge.simulator import Simulator

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
DAY = 86_400
HASH = "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"
DATASET = "1234567890"

PURCHASE: Mapping[str, Any] = {
    "event_name": "Purchase",
    "event_time": SECONDS - 60,
    "event_id": "order-58213",
    "action_source": "website",
    "event_source_url": "https://shop.example/thank-you",
    "user_data": {"em": [HASH], "client_ip_address": "203.0.113.7", "client_user_agent": "Mozilla/5.0"},
    "custom_data": {
        "value": 129.95,
        "currency": "EUR",
        "contents": [{"id": "SKU-1", "quantity": 1, "item_price": 129.95}],
        "loyalty_level": "gold",
    },
}
LEAVE_OUT = object()


def changed(event: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event with dotted paths set to other values, or taken away with LEAVE_OUT."""
    result: dict[str, Any] = copy.deepcopy(dict(event))
    for path, value in changes.items():
        *parents, last = path.split(".")
        place = result
        for parent in parents:
            place = place.setdefault(parent, {})
        if value is LEAVE_OUT:
            place.pop(last, None)
        else:
            place[last] = value
    return result


class Client:
    """Posts to a simulator as a sender would, without retries."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.pool = urllib3.PoolManager(retries=False, timeout=5.0)

    def request(self, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        return self.pool.request(method, self.simulator.url + path, **options)

    def post(
        self,
        *events: Any,
        version: str = "v25.0",
        token: str | None = "token",
        timeout: float = 5.0,
        **beside: Any,
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        body = orjson.dumps({"data": list(events), **beside})
        path = f"/{version}/{DATASET}/events" if version else f"/{DATASET}/events"
        return self.request("POST", path, body=body, headers=headers, timeout=timeout)


def error_of(response: urllib3.BaseHTTPResponse) -> tuple[int, int | None, int | None]:
    """Return HTTP status, code and subcode of an answer; 200 has neither."""
    found = orjson.loads(response.data).get("error", {})
    return response.status, found.get("code"), found.get("error_subcode")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(clock=lambda: NOW, pause=lambda _seconds: None) as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Client]:
    made = Client(simulator)
    yield made
    made.pool.clear()
