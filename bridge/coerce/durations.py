"""Durations as people write them: `7 days`, `12h`, `500ms`, `1.5 hours`; a number alone counts seconds."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Final

SECONDS: Final[dict[str, Decimal]] = {
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), Decimal("0.001")),
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), Decimal(1)),
    **dict.fromkeys(("m", "min", "minute", "minutes"), Decimal(60)),
    **dict.fromkeys(("h", "hour", "hours"), Decimal(3_600)),
    **dict.fromkeys(("d", "day", "days"), Decimal(86_400)),
    **dict.fromkeys(("w", "week", "weeks"), Decimal(604_800)),
}
UNITS: Final = tuple(unit for unit in SECONDS if len(unit) > 2)  # the ones worth suggesting
LONGEST: Final = timedelta(days=3_650)
_DURATION: Final = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*([a-z]*)", re.ASCII)


def read_duration(text: str) -> timedelta | None:
    """Read a duration; None when it is not one, or longer than ten years."""
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None or match[2] not in SECONDS:
        return None
    seconds = Decimal(match[1]) * SECONDS[match[2]]
    return timedelta(seconds=float(seconds)) if seconds <= LONGEST.total_seconds() else None


def unit_of(text: str) -> str:
    """Return the word behind the number, known or not; empty when there is none."""
    match = _DURATION.fullmatch(text.strip().lower())
    return match[2] if match else ""
