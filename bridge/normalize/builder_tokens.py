"""Tokens of Meta's parameter builder: it marks what it touched, and several servers may have marked the same.

A token is a point and six bytes in base64url, the first of them 1 and the second 1 to 6 (version and kind
of the builder). Builders of the first generation wrote two characters instead.
https://github.com/facebook/capi-param-builder
"""

from __future__ import annotations

import re
from typing import Final

FIRST_GENERATION: Final = r"\.(?:AQ|Ag|Aw|BA|BQ|Bg)"
TOKEN: Final = r"\.AQ[E-Za-b][A-Za-z0-9_-]{5}"  # noqa: S105 - a pattern
_ANY: Final = rf"{FIRST_GENERATION}|\.AQ[A-Za-z0-9_-]{{6}}"
_BEHIND_VALUE: Final = re.compile(rf"(?:{_ANY})+$")
_IN_URL: Final = re.compile(r"(?<=[^/.])(?:\.AQ[A-Za-z0-9_-]{6})+(?=$|[&#])")
_POSSIBLE: Final = re.compile(rf"(?:{TOKEN}|{FIRST_GENERATION}(?![A-Za-z0-9_-]))").search


def with_one_token(value: str) -> str:
    """Return a cookie, address or click id with the first possible token of those behind it."""
    return _BEHIND_VALUE.sub(_first_possible, value) if ".A" in value or ".B" in value else value


def url_with_one_token(url: str) -> str:
    """Return a URL with one token at its end and behind each parameter; none there is changed otherwise."""
    if ".AQ" not in url:
        return url
    host_end = url.find("/", url.find("//") + 2)
    return url if host_end < 0 else url[:host_end] + _IN_URL.sub(_first_possible, url[host_end:])


def _first_possible(tokens: re.Match[str]) -> str:
    found = _POSSIBLE(tokens[0])
    return found[0] if found else ""
