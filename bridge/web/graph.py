"""The drop-in for Meta's own address: an HTTP module or an SDK changes its host only.

Takes `data` as a list or as JSON text (also a list of JSON texts, as some SDKs send it), raw or hashed
user data, the token in the query, the body or the header. It answers in Meta's shapes, errors included,
and like Meta it takes all events of a request or none. A 200 here means that they are on disk.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from bridge.body.parse import parse
from bridge.errors import BridgeError
from bridge.ingest.entries import new_events
from bridge.models import Draft, Event, ReadingSettings, Receive, Request, Translation, Verified
from bridge.outbox import NewWebhook
from bridge.pipeline import finish
from bridge.settings import Destination, Settings
from bridge.web.access import is_admin
from bridge.web.answers import Answer, Line
from bridge.web.arrival import Environ, read_request
from bridge.web.door import Door
from bridge.web.intake import admit_address
from bridge.web.meta_errors import BAD_TOKEN, MetaError, as_meta_error, invalid, meta_answer, refusal_of
from bridge.web.waiting import deliver_and_ask

NAME = "drop-in"
_VERSION = re.compile(r"v[0-9]{1,3}\.[0-9]{1,2}")
_ANY_BODY = Receive(max_size_bytes=10_485_760)
_REPEAT_WINDOW_SECONDS = 172_800
_LISTS_OF_TEXTS = 1000


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it would have gone to Meta."""

    request: Request
    destination: Destination
    events: tuple[Mapping[str, Any], ...]
    test_event_code: str | None


def events(  # noqa: PLR0913 - the address has two parts
    door: Door, environ: Environ, *, version: str, dataset_id: str, request_id: str, line: Line
) -> Answer:
    """Take events in Meta's own form; the answer is Meta's own too."""
    line.mapping, line.is_webhook = NAME, True
    try:
        call = _call(door, environ, version, dataset_id)
        return _stored(door, call, request_id, line)
    except MetaError as error:
        line.extra["meta_code"] = error.code
        return meta_answer(error, request_id)
    except BridgeError as error:
        line.extra["reason"] = error.message
        return meta_answer(as_meta_error(error), request_id, error)


def _call(door: Door, environ: Environ, version: str, dataset_id: str) -> Call:
    if not _VERSION.fullmatch(version):
        raise MetaError(400, 2500, f"Unknown path components: /{dataset_id}/events")
    settings = door.settings
    admit_address(door, environ)
    request = read_request(environ, settings, settings.limits.max_body_bytes, door.now())
    fields = _fields(request)
    destination = _destination(
        settings, dataset_id, _token(request, fields), admin=is_admin(environ, settings)
    )
    code = fields.get("test_event_code")
    if code and not settings.test_codes_allowed:
        raise MetaError(400, 100, "test_event_code is not accepted in the live profile of this bridge")
    return Call(request, destination, _events(fields.get("data")), str(code) if code else None)


def _fields(request: Request) -> Mapping[str, Any]:
    fields = parse(Verified(request), _ANY_BODY).data if request.body else {}
    if not isinstance(fields, Mapping):
        raise invalid("The body is not an object with a field data")
    return {**request.query, **fields}


def _token(request: Request, fields: Mapping[str, Any]) -> str:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() in {"bearer", "oauth"}:
        return credentials.strip()
    token = fields.get("access_token", "")
    return token if isinstance(token, str) else ""


def _destination(settings: Settings, dataset_id: str, token: str, *, admin: bool) -> Destination:
    """Find the destination the caller may write to: it must hold its token (or the admin's).

    A demo takes any dataset and any token, because its destination is the simulator.
    """
    if not token:
        raise MetaError(400, 104, "An access token is required to request this resource.")
    if settings.demo:
        return next(iter(settings.destinations.values()))
    known = [entry for entry in settings.destinations.values() if entry.dataset_id == dataset_id]
    allowed = [entry for entry in known if admin or _same(entry.access_token, token)]
    if allowed:
        return allowed[0]
    if known or not any(_same(entry.access_token, token) for entry in settings.destinations.values()):
        raise MetaError(*BAD_TOKEN)
    message = (
        "Unsupported post request. Object with this ID does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation"
    )
    raise MetaError(400, 100, message, 33)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode("utf-8", "replace"))


def _events(data: Any) -> tuple[Mapping[str, Any], ...]:
    opened = _opened(data)
    items = [_opened(item) for item in opened[: _LISTS_OF_TEXTS + 1]] if isinstance(opened, list) else None
    if not items:
        raise invalid("param data must be an array.")
    if len(items) > _LISTS_OF_TEXTS:
        raise invalid("param data has more than 1000 events")
    if not all(isinstance(item, Mapping) for item in items):
        raise invalid("param data must be an array of objects")
    return tuple(items)


def _opened(value: Any) -> Any:
    """Return a value that may have been sent as JSON text; numbers keep their digits."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise invalid("param data is not valid JSON") from error


def _no_constant(_name: str) -> Any:
    raise ValueError


def _stored(door: Door, call: Call, request_id: str, line: Line) -> Answer:
    now = call.request.received_at
    finished = tuple(_finished(door, call, event, now) for event in call.events)
    for number, event in enumerate(finished):
        if event.verdict != "ready":
            raise refusal_of(event, number)
    translation = Translation(NAME, "", b"", finished)
    rows = new_events(translation, door.settings, door.spec, now, call.test_event_code)
    receipt = door.outbox().add(
        NewWebhook(
            mapping=NAME,
            revision="",
            repeat_key=hashlib.sha256(
                call.destination.dataset_id.encode() + b" " + call.request.body
            ).digest(),
            repeat_window_seconds=_REPEAT_WINDOW_SECONDS,
            received_at=now,
            request=call.request,
            request_id=request_id,
            events=rows,
        )
    )
    line.events, line.status = len(receipt.events), "duplicate" if receipt.duplicate else "queued"
    if not receipt.duplicate:
        for row, stored in zip(rows, receipt.events, strict=True):
            door.metrics.event(NAME, stored.status, row.match_score)
    trace = request_id
    if call.request.query.get("wait", "").lower() == "true" and not receipt.duplicate:
        trace = _delivered(door, [event.id for event in receipt.events if event.status == "waiting"]) or trace
    return Answer(200, {"events_received": len(finished), "messages": [], "fbtrace_id": trace})


def _finished(door: Door, call: Call, event: Mapping[str, Any], now: datetime) -> Event:
    draft = Draft(
        label="",
        fields=_by_metas_names(event, door),
        settings=ReadingSettings(),
        send_to=(call.destination.name,),
        positions={},
    )
    return finish(draft, door.spec, now)


def _by_metas_names(event: Mapping[str, Any], door: Door) -> dict[str, Any]:
    """Return the event with long names of user data (`email`) as Meta's own (`em`)."""
    people = event.get("user_data")
    if not isinstance(people, Mapping):
        return dict(event)
    names = door.spec.user_data_names
    return {**event, "user_data": {names.get(key, key): value for key, value in people.items()}}


def _delivered(door: Door, ids: Sequence[str]) -> str | None:
    words = deliver_and_ask(door, ids)
    attempts = [word.attempt for word in words.values() if word.attempt]
    for word in words.values():
        if word.status == "refused":
            code, subcode = (word.attempt.code, word.attempt.subcode) if word.attempt else (None, None)
            raise MetaError(400, code or 100, word.reason or "Invalid parameter", subcode)
    return next((attempt.fbtrace_id for attempt in attempts if attempt.fbtrace_id), None)
