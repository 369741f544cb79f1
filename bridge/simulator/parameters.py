"""Reads what a client posted, in every form Meta takes: JSON, urlencoded or multipart, and the query.

`data` may be a list of objects, a list of JSON texts (as Meta's own SDKs send it) or one JSON text.
"""

from __future__ import annotations

import email.parser
import email.policy
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson


class Unreadable(ValueError):
    """The body is not what its content type says."""


def read_parameters(query: str, content_type: str, body: bytes) -> dict[str, Any]:
    """Return all parameters of a request; those of the body win over those of the query."""
    kind = content_type.partition(";")[0].strip().lower()
    parameters: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
    if body:
        reader = _READERS.get(kind, _read_form)
        parameters.update(reader(body, content_type))
    return parameters


def read_events(data: Any) -> Any:
    """Return `data` as plain values, JSON texts decoded; what cannot be decoded stays as it is."""
    decoded = _decode(data)
    return [_decode(item) for item in decoded] if isinstance(decoded, list) else decoded


def _decode(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _read_json(body: bytes, _content_type: str) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unreadable("the body is not JSON") from error
    if not isinstance(found, dict):
        raise Unreadable("the body is not a JSON object")
    return found


def _read_form(body: bytes, _content_type: str) -> dict[str, Any]:
    return _gather(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _read_multipart(body: bytes, content_type: str) -> dict[str, Any]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    if not message.is_multipart():
        raise Unreadable("the multipart body has no parts")
    return _gather((_part_name(part), _part_text(part)) for part in message.iter_parts())


def _part_name(part: Any) -> str:
    return str(part.get_param("name", "", header="content-disposition"))


def _part_text(part: Any) -> str:
    content: bytes = part.get_payload(decode=True) or b""
    return content.decode("utf-8", "replace")


def _gather(pairs: Any) -> dict[str, Any]:
    """Collect form fields; `data[]` and `data[0]` add to the list `data`."""
    gathered: dict[str, Any] = {}
    for name, value in pairs:
        stem, bracket, _ = name.partition("[")
        if bracket:
            gathered.setdefault(stem, []).append(value)
        else:
            gathered[name] = value
    return gathered


_READERS: Mapping[str, Callable[[bytes, str], dict[str, Any]]] = {
    "application/json": _read_json,
    "multipart/form-data": _read_multipart,
}
