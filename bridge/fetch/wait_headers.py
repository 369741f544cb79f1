"""How long an API asks to be left alone: by the headers in use for rate limits, or by a number in its answer.

Read by form, since every API has its own prefix (`X-…-RateLimit-Remaining`, `X-Rate-Limit-Requests-Left`):
how many calls are left, and when there will be more. `RateLimit` is a header of an IETF draft, in its older
form (`limit=100, remaining=0, reset=5`) and its newer one (`"default";r=0;t=5`):
https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ (checked 2026-11-28).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from bridge.delivery.rate_limit_headers import retry_after

_LONGEST = timedelta(hours=24)
_LEFT = re.compile(r"(?:x-)?(?:[a-z]+-)?rate-?limit-(?:requests-)?(?:remaining|left)")
_RESET = re.compile(r"(?:x-)?(?:[a-z]+-)?rate-?limit-(?:time-)?(?:reset|interval)(-ms|-milliseconds)?")
_LEFT_OF_DRAFT = re.compile(r"(?:remaining=|;\s*r=)(\d+)")
_RESET_OF_DRAFT = re.compile(r"(?:reset=|;\s*t=)(\d+(?:\.\d+)?)")
_NUMBER = re.compile(r"\d{1,13}(?:\.\d+)?")
_WAITS_IN_BODY = frozenset({"rate_reset", "retry_after"})
_A_MOMENT = 1_000_000_000  # beyond this, seconds are those since 1970
_A_MOMENT_MS = 1_000_000_000_000


def asked_wait(headers: Mapping[str, str], data: Any, now: datetime, *, is_limited: bool) -> timedelta:
    """Return how long to wait before the next call; nothing when no wait is asked for.

    A limit that is used up counts in any answer; one that is not, only in an answer that says so.
    """
    waits = [retry_after(headers.get("retry-after", ""), now), _of_draft(headers.get("ratelimit", ""))]
    if _is_used_up(headers, is_limited=is_limited):
        waits += _resets(headers, now)
    if is_limited:
        waits += _waits_in(data)
    return min(max(waits), _LONGEST)


def _is_used_up(headers: Mapping[str, str], *, is_limited: bool) -> bool:
    left = [_number(text) for name, text in headers.items() if _LEFT.fullmatch(name)]
    return any(number == 0 for number in left) or (is_limited and not left)


def _resets(headers: Mapping[str, str], now: datetime) -> Iterator[timedelta]:
    for name, text in headers.items():
        match, number = _RESET.fullmatch(name), _number(text)
        if match and number is not None:
            yield _length(number / 1000 if match[1] else number, now)


def _length(seconds: float, now: datetime) -> timedelta:
    if seconds >= _A_MOMENT_MS:
        seconds /= 1000
    return timedelta(seconds=seconds - now.timestamp() if seconds >= _A_MOMENT else seconds)


def _of_draft(text: str) -> timedelta:
    left, reset = _LEFT_OF_DRAFT.search(text), _RESET_OF_DRAFT.search(text)
    is_used_up = left is not None and not int(left[1][:9])
    return timedelta(seconds=min(float(reset[1]), 1e6)) if is_used_up and reset else timedelta()


def _waits_in(data: Any) -> Iterator[timedelta]:
    """Find a wait in seconds in the answer itself, or in the error in it."""
    if not isinstance(data, Mapping):
        return
    for name, value in data.items():
        if name in _WAITS_IN_BODY and (number := _number(str(value))) is not None:
            yield timedelta(seconds=min(number, 1e6))
        elif name == "error":
            yield from _waits_in(value)


def _number(text: str) -> float | None:
    stripped = text.strip()
    return float(stripped) if _NUMBER.fullmatch(stripped) else None
