"""Undoing `Content-Encoding`, with a bound on what comes out."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from bridge.body.limits import too_large
from bridge.errors import UnreadableBody, WrongContentType

_GZIP = 16 + zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS


def inflate(body: bytes, content_encoding: str | None, max_bytes: int) -> bytes:
    """Return the body as it was before compression, at most `max_bytes` long.

    Several encodings (`gzip, deflate`) are undone last first, as HTTP has it.
    """
    if not content_encoding:
        return body
    names = [name.strip().lower() for name in content_encoding.split(",") if name.strip()]
    if len(names) > 2:
        raise _unknown_encoding()
    for name in reversed(names):
        if name not in _DECODERS:
            raise _unknown_encoding()
        body = _DECODERS[name](body, max_bytes)
    return body


def _unknown_encoding() -> WrongContentType:
    return WrongContentType(
        "The body is compressed with an encoding that is not supported.",
        fix="Send it uncompressed, or with Content-Encoding gzip or deflate.",
    )


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    """Inflate every member of a gzip body; a body that is not compressed after all is taken as it is."""
    if not body.startswith(b"\x1f\x8b"):
        return body
    inflated = b""
    while body.startswith(b"\x1f\x8b"):
        part, body = _inflate_one(body, _GZIP, max_bytes - len(inflated), max_bytes)
        inflated += part
    return inflated


def _inflate_deflate(body: bytes, max_bytes: int) -> bytes:
    """Inflate a zlib body, or a raw deflate one, which some senders call by the same name."""
    looks_like_zlib = len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
    inflated, _ = _inflate_one(body, zlib.MAX_WBITS if looks_like_zlib else _RAW, max_bytes, max_bytes)
    return inflated


def _inflate_one(body: bytes, wbits: int, room: int, limit: int) -> tuple[bytes, bytes]:
    decoder = zlib.decompressobj(wbits)
    try:
        inflated = decoder.decompress(body, room + 1)
    except zlib.error as error:
        raise _broken() from error
    if len(inflated) > room:
        raise too_large("inflated body", limit, "bytes")
    if not decoder.eof:
        raise _broken()
    return inflated, decoder.unused_data


def _broken() -> UnreadableBody:
    return UnreadableBody(
        "The compressed body is cut or damaged.",
        fix="Send it again, or without Content-Encoding.",
        code="broken_compression",
    )


def _identity(body: bytes, _max_bytes: int) -> bytes:
    return body


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate_deflate,
    "identity": _identity,
}
