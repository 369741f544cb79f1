"""What a single value must look like to be accepted: one small test per shape."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

# The parameter builder's token behind a value: two characters of old, or eight of base64url.
_SUFFIX = r"(?:\.(?:AQ|Ag|Aw|BA|BQ|Bg|[A-Za-z0-9_-]{8}))?"
_HASH = re.compile(r"[0-9a-f]{64}" + _SUFFIX)
_FBC = re.compile(r"fb\.[0-9]+\.[0-9]+\.[^\s.][^\s]*")
_FBP = re.compile(r"fb\.[0-9]+\.[0-9]+\.[0-9]+" + _SUFFIX)
_IP_SUFFIX = re.compile(r"\.(?:AQ|Ag|Aw|BA|BQ|Bg|[A-Za-z0-9_-]{8})\Z")
_DIGITS = re.compile(r"[0-9]+")
_LEAD = re.compile(r"[0-9]{15,17}")
_URL = re.compile(r"https?://[^\s/?#]+[^\s]*", re.IGNORECASE)


def is_whole(value: Any) -> bool:
    """Return whether a JSON value is an integer (true and false are not)."""
    return type(value) is int


def is_number(value: Any) -> bool:
    """Return whether a JSON value is a finite number, or a text that is one.

    Meta's own samples send money as text now and then.
    """
    if isinstance(value, str):
        try:
            return math.isfinite(float(value)) and "_" not in value
        except ValueError:
            return False
    return type(value) is int or (type(value) is float and math.isfinite(value))


def is_text(value: Any) -> bool:
    """Return whether a value is a text with something in it."""
    return type(value) is str and bool(value.strip())


def is_id(value: Any) -> bool:
    """Return whether a value can name something: a text or a whole number."""
    return is_text(value) or is_whole(value)


def is_ip_address(value: Any) -> bool:
    """Return whether a value is an IP address, the parameter builder's token behind it or not."""
    return isinstance(value, str) and (
        _is_plain_ip_address(value) or _is_plain_ip_address(_without_token(value))
    )


def _without_token(value: str) -> str:
    return _IP_SUFFIX.sub("", value)


def _is_plain_ip_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return "%" not in value


def _text_like(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: type(value) is str and pattern.fullmatch(value) is not None


def _number_like(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    """Ids come as text or as a JSON integer; both are read by their digits."""
    return lambda value: type(value) in {str, int} and pattern.fullmatch(str(value)) is not None


SHAPES: Mapping[str, Callable[[Any], bool]] = {
    "text": is_text,
    "whole": is_whole,
    "number": is_number,
    "flag": lambda value: type(value) is bool,
    "object": lambda value: type(value) is dict,
    "list": lambda value: type(value) is list,
    "id": is_id,
    "ids": lambda value: type(value) is list and all(map(is_id, value)),
    "url": _text_like(_URL),
    "hash": _text_like(_HASH),
    "fbc": _text_like(_FBC),
    "fbp": _text_like(_FBP),
    "address": is_ip_address,
    "digits": _number_like(_DIGITS),
    "lead": _number_like(_LEAD),
}
