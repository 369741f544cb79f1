"""Samples: a file with a real body, or data in a test, as the webhook it would have arrived as."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bridge.coerce.dates import read_time
from bridge.errors import CannotOpen
from bridge.mapping.language.inline_tests import MappingTest
from bridge.models import Request
from bridge.serialization import encode

LOCAL_URL = "https://bridge.example.com/hooks/"
MAX_SAMPLE_BYTES = 2_097_152
ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)  # when a sample came, where that does not matter
_SIDE = ".headers.json"
_FETCHED = ".fetched.json"
_KINDS = {
    ".json": "application/json",
    ".form": "application/x-www-form-urlencoded",
    ".txt": "text/plain",
    ".xml": "application/xml",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample and what the files beside it say: `<name>.headers.json` and `<name>.fetched.json`.

    `secrets` are made-up values for the environment names that the mapping's signature needs;
    `outcome` is what the mapping makes of it (ready, skipped, held, suppressed, erasing), when that is noted.
    `fetched` are recorded answers, as their sources gave them, by the step of `fetch` or by the path called.
    """

    file: Path
    request: Request
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    outcome: str | None = None
    fetched: Mapping[str, Any] = field(default_factory=dict, repr=False)


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
    fetched = _object_in(answers_file(file)) if answers_file(file).is_file() else {}
    return Sample(file, request, side.get("secrets", {}), side.get("outcome"), fetched)


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
            secrets.update(_object_in(side).get("secrets", {}))
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


def sample_of_test(test: MappingTest, name: str, now: datetime) -> Sample:
    """Return what a test stands for: its data or file, what comes with it, and the answers it records.

    The answers of the test count before those beside its file.
    """
    if test.given_file is not None:
        sample = read_sample(test.given_file, now)
    else:
        sample = Sample(Path("-"), request_of_data(test.given, name, now))
    arrived = moment(test.now, now) if test.now else None
    beside = With(test.headers, test.query, test.cookies, test.ip, arrived)
    return replace(
        sample,
        request=accompanied(sample.request, beside),
        fetched={**sample.fetched, **test.fetched},
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


def answers_file(sample: Path) -> Path:
    """Return the file beside a sample that holds the recorded answers of what its mapping fetches."""
    return sample.with_suffix(_FETCHED)


def _side_file(file: Path) -> dict[str, Any]:
    side = file.with_suffix(_SIDE)
    return _object_in(side) if side.is_file() else {}


def _object_in(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8"), parse_float=Decimal)
    except (OSError, ValueError) as error:
        raise CannotOpen(f"{file}: this is not a JSON object", fix="see another sample's file") from error
    return content if isinstance(content, dict) else {}


def _content_type_by_name(file: Path, body: bytes) -> str:
    """Return the content type a sample's name stands for; a multipart boundary is in its first line."""
    if body.startswith(b"--") and file.suffix not in _KINDS:
        boundary = body.split(b"\n", 1)[0].strip()[2:].decode("latin-1")
        return f"multipart/form-data; boundary={boundary}"
    return _KINDS.get(file.suffix) or content_type_of(body)


def _lowered(headers: Mapping[str, Any]) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}
