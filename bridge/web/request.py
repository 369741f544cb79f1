"""One HTTP request as every endpoint sees it: its query, its public URL, its sender's address."""

from __future__ import annotations

import ipaddress
import random
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson

from bridge.errors import TooLarge, UnreadableBody
from bridge.models import Request
from bridge.settings import Settings
from bridge.settings.models import Network

_MAX_QUERY_FIELDS = 1000
_SMALL_BODY = 65_536
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")
_NOTHING: Mapping[str, str] = MappingProxyType({})


class HttpRequest(NamedTuple):
    """One HTTP request, whichever server took it.

    `target` is the path and query as sent, still percent-encoded: a signature may cover it. `headers` have
    lower-case names, and repeated ones are joined by commas. `peer` is the address of the connection, and
    `parameters` are the parts of the path that the route names.
    """

    id: str
    method: str
    target: str
    query_string: str
    headers: Mapping[str, str]
    peer: str
    scheme: str = "http"
    body: bytes = b""
    parameters: Mapping[str, str] = _NOTHING

    @property
    def name(self) -> str:
        """Return the name of the mapping in the path."""
        return self.parameters["name"]


def request_id(headers: Mapping[str, str]) -> str:
    """Return the sender's own request id when it is harmless, or a new one."""
    given = headers.get("x-request-id")
    if given and _REQUEST_ID.fullmatch(given):
        return given
    return f"{random.getrandbits(64):016x}"


def as_webhook(request: HttpRequest, settings: Settings, now: datetime) -> Request:
    """Return the request as the sender meant it: with its public URL, and the address behind our proxies."""
    return Request(
        method=request.method,
        url=public_url(request, settings),
        headers=request.headers,
        query=query(request),
        body=request.body,
        ip=sender_address(request, settings.trusted_proxies),
        received_at=now,
    )


def query(request: HttpRequest) -> dict[str, str]:
    """Return the query; of repeated names the last one counts."""
    text = request.query_string
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=_MAX_QUERY_FIELDS)
    except ValueError as error:
        raise TooLarge(f"the query has more than {_MAX_QUERY_FIELDS} fields") from error
    return dict(pairs)


def public_url(request: HttpRequest, settings: Settings) -> str:
    """Return the URL the sender used, which its signature may cover."""
    return origin(request, settings) + request.target


def origin(request: HttpRequest, settings: Settings) -> str:
    """Return scheme and host as senders see them."""
    if settings.public_url:
        return settings.public_url
    scheme = request.scheme
    if settings.trusted_proxies and _is_trusted(request.peer, settings.trusted_proxies):
        scheme = request.headers.get("x-forwarded-proto", scheme).split(",")[0].strip() or scheme
    return f"{scheme}://{request.headers.get('host') or 'localhost'}"


def sender_address(request: HttpRequest, trusted: tuple[Network, ...]) -> str | None:
    """Return the sender's address: the last one in X-Forwarded-For that is not a trusted proxy's."""
    address = request.peer
    if not trusted or not _is_trusted(address, trusted):
        return address or None
    for candidate in reversed(request.headers.get("x-forwarded-for", "").split(",")):
        address = _without_port(candidate.strip()) or address
        if not _is_trusted(address, trusted):
            break
    return address or None


def _without_port(address: str) -> str:
    """Return an address without the port that some proxies add (`192.0.2.1:4711`, `[2001:db8::1]:4711`)."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, colon, port = address.partition(":")
    return host if colon and port.isdigit() else address


@lru_cache(maxsize=4096)
def _is_trusted(address: str, trusted: tuple[Network, ...]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted)


def json_object(request: HttpRequest, most_bytes: int = _SMALL_BODY) -> Mapping[str, Any]:
    """Return the JSON object in the body; an empty one when there is no body."""
    body = request.body
    if len(body) > most_bytes:
        raise too_large(most_bytes, fix="ask for less at a time")
    if not body.strip():
        return {}
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableBody("the body is not JSON", fix='send {"status": "held"} or nothing') from error
    if not isinstance(asked, dict):
        raise UnreadableBody("the body is not a JSON object")
    return asked


def too_large(most_bytes: int, fix: str = "send one record at a time") -> TooLarge:
    """Return the refusal of a body over the bound."""
    return TooLarge(f"the body is larger than {most_bytes} bytes", fix=fix)


def cut_short() -> UnreadableBody:
    """Return the refusal of a body that ended before its time."""
    return UnreadableBody("the body ended early", fix="send as many bytes as Content-Length says")


def in_tiny_pieces() -> UnreadableBody:
    """Return the refusal of a body in so many chunks that reading them costs more than what they hold."""
    return UnreadableBody(
        "the body comes in too many tiny chunks", fix="send it in larger chunks, or with Content-Length"
    )
