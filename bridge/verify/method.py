"""Which HTTP methods a mapping takes webhooks by; the query of a GET is read as its body."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from bridge.errors import WrongMethod
from bridge.models import Receive, Request

_OURS = frozenset({"wait", "test_event_code"})  # parameters that the bridge itself reads


def as_posted(request: Request, receive: Receive) -> Request | None:
    """Return a request as a webhook with a body; None for a GET that only looks whether somebody is there.

    Raises WrongMethod when the mapping does not take webhooks by this method.
    """
    if request.method == "POST":
        return _allowed(request, receive)
    if request.method != "GET" or not _holds_data(request, receive):
        return None
    form = {**request.headers, "content-type": "application/x-www-form-urlencoded"}
    return replace(_allowed(request, receive), body=urlsplit(request.url).query.encode(), headers=form)


def _allowed(request: Request, receive: Receive) -> Request:
    method = request.method.lower()
    if method in receive.methods:
        return request
    others = tuple(name.upper() for name in sorted(receive.methods))
    raise WrongMethod(
        f"this mapping does not accept webhooks by {request.method}: nothing was stored",
        allowed=others,
        fix=f"have the sender use {' or '.join(others)}, or add {method} to receive.methods in the mapping",
    )


def _holds_data(request: Request, receive: Receive) -> bool:
    """Tell whether the query holds more than what the bridge reads itself, or a challenge to be answered."""
    if receive.handshake is not None and receive.handshake.on == "get" and "get" not in receive.methods:
        return False
    return bool(request.query.keys() - _OURS - {receive.verify.query})
