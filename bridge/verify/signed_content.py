"""What a signature covers and how a header carries it: templates, structured headers, ages."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl

from bridge.errors import NotAuthentic
from bridge.models import Request, SortedForm, VerifyRule
from bridge.plurals import counted

_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Content:
    """What a signed text can be made of; `data` is the read body, or the entry that is signed by itself."""

    request: Request
    timestamp: str | None
    secret: bytes
    rule: VerifyRule
    data: Any = None


_Part = Callable[[Content], bytes]

# placeholder -> how its bytes are found
_PARTS: Final[dict[str, _Part]] = {
    "body": lambda content: content.request.body,
    "body_base64": lambda content: base64.b64encode(content.request.body),
    "timestamp": lambda content: as_bytes(content.timestamp or ""),
    "url": lambda content: as_bytes(content.request.url),
    "method": lambda content: content.request.method.upper().encode(),
    "secret": lambda content: content.secret,
}


def signed_bytes(content: Content) -> bytes:
    """Fill in the template of what was signed, such as `{timestamp}.{body}`."""
    template = content.rule.signed
    if template == "{body}":
        return content.request.body
    return b"".join(part if isinstance(part, bytes) else part(content) for part in _compiled(template))


@lru_cache(maxsize=256)
def _compiled(template: str) -> tuple[bytes | _Part, ...]:
    pieces = _PLACEHOLDER.split(template)  # text, name, text, name, … text
    return tuple(_part(piece) if index % 2 else piece.encode() for index, piece in enumerate(pieces) if piece)


def _part(name: str) -> _Part:
    """Return what fills a placeholder: part of the request, a header, a parameter, a field of the body."""
    if name == "sorted_form":
        return _sorted_form
    if name in _PARTS:
        return _PARTS[name]
    place, _, key = name.partition(".")
    if place == "$headers":
        return lambda content: as_bytes(content.request.headers.get(key.lower(), "").strip())
    if place == "$query":
        return lambda content: as_bytes(content.request.query.get(key, ""))
    return lambda content: as_bytes(str(content.rule.read[name](content.data) or ""))


def needs_body_read(rule: VerifyRule) -> bool:
    """Say whether the body has to be read before the signature can be checked."""
    return bool(rule.read) or rule.body_field is not None or rule.for_each is not None


_MOST_FORM_FIELDS: Final = 2_000
_WORDS_OF_PAIR: Final = re.compile(r"\{(name|value|secret)\}")


def _sorted_form(content: Content) -> bytes:
    """Write the fields of a form sorted by name, and by value where a name is repeated."""
    form = content.rule.sorted_form or SortedForm()
    left_out = form.without | ({content.rule.field} if content.rule.field else set())
    pairs = sorted({(name, value) for name, value in _form_fields(content.request) if name not in left_out})
    kept = [(name, value) for name, value in pairs if value or not form.skips_empty]
    return form.joined_by.encode().join(_pair(form.pair, name, value, content.secret) for name, value in kept)


def _form_fields(request: Request) -> list[tuple[str, str]]:
    if "x-www-form-urlencoded" not in request.headers.get("content-type", ""):
        raise NotAuthentic("the signature covers the fields of a form, but the body is not a form")
    try:
        text = request.body.decode()
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FORM_FIELDS)
    except ValueError as error:
        raise NotAuthentic("the form that was signed cannot be read") from error


def _pair(template: str, name: str, value: str, secret: bytes) -> bytes:
    parts = {"name": as_bytes(name), "value": as_bytes(value), "secret": secret}
    pieces = _WORDS_OF_PAIR.split(template)
    return b"".join(parts[piece] if index % 2 else piece.encode() for index, piece in enumerate(pieces))


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
    several = found.get("signatures") or ""
    return [found.get("signature") or "", *_SEPARATORS.split(several)], found.get("timestamp")


def _read_keyed(template: str, header: str) -> tuple[list[str], str | None]:
    keys = {
        placeholder.strip("{}").removesuffix("s"): key for key, placeholder in _KEYED_ITEM.findall(template)
    }
    items = _KEYED_ITEM.findall(header)
    signatures = [value for key, value in items if key == keys.get("signature") and value]
    timestamps = {value for key, value in items if key == keys.get("timestamp")}
    if len(timestamps) > 1:
        raise NotAuthentic("the signature header names several timestamps")
    return signatures, next(iter(timestamps), None)


_SEPARATORS: Final = re.compile(r"[,\s]+")


@lru_cache(maxsize=256)
def _as_pattern(template: str) -> re.Pattern[str]:
    pattern = re.escape(template)
    pattern = pattern.replace(re.escape("{timestamp}"), r"(?P<timestamp>\d{1,20})", 1)
    pattern = pattern.replace(re.escape("{signature}"), r"(?P<signature>[^,;\s]+)", 1)
    pattern = pattern.replace(re.escape("{signatures}"), r"(?P<signatures>\S[^;]*)", 1)
    return re.compile(pattern)


_MILLISECONDS_FROM: Final = 100_000_000_000  # as seconds, that would be the year 5138


def check_age(timestamp: str, rule: VerifyRule, now: datetime) -> None:
    """Reject a timestamp that is too old or too far ahead, so that a webhook cannot be replayed."""
    distance_seconds = abs(now.timestamp() - _unix_seconds(timestamp, rule.timestamp_unit))
    if distance_seconds > rule.tolerance_seconds:
        tolerance = counted(rule.tolerance_seconds, "second")
        raise NotAuthentic(
            f"the signature's timestamp is more than {tolerance} away from now",
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
