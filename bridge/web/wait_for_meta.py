"""`?wait=true`: events are delivered at once, through the same states, and what Meta said is passed on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from bridge.delivery.meta_responses import classify_response
from bridge.delivery.worker import Delivered
from bridge.meta_spec.spec import MetaSpec
from bridge.outbox import Attempt, EventRecord, Query, Receipt, StoredEvent
from bridge.web.context import AppContext
from bridge.web.responses import Response, detail_of

_TRUE = frozenset({"true", "1", "yes"})
_WORDS = {
    "waiting": "queued",
    "sending": "queued",
    "fetching": "queued",
    "held": "held",
    "suppressed": "suppressed",
}


@dataclass(frozen=True, slots=True)
class MetaResult:
    """What became of one event, and the call that decided it (none when it was not sent yet).

    What is fetched decides its name and id, so they are those of now.
    """

    status: str
    reason: str | None
    attempt: Attempt | None
    event_name: str
    event_id: str | None


def overall(statuses: Iterable[str]) -> str:
    """Return the one word for several events: the most lively of their states."""
    present = set(statuses)
    return next((word for status, word in _WORDS.items() if status in present), "skipped")


def waits_for_meta(query: Mapping[str, str]) -> bool:
    """Return whether the sender asks for Meta's own answer."""
    return query.get("wait", "").lower() in _TRUE


def start_delivery(
    context: AppContext, events: Sequence[StoredEvent]
) -> Future[dict[str, MetaResult]] | None:
    """Deliver events in a thread that has time to wait; None when there are none, or no thread is free."""
    return context.delivery_pool.submit(deliver, context, events) if events else None


def deliver(context: AppContext, events: Sequence[StoredEvent]) -> dict[str, MetaResult]:
    """Deliver events now and return what Meta said of each.

    The delivery process may have been quicker: then the call that carried the event is looked up.
    """
    delivered = context.deliver(events)
    asked = Query(ids=tuple(delivered), limit=len(delivered))
    records = context.outbox().find(asked) if delivered else []
    return {record.id: _result(context, record, delivered[record.id]) for record in records}


def _result(context: AppContext, record: EventRecord, delivered: Delivered) -> MetaResult:
    attempt = delivered.report.attempt if delivered.report else _last_attempt(context, record.id)
    failed = attempt.reason if attempt and delivered.status == "waiting" else None
    reason = delivered.reason or failed
    return MetaResult(delivered.status, reason, attempt, record.event_name, record.event_id)


def _last_attempt(context: AppContext, event_id: str) -> Attempt | None:
    detail = context.outbox().show(event_id)
    calls = [attempt for attempt in detail.attempts if attempt.outcome != "fetched"] if detail else []
    return calls[-1] if calls else None


def response_after_meta(
    context: AppContext, receipt: Receipt, results: Mapping[str, MetaResult]
) -> Response | None:
    """Answer with what Meta said; None when there is nothing to say about Meta.

    An event that could not be delivered now stays waiting and is tried again by the worker: the answer is an
    ordinary `queued`, with the reason where there is one (a paused destination, an attempt that failed). What
    was fetched may show that there is nothing to send: then the answer says what the event has become.
    """
    if not results:
        return None
    shown = [_shown(event, results.get(event.id)) for event in receipt.events]
    refused = [result for result in results.values() if result.status == "refused"]
    if refused:
        body = {**_refusal(refused[0], context.spec), "status": "refused", "events": shown}
        return Response(502, body, code="refused")
    if all(result.status == "sent" for result in results.values()):
        return Response(200, _accepted(list(results.values()), shown), code="sent")
    reasons = sorted({result.reason for result in results.values() if result.reason})
    status = overall(result.status for result in results.values())
    if not reasons and status == "queued":
        return None
    return Response(200, {"status": status, "reasons": reasons, "events": shown}, code=status)


def _accepted(results: Sequence[MetaResult], shown: list[dict[str, Any]]) -> dict[str, Any]:
    traces = (result.attempt.fbtrace_id for result in results if result.attempt)
    trace = next(traces, None)
    return {"status": "sent", "events_received": len(results), "fbtrace_id": trace, "events": shown}


def _refusal(result: MetaResult, spec: MetaSpec) -> Mapping[str, Any]:
    attempt = result.attempt
    code, subcode = (attempt.code, attempt.subcode) if attempt else (None, None)
    said = {"error": {"code": code, "error_subcode": subcode}}
    verdict = classify_response(attempt.http_status if attempt else None, said, 1, spec)
    detail = detail_of(f"meta_{code}" if code else "meta_refused", result.reason, verdict.next_step)
    error = {
        "code": "refused_by_meta",
        "message": "Meta rejected the event",
        "meta_code": code,
        "meta_subcode": subcode,
        "fbtrace_id": attempt.fbtrace_id if attempt else None,
        "details": [detail],
    }
    return {"error": error}


def _shown(event: StoredEvent, result: MetaResult | None) -> dict[str, Any]:
    if result is None:
        return event.as_json()
    now = {"event_name": result.event_name, "event_id": result.event_id, "status": result.status}
    return {**event.as_json(), **now}
