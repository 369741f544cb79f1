"""`?wait=true`: events are delivered at once, through the same states, and Meta's words are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.delivery.meta_responses import classify_response
from bridge.meta_spec.spec import MetaSpec
from bridge.outbox import Attempt, Receipt, StoredEvent
from bridge.web.answers import Answer, Line
from bridge.web.door import Door


@dataclass(frozen=True, slots=True)
class MetasWord:
    """What became of one event, and the call that decided it (none when it was not sent yet)."""

    status: str
    reason: str | None
    attempt: Attempt | None


def deliver_and_ask(door: Door, event_ids: Sequence[str]) -> dict[str, MetasWord]:
    """Deliver events now and tell what Meta said of each.

    The delivery process may have been quicker: then the call that carried the event is looked up.
    """
    words = {}
    for event_id, delivered in door.deliver(event_ids).items():
        attempt = delivered.report.attempt if delivered.report else _last_attempt(door, event_id)
        failed = attempt.reason if attempt and delivered.status == "waiting" else None
        words[event_id] = MetasWord(delivered.status, delivered.reason or failed, attempt)
    return words


def _last_attempt(door: Door, event_id: str) -> Attempt | None:
    detail = door.outbox().show(event_id)
    return detail.attempts[-1] if detail and detail.attempts else None


def answer_after_meta(door: Door, receipt: Receipt, line: Line) -> Answer | None:
    """Deliver what waits and answer with Meta's words; None when there is nothing to say about Meta.

    An event that could not be delivered now stays waiting and is tried again by the worker: the answer is an
    ordinary `queued`, with the reason where there is one (a paused destination, an attempt that failed).
    """
    waiting = [event.id for event in receipt.events if event.status == "waiting"]
    if not waiting:
        return None
    words = deliver_and_ask(door, waiting)
    shown = [_shown(event, words.get(event.id)) for event in receipt.events]
    refused = [word for word in words.values() if word.status == "refused"]
    if refused:
        line.status = "refused"
        body = {**_refusal(refused[0], door.spec), "status": "refused", "events": shown}
        return Answer(502, body, code="refused")
    if words and all(word.status == "sent" for word in words.values()):
        line.status = "sent"
        return Answer(200, _accepted(list(words.values()), shown))
    reasons = sorted({word.reason for word in words.values() if word.reason})
    if not reasons:
        return None
    line.status = "queued"
    return Answer(200, {"status": "queued", "reasons": reasons, "events": shown})


def _accepted(words: Sequence[MetasWord], shown: list[dict[str, Any]]) -> dict[str, Any]:
    traces = (word.attempt.fbtrace_id for word in words if word.attempt)
    trace = next(traces, None)
    return {"status": "sent", "events_received": len(words), "fbtrace_id": trace, "events": shown}


def _refusal(word: MetasWord, spec: MetaSpec) -> Mapping[str, Any]:
    attempt = word.attempt
    code, subcode = (attempt.code, attempt.subcode) if attempt else (None, None)
    said = {"error": {"code": code, "error_subcode": subcode}}
    verdict = classify_response(attempt.http_status if attempt else None, said, 1, spec)
    detail = {
        "code": f"meta_{code}" if code else "meta_refused",
        "path": None,
        "message": word.reason,
        "fix": verdict.next_step,
        "where": None,
    }
    error = {
        "code": "refused_by_meta",
        "message": "Meta refused the event",
        "meta_code": code,
        "meta_subcode": subcode,
        "fbtrace_id": attempt.fbtrace_id if attempt else None,
        "details": [detail],
    }
    return {"error": error}


def _shown(event: StoredEvent, word: MetasWord | None) -> dict[str, Any]:
    return {
        "id": event.id,
        "event_name": event.event_name,
        "event_id": event.event_id,
        "destination": event.destination,
        "status": word.status if word else event.status,
    }
