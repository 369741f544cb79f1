"""Answers a browser may read: cross-origin headers for mappings that say `sent_by: browser`.

`navigator.sendBeacon` always sends credentials, so the origin is named and never `*`. The bridge has no
cookies of its own, so an allowed origin gains nothing but its own answer.
"""

from __future__ import annotations

from bridge.web.context import AppContext
from bridge.web.request import HttpRequest
from bridge.web.responses import Headers, Response

_ALLOW = ("Allow", "GET, HEAD, OPTIONS, POST")
_PREFLIGHT = (
    ("Access-Control-Allow-Methods", "POST, GET, OPTIONS"),
    ("Access-Control-Allow-Headers", "Content-Type, X-Request-Id, Authorization, X-Test-Event-Code"),
    ("Access-Control-Max-Age", "86400"),
    _ALLOW,
)


def preflight(context: AppContext, request: HttpRequest) -> Response:
    """Answer the question a browser asks before it posts JSON to another origin."""
    mapping = context.mapping(request.name)
    if mapping.receive.sent_by != "browser":
        return Response(200, "", (_ALLOW,))
    return Response(200, "", (*_PREFLIGHT, *reading_headers(request)))


def reading_headers(request: HttpRequest) -> Headers:
    """Return the headers that let the page that sent a request read its answer."""
    origin = request.headers.get("origin")
    if origin is None:
        return ()
    return (
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Expose-Headers", "X-Request-Id"),
        ("Vary", "Origin"),
    )
