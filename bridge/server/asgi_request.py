"""One request out of an ASGI scope: its head, its body within a bound, and how heavy it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bridge.errors import BridgeError
from bridge.server.guard import Guard, Receive
from bridge.web.request import HttpRequest, cut_short, in_tiny_pieces, request_id, too_large

Scope = Mapping[str, Any]
_HEAVY_BYTES = 16_384
_HEAVY_OBJECTS = 50
_FEW_PIECES, _TINY_BYTES = 1000, 16
_DISCARD_BYTES = 262_144


class Incoming(NamedTuple):
    """A request whose body has not been read yet, and the guard of its connection."""

    request: HttpRequest
    receive: Receive
    guard: Guard

    async def body(self, most_bytes: int) -> bytes | BridgeError:
        """Return the body, complete, or why there is none; an error is returned, not raised."""
        declared = self.request.headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared[:18]) > most_bytes:
            return too_large(most_bytes)
        parts, size = [], 0
        while True:
            try:
                message = await self.guard.read(self.receive)
            except BridgeError as error:
                return error
            if message["type"] != "http.request":
                return cut_short()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > most_bytes:
                return too_large(most_bytes)
            if len(parts) > _FEW_PIECES + size // _TINY_BYTES:
                return in_tiny_pieces()
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    async def discard(self, most_bytes: int = _DISCARD_BYTES) -> None:
        """Read what a refused sender is still sending, within reason: else it might not see its answer."""
        left = 0 if "expect" in self.request.headers else most_bytes
        while left > 0:
            try:
                message = await self.guard.read(self.receive)
            except BridgeError:
                return
            size = len(message.get("body", b""))
            self.guard.discarded(size)
            left = left - max(size, _TINY_BYTES) if message.get("more_body", False) else 0


def request_of(scope: Scope) -> HttpRequest:
    """Return the request of a scope, its body not read yet."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    query_string = scope["query_string"].decode("latin-1")
    path = _path(scope["raw_path"].decode("latin-1"))
    return HttpRequest(
        id=request_id(headers),
        method=scope["method"],
        target=f"{path}?{query_string}" if query_string else path,
        query_string=query_string,
        headers=headers,
        peer=scope["client"][0] if scope["client"] else "",
        scheme=scope["scheme"],
    )


def _path(raw_path: str) -> str:
    """Return the path of a target that may name a server before it (`http://host/path`)."""
    if raw_path.startswith("/"):
        return raw_path
    return "/" + raw_path.partition("://")[2].partition("/")[2]


def is_heavy(request: HttpRequest) -> bool:
    """Tell whether preparing may take so long that the loop should not do it.

    No event is without an object, so a body with few of them has few events.
    """
    body = request.body
    if len(body) > _HEAVY_BYTES or "content-encoding" in request.headers:
        return True
    if "multipart/" in request.headers.get("content-type", "").lower():
        return True  # what reads it is loaded with the first one
    objects = body.count(b"{")
    if b"%" in body:  # found at once; looking for three letters takes ten times as long
        objects += body.count(b"%7B") + body.count(b"%7b")
    return objects > _HEAVY_OBJECTS
