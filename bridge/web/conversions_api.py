"""The drop-in for Meta's own endpoint: an HTTP module or an SDK changes its host only.

Takes `data` as a list or as JSON text (also a list of JSON texts, as some SDKs send it), raw or hashed
user data, the token in the query, the body or the header. It answers in Meta's shapes, errors included,
and like Meta it takes all events of a request or none. A 200 here means that they are on disk.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from bridge.body.parse import parse
from bridge.errors import BridgeError
from bridge.ingest.entries import new_events
from bridge.models import (
    Draft,
    Event,
    ReadingSettings,
    Receive,
    Request,
    Translation,
    Verified,
)
from bridge.outbox import NewEvent, NewWebhook, Receipt
from bridge.pipeline import finish
from bridge.settings import Destination, Settings
from bridge.web.auth import is_admin
from bridge.web.context import AppContext
from bridge.web.conversions_api_errors import (
    BAD_TOKEN,
    MetaError,
    as_meta_error,
    error_for_event,
    invalid,
    meta_response,
)
from bridge.web.hooks import limit_address
from bridge.web.intake import Admission, Endpoint, MetaResults, Prepared
from bridge.web.request import HttpRequest, as_webhook
from bridge.web.responses import Response
from bridge.web.wait_for_meta import waits_for_meta

NAME = "drop-in"
_VERSION = re.compile(r"v[0-9]{1,3}\.[0-9]{1,2}")
_ANY_BODY = Receive(max_size_bytes=10_485_760)
_REPEAT_WINDOW_SECONDS = 172_800
_LISTS_OF_TEXTS = 1000


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call as it would have gone to Meta."""

    request: Request
    destination: Destination
    events: tuple[Mapping[str, Any], ...]
    test_event_code: str | None


def admit(context: AppContext, request: HttpRequest) -> Admission:
    """Return what may be sent here. Raises Refused."""
    limit_address(context, request)
    return Admission(NAME, context.settings.limits.max_body_bytes)


def prepare(context: AppContext, request: HttpRequest) -> Prepared | Response:
    """Do everything but store the events of one call; the response is Meta's own form too."""
    try:
        return _packed(context, _call(context, request), request.id)
    except MetaError as error:
        return meta_response(error, request.id)


def refuse(error: BridgeError, request: HttpRequest) -> Response:
    """Answer an error of ours as Meta would in our place."""
    return meta_response(as_meta_error(error), request.id, error)


ENDPOINT = Endpoint(admit, prepare, refuse, refused=Admission(NAME, 0))


def _call(context: AppContext, request: HttpRequest) -> ApiCall:
    version, dataset_id = request.parameters["version"], request.parameters["dataset_id"]
    if not _VERSION.fullmatch(version):
        raise MetaError(400, 2500, f"Unknown path components: /{dataset_id}/events")
    settings = context.settings
    webhook = as_webhook(request, settings, context.now())
    fields = _fields(webhook)
    token = _token(webhook, fields)
    destination = _destination(settings, dataset_id, token, admin=is_admin(request, settings))
    code = fields.get("test_event_code")
    if code and not settings.test_codes_allowed:
        raise MetaError(400, 100, "test_event_code is not accepted in the live profile of this bridge")
    return ApiCall(webhook, destination, _events(fields.get("data")), str(code) if code else None)


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


def _packed(context: AppContext, call: ApiCall, request_id: str) -> Prepared:
    now = call.request.received_at
    finished = tuple(_finished(context, call, event, now) for event in call.events)
    for number, event in enumerate(finished):
        if event.verdict != "ready":
            raise error_for_event(event, number)
    translation = Translation(NAME, "", b"", finished)
    events = new_events(translation, context.settings, context.spec, now, call.test_event_code)
    webhook = NewWebhook(
        mapping=NAME,
        revision="",
        repeat_key=hashlib.sha256(call.destination.dataset_id.encode() + b" " + call.request.body).digest(),
        repeat_window_seconds=_REPEAT_WINDOW_SECONDS,
        received_at=now,
        request=call.request,
        request_id=request_id,
        events=events,
    )
    respond = partial(_respond, context, events, request_id)
    return Prepared(context.outbox().pack(webhook), respond, waits_for_meta(call.request.query))


def _respond(
    context: AppContext,
    events: tuple[NewEvent, ...],
    request_id: str,
    receipt: Receipt,
    results: MetaResults,
) -> Response:
    if not receipt.duplicate:
        for event, stored in zip(events, receipt.events, strict=True):
            context.metrics.event(NAME, stored.status, event.match_score)
    refused = next((result for result in results.values() if result.status == "refused"), None)
    if refused:
        meta_code, subcode = (
            (refused.attempt.code, refused.attempt.subcode) if refused.attempt else (100, None)
        )
        error = MetaError(400, meta_code or 100, refused.reason or "Invalid parameter", subcode)
        return meta_response(error, request_id)._replace(events=len(receipt.events))
    traces = [result.attempt.fbtrace_id for result in results.values() if result.attempt]
    body = {
        "events_received": len(events),
        "messages": [],
        "fbtrace_id": next(filter(None, traces), request_id),
    }
    code = "duplicate" if receipt.duplicate else "queued"
    return Response(200, body, code=code, events=len(receipt.events))


def _finished(context: AppContext, call: ApiCall, event: Mapping[str, Any], now: datetime) -> Event:
    draft = Draft(
        label="",
        fields=_by_metas_names(event, context),
        settings=ReadingSettings(),
        send_to=(call.destination.name,),
        positions={},
    )
    return finish(draft, context.spec, now)


def _by_metas_names(event: Mapping[str, Any], context: AppContext) -> dict[str, Any]:
    """Return the event with long names of user data (`email`) as Meta's own (`em`)."""
    people = event.get("user_data")
    if not isinstance(people, Mapping):
        return dict(event)
    names = context.spec.user_data_names
    return {**event, "user_data": {names.get(key, key): value for key, value in people.items()}}
