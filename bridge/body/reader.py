"""From the bytes of a request to plain data: dict, list, str, bool, None and numbers with all their digits.

    bytes → inflate → which kind → text → JSON, form or multipart → bounds → plain data

Whatever a stranger sends ends here as data or as a `Refused`, never as another exception.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from bridge.body.compression import inflate
from bridge.body.form import read_form
from bridge.body.json import read_json
from bridge.body.limits import MAX_NODES, too_large
from bridge.body.media_type import MediaType, body_kind, media_type
from bridge.errors import Refused, UnreadableBody, WrongContentType
from bridge.finding import Finding
from bridge.models import Request

__all__ = ["ALL_KINDS", "Body", "read_body"]

ALL_KINDS: Final = frozenset({"json", "form", "multipart"})
DEFAULT_MAX_BYTES: Final = 1_048_576

_Reader = Callable[[bytes, MediaType, int], tuple[Any, tuple[Finding, ...]]]


def _read_multipart(content: bytes, media: MediaType, max_values: int) -> tuple[Any, tuple[Finding, ...]]:
    from bridge.body.multipart import read_multipart  # 3 MB with what it needs of Werkzeug

    return read_multipart(content, media, max_values)


READERS: Final[dict[str, _Reader]] = {"json": read_json, "form": read_form, "multipart": _read_multipart}


class Body(Struct, frozen=True):
    """What a body says, and the harmless oddities met on the way."""

    data: Any
    notes: tuple[Finding, ...] = ()


def read_body(
    request: Request,
    accept: frozenset[str] = ALL_KINDS,
    max_bytes: int = DEFAULT_MAX_BYTES,
    max_values: int = MAX_NODES,
) -> Body:
    """Read the body of a request.

    Raises `TooLarge` over a bound, `WrongContentType` for a kind that `accept` leaves out or nobody
    reads (XML, images), `UnreadableBody` with line, column and likely cause for everything else.
    """
    if len(request.body) > max_bytes:
        raise too_large("body", max_bytes, "bytes")
    headers = request.headers
    encoding = headers.get("content-encoding")
    content = inflate(request.body, encoding, max_bytes) if encoding else request.body
    media = media_type(headers.get("content-type"))
    kind, kind_notes = body_kind(content, media)
    if kind not in accept or not content.strip():
        raise _not_accepted(kind, accept, content)
    data, notes = READERS[kind](content, media, max_values)
    return Body(data, kind_notes + notes)


def _not_accepted(kind: str, accept: frozenset[str], content: bytes) -> Refused:
    if not content.strip():
        return UnreadableBody(
            "The body is empty.",
            fix="Send the fields as JSON or as a form; in an HTTP module, fill in the request content.",
            code="empty_body",
        )
    return WrongContentType(
        f"This endpoint does not accept {kind} bodies.",
        fix=f"Send one of: {', '.join(sorted(accept))}, or add {kind} to receive.accept in the mapping.",
    )
