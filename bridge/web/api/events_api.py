"""Looking at and managing what was stored; for the holder of the admin token (see `bridge.web.routes`)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bridge.explain.stored_webhook import explained
from bridge.ingest.event_filters import page_of
from bridge.ingest.replay import discard
from bridge.monitoring.line_counts import last_webhooks, line_counts
from bridge.monitoring.status import status_of
from bridge.outbox import EventDetail, Query
from bridge.web.api.bulk_api import replayed
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, json_object, query
from bridge.web.responses import NoSuchEvent, Response, listed


def mappings(context: AppContext, request: HttpRequest) -> Response:
    """List the mappings in force and what is wrong with files that do not load."""
    problems = context.mappings.problems()
    return Response(
        200,
        {
            "mappings": [_mapping_shown(context, name) for name in context.mappings.names()],
            "problems": {name: [f.as_json() for f in findings] for name, findings in problems.items()},
        },
    )


def show_mapping(context: AppContext, request: HttpRequest) -> Response:
    """Show one mapping, and how often each of its lines found something in the last webhooks."""
    mapping = context.mappings.get(request.name)
    looked_at = last_webhooks(context.outbox(), request.name)
    counts = [count.as_json() for count in line_counts(mapping, looked_at)]
    return Response(200, {**_mapping_shown(context, request.name), "lines": counts})


def _mapping_shown(context: AppContext, name: str) -> dict[str, Any]:
    mapping = context.mappings.get(name)
    return {
        "name": mapping.name,
        "description": mapping.description,
        "revision": mapping.revision,
        "send_to": mapping.send_to,
        "sent_by": mapping.receive.sent_by,
        "verified_by": mapping.receive.verify.scheme,
        "warnings": [finding.as_json() for finding in mapping.warnings],
    }


def counts(context: AppContext, request: HttpRequest) -> Response:
    """Count events by status, and what waits for each destination."""
    outbox = context.outbox()
    totals = outbox.counts()
    body = {
        "received": totals.received,
        "by_status": totals.by_status,
        "waiting": [asdict(depth) for depth in outbox.depths(context.now())],
        "fetching": [asdict(depth) for depth in outbox.fetches.depths(context.now())],
        "balanced": totals.reconciled,
    }
    return Response(200, body)


def status(context: AppContext, request: HttpRequest) -> Response:
    """Show in one look what runs, waits, is held or paused."""
    return Response(200, status_of(context.outbox(), context.settings, context.mappings, context.now()))


def list_events(context: AppContext, request: HttpRequest) -> Response:
    """List events, newest first; `next` is the id to page on from."""
    asked = page_of(query(request), context.now())
    return Response(200, listed("events", context.outbox().find(asked), asked.limit))


def show_event(context: AppContext, request: HttpRequest) -> Response:
    """Show one event, its body and attempts, and why each field is what it is while the webhook is kept."""
    detail = event_detail(context, request)
    event = detail.event
    explanation = explained(context.outbox(), event.webhook_id, event.mapping, context.mappings, context.spec)
    return Response(200, {**shown(detail), "explain": explanation})


def shown(detail: EventDetail) -> dict[str, Any]:
    """Return everything about one event as JSON."""
    return {
        **detail.as_json(),
        "number_of_attempts": detail.event.attempts,
        "webhook_request_id": detail.request_id,
    }


def replay_event(context: AppContext, request: HttpRequest) -> Response:
    """Send one event again, mapped anew when it was held; `fetch_again: true` fetches its records anew."""
    asked = Query(ids=(event_detail(context, request).event.id,), limit=1)
    again = json_object(request).get("fetch_again") is True
    return Response(200, replayed(context, asked, fetch_again=again))


def discard_event(context: AppContext, request: HttpRequest) -> Response:
    """Discard one event, with a reason."""
    chosen = Query(ids=(event_detail(context, request).event.id,), limit=1)
    reason = json_object(request).get("reason")
    because = reason if isinstance(reason, str) and reason.strip() else "discarded by a person"
    number = discard(context.outbox(), chosen, because[:500], context.now())
    return Response(200, {"discarded": number})


def event_detail(context: AppContext, request: HttpRequest) -> EventDetail:
    """Return everything about the event of the path; raises NoSuchEvent."""
    detail = context.outbox().show(request.parameters["event_id"])
    if detail is None:
        raise no_such_event()
    return detail


def no_such_event() -> NoSuchEvent:
    """Return the refusal of an event that is not there, or not for whoever asks."""
    return NoSuchEvent("there is no event with this id", fix="it may have been kept long enough and removed")
