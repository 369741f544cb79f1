"""Capture mode: a name that no mapping has is opened for a while, and what comes to it becomes a mapping."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import quote

from bridge.errors import UnknownMapping, WrongUse
from bridge.models import Request
from bridge.outbox.captures import LONGEST_CAPTURE, CapturedWebhook
from bridge.web.capture_intake import MOST_BYTES
from bridge.web.console.active_mappings import hook_url
from bridge.web.console.mapping_files import require_simple_name
from bridge.web.console.pages import form, page, see_other, with_query
from bridge.web.console.sample_choice import masked_body
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest
from bridge.web.responses import Response

_HOME = "/console/connect"
_MOST_SHOWN = 20_000  # characters of a body
# in the name of what a sender proves itself with
_PROVES = ("sign", "hmac", "token", "auth", "secret", "key")
_EVERY_REQUEST = frozenset({"host", "content-length", "connection", "accept", "accept-encoding"})


class ShownWebhook(NamedTuple):
    """A captured webhook without its person: its body masked, its headers and query by name alone."""

    id: str
    received_at: datetime
    method: str
    content_type: str
    body: str
    headers: Sequence[str]
    parameters: Sequence[str]
    proofs: Sequence[str]


def open_name(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Open a name; everything that comes to it is kept until its time is over."""
    given = form(request)
    name, minutes = given.get("name", "").strip(), given.get("minutes", "15")
    _require_free(context, name)
    length = timedelta(minutes=int(minutes) if minutes in {"5", "15", "30", "60"} else 15)
    context.outbox().captures.open(name, context.now(), min(length, LONGEST_CAPTURE))
    context.log.info("capture_opened", request_id=request.id, name=name, peer=request.peer)
    return see_other(_page_of(name))


def show(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show what has come to a name that is open; the page looks by itself for more."""
    name, now = request.name, context.now()
    opened = context.outbox().captures.find(name, now)
    if opened is None:
        fix = "open it again; what was captured is deleted when the time is over"
        raise UnknownMapping("this name is not open", fix=fix)
    return page(
        context,
        viewer,
        "capture.html",
        opened=opened,
        url=hook_url(context, request, name),
        webhooks=[_shown(one) for one in context.outbox().captures.newest(name, now)],
        has_mapping=name in context.mappings.names(),
        most_bytes=MOST_BYTES,
    )


def close(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Close a name, and delete what was captured."""
    context.outbox().captures.close(request.name)
    return see_other(with_query(_HOME, {}, done="capture_closed"))


def _require_free(context: AppContext, name: str) -> None:
    require_simple_name(name)
    if name in context.mappings.names() or name in context.mappings.broken():
        raise WrongUse(f"there is a mapping {name} already", fix="choose another name, or connect that one")


def _page_of(name: str) -> str:
    return f"{_HOME}/capture/{quote(name)}"


def _shown(one: CapturedWebhook) -> ShownWebhook:
    request = one.request
    if request is None:
        why = "This webhook cannot be decrypted with the keys that are set."
        return ShownWebhook(one.id, one.received_at, "", "", why, (), (), ())
    headers = sorted(set(request.headers) - _EVERY_REQUEST)
    names = [*headers, *sorted(request.query)]
    return ShownWebhook(
        id=one.id,
        received_at=one.received_at,
        method=request.method,
        content_type=request.headers.get("content-type", "").partition(";")[0],
        body=_body(request),
        headers=headers,
        parameters=sorted(request.query),
        proofs=[name for name in names if any(part in name.lower() for part in _PROVES)],
    )


def _body(request: Request) -> str:
    shown = masked_body(request)
    return shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}\n… (the playground shows the rest)"
