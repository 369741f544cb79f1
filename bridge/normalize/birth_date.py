"""Dates of birth: to YYYYMMDD when they can be read in one way only, with the real calendar."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from hashlib import sha256
from typing import Any, Final

from bridge.coerce.dates import date_pattern, month_number
from bridge.coerce.written_dates import read_written_date
from bridge.meta_spec.spec import MetaSpec
from bridge.normalize.context import CleaningContext, Short, ValueDropped

_EARLIEST: Final = date(1900, 1, 1)
_AROUND_SEPARATOR: Final = re.compile(r"\s*([/.-])\s*")
_DIGITS: Final = re.compile(r"[0-9]{8}").fullmatch
_YEAR_FIRST: Final = re.compile(
    r"([0-9]{4})[-/. ]([0-9]{1,2})[-/. ]([0-9]{1,2})(?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?"
).fullmatch
_YEAR_LAST: Final = re.compile(
    r"([0-9]{1,2})[-/. ]([0-9]{1,2})[-/. ]([0-9]{4})(?: 0?0:00(?::00)?)?"
).fullmatch
_DAY_MONTH_NAME: Final = re.compile(
    r"([0-9]{1,2})(?:st|nd|rd|th|\.)?[ -]([^\W\d_]{3,})\.?,?[ -]([0-9]{4})"
).fullmatch
_MONTH_NAME_DAY: Final = re.compile(r"([^\W\d_]{3,})\.? ([0-9]{1,2})(?:st|nd|rd|th)?,? ([0-9]{4})").fullmatch


def birth_date(text: str, context: CleaningContext) -> str:
    """Return the date as YYYYMMDD; the author's format first, then what can be read in one way only."""
    if context.date_format is None:
        day = _iso_day(text) if text[4:5] == "-" and len(text) == 10 else _as_written(text)
    else:
        day = _by_format(text, context.date_format) or _as_written(text)
    if _EARLIEST <= day <= context.today:
        return day.isoformat().replace("-", "")
    raise ValueDropped("birth_date_range")


def ordinary_birth_date(spec: MetaSpec, placeholders: Collection[str]) -> Short:
    """Return the short way for dates of birth: the hash of one that is written as ISO 8601 says."""

    def hashed(value: Any, context: CleaningContext) -> str | None:
        if type(value) is not str or len(value) != 10 or value[4] != "-" or value[7] != "-":
            return None
        try:
            day = date.fromisoformat(value)
        except ValueError:
            return None
        if not _EARLIEST <= day <= context.today or context.date_format or value in placeholders:
            return None
        return sha256(value.replace("-", "").encode()).hexdigest()

    return hashed


def birth_day(text: str, context: CleaningContext) -> str:
    """Return the day of a birth date as two digits; also out of a whole date."""
    return _part(text, 1, 31) or birth_date(text, context)[6:]


def birth_month(text: str, context: CleaningContext) -> str:
    """Return the month of a birth date as two digits; also from its name, or out of a whole date."""
    if text.isalpha() and (month := month_number({"month_name": text})):
        return f"{month:02}"
    return _part(text, 1, 12) or birth_date(text, context)[4:6]


def birth_year(text: str, context: CleaningContext) -> str:
    """Return the year of a birth date as four digits; also out of a whole date."""
    if len(text) != 4 or not text.isdigit():
        return birth_date(text, context)[:4]
    if _EARLIEST.year <= int(text) <= context.today.year:
        return text
    raise ValueDropped("birth_date_range")


def _part(text: str, lowest: int, highest: int) -> str | None:
    """Return one or two digits as two, or None when they are no such part of a date."""
    if text.isascii() and text.isdigit() and len(text) <= 2 and lowest <= int(text) <= highest:
        return text.zfill(2)
    return None


def _by_format(text: str, pattern: str) -> date | None:
    compiled = date_pattern(pattern)
    # A format with a time (`DD.MM.YYYY HH:mm`) tells the order of a date without one, too.
    only_date = date_pattern(pattern.split(" ", maxsplit=1)[0].split("T", maxsplit=1)[0])
    for candidate in filter(None, (compiled, only_date)):
        if found := candidate.fullmatch(text):
            parts = found.groupdict()
            if parts.get("year"):
                return _day(int(parts["year"]), month_number(parts), int(parts["day"]))
    return None


def _as_written(text: str) -> date:
    text = _AROUND_SEPARATOR.sub(r"\1", text)
    if _DIGITS(text):
        return _day(int(text[:4]), int(text[4:6]), int(text[6:]))
    if parts := _YEAR_FIRST(text):
        return _day(int(parts[1]), int(parts[2]), int(parts[3]))
    if parts := _YEAR_LAST(text):
        return _of_two_orders(int(parts[1]), int(parts[2]), int(parts[3]))
    if parts := _DAY_MONTH_NAME(text):
        return _day(int(parts[3]), month_number({"month_name": parts[2]}), int(parts[1]))
    if parts := _MONTH_NAME_DAY(text):
        return _day(int(parts[3]), month_number({"month_name": parts[1]}), int(parts[2]))
    if moment := read_written_date(text):
        return moment.date()
    raise ValueDropped("birth_date_unreadable")


def _iso_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueDropped("birth_date_unreadable") from None


def _of_two_orders(first: int, second: int, year: int) -> date:
    """Read day and month in the only order the calendar allows; 3/3 is the same day in both."""
    if first <= 12 and second <= 12 and first != second:
        raise ValueDropped("birth_date_ambiguous")
    return _day(year, first, second) if first <= 12 else _day(year, second, first)


def _day(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueDropped("birth_date_unreadable") from None
