"""What rate-limit headers ask for: how long a dataset or an app should be paused before the limit is hit.

Source: https://developers.facebook.com/docs/graph-api/overview/rate-limiting (checked 2026-11-21).
Percentages count up to 100, where Meta throttles; we slow down before. `estimated_time_to_regain_access` is
in minutes, `reset_time_duration` in seconds. `Retry-After` is not documented for this API but followed
all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import orjson

_PERCENTAGES = ("call_count", "total_cputime", "total_time", "acc_id_util_pct", "app_id_util_pct")
# From this share of the limit on: pause for so long. The first row that fits counts.
_PAUSES: tuple[tuple[float, timedelta], ...] = (
    (100, timedelta(minutes=5)),
    (95, timedelta(minutes=1)),
    (90, timedelta(seconds=15)),
)
_LONGEST = timedelta(hours=6)
_APP_HEADER = "x-app-usage"
_DATASET_HEADERS = ("x-business-use-case-usage", "x-ad-account-usage")


@dataclass(frozen=True, slots=True)
class RequestedPause:
    """What the headers ask for: this dataset or app should be paused for so long."""

    of: Literal["dataset", "app"]
    length: timedelta


def requested_pauses(headers: Mapping[str, str], now: datetime) -> list[RequestedPause]:
    """Return what a response's headers ask for; unreadable headers ask for nothing."""
    asked = [
        RequestedPause("dataset", retry_after(headers.get("retry-after", ""), now)),
        RequestedPause("app", _longest_pause(headers.get(_APP_HEADER, ""))),
        *(RequestedPause("dataset", _longest_pause(headers.get(name, ""))) for name in _DATASET_HEADERS),
    ]
    return [RequestedPause(one.of, min(one.length, _LONGEST)) for one in asked if one.length > timedelta()]


def retry_after(text: str, now: datetime) -> timedelta:
    """Return how long a `Retry-After` asks to wait, in seconds or until a date; nothing when unreadable."""
    if text.strip().isascii() and text.strip().isdigit():
        return timedelta(seconds=min(int(text.strip()[:9]), 1_000_000))
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return timedelta()
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now


def _longest_pause(text: str) -> timedelta:
    try:
        content = orjson.loads(text)
    except ValueError:
        return timedelta()
    return max((_pause_of(entry) for entry in _entries(content)), default=timedelta())


def _entries(content: Any) -> Iterator[Mapping[str, Any]]:
    """Find the objects that hold figures: the header itself, or lists of them under ids."""
    if isinstance(content, Mapping):
        yield content
        for inner in content.values():
            yield from _entries(inner) if isinstance(inner, list) else ()
    elif isinstance(content, list):
        for inner in content:
            yield from _entries(inner)


def _pause_of(entry: Mapping[str, Any]) -> timedelta:
    """Pause for as long as the header estimates, or as the fullest of its figures suggests."""
    estimate = timedelta(minutes=_number(entry, "estimated_time_to_regain_access"))
    fullest = max(_number(entry, name) for name in _PERCENTAGES)
    if fullest >= 100:
        estimate = max(estimate, timedelta(seconds=_number(entry, "reset_time_duration")))
    return estimate or next((pause for percent, pause in _PAUSES if fullest >= percent), timedelta())


def _number(entry: Mapping[str, Any], name: str) -> float:
    value = entry.get(name, 0)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1_000_000
    return float(value) if usable else 0.0
