"""From what the web server hands over to a frozen Request: bounded body, public URL, real address."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote

from bridge.errors import TooLarge, UnreadableBody
from bridge.models import Request
from bridge.settings import Settings
from bridge.settings.models import Network

Environ = Mapping[str, Any]
_CHUNK = 65_536
_MAX_QUERY_FIELDS = 1000
READING_DONE = "bridge.reading_done"


def read_request(environ: Environ, settings: Settings, max_body_bytes: int, now: datetime) -> Request:
    """Read one HTTP request as the sender meant it. Raises TooLarge before reading what is too much."""
    body = read_body(environ, max_body_bytes)
    return Request(
        method=environ["REQUEST_METHOD"],
        url=public_url(environ, settings),
        headers=headers(environ),
        query=query(environ),
        body=body,
        ip=peer_address(environ, settings.trusted_proxies),
        received_at=now,
    )


def read_body(environ: Environ, max_bytes: int) -> bytes:
    """Return the body, complete; a sender that hung up half-way is told so."""
    declared = environ.get("CONTENT_LENGTH") or ""
    stream = environ["wsgi.input"]
    if declared:
        length = int(declared) if declared.isascii() and declared.isdigit() else 0
        if length > max_bytes:
            raise too_large(max_bytes)
        body: bytes = stream.read(length) if length else b""
        if len(body) < length:
            raise UnreadableBody("the body ended early", fix="send as many bytes as Content-Length says")
    else:
        body = _read_unmeasured(stream, max_bytes) if environ.get("wsgi.input_terminated") else b""
    done = environ.get(READING_DONE)
    if done:
        done()
    return body


def too_large(max_bytes: int) -> TooLarge:
    """Return the refusal of a body over the bound."""
    return TooLarge(f"the body is larger than {max_bytes} bytes", fix="send one record at a time")


def _read_unmeasured(stream: Any, max_bytes: int) -> bytes:
    parts = []
    size = 0
    while part := stream.read(_CHUNK):
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise too_large(max_bytes)
    return b"".join(parts)


def headers(environ: Environ) -> dict[str, str]:
    """Return the headers by lower-case name."""
    found = {_header_name(key): value for key, value in environ.items() if key.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        found["content-type"] = environ["CONTENT_TYPE"]
    if environ.get("CONTENT_LENGTH"):
        found["content-length"] = environ["CONTENT_LENGTH"]
    return found


@lru_cache(maxsize=1024)
def _header_name(key: str) -> str:
    return key[5:].replace("_", "-").lower()


def query(environ: Environ) -> dict[str, str]:
    """Return the query; of repeated names the last one counts."""
    text = environ.get("QUERY_STRING", "")
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=_MAX_QUERY_FIELDS)
    except ValueError as error:
        raise TooLarge(f"the query has more than {_MAX_QUERY_FIELDS} fields") from error
    return dict(pairs)


def public_url(environ: Environ, settings: Settings) -> str:
    """Return the URL the sender used, which its signature may cover."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    target = raw if isinstance(raw, str) and raw.startswith("/") else _rebuilt_target(environ)
    return origin(environ, settings) + target


def origin(environ: Environ, settings: Settings) -> str:
    """Return scheme and host as senders see them."""
    if settings.public_url:
        return settings.public_url
    scheme = environ.get("wsgi.url_scheme", "http")
    if settings.trusted_proxies and _is_trusted(environ.get("REMOTE_ADDR", ""), settings.trusted_proxies):
        scheme = environ.get("HTTP_X_FORWARDED_PROTO", scheme).split(",")[0].strip() or scheme
    host = environ.get("HTTP_HOST") or environ.get("SERVER_NAME", "localhost")
    return f"{scheme}://{host}"


def _rebuilt_target(environ: Environ) -> str:
    path = quote(environ.get("PATH_INFO", "/").encode("latin-1", "replace"), safe="/:@!$&'()*+,;=~-._")
    text = environ.get("QUERY_STRING", "")
    return f"{path}?{text}" if text else path


def peer_address(environ: Environ, trusted: tuple[Network, ...]) -> str | None:
    """Return the sender's address: the last one in X-Forwarded-For that is not a trusted proxy's."""
    address: str = environ.get("REMOTE_ADDR", "")
    if not trusted or not _is_trusted(address, trusted):
        return address or None
    for candidate in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
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


def clock() -> float:
    """Return a reading for measuring how long something took."""
    return time.perf_counter()
