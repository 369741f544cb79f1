"""What a webhook would become, as plain data: the dry run of the web endpoints and of the command line."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bridge.explain.masking import mask
from bridge.ingest.entries import checked_test_code
from bridge.models import Erasure, Event, Translation
from bridge.settings import Settings


def preview(
    translation: Translation, settings: Settings, now: datetime, test_event_code: str | None = None
) -> dict[str, Any]:
    """Return events, findings, skipped, held, suppressed, fetching, explain and what would be sent.

    Of an explained translation also `empty`, the mapped fields that found nothing, and `unused`, the fields
    of the webhook that nothing read.
    """
    by_verdict: dict[str, list[Event]] = {
        "ready": [],
        "held": [],
        "skipped": [],
        "suppressed": [],
        "fetching": [],
    }
    for event in translation.events:
        by_verdict[event.verdict].append(event)
    ready = by_verdict["ready"]
    of_webhook = translation.explanation[-1] if translation.explanation else {}
    return {
        "events": [event.data for event in ready],
        "findings": [
            finding.as_json()
            for finding in (*translation.notes, *(f for event in ready for f in event.findings))
        ],
        "skipped": [_reason(event) for event in by_verdict["skipped"]],
        "held": [
            {
                "event": event.data,
                "reason": event.reason,
                "findings": [finding.as_json() for finding in event.findings],
            }
            for event in by_verdict["held"]
        ],
        "suppressed": [_reason(event) for event in by_verdict["suppressed"]],
        "fetching": [_reason(event) for event in by_verdict["fetching"]],
        "erase": _erasure(translation.erasure),
        "match": [_match(event) for event in ready],
        "explain": list(translation.explanation),
        "empty": of_webhook.get("empty", []),
        "unused": of_webhook.get("unused", []),
        "request": _body(ready, _code(translation, settings, now, test_event_code)),
        "sent_to": [_address(name, settings) for name in _destinations(ready)],
    }


def _erasure(erasure: Erasure | None) -> dict[str, Any] | None:
    """Return whom the webhook asks to erase, masked, and how far that goes."""
    if erasure is None:
        return None
    return {
        "identifiers": [{"kind": one.kind, "value": mask(one.cleaned)} for one in erasure.identifiers],
        "never_send": erasure.never_send,
        "destination": erasure.destination,
    }


def _reason(event: Event) -> dict[str, Any]:
    return {"event": event.label, "reason": event.reason}


def _match(event: Event) -> dict[str, Any] | None:
    if event.match is None:
        return None
    return {"score": event.match.score, "missing": event.match.missing, "advice": event.match.advice}


def _destinations(events: list[Event]) -> list[str]:
    return list(dict.fromkeys(name for event in events for name in event.send_to))


def _code(translation: Translation, settings: Settings, now: datetime, asked_for: str | None) -> str | None:
    hook = settings.hook(translation.mapping).test_event_code
    return checked_test_code(asked_for) or (hook.at(now) if hook else None)


def _body(events: list[Event], code: str | None) -> dict[str, Any]:
    body: dict[str, Any] = {"data": [event.data for event in events]}
    return {**body, "test_event_code": code} if code else body


def _address(name: str, settings: Settings) -> dict[str, Any]:
    destination = settings.destinations.get(name)
    if destination is None:
        return {"destination": name, "problem": "there is no destination of this name in the settings"}
    return {
        "destination": name,
        "url": f"{settings.graph_url}/{destination.api_version}/{destination.dataset_id}/events",
        "authorization": "Bearer •••",
    }
