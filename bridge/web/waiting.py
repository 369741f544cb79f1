"""`?wait=true`: events are delivered at once, through the same states, and Meta's words are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.outbox import Receipt, StoredEvent
from bridge.web.answers import Answer, Line
from bridge.web.door import Door
from bridge.worker import Delivered


def answer_after_meta(door: Door, receipt: Receipt, line: Line) -> Answer | None:
    """Deliver what waits and answer with Meta's words; None when there is nothing to say about Meta.

    An event that could not be delivered now stays waiting and is tried again by the worker, so that
    case is an ordinary `queued`.
    """
    waiting = [event.id for event in receipt.events if event.status == "waiting"]
    if not waiting:
        return None
    outcomes = door.deliver(waiting)
    shown = [_shown(event, outcomes.get(event.id)) for event in receipt.events]
    refused = [outcome for outcome in outcomes.values() if outcome.status == "refused"]
    if refused:
        line.status = "refused"
        return Answer(502, {**_refusal(refused[0]), "status": "refused", "events": shown}, code="refused")
    if outcomes and all(outcome.status == "sent" for outcome in outcomes.values()):
        line.status = "sent"
        return Answer(200, _accepted(list(outcomes.values()), shown))
    return None


def _accepted(outcomes: Sequence[Delivered], shown: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "status": "sent",
        "events_received": len(outcomes),
        "fbtrace_id": next((o.report.attempt.fbtrace_id for o in outcomes if o.report), None),
        "events": shown,
    }


def _refusal(outcome: Delivered) -> Mapping[str, Any]:
    attempt = outcome.report.attempt if outcome.report else None
    code = attempt.code if attempt else None
    detail = {
        "code": f"meta_{code}" if code else "meta_refused",
        "path": None,
        "message": outcome.reason,
        "fix": outcome.report.judgement.next_step if outcome.report else None,
        "where": None,
    }
    error = {
        "code": "refused_by_meta",
        "message": "Meta refused the event",
        "meta_code": code,
        "meta_subcode": attempt.subcode if attempt else None,
        "fbtrace_id": attempt.fbtrace_id if attempt else None,
        "details": [detail],
    }
    return {"error": error}


def _shown(event: StoredEvent, outcome: Delivered | None) -> dict[str, Any]:
    return {
        "id": event.id,
        "event_name": event.event_name,
        "event_id": event.event_id,
        "destination": event.destination,
        "status": outcome.status if outcome else event.status,
    }
