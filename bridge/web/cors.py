"""Answers a browser may read: cross-origin headers for mappings that say `sent_by: browser`.

`navigator.sendBeacon` always sends credentials, so the origin is named and never `*`. Only the origins that a
mapping lists are named. What comes from another page is stored all the same: anybody can send a request with
any origin, so the list protects what browsers read, not what is taken.
"""

from __future__ import annotations

from bridge.models import Receive
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest
from bridge.web.responses import Headers, Response

_ALLOW = ("Allow", "GET, HEAD, OPTIONS, POST")
_VARY = ("Vary", "Origin")
_PREFLIGHT = (
    ("Access-Control-Allow-Methods", "POST, GET, OPTIONS"),
    ("Access-Control-Allow-Headers", "Content-Type, X-Request-Id, Authorization, X-Test-Event-Code"),
    ("Access-Control-Max-Age", "86400"),
)


def preflight(context: AppContext, request: HttpRequest) -> Response:
    """Answer the question a browser asks before it posts JSON to another origin."""
    receive = context.mapping(request.name).receive
    allowed = _PREFLIGHT if _is_listed(request, receive) else ()
    return Response(200, "", (_ALLOW, *allowed, *reading_headers(request, receive)))


def reading_headers(request: HttpRequest, receive: Receive) -> Headers:
    """Return the headers that let the page that sent a request read its answer."""
    if receive.sent_by != "browser":
        return ()
    if not _is_listed(request, receive):
        return (_VARY,)
    return headers_for(request.headers["origin"])


def headers_for(origin: str) -> Headers:
    """Return the headers that let the pages of an origin read an answer, and send cookies."""
    return (
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Expose-Headers", "X-Request-Id"),
        _VARY,
    )


def _is_listed(request: HttpRequest, receive: Receive) -> bool:
    return receive.sent_by == "browser" and request.headers.get("origin", "") in receive.origins
