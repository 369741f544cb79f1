"""People's texts to moments: ISO 8601, e-mail dates, Unix times, and the author's own date format."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from bridge.coerce.identifiers import why_damaged
from bridge.coerce.numbers import PLAIN_NUMBER, is_finite
from bridge.coerce.written_dates import hour_of, month_called, read_written_date
from bridge.meta_spec.rule_files import load_meta_spec

_LONGEST_TIME: Final = 100  # JavaScript writes the name of the time zone behind it
# Spreadsheets count days in the 1900 date system: ECMA-376 part 1, 18.17.4.1. These are 2000 to 2099.
_SPREADSHEET_START: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - local time, whatever the zone
_SPREADSHEET_DAYS: Final = range(36_526, 73_051)
_DOTNET: Final = re.compile(r"/Date\(([0-9]{12,14})(?:[+-][0-9]{4})?\)/").fullmatch
# The reader of e-mail dates would overlook these, and be hours off.
_NOT_MAIL: Final = re.compile(r"[0-9 ][ap]\.?m\b|(?:GMT|UTC)[+-]", re.IGNORECASE).search
# A plus that a form did not encode arrives as a space: `2026-11-26T11:00:00 01:00`.
_LOST_PLUS: Final = re.compile(r"(T[0-9:.]{5,18}) ([01][0-9]:?[0-9]{2})$")
_DAYS_WITH_COMMA: Final = re.compile(r"[0-9]{5},[0-9]{1,15}").fullmatch


def read_time(value: Any, pattern: str | None = None, timezone: str | None = None) -> int | None:
    """Read a moment as Unix seconds; None when it cannot be read in one way.

    Understands ISO 8601, RFC 2822, Unix seconds, milliseconds and microseconds (number or text), the days
    that spreadsheets count (`46353.5`), the milliseconds of `/Date(1795717800000)/`, dates as people write
    them that can be only one day (`27.11.2026 11:00`), and a `pattern` such as `DD.MM.YYYY HH:mm`. What has
    no offset is local time of `timezone` (UTC without one).
    """
    if isinstance(value, datetime):
        return _seconds(value, timezone)
    if isinstance(value, str):
        return _time_of_text(value.strip(), pattern, timezone) if len(value) <= _LONGEST_TIME else None
    return _time_of_number(value, timezone)


def needs_time_zone(value: Any, pattern: str | None = None) -> bool:
    """Return whether a moment names no offset, so that it is another moment in every time zone."""
    return read_time(value, pattern, "+00:00") != read_time(value, pattern, "+12:00")


def _time_of_text(text: str, pattern: str | None, timezone: str | None) -> int | None:
    if text[10:11] == "T" and " " in text:
        text = _LOST_PLUS.sub(r"\1+\2", text)
    if pattern and (moment := _time_by_pattern(text, pattern)) is not None:
        return _seconds(moment, timezone)
    if text[4:5] == "-" and (moment := _iso_time(text)) is not None:
        return _seconds(moment, timezone)
    if (number := _number_in(text)) is not None:
        return _time_of_number(number, timezone)
    moment = _iso_time(text) or read_written_date(text) or _mail_time(text)
    return _seconds(moment, timezone) if moment else None


def _number_in(text: str) -> Decimal | None:
    """Return the number that a text is; none that lost its last digits (1.79577E+12), and none of a date."""
    if PLAIN_NUMBER(text) and not (len(text) == 8 and text.isdigit()):  # eight digits are YYYYMMDD
        return None if why_damaged(text) else Decimal(text)
    if _DAYS_WITH_COMMA(text):
        return Decimal(text.replace(",", "."))
    found = _DOTNET(text)
    return Decimal(found[1]) if found else None


def _time_of_number(value: Any, zone: str | None) -> int | None:
    """Read Unix seconds; thirteen digits are milliseconds, sixteen microseconds, nineteen nanoseconds.

    As seconds the numbers of a spreadsheet's days would all be the first of January 1970.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if not is_finite(value) or not 0 < value < 10**20:
        return None
    if _SPREADSHEET_DAYS.start <= value < _SPREADSHEET_DAYS.stop:
        return _seconds(_SPREADSHEET_START + timedelta(seconds=round(float(value) * 86_400)), zone)
    seconds = int(value)
    while seconds >= load_meta_spec().milliseconds_from:
        seconds //= 1000
    return seconds


def _iso_time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    # `2026-11-21 10:00:00 +0100` and `… UTC` are common; fromisoformat takes neither.
    tidy = re.sub(r"\s+(?=[+-]\d{2}:?\d{2}$)", "", text)
    tidy = re.sub(r"\s*(?:UTC|GMT|Z)$", "+00:00", tidy)
    try:
        return datetime.fromisoformat(tidy)
    except ValueError:
        return None


def _mail_time(text: str) -> datetime | None:
    if not any(character.isalpha() for character in text) or _NOT_MAIL(text):
        return None
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _seconds(moment: datetime, zone: str | None) -> int | None:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_zone(zone))
    try:
        return int(moment.timestamp())
    except (OverflowError, ValueError, OSError):
        return None


@lru_cache(maxsize=64)
def _zone(name: str | None) -> tzinfo:
    if not name:
        return UTC
    offset = re.fullmatch(r"([+-])(\d{2}):?(\d{2})", name)
    if offset:
        minutes = min(int(offset[2]) * 60 + int(offset[3]), 24 * 60 - 1)
        return timezone(timedelta(minutes=minutes if offset[1] == "+" else -minutes))
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return UTC


# The words of a date pattern, longest first, and what each one matches.
_PATTERN_WORDS: Final = {
    "YYYY": r"(?P<year>\d{4})",
    "MMMM": r"(?P<month_name>[^\W\d_]+)",
    "MMM": r"(?P<month_name>[^\W\d_]+)\.?",
    "YY": r"(?P<short_year>\d{2})",
    "MM": r"(?P<month>\d{1,2})",
    "DD": r"(?P<day>\d{1,2})",
    "HH": r"(?P<hour>\d{1,2})",
    "hh": r"(?P<hour>\d{1,2})",
    "mm": r"(?P<minute>\d{1,2})",
    "ss": r"(?P<second>\d{1,2})",
    "ZZ": r"(?P<offset>Z|[+-]\d{2}:?\d{2})",
    "M": r"(?P<month>\d{1,2})",
    "D": r"(?P<day>\d{1,2})",
    "H": r"(?P<hour>\d{1,2})",
    "h": r"(?P<hour>\d{1,2})",
    "A": r"(?P<half>[AaPp]\.?[Mm]\.?)",
    "a": r"(?P<half>[AaPp]\.?[Mm]\.?)",
    "Z": r"(?P<offset>Z|[+-]\d{2}:?\d{2})",
}
_WORD: Final = re.compile("|".join(_PATTERN_WORDS) + r"|\s+|.", re.DOTALL)


@lru_cache(maxsize=256)
def date_pattern(pattern: str) -> re.Pattern[str] | None:
    """Compile a pattern such as `DD.MM.YYYY HH:mm`; None unless it has day, month and year once each."""
    parts = [
        _PATTERN_WORDS.get(word) or (r"\s+" if word.isspace() else re.escape(word))
        for word in _WORD.findall(pattern)
    ]
    try:
        compiled = re.compile("".join(parts))
    except re.error:
        return None
    names = compiled.groupindex.keys()
    whole = "day" in names and names & {"month", "month_name"} and names & {"year", "short_year"}
    return compiled if whole else None


def _time_by_pattern(text: str, pattern: str) -> datetime | None:
    compiled = date_pattern(pattern)
    found = compiled.fullmatch(text) if compiled else None
    return _moment({name: part for name, part in found.groupdict().items() if part}) if found else None


def _moment(parts: dict[str, str]) -> datetime | None:
    hour = hour_of(int(parts.get("hour", 0)), parts.get("half"))
    zone = _zone(parts["offset"].replace("Z", "+00:00")) if "offset" in parts else None
    try:
        return datetime(
            int(parts.get("year") or f"20{parts['short_year']}"),
            month_number(parts),
            int(parts["day"]),
            hour,
            int(parts.get("minute", 0)),
            int(parts.get("second", 0)),
            tzinfo=zone,
        )
    except (ValueError, OverflowError):
        return None


def month_number(parts: dict[str, str]) -> int:
    """Return the month of matched date parts; 0, which no calendar has, for a name nobody knows."""
    return int(parts["month"]) if "month" in parts else month_called(parts["month_name"])
