"""What a signature covers and how a header carries it: templates, structured headers, ages."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

from bridge.errors import NotAuthentic
from bridge.models import Request, VerifyRule

_PLACEHOLDER: Final = re.compile(r"\{(body|timestamp|url|method|secret)\}")
_Part = Callable[[Request, str | None, bytes], bytes]

# placeholder -> how its bytes are found for (request, timestamp, secret)
_PARTS: Final[dict[str, _Part]] = {
    "body": lambda request, _timestamp, _secret: request.body,
    "timestamp": lambda _request, timestamp, _secret: (timestamp or "").encode("utf-8", "surrogatepass"),
    "url": lambda request, _timestamp, _secret: request.url.encode("utf-8", "surrogatepass"),
    "method": lambda request, _timestamp, _secret: request.method.upper().encode(),
    "secret": lambda _request, _timestamp, secret: secret,
}


def signed_bytes(template: str, request: Request, timestamp: str | None, secret: bytes) -> bytes:
    """Fill in the template of what was signed, such as `{timestamp}.{body}`."""
    if template == "{body}":
        return request.body
    return b"".join(
        part if isinstance(part, bytes) else part(request, timestamp, secret) for part in _compiled(template)
    )


@lru_cache(maxsize=256)
def _compiled(template: str) -> tuple[bytes | _Part, ...]:
    pieces = _PLACEHOLDER.split(template)  # text, name, text, name, … text
    return tuple(
        _PARTS[piece] if index % 2 else piece.encode() for index, piece in enumerate(pieces) if piece
    )


_RESERVED: Final = re.compile(r"%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)


def url_spellings(url: str) -> tuple[str, ...]:
    """Return the ways in which senders spell the URL they sign: as it is, or with reserved characters bare.

    One vendor documents twelve escapes to undo before signing while its own library undoes none, so
    both have to count. A forger gains nothing: either needs the secret.
    """
    bare = _RESERVED.sub(lambda match: chr(int(match[1], 16)), url)
    return (url,) if bare == url else (url, bare)


_KEYED_FORMAT: Final = re.compile(r"[\w-]+=\{\w+\}(?:[,;\s&]\s*[\w-]+=\{\w+\})*")
_KEYED_ITEM: Final = re.compile(r"\s*([\w-]+)\s*=\s*\"?([^,;\s&\"]*)\"?")


def read_structured(template: str, header: str) -> tuple[list[str], str | None]:
    """Return the signatures and the timestamp of a header such as `t=…,v1=…,v1=…`.

    A template of `key={…}` items is read by keys, in any order, with unknown keys left aside and
    several signatures allowed; any other template must fit the header from end to end.
    """
    if _KEYED_FORMAT.fullmatch(template):
        return _read_keyed(template, header)
    match = _as_pattern(template).fullmatch(header)
    if match is None:
        return [], None
    found = match.groupdict()
    return [found.get("signature") or ""], found.get("timestamp")


def _read_keyed(template: str, header: str) -> tuple[list[str], str | None]:
    keys = {placeholder.strip("{}"): key for key, placeholder in _KEYED_ITEM.findall(template)}
    items = _KEYED_ITEM.findall(header)
    signatures = [value for key, value in items if key == keys.get("signature") and value]
    timestamps = {value for key, value in items if key == keys.get("timestamp")}
    if len(timestamps) > 1:
        raise NotAuthentic("the signature header names several timestamps")
    return signatures, next(iter(timestamps), None)


@lru_cache(maxsize=256)
def _as_pattern(template: str) -> re.Pattern[str]:
    pattern = re.escape(template)
    pattern = pattern.replace(re.escape("{timestamp}"), r"(?P<timestamp>\d{1,20})", 1)
    pattern = pattern.replace(re.escape("{signature}"), r"(?P<signature>[^,;\s]+)", 1)
    return re.compile(pattern)


_MILLISECONDS_FROM: Final = 100_000_000_000  # as seconds, that would be the year 5138


def check_age(timestamp: str, rule: VerifyRule, now: datetime) -> None:
    """Reject a timestamp that is too old or too far ahead, so that a webhook cannot be replayed."""
    distance_seconds = abs(now.timestamp() - _unix_seconds(timestamp, rule.timestamp_unit))
    if distance_seconds > rule.tolerance_seconds:
        raise NotAuthentic(
            f"the signature's timestamp is more than {rule.tolerance_seconds} seconds away from now",
            fix="Check the clocks of both machines; a webhook that was sent again needs a new signature.",
        )


def _unix_seconds(timestamp: str, unit: str | None) -> float:
    if timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 16:
        number = int(timestamp)
        if unit == "milliseconds" or (unit is None and number >= _MILLISECONDS_FROM):
            return number / 1_000
        return number
    return _iso_seconds(timestamp)


def _iso_seconds(timestamp: str) -> float:
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError as error:
        raise NotAuthentic("the signature's timestamp is not a time") from error
    if moment.tzinfo is None:
        raise NotAuthentic("the signature's timestamp has no time zone")
    return moment.timestamp()


def required_header(request: Request, name: str | None) -> str:
    """Return a header without surrounding spaces; raise `NotAuthentic` when it is missing or empty."""
    value = request.headers.get((name or "").lower(), "").strip()
    if not value:
        raise NotAuthentic(f"the header {name} is missing")
    return value


def is_among(expected: str, given: Sequence[str]) -> bool:
    """Compare in constant time; texts that are not ASCII cannot be right, and must not raise."""
    wanted = expected.encode()
    return any(hmac.compare_digest(wanted, as_bytes(text)) for text in given)


def as_bytes(text: str) -> bytes:
    """Return any text as bytes, halves of surrogate pairs included."""
    return text.encode("utf-8", "surrogatepass")
