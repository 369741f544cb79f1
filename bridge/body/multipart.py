"""Multipart forms: the fields are read, the files left aside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, MultipartDecoder

from bridge.body.charset import decode_all
from bridge.body.form import nested
from bridge.body.limits import MAX_NODES, too_large
from bridge.body.media_type import MediaType
from bridge.errors import UnreadableBody
from bridge.finding import Finding


def read_multipart(
    content: bytes, media: MediaType, max_values: int = MAX_NODES
) -> tuple[Any, tuple[Finding, ...]]:
    """Read the fields of a multipart body; bracketed and repeated names are nested as in a form."""
    boundary = media.parameters.get("boundary", "")
    if not boundary or len(boundary) > 200:
        raise UnreadableBody(
            "The multipart content type names no boundary.",
            fix="Let the HTTP library write the Content-Type header of a multipart form itself.",
        )
    names, values = _fields(content, boundary.encode("utf-8", "replace"), max_values)
    texts, notes = decode_all([*names, *values], media.charset)
    data, form_notes = nested(zip(texts[: len(names)], texts[len(names) :], strict=True), max_values)
    return data, (*notes, *form_notes)


def _fields(content: bytes, boundary: bytes, max_values: int) -> tuple[list[bytes], list[bytes]]:
    names: list[bytes] = []
    values: list[bytes] = []
    reading_field = False
    try:
        for event in _events(content, boundary, max_values):
            if isinstance(event, Data):
                if reading_field:
                    values[-1] += event.data
                continue
            reading_field = isinstance(event, Field) and bool(event.name)
            if reading_field and isinstance(event, Field):
                names.append(event.name.encode("utf-8", "replace"))
                values.append(b"")
    except RequestEntityTooLarge as error:
        raise too_large("number of form fields", max_values, "fields") from error
    except (ValueError, AttributeError) as error:  # how the decoder meets a damaged body
        raise UnreadableBody(
            "The multipart form is cut or damaged.",
            fix="Send it again; if it happens each time, send JSON or an ordinary form instead.",
        ) from error
    return names, values


def _events(content: bytes, boundary: bytes, max_parts: int) -> Iterator[Event]:
    decoder = MultipartDecoder(boundary, max_parts=max_parts)
    decoder.receive_data(content)
    decoder.receive_data(None)
    event = decoder.next_event()
    while not isinstance(event, Epilogue):
        yield event
        event = decoder.next_event()
