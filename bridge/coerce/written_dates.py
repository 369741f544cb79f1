"""Dates as people and tools write them for people: `27.11.2026 11:00`, `November 27, 2026 11:00 pm`.

What could be two days (`05/11/2026`) is not read: only the author's date format tells which one is meant.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

from bridge.meta_spec.rule_files import load_meta_spec

_TIME: Final = (
    r"(?:[ T,]+(?:at +|um +)?(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,]\d{1,9})?)?"
    r" *(?P<half>[AaPp]\.?[Mm]\.?)? *(?:Uhr)? *(?P<zone>Z|(?:UTC|GMT)?(?:[+-]\d{2}:?\d{2})?))?"
)
_FORMS: Final = tuple(
    re.compile(date + _TIME, re.ASCII).fullmatch
    for date in (
        r"(?P<year>\d{4})(?P<sign>[./-]) ?(?P<month>\d{1,2})(?P=sign) ?(?P<day>\d{1,2})\.?",
        r"(?P<first>\d{1,2})(?P<sign>[./-]) ?(?P<other>\d{1,2})(?P=sign) ?(?P<year>\d{4})",
        r"(?P<day>\d{1,2})(?:st|nd|rd|th|\.)?[ -]+(?P<name>[A-Za-z]{3,9})\.?,?[ -]+(?P<year>\d{4})",
        r"(?P<name>[A-Za-z]{3,9})\.? +(?P<day>\d{1,2})(?:st|nd|rd|th)?,? +(?P<year>\d{4})",
    )
)
_WEEKDAY: Final = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? +", re.IGNORECASE)
_REMARK: Final = re.compile(r" *\([^()]*\)$")  # `(CET)` behind the offset, as JavaScript writes dates
_EAST_ASIAN: Final = str.maketrans({"年": "-", "月": "-", "日": "", "년": "-", "월": "-", "일": ""})
_OFFSET: Final = re.compile(r"([+-])(\d{2}):?(\d{2})$", re.ASCII).search


def read_written_date(text: str) -> datetime | None:
    """Read a date with or without a time; None when it is none, or could be two. Naive without a zone."""
    text = _REMARK.sub("", _WEEKDAY.sub("", text.translate(_EAST_ASIAN), count=1))
    for form in _FORMS:
        found = form(text)
        if found is not None:
            return _moment({name: part for name, part in found.groupdict().items() if part})
    return None


def _moment(parts: dict[str, str]) -> datetime | None:
    if "first" in parts:
        if not (in_order := _day_and_month(int(parts["first"]), int(parts["other"]))):
            return None
        day, month = in_order
    else:
        day = int(parts["day"])
        month = month_called(parts["name"]) if "name" in parts else int(parts["month"])
    try:
        return datetime(
            int(parts["year"]),
            month,
            day,
            hour_of(int(parts.get("hour", 0)), parts.get("half")),
            int(parts.get("minute", 0)),
            int(parts.get("second", 0)),
            tzinfo=_zone(parts.get("zone")),
        )
    except ValueError:
        return None


def _day_and_month(first: int, other: int) -> tuple[int, int] | None:
    """Return day and month in the only order the calendar allows; None where it allows both."""
    if first <= 12 and other <= 12 and first != other:
        return None
    return (other, first) if first <= 12 else (first, other)


def hour_of(hour: int, half: str | None) -> int:
    """Return the hour of a day; 12 am is midnight, and 13 pm is 13."""
    if half is None or hour > 12:
        return hour
    return hour % 12 + (12 if half[0] in "pP" else 0)


def month_called(name: str) -> int:
    """Return the month of an English name or its first letters; 0, which no calendar has, for any other."""
    word = name.lower()
    months = load_meta_spec().months
    return next(
        (number for number, month in enumerate(months, 1) if len(word) >= 3 and month.startswith(word)), 0
    )


def _zone(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    offset = _OFFSET(text)
    if offset is None:
        return UTC
    minutes = int(offset[2]) * 60 + int(offset[3])
    return timezone(timedelta(minutes=minutes if offset[1] == "+" else -minutes))
