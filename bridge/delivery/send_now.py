"""A finished body sent to Meta at once, beside the outbox: for trying things out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from bridge.delivery.http_client import GraphRequest, HttpResponse, events_url, http_sender
from bridge.errors import CannotOpen, WrongUse
from bridge.normalize import normalize_value
from bridge.settings import META_URL, Destination, Settings


def refuse_test_code_when_live(body: Mapping[str, Any], settings: Settings) -> None:
    """Raise WrongUse when a body has a test code and the settings allow none."""
    if body.get("test_event_code") and not settings.test_codes_allowed:
        raise WrongUse(
            "test_event_code is not accepted in the live profile",
            fix="remove it, or set allow_test_event_code: yes",
        )


def send_body(body: Mapping[str, Any], destination: Destination, settings: Settings) -> HttpResponse:
    """Post a body to a destination; raises CannotOpen when no response comes."""
    proof = {"appsecret_proof": destination.appsecret_proof} if destination.appsecret_proof else {}
    url = events_url(settings.graph_url, destination.api_version, destination.dataset_id)
    post = http_sender(settings.delivery.timeout, 1)
    response = post(GraphRequest(url, destination.access_token, orjson.dumps({**body, **proof})))
    if response.status is None:
        fix = "check the network and graph_url"
        raise CannotOpen(f"{settings.graph_url}: no answer ({response.failure})", fix=fix)
    return response


def is_accepted(response: HttpResponse) -> bool:
    """Tell whether Meta took the events of a body."""
    return response.status == 200 and isinstance(response.body, dict) and "events_received" in response.body


def where_tests_show(settings: Settings) -> str:
    """Return where somebody looks for a test event that was accepted."""
    if settings.graph_url.rstrip("/") == META_URL:
        return "under Test Events in Meta's Events Manager"
    return f"at {settings.graph_url}, which stands in for Meta here"


def made_up_event(now: datetime) -> dict[str, Any]:
    """Return a Lead of a made-up person to test with; its id differs every time, so none is a duplicate."""
    return {
        "event_name": "Lead",
        "event_time": int(now.timestamp()),
        "event_id": f"capi-bridge-test-{int(now.timestamp() * 1000)}",
        "action_source": "system_generated",
        "user_data": {
            "em": [normalize_value("em", "capi-bridge-test@example.com").sent],
            "ph": [normalize_value("ph", "+12025550143").sent],
        },
    }
