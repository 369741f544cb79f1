"""The drop-in for Meta's own endpoint: an HTTP module or an SDK changes its host only.

Takes `data` as a list or as JSON text (also a list of JSON texts, as some SDKs send it), raw or hashed
user data, the token in the query, the body or the header. It answers in Meta's shapes, errors included,
and like Meta it takes all events of a request or none. A 200 here means that they are on disk. What was
left out or put right is in `messages`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bridge.body.parse import parse
from bridge.errors import BridgeError
from bridge.finding import Finding
from bridge.ingest.entries import new_webhook
from bridge.models import Receive, Request, Translation, Verified
from bridge.outbox import NewWebhook, Receipt
from bridge.settings import Destination, Settings
from bridge.web.auth import is_admin, is_same_token
from bridge.web.context import AppContext
from bridge.web.drop_in.conversions_api_errors import (
    BAD_TOKEN,
    MetaError,
    as_meta_error,
    error_for_event,
    invalid,
    meta_response,
)
from bridge.web.drop_in.conversions_api_events import MOST_VALUES, FinishedEvent, finished_event, given_events
from bridge.web.drop_in.conversions_api_messages import body_findings, messages
from bridge.web.hooks import limit_address
from bridge.web.intake import Admission, Endpoint, MetaResults, Prepared, count_events
from bridge.web.request import HttpRequest, as_webhook
from bridge.web.responses import Response
from bridge.web.wait_for_meta import waits_for_meta

NAME = "drop-in"
_VERSION = re.compile(r"v[0-9]{1,3}\.[0-9]{1,2}")
_ANY_BODY = Receive(max_size_bytes=2**30, max_values=MOST_VALUES)  # how many bytes are read is a setting
_REPEAT_WINDOW_SECONDS = 172_800


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call as it would have gone to Meta, or to a Conversions API Gateway."""

    request: Request
    destination: Destination
    events: tuple[Mapping[str, Any], ...]
    test_event_code: str | None
    findings: tuple[Finding, ...]


def admit(context: AppContext, request: HttpRequest) -> Admission:
    """Return what may be sent here. Raises Refused."""
    limit_address(context, request)
    return Admission(NAME, context.settings.limits.max_body_bytes)


def _prepare(success: int, context: AppContext, request: HttpRequest) -> Prepared | Response:
    """Do everything but store the events of one call; the response is in Meta's own form too."""
    try:
        return _packed(context, _read_call(context, request), request.id, success)
    except MetaError as error:
        return meta_response(error, request.id)


def refuse(error: BridgeError, request: HttpRequest) -> Response:
    """Answer an error of ours as Meta would in our place."""
    return meta_response(as_meta_error(error), request.id, error)


def _read_call(context: AppContext, request: HttpRequest) -> ApiCall:
    settings, dataset_id = context.settings, request.parameters["dataset_id"]
    version = request.parameters.get("version")
    if version is not None and not _VERSION.fullmatch(version):
        raise MetaError(400, 2500, f"Unknown path components: /{dataset_id}/events")
    webhook = as_webhook(request, settings, context.now())
    fields = _fields(webhook)
    token = _token(webhook, fields)
    destination = _destination(settings, dataset_id, token, admin=is_admin(request, settings))
    code = fields.get("test_event_code")
    if code and not isinstance(code, str | int):
        advice = 'Send it as Events Manager shows it: "test_event_code": "TEST12345".'
        raise invalid("param test_event_code must be a string.", advice)
    if code and not settings.test_codes_allowed:
        raise MetaError(400, 100, "test_event_code is not accepted in the live profile of this bridge")
    return ApiCall(
        request=webhook,
        destination=destination,
        events=given_events(fields),
        test_event_code=str(code) if code else None,
        findings=body_findings(fields, context.spec, destination.partner_agent),
    )


def _fields(request: Request) -> Mapping[str, Any]:
    fields = parse(Verified(request), _ANY_BODY).data if request.body else {}
    if not isinstance(fields, Mapping):
        advice = 'The body is the list itself; put it under data: {"data": […]}.'
        raise invalid("The body is not an object with a field data", advice)
    return {**request.query, **fields}


def _token(request: Request, fields: Mapping[str, Any]) -> str:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() in {"bearer", "oauth"}:
        return credentials.strip()
    token = fields.get("access_token") or fields.get("accessKey")
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
    allowed = [entry for entry in known if admin or is_same_token(entry.access_token, token)]
    if allowed:
        return allowed[0]
    if known or not any(is_same_token(entry.access_token, token) for entry in settings.destinations.values()):
        raise MetaError(*BAD_TOKEN)
    message = (
        "Unsupported post request. Object with this ID does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation"
    )
    raise MetaError(400, 100, message, 33)


def _packed(context: AppContext, call: ApiCall, request_id: str, success: int) -> Prepared:
    finished = [finished_event(event, call.destination, call.request, context.spec) for event in call.events]
    for number, (event, _) in enumerate(finished):
        if event.verdict != "ready":
            raise error_for_event(event, number)
    webhook = _webhook(context, call, finished, request_id)
    said = messages([event for event, _ in finished], call.findings)
    respond = partial(_respond, context, webhook, success, said)
    return Prepared(context.outbox().pack(webhook), respond, waits_for_meta(call.request.query))


def _webhook(
    context: AppContext, call: ApiCall, finished: Sequence[FinishedEvent], request_id: str
) -> NewWebhook:
    """Return what is stored. An event that goes without an id is known again by one of our own."""
    dataset_id = call.destination.dataset_id.encode()
    repeat_key = hashlib.sha256(dataset_id + b" " + call.request.body).digest()
    webhook = new_webhook(
        Translation(NAME, "", repeat_key, tuple(event for event, _ in finished)),
        call.request,
        context.settings,
        context.spec,
        request_id=request_id,
        repeat_window_seconds=_REPEAT_WINDOW_SECONDS,
        test_event_code=call.test_event_code,
    )
    events = [
        event if event.event_id else event._replace(event_id=internal_id)
        for event, (_, internal_id) in zip(webhook.events, finished, strict=True)
    ]
    return webhook._replace(events=tuple(events))


def _respond(  # noqa: PLR0913, PLR0917 - what was sent, and what became of it
    context: AppContext,
    webhook: NewWebhook,
    success: int,
    said: list[str],
    receipt: Receipt,
    results: MetaResults,
) -> Response:
    count_events(context, NAME, webhook.events, receipt)
    refused = next((result for result in results.values() if result.status == "refused"), None)
    if refused:
        attempt = refused.attempt
        meta_code, subcode = (attempt.code, attempt.subcode) if attempt else (None, None)
        error = MetaError(400, meta_code or 100, refused.reason or "Invalid parameter", subcode)
        return meta_response(error, webhook.request_id)._replace(events=len(receipt.events))
    traces = [result.attempt.fbtrace_id for result in results.values() if result.attempt]
    body = {
        "events_received": len(webhook.events),
        "messages": said,
        "fbtrace_id": next(filter(None, traces), webhook.request_id),
    }
    code = "duplicate" if receipt.duplicate else "queued"
    return Response(success, body, code=code, events=len(receipt.events))


ENDPOINT = Endpoint(admit, partial(_prepare, 200), refuse, refused=Admission(NAME, 0))
# Meta's Java and PHP SDKs (`CAPIGatewayIngressRequest`) send `accessKey` in place of `access_token`, and take
# 202 alone for success.
GATEWAY = ENDPOINT._replace(prepare=partial(_prepare, 202))
