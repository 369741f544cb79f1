"""Endpoints that store what they are sent, in four steps.

    admit     before the body is read: may this sender send here, and how much
    prepare   what takes the processor alone: verify, parse, map, normalize, validate, pack
    commit    the one step that waits, together with everybody else's webhooks
    respond   the response, now that the webhook is on disk or could not be stored

Each step is a plain function and touches no socket, so the event loop of the server (`bridge.server.asgi`)
and a thread of any WSGI server (`take_in`) go through the very same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from time import perf_counter
from typing import NamedTuple

from bridge.errors import BridgeError
from bridge.outbox import NewEvent, Packed, Receipt, StoredEvent
from bridge.outbox.group_commit import wait
from bridge.web.context import AppContext
from bridge.web.dispatch import guarded, log_webhook
from bridge.web.refusal_notes import harmless_name
from bridge.web.request import HttpRequest
from bridge.web.responses import Headers, RenderedResponse, Response, render
from bridge.web.wait_for_meta import MetaResult, start_delivery

_ON_THEIR_WAY = frozenset({"fetching", "waiting"})
MetaResults = Mapping[str, MetaResult]


class Prepared(NamedTuple):
    """A webhook, or a visit, that only has to be stored, and how its sender is answered then."""

    webhook: Packed
    respond: Callable[[Receipt, MetaResults], Response]
    waits_for_meta: bool = False


class Admission(NamedTuple):
    """What one sender may send; `mapping` is the name for log and counters, `headers` go with the answer.

    Preparing what `asks_database` must not be done by an event loop.
    """

    mapping: str
    most_bytes: int
    headers: Headers = ()
    asks_database: bool = False


class Endpoint(NamedTuple):
    """One kind of intake. `refused` stands in for the admission of who was not admitted."""

    admit: Callable[[AppContext, HttpRequest], Admission]
    prepare: Callable[[AppContext, HttpRequest], Prepared | Response]
    refuse: Callable[[BridgeError, HttpRequest], Response]
    refused: Admission


def admit(context: AppContext, endpoint: Endpoint, request: HttpRequest) -> Admission | Response:
    """Return what the sender may send, or why its body is not read at all."""
    return guarded(context, request, lambda: endpoint.admit(context, request), endpoint.refuse)


def prepare(context: AppContext, endpoint: Endpoint, request: HttpRequest) -> Prepared | Response:
    """Do everything that comes before storing; what is not to be stored is answered at once."""
    return guarded(context, request, lambda: endpoint.prepare(context, request), endpoint.refuse)


def count_events(context: AppContext, mapping: str, events: Iterable[NewEvent], receipt: Receipt) -> None:
    """Count what became of the events of a webhook that came for the first time."""
    if not receipt.duplicate and not receipt.remapped:
        for event, stored in zip(events, receipt.events, strict=True):
            context.metrics.event(mapping, stored.status, event.match_score)


def waiting_for_meta(prepared: Prepared, stored: Receipt | Exception) -> list[StoredEvent]:
    """Return the stored events whose delivery the sender wants to wait for."""
    if not prepared.waits_for_meta or isinstance(stored, Exception) or stored.duplicate:
        return []
    return [event for event in stored.events if event.status in _ON_THEIR_WAY]


def respond(  # noqa: PLR0913, PLR0917 - what happened to one request
    context: AppContext,
    endpoint: Endpoint,
    request: HttpRequest,
    prepared: Prepared,
    stored: Receipt | Exception,
    results: MetaResults,
) -> Response:
    """Return the response to the sender."""

    def response() -> Response:
        if isinstance(stored, Exception):
            raise stored
        return prepared.respond(stored, results)

    return guarded(context, request, response, endpoint.refuse)


def finish(
    context: AppContext, request: HttpRequest, admission: Admission, response: Response, started: float
) -> RenderedResponse:
    """Log and count the webhook that came at `started` (of `perf_counter`); turn the response into bytes."""
    mapping = _logged_mapping(context, request, admission)
    log_webhook(context, request, mapping, response, perf_counter() - started)
    if response.status >= 400 and "name" in request.parameters:
        name = mapping if mapping != "-" else harmless_name(request.name)
        context.refusals.note(name, response.status, response.log.get("reason"))
    return render(response, request, admission.headers)


def _logged_mapping(context: AppContext, request: HttpRequest, admission: Admission) -> str:
    """Return the mapping for log and counters; one that does not load admits nobody, but has a name."""
    name = request.parameters.get("name", "")
    is_broken = admission.mapping == "-" and name in context.mappings.broken()
    return name if is_broken else admission.mapping


def take_in(
    context: AppContext, endpoint: Endpoint, request: HttpRequest, read_body: Callable[[int], bytes]
) -> RenderedResponse:
    """Go through all four steps in this thread, which waits for its own commit."""
    started = perf_counter()
    admission = admit(context, endpoint, request)
    if isinstance(admission, Response):
        response, admission = admission, endpoint.refused
    else:
        most_bytes = admission.most_bytes
        response = _taken_in(context, endpoint, request, lambda: read_body(most_bytes))
    rendered = finish(context, request, admission, response, started)
    context.refusals.write_when_due(context.now())
    return rendered


def _taken_in(
    context: AppContext, endpoint: Endpoint, request: HttpRequest, read_body: Callable[[], bytes]
) -> Response:
    body = guarded(context, request, read_body, endpoint.refuse)
    if isinstance(body, Response):
        return body
    prepared = prepare(context, endpoint, request._replace(body=body))
    if isinstance(prepared, Response):
        return prepared
    webhook = prepared.webhook
    stored = wait(context.outbox().submit([webhook]), may_give_up=webhook.is_recognised_again)
    delivery = start_delivery(context, waiting_for_meta(prepared, stored))
    return respond(context, endpoint, request, prepared, stored, delivery.result() if delivery else {})
