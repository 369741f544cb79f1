"""Answers a browser may read: cross-origin headers for mappings that say `sent_by: browser`.

`navigator.sendBeacon` always sends credentials, so the origin is named and never `*`. The bridge has no
cookies of its own, so an allowed origin gains nothing but its own answer.
"""

from __future__ import annotations

from typing import Any

from bridge.web.answers import Answer, Line
from bridge.web.arrival import Environ
from bridge.web.door import Door

_PREFLIGHT = (
    ("Access-Control-Allow-Methods", "POST, GET, OPTIONS"),
    ("Access-Control-Allow-Headers", "Content-Type, X-Request-Id, Authorization, X-Test-Event-Code"),
    ("Access-Control-Max-Age", "86400"),
    ("Allow", "GET, HEAD, OPTIONS, POST"),
)
_KEY = "bridge.cross_origin"


def preflight(door: Door, environ: Environ, name: str, request_id: str, line: Line) -> Answer:
    """Answer the question a browser asks before it posts JSON to another origin."""
    mapping = door.mapping(name)
    line.mapping = mapping.name
    line.status = "preflight"
    if mapping.receive.sent_by != "browser":
        return Answer(200, "", _PREFLIGHT[-1:])
    allow_reading(environ)
    return Answer(200, "", _PREFLIGHT)


def allow_reading(environ: Any) -> None:
    """Remember that this request's answer may be read by the page that sent it."""
    environ[_KEY] = True


def reading_headers(environ: Environ) -> dict[str, str]:
    """Return the headers that let the page read the answer, where it may."""
    if _KEY not in environ:
        return {}
    return {
        "Access-Control-Allow-Origin": environ["HTTP_ORIGIN"],
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "X-Request-Id",
        "Vary": "Origin",
    }
