"""Turns a sample (a file with a real body, or data in a test) into the request it would have been."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bridge.coerce.reading import read_time
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
    """Read a sample file; `now` is when it arrives unless its side file names the time it was natural at."""
    body = _bytes_of(file)
    beside = _side_file(file)
    headers = {"content-type": _kind_of(file, body)} | _lowered(beside.get("headers", {}))
    return Sample(
        file,
        Request(
            method="POST",
            url=beside.get("url") or f"{LOCAL_URL}{file.parent.name}",
            headers=headers,
            query=dict(beside.get("query", {})),
            body=body,
            ip=beside.get("ip"),
            received_at=moment(beside.get("now"), now),
        ),
        beside.get("secrets", {}),
        beside.get("outcome"),
    )


def request_of_data(data: Any, name: str, now: datetime) -> Request:
    """Return the request that would have brought this data as JSON."""
    return Request(
        method="POST",
        url=f"{LOCAL_URL}{name}",
        headers={"content-type": "application/json"},
        query={},
        body=encode(data),
        ip=None,
        received_at=now,
    )


def sample_secrets(folders: Iterable[Path]) -> dict[str, str]:
    """Return the made-up secrets of all samples beside some mappings, by their names in the environment."""
    secrets: dict[str, str] = {}
    for folder in folders:
        for beside in sorted(folder.glob(f"samples/*/*{_SIDE}")):
            secrets.update(_side_file(beside.with_name(beside.name.removesuffix(_SIDE))).get("secrets", {}))
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
    """Return the request with a test's own headers, query, cookies, address and time applied."""
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
    beside = file.with_suffix(_SIDE)
    if not beside.is_file():
        return {}
    try:
        context = json.loads(beside.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CannotOpen(f"{beside}: this is not a JSON object", fix="see another sample's file") from error
    return context if isinstance(context, dict) else {}


def _kind_of(file: Path, body: bytes) -> str:
    """Guess the content type of a sample by its name, and a multipart boundary by its first line."""
    if body.startswith(b"--") and file.suffix not in _KINDS:
        boundary = body.split(b"\n", 1)[0].strip()[2:].decode("latin-1")
        return f"multipart/form-data; boundary={boundary}"
    return _KINDS.get(
        file.suffix, "application/json" if body.lstrip()[:1] in (b"{", b"[") else _KINDS[".form"]
    )


def _lowered(headers: Mapping[str, Any]) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}
