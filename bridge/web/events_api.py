"""Looking at and managing what was stored; for the holder of the admin token."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from bridge.coerce.moments import read_moment
from bridge.errors import TooLarge, UnreadableBody, WrongUse
from bridge.explain.stored_webhook import explained
from bridge.ingest.replay import discard, remapping, replay
from bridge.mode import MODES
from bridge.monitoring.line_counts import last_webhooks, line_counts
from bridge.outbox import STATUSES, EventDetail, Query
from bridge.spelling import closest
from bridge.web.auth import require_admin
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, query
from bridge.web.responses import NoSuchEvent, Response

_MOST = 1000
_SMALL_BODY = 65_536
_TEXT_FILTERS = ("mapping", "destination", "event_name", "event_id", "reason", "webhook_id", "before")
_FILTERS = (*_TEXT_FILTERS, "status", "mode", "ids", "since", "until", "limit", "dry_run")


def mappings(context: AppContext, request: HttpRequest) -> Response:
    """List the mappings in force and what is wrong with files that do not load."""
    require_admin(request, context.settings)
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
    require_admin(request, context.settings)
    mapping = context.mappings.get(request.name)
    looked_at = last_webhooks(context.outbox(), request.name, Query)
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
    require_admin(request, context.settings)
    outbox = context.outbox()
    totals = outbox.counts()
    waiting = [
        {
            "destination": d.destination,
            "waiting": d.waiting,
            "sending": d.sending,
            "oldest_seconds": d.oldest_seconds,
        }
        for d in outbox.depths(context.now())
    ]
    body = {"received": totals.received, "by_status": totals.by_status, "waiting": waiting}
    return Response(200, {**body, "balanced": totals.reconciled})


def list_events(context: AppContext, request: HttpRequest) -> Response:
    """List events, newest first; `next` is the id to page on from."""
    require_admin(request, context.settings)
    asked = query_from(query(request), context.now())
    found = context.outbox().find(asked)
    more = found[-1].id if len(found) == asked.limit else None
    return Response(200, {"events": [event.as_json() for event in found], "next": more})


def show_event(context: AppContext, request: HttpRequest) -> Response:
    """Show one event, its body and attempts, and why each field is what it is while the webhook is kept."""
    require_admin(request, context.settings)
    detail = _detail(context, request)
    event = detail.event
    explanation = explained(context.outbox(), event.webhook_id, event.mapping, context.mappings, context.spec)
    return Response(200, {**shown(detail), "explain": explanation})


def shown(detail: EventDetail) -> dict[str, Any]:
    """Return everything about one event as JSON."""
    return {
        **detail.event.as_json(),
        "body": orjson.loads(detail.body) if detail.body else None,
        "attempts": [attempt.as_json() for attempt in detail.attempts],
        "number_of_attempts": detail.event.attempts,
        "revision": detail.revision,
        "webhook_request_id": detail.request_id,
        "raw_kept": detail.raw_kept,
    }


def replay_event(context: AppContext, request: HttpRequest) -> Response:
    """Send one event again, mapped anew when it was held."""
    require_admin(request, context.settings)
    asked = Query(ids=(_detail(context, request).event.id,), limit=1)
    return Response(200, _replayed(context, asked, dry_run=False))


def discard_event(context: AppContext, request: HttpRequest) -> Response:
    """Give one event up, with a reason."""
    require_admin(request, context.settings)
    chosen = Query(ids=(_detail(context, request).event.id,), limit=1)
    reason = _asked(request).get("reason")
    because = reason if isinstance(reason, str) and reason.strip() else "discarded by a person"
    number = discard(context.outbox(), chosen, because[:500], context.now())
    return Response(200, {"discarded": number})


def replay_many(context: AppContext, request: HttpRequest) -> Response:
    """Send many events again: those a filter means. `dry_run: true` only counts them."""
    require_admin(request, context.settings)
    asked = _asked(request)
    if not any(
        asked.get(key) for key in ("ids", "status", "mapping", "destination", "since", "until", "reason")
    ):
        raise WrongUse(
            "nothing says which events", fix="give ids, status, mapping, destination, reason or since"
        )
    return Response(
        200, _replayed(context, query_from(asked, context.now()), dry_run=asked.get("dry_run") is True)
    )


def _replayed(context: AppContext, asked: Query, *, dry_run: bool) -> dict[str, Any]:
    outbox = context.outbox()
    if dry_run:
        return {"dry_run": True, "matching": outbox.count(asked)}
    mapped_anew = remapping(context.settings, context.spec, context.mappings)
    return dict(replay(outbox, asked, mapped_anew, context.now()))


def _detail(context: AppContext, request: HttpRequest) -> EventDetail:
    detail = context.outbox().show(request.parameters["event_id"])
    if detail is None:
        raise NoSuchEvent(
            "there is no event with this id", fix="it may have been kept long enough and removed"
        )
    return detail


def query_from(asked: Mapping[str, Any], now: datetime) -> Query:
    """Return the query that filters in JSON or in a URL mean; `now` is what relative times start from."""
    _refuse_unknown_filters(asked)
    texts: dict[str, Any] = {name: str(asked[name]) for name in _TEXT_FILTERS if asked.get(name)}
    statuses = _list(asked.get("status"))
    unknown = [status for status in statuses if status not in STATUSES]
    if unknown:
        raise WrongUse("status is not one there is", fix=f"use one of {', '.join(STATUSES)}")
    mode = asked.get("mode") or None
    if mode is not None and mode not in MODES:
        raise WrongUse("mode is not one there is", fix=f"use one of {', '.join(MODES)}")
    return Query(
        mode=mode,
        ids=tuple(_list(asked.get("ids"))),
        statuses=frozenset(statuses),
        since=read_moment(asked["since"], "since", now) if asked.get("since") else None,
        until=read_moment(asked["until"], "until", now) if asked.get("until") else None,
        limit=_limit(asked.get("limit", 100)),
        **texts,
    )


def _refuse_unknown_filters(asked: Mapping[str, Any]) -> None:
    """Raise WrongUse for a name that is no filter: ignored, it would select events nobody meant."""
    for name in asked:
        if name not in _FILTERS:
            meant = closest(name, _FILTERS)
            fix = f"did you mean {meant}?" if meant else f"use one of {', '.join(_FILTERS)}"
            raise WrongUse("there is a filter of an unknown name", fix=fix)


def _list(given: Any) -> list[str]:
    if isinstance(given, list):
        return [str(item) for item in given]
    return [part.strip() for part in str(given).split(",") if part.strip()] if given else []


def _limit(given: Any) -> int:
    text = str(given)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= _MOST:
        raise WrongUse(f"limit is not a number from 1 to {_MOST}")
    return int(text)


def _asked(request: HttpRequest) -> Mapping[str, Any]:
    body = request.body
    if len(body) > _SMALL_BODY:
        raise TooLarge(f"the body is larger than {_SMALL_BODY} bytes", fix="send fewer ids at a time")
    if not body.strip():
        return {}
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableBody("the body is not JSON", fix='send {"status": "held"} or nothing') from error
    if not isinstance(asked, dict):
        raise UnreadableBody("the body is not a JSON object")
    return asked
