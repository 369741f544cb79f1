"""Making webhooks and events for the outbox, with as few words as possible."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.models import Request
from bridge.outbox import NewEvent, NewWebhook

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DATASET = "1234567890123456"


def new_event(event_id: str | None = "order-1", **others: Any) -> NewEvent:
    values: dict[str, Any] = {
        "status": "waiting",
        "destination": "main",
        "dataset_id": DATASET,
        "event_name": "Purchase",
        "event_id": event_id,
        "event_time": int(NOW.timestamp()) - 60,
        "body": b'{"event_name":"Purchase","event_id":"%b"}' % (event_id or "").encode("utf-8", "replace"),
        "accepted_until": int(NOW.timestamp()) + 600_000,
    }
    return NewEvent(**values | others)


def new_webhook(key: str | None = "1", *events: NewEvent, **others: Any) -> NewWebhook:
    values: dict[str, Any] = {
        "mapping": "shop",
        "revision": "first",
        "repeat_key": key and key.encode(),
        "repeat_window_seconds": 3600,
        "received_at": NOW,
        "request": request_of(b'{"id": 1}'),
        "request_id": f"request-{key}",
        "events": events or (new_event(f"order-{key}"),),
    }
    return NewWebhook(**values | others)


def request_of(body: bytes) -> Request:
    return Request(
        "POST", "https://bridge.example/hooks/shop", {"x": "y"}, {"q": "1"}, body, "203.0.113.7", NOW
    )


@pytest.fixture(name="now")
def now_fixture() -> datetime:
    return NOW


@pytest.fixture(name="event")
def event_fixture() -> Callable[..., NewEvent]:
    return new_event


@pytest.fixture(name="webhook")
def webhook_fixture() -> Callable[..., NewWebhook]:
    return new_webhook


@pytest.fixture(name="request_of")
def request_fixture() -> Callable[[bytes], Request]:
    return request_of
