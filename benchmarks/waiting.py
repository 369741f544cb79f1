"""What the stores of the benchmarks are filled with: webhooks of one event each that waits for delivery."""

from __future__ import annotations

from benchmarks import purchase, servers
from bridge.models import Request
from bridge.outbox import NewEvent, NewWebhook

SECRET_KEY = "a-key-of-the-benchmark-only-0001"
_EVENT_TIME = int(purchase.NOW.timestamp()) - 3600
_WEEK_SECONDS = 604_800


def waiting_webhook(number: int, event_id: str, body: bytes, request: Request | None = None) -> NewWebhook:
    """Return a webhook that differs from every other number's; `body` is the finished event."""
    event = NewEvent(
        status="waiting",
        destination="main",
        dataset_id=servers.DATASET,
        event_name="Purchase",
        event_id=event_id,
        event_time=_EVENT_TIME,
        body=body,
        match_score=80,
        accepted_until=_EVENT_TIME + _WEEK_SECONDS,
    )
    repeat_key, name = number.to_bytes(32, "big"), f"{number:026d}"
    return NewWebhook(
        purchase.NAME, "0" * 16, repeat_key, _WEEK_SECONDS, purchase.NOW, request, name, (event,)
    )
