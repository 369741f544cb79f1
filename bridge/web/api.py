"""Looking at and steering what was stored; for the holder of the admin token."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from bridge.errors import UnreadableBody, WrongUse
from bridge.explain.stored_webhook import explained
from bridge.ingest.replay import discard, remapping, replay
from bridge.monitoring.line_counts import last_webhooks, line_counts
from bridge.outbox import STATUSES, EventDetail, Query
from bridge.web.access import require_admin
from bridge.web.answers import Answer, Line, NoSuchEvent
from bridge.web.arrival import Environ, query, read_body
from bridge.web.door import Door

_MOST = 1000
_SMALL_BODY = 65_536
_TEXT_FILTERS = ("mapping", "destination", "event_name", "event_id", "reason", "webhook_id", "before")


def mappings(door: Door, environ: Environ, request_id: str, line: Line) -> Answer:
    """List the mappings in force and what is wrong with files that do not load."""
    require_admin(environ, door.settings)
    problems = door.mappings.problems()
    return Answer(
        200,
        {
            "mappings": [_mapping_shown(door, name) for name in door.mappings.names()],
            "problems": {name: [f.as_json() for f in findings] for name, findings in problems.items()},
        },
    )


def show_mapping(door: Door, environ: Environ, name: str, request_id: str, line: Line) -> Answer:
    """Show one mapping, and how often each of its lines found something in the last webhooks."""
    require_admin(environ, door.settings)
    mapping = door.mappings.get(name)
    looked_at = last_webhooks(door.outbox(), name, Query)
    counts = [count.as_json() for count in line_counts(mapping, looked_at)]
    return Answer(200, {**_mapping_shown(door, name), "lines": counts})


def _mapping_shown(door: Door, name: str) -> dict[str, Any]:
    mapping = door.mappings.get(name)
    return {
        "name": mapping.name,
        "description": mapping.description,
        "revision": mapping.revision,
        "send_to": mapping.send_to,
        "sent_by": mapping.receive.sent_by,
        "verified_by": mapping.receive.verify.scheme,
        "warnings": [finding.as_json() for finding in mapping.warnings],
    }


def counts(door: Door, environ: Environ, request_id: str, line: Line) -> Answer:
    """Count events by status, and what waits for each destination."""
    require_admin(environ, door.settings)
    outbox = door.outbox()
    totals = outbox.counts()
    waiting = [
        {
            "destination": d.destination,
            "waiting": d.waiting,
            "sending": d.sending,
            "oldest_seconds": d.oldest_seconds,
        }
        for d in outbox.depths(door.now())
    ]
    body = {"received": totals.received, "by_status": totals.by_status, "waiting": waiting}
    return Answer(200, {**body, "balanced": totals.reconciled})


def list_events(door: Door, environ: Environ, request_id: str, line: Line) -> Answer:
    """List events, newest first; `next` is the id to page on from."""
    require_admin(environ, door.settings)
    asked = query_from(query(environ))
    found = door.outbox().find(asked)
    more = found[-1].id if len(found) == asked.limit else None
    return Answer(200, {"events": [event.as_json() for event in found], "next": more})


def show_event(door: Door, environ: Environ, event_id: str, request_id: str, line: Line) -> Answer:
    """Show one event, its body and attempts, and why each field is what it is while the webhook is kept."""
    require_admin(environ, door.settings)
    detail = _detail(door, event_id)
    event = detail.event
    told = explained(door.outbox(), event.webhook_id, event.mapping, door.mappings, door.spec)
    return Answer(200, {**shown(detail), "explain": told})


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


def replay_event(door: Door, environ: Environ, event_id: str, request_id: str, line: Line) -> Answer:
    """Send one event again, mapped anew when it was held."""
    require_admin(environ, door.settings)
    _detail(door, event_id)
    return Answer(200, _replayed(door, Query(ids=(event_id,), limit=1), dry_run=False))


def discard_event(door: Door, environ: Environ, event_id: str, request_id: str, line: Line) -> Answer:
    """Give one event up, with a reason."""
    require_admin(environ, door.settings)
    _detail(door, event_id)
    reason = _asked(environ).get("reason")
    told = reason if isinstance(reason, str) and reason.strip() else "discarded by a person"
    number = discard(door.outbox(), Query(ids=(event_id,), limit=1), told[:500], door.now())
    return Answer(200, {"discarded": number})


def replay_many(door: Door, environ: Environ, request_id: str, line: Line) -> Answer:
    """Send many events again: those a filter means. `dry_run: true` only counts them."""
    require_admin(environ, door.settings)
    asked = _asked(environ)
    if not any(
        asked.get(key) for key in ("ids", "status", "mapping", "destination", "since", "until", "reason")
    ):
        raise WrongUse(
            "nothing says which events", fix="give ids, status, mapping, destination, reason or since"
        )
    return Answer(200, _replayed(door, query_from(asked), dry_run=asked.get("dry_run") is True))


def _replayed(door: Door, asked: Query, *, dry_run: bool) -> dict[str, Any]:
    outbox = door.outbox()
    if dry_run:
        return {"dry_run": True, "matching": outbox.count(asked)}
    mapped_anew = remapping(door.settings, door.spec, door.mappings)
    return dict(replay(outbox, asked, mapped_anew, door.now()))


def _detail(door: Door, event_id: str) -> EventDetail:
    detail = door.outbox().show(event_id)
    if detail is None:
        raise NoSuchEvent(
            "there is no event with this id", fix="it may have been kept long enough and removed"
        )
    return detail


def query_from(asked: Mapping[str, Any]) -> Query:
    """Return the query that filters in JSON or in an address mean."""
    texts: dict[str, Any] = {name: str(asked[name]) for name in _TEXT_FILTERS if asked.get(name)}
    statuses = _list(asked.get("status"))
    unknown = [status for status in statuses if status not in STATUSES]
    if unknown:
        raise WrongUse("status is not one there is", fix=f"use one of {', '.join(STATUSES)}")
    return Query(
        ids=tuple(_list(asked.get("ids"))),
        statuses=frozenset(statuses),
        since=_moment(asked, "since"),
        until=_moment(asked, "until"),
        limit=_limit(asked.get("limit", 100)),
        **texts,
    )


def _list(given: Any) -> list[str]:
    if isinstance(given, list):
        return [str(item) for item in given]
    return [part.strip() for part in str(given).split(",") if part.strip()] if given else []


def _limit(given: Any) -> int:
    text = str(given)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= _MOST:
        raise WrongUse(f"limit is not a number from 1 to {_MOST}")
    return int(text)


def _moment(asked: Mapping[str, Any], name: str) -> datetime | None:
    given = asked.get(name)
    if not given:
        return None
    try:
        moment = datetime.fromisoformat(str(given))
    except ValueError as error:
        raise WrongUse(f"{name} is not a time", fix="write it as 2026-11-21T12:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _asked(environ: Environ) -> Mapping[str, Any]:
    body = read_body(environ, _SMALL_BODY)
    if not body.strip():
        return {}
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableBody("the body is not JSON", fix='send {"status": "held"} or nothing') from error
    if not isinstance(asked, dict):
        raise UnreadableBody("the body is not a JSON object")
    return asked
