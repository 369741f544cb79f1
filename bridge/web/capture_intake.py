"""Webhooks to a name that no mapping has: a 404, unless somebody has opened the name for a while.

Whether a name is open is asked of the database, so that it holds for every process and machine at once. So
strangers may ask only now and then.
"""

from __future__ import annotations

from bridge.errors import TooLarge, TooManyRequests, UnknownMapping
from bridge.mapping.files import SIMPLE_NAME
from bridge.settings import Rate
from bridge.web.context import AppContext
from bridge.web.intake import Admission
from bridge.web.request import HttpRequest, as_webhook, sender_address
from bridge.web.responses import Response

MOST_BYTES = 262_144
_OF_ONE_ADDRESS, _OF_ALL = Rate(20, 1.0), Rate(200, 1.0)


def admit_unknown(context: AppContext, request: HttpRequest, unknown: UnknownMapping) -> Admission:
    """Let a webhook be read whose name may be open. Raises UnknownMapping where it cannot be."""
    address = sender_address(request, context.settings.trusted_proxies)
    if not SIMPLE_NAME.fullmatch(request.name):
        raise unknown
    try:
        context.rates.admit(f"capture {address}", _OF_ONE_ADDRESS, "looks")
        context.rates.admit("capture", _OF_ALL, "looks")
    except TooManyRequests:
        raise unknown from None
    return Admission("-", context.settings.limits.max_body_bytes, asks_database=True)


def capture(context: AppContext, request: HttpRequest, unknown: UnknownMapping) -> Response:
    """Keep a webhook whose name is open. Raises UnknownMapping when it is not."""
    now, captures = context.now(), context.outbox().captures
    if captures.find(request.name, now) is None:
        raise unknown
    if len(request.body) > MOST_BYTES:
        raise TooLarge(f"a webhook of more than {MOST_BYTES} bytes is not captured", fix="send a smaller one")
    if not request.body and not request.query_string:
        return Response(200, {"status": "ready", "message": "send webhooks here"}, code="alive")
    if not captures.keep(request.name, as_webhook(request, context.settings, now), now):
        raise unknown
    message = "kept for the console; write a mapping for it, and send it again"
    return Response(200, {"status": "captured", "message": message}, code="captured")
