"""Samples: a file with a real body, or data in a test, as the webhook it would have arrived as."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bridge.coerce.dates import read_time
from bridge.errors import CannotOpen
from bridge.models import Request
from bridge.serialization import encode

LOCAL_URL = "https://bridge.example.com/hooks/"
MAX_SAMPLE_BYTES = 2_097_152
_SIDE = ".headers.json"
_KINDS = {
    ".json": "application/json",
    ".form": "application/x-www-form-urlencoded",
    ".txt": "text/plain",
    ".xml": "application/xml",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample and what its side file `<name>.headers.json` says about it.

    `secrets` are made-up values for the environment names that the mapping's signature needs;
    `outcome` is what the mapping makes of it (ready, skipped, held, suppressed), when that is noted.
    """

    file: Path
    request: Request
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    outcome: str | None = None


def read_sample(file: Path, now: datetime) -> Sample:
    """Read a sample file; it arrives at `now` unless its side file names another time."""
    body = _bytes_of(file)
    side = _side_file(file)
    headers = {"content-type": _content_type_by_name(file, body)} | _lowered(side.get("headers", {}))
    request = replace(
        request_of_body(body, file.parent.name, now),
        url=side.get("url") or f"{LOCAL_URL}{file.parent.name}",
        headers=headers,
        query=dict(side.get("query", {})),
        ip=side.get("ip"),
        received_at=moment(side.get("now"), now),
    )
    return Sample(file, request, side.get("secrets", {}), side.get("outcome"))


def request_of_body(body: bytes, name: str, now: datetime) -> Request:
    """Return the webhook that would have brought this body; its content type is what the body looks like."""
    return Request(
        method="POST",
        url=f"{LOCAL_URL}{name}",
        headers={"content-type": content_type_of(body)},
        query={},
        body=body,
        ip=None,
        received_at=now,
    )


def request_of_data(data: Any, name: str, now: datetime) -> Request:
    """Return the webhook that would have brought this data as JSON."""
    return replace(request_of_body(encode(data), name, now), headers={"content-type": _KINDS[".json"]})


def content_type_of(body: bytes) -> str:
    """Guess the content type of a body that came without one, by its first character."""
    looks_like_json = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
    return _KINDS[".json"] if looks_like_json else _KINDS[".form"]


def sample_secrets(folders: Iterable[Path]) -> dict[str, str]:
    """Return the made-up secrets of all samples beside some mappings, by their names in the environment."""
    secrets: dict[str, str] = {}
    for folder in folders:
        for side in sorted(folder.glob(f"**/samples/*/*{_SIDE}")):
            secrets.update(_side_file(side.with_name(side.name.removesuffix(_SIDE))).get("secrets", {}))
    return secrets


@dataclass(frozen=True, slots=True)
class With:
    """What else arrives with the webhook of a test: its `with` block."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    ip: str | None = None
    now: datetime | None = None


def accompanied(request: Request, extra: With) -> Request:
    """Return the request with a test's own headers, query, cookies, IP address and time put over it."""
    headers = {**request.headers, **_lowered(extra.headers)}
    if extra.cookies:
        headers["cookie"] = "; ".join(f"{name}={value}" for name, value in extra.cookies.items())
    return replace(
        request,
        headers=headers,
        query={**request.query, **extra.query},
        ip=extra.ip or request.ip,
        received_at=extra.now or request.received_at,
    )


def moment(text: Any, otherwise: datetime) -> datetime:
    """Read a time as the author of a test or sample wrote it."""
    seconds = read_time(text) if text is not None else None
    return otherwise if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _bytes_of(file: Path) -> bytes:
    try:
        body = file.read_bytes()
    except OSError as error:
        raise CannotOpen(f"{file}: the sample cannot be read", fix="check the path and its case") from error
    if len(body) > MAX_SAMPLE_BYTES:
        raise CannotOpen(f"{file}: a sample has at most {MAX_SAMPLE_BYTES // 1_048_576} MiB")
    return body


def _side_file(file: Path) -> dict[str, Any]:
    side = file.with_suffix(_SIDE)
    if not side.is_file():
        return {}
    try:
        content = json.loads(side.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CannotOpen(f"{side}: this is not a JSON object", fix="see another sample's file") from error
    return content if isinstance(content, dict) else {}


def _content_type_by_name(file: Path, body: bytes) -> str:
    """Return the content type a sample's name stands for; a multipart boundary is in its first line."""
    if body.startswith(b"--") and file.suffix not in _KINDS:
        boundary = body.split(b"\n", 1)[0].strip()[2:].decode("latin-1")
        return f"multipart/form-data; boundary={boundary}"
    return _KINDS.get(file.suffix) or content_type_of(body)


def _lowered(headers: Mapping[str, Any]) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}
