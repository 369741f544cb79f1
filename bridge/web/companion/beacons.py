"""The endpoint for what pages report: an event goes through an ordinary mapping, its visit is kept with it.

    admit → (read) → bot? → consent → rate → translate → pack → (commit) → 204

Anybody can send a beacon, so it is believed little: the settings name the origins and the events that are
taken, and the visitor's cookie wins over the body. The answer never says what is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from bridge.errors import UnknownMapping
from bridge.models import Request
from bridge.outbox import NewEvent, NewVisit, Receipt
from bridge.serialization import encode
from bridge.settings.models import CompanionSettings
from bridge.verify import verify
from bridge.web.companion.beacon import Beacon, PageEvent, read_beacon
from bridge.web.companion.bots import is_bot
from bridge.web.companion.visitor_cookie import setting_cookie, visitor_of
from bridge.web.context import AppContext
from bridge.web.cors import headers_for
from bridge.web.dispatch import refuse
from bridge.web.hooks import code_of_file, limit_address, mapped
from bridge.web.intake import Admission, Endpoint, MetaResults, Prepared, count_events
from bridge.web.request import HttpRequest, as_webhook, sender_address
from bridge.web.responses import Headers, NotAllowed, Response

NAME = "companion"
_MOST_BYTES = 16_384
_KEPT_HEADERS = ("user-agent", "accept-language")  # the cookies of the website are none of our business


def admit(context: AppContext, request: HttpRequest) -> Admission:
    """Return what the pages of the website may send. Raises Refused."""
    limit_address(context, request)
    companion = configured(context)
    origin = request.headers.get("origin", "")
    if origin not in companion.origins:
        raise NotAllowed(
            "this page's origin is not in companion.origins",
            fix="add the website to companion.origins in bridge.yaml",
        )
    address = sender_address(request, context.settings.trusted_proxies)
    context.rates.admit(f"c {address}", companion.rate_per_address, "too many beacons from this IP address")
    return Admission(companion.mapping, _MOST_BYTES, headers_for(origin))


def configured(context: AppContext) -> CompanionSettings:
    """Return the settings of the companion. Raises UnknownMapping when there is none."""
    if context.settings.companion is None:
        raise UnknownMapping("the companion is not configured", fix="set companion.origins in bridge.yaml")
    return context.settings.companion


def prepare(context: AppContext, request: HttpRequest) -> Prepared | Response:
    """Do everything but store one beacon. Raises Refused."""
    if is_bot(request.headers.get("user-agent", "")):
        return _no_content("bot")
    now = context.now()
    beacon = _decided(read_beacon(request.body, now), request)
    visitor = beacon.visitor_id
    if visitor is None:
        return _no_content("no_visitor")
    if not beacon.is_granted:  # however much this visitor has sent before
        return Prepared(context.outbox().pack_visit(_visit(beacon, visitor, now)), _responding("denied"))
    companion = configured(context)
    context.rates.admit(f"v {visitor}", companion.rate_per_visitor, "too many beacons from this visitor")
    cookie = setting_cookie(visitor, beacon.host, request.headers["origin"])
    request_as_sent = as_webhook(request, context.settings, now)
    visit = _visit(beacon, visitor, now, request_as_sent)
    if beacon.event is None:
        return Prepared(context.outbox().pack_visit(visit), _responding("visit", cookie))
    event = _allowed(beacon.event, companion)
    webhook = _as_webhook(request_as_sent, beacon, event, request.headers["origin"])
    return _packed(context, request, webhook, visit, cookie)


ENDPOINT = Endpoint(admit, prepare, refuse, refused=Admission(NAME, 0))


def _decided(beacon: Beacon, request: HttpRequest) -> Beacon:
    """Return the beacon with what the request itself says: who the visitor is, and whether GPC objects."""
    beacon = beacon._replace(visitor_id=visitor_of(request) or beacon.visitor_id)
    if request.headers.get("sec-gpc") == "1":
        return beacon._replace(is_granted=False, source="gpc")
    return beacon


def _visit(beacon: Beacon, visitor: str, now: datetime, request: Request | None = None) -> NewVisit:
    return NewVisit(
        visitor_id=visitor,
        seen_at=now,
        consent="granted" if beacon.is_granted else "denied",
        consent_source=beacon.source,
        consent_at=beacon.decided_at,
        event_id=beacon.event.id if beacon.event else None,
        fbc=beacon.fbc,
        fbp=beacon.fbp,
        first=beacon.first,
        last=beacon.last,
        ip=request.ip if request else None,
        user_agent=request.headers.get("user-agent") if request else None,
    )


def _allowed(event: PageEvent, companion: CompanionSettings) -> PageEvent:
    """Return what pages may say of an event. Raises NotAllowed."""
    if event.name not in companion.events:
        raise NotAllowed(
            "this event is not in companion.events",
            fix="add its name to companion.events in bridge.yaml, if pages may send it",
        )
    return event if companion.value else event.without_amounts()


def _as_webhook(request: Request, beacon: Beacon, event: PageEvent, origin: str) -> Request:
    """Return the webhook that the mapping reads: what was checked, and nothing else of the request."""
    on_website = beacon.page is not None and f"{beacon.page}/".startswith(f"{origin}/")
    body: Mapping[str, Any] = {
        "event_name": event.name,
        "event_id": event.id,
        "event_time": int(event.time.timestamp()),
        "page": beacon.page if on_website else f"{origin}/",
        "visitor_id": beacon.visitor_id,
        "fbc": beacon.fbc,
        "fbp": beacon.fbp,
        "data": event.data,
        "first": beacon.first,
        "last": beacon.last,
        "consent": {
            "state": "granted",
            "source": beacon.source,
            "time": int(beacon.decided_at.timestamp()),
        },
    }
    headers = {name: request.headers[name] for name in _KEPT_HEADERS if name in request.headers}
    url = request.url.partition("?")[0]
    return Request(
        "POST",
        url,
        {"content-type": "application/json", **headers},
        {},
        encode(body),
        request.ip,
        request.received_at,
    )


def _packed(
    context: AppContext, request: HttpRequest, webhook: Request, visit: NewVisit, cookie: Headers
) -> Prepared:
    mapping = context.mapping(configured(context).mapping)
    if mapping.receive.sent_by != "companion":
        raise UnknownMapping("companion.mapping is not a mapping with sent_by: companion")
    verified = verify(webhook, mapping.receive.verify)
    new = mapped(context, mapping, verified, request.id, code_of_file(context, webhook, mapping))
    respond = partial(_stored, context, mapping.name, new.events, cookie)
    return Prepared(context.outbox().pack(new._replace(visit=visit)), respond)


def _stored(
    context: AppContext,
    mapping: str,
    events: tuple[NewEvent, ...],
    cookie: Headers,
    receipt: Receipt,
    _results: MetaResults,
) -> Response:
    count_events(context, mapping, events, receipt)
    code = "duplicate" if receipt.duplicate else "stored"
    return _no_content(code, cookie)._replace(events=len(receipt.events))


def _responding(code: str, cookie: Headers = ()) -> Callable[[Receipt, MetaResults], Response]:
    return lambda _receipt, _results: _no_content(code, cookie)


def _no_content(code: str, headers: Headers = ()) -> Response:
    return Response(204, "", headers, code)
