"""Points in time as people type them: on the command line and in the query of the API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any

from bridge.coerce.dates import read_time
from bridge.errors import WrongUse

_AGO = re.compile(r"(\d{1,5})\s*(s|m|h|d|w)(?:\s+ago)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_DAYS_BACK = {"today": 0, "yesterday": 1}
FORMS = "2026-11-21T12:00:00Z, 2026-11-21, 2026-11, Unix seconds, 1h (an hour ago), today or yesterday"


def read_moment(given: object, name: str, now: datetime) -> datetime:
    """Read a point in time; raises WrongUse, which names `name` and the forms that can be read.

    What is written without a time zone is in the time zone of `now`.
    """
    text = str(given).strip()
    moment = _relative(text.casefold(), now) or _absolute(text, now.tzinfo)
    if moment is None:
        raise WrongUse(f"{name} is not a time", fix=f"write it as {FORMS}")
    return moment


def moment_in(asked: Mapping[str, Any], name: str, now: datetime) -> datetime | None:
    """Return the moment of that name among what was asked for; None when nothing is said of it."""
    return read_moment(asked[name], name, now) if asked.get(name) else None


def _relative(text: str, now: datetime) -> datetime | None:
    if text == "now":
        return now
    if (days := _DAYS_BACK.get(text)) is not None:
        return now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)
    ago = _AGO.fullmatch(text)
    return now - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]]) if ago else None


def _absolute(text: str, zone: tzinfo | None) -> datetime | None:
    month = _MONTH.fullmatch(text)
    try:
        moment = datetime.fromisoformat(f"{text}-01" if month else text)
    except ValueError:
        seconds = read_time(text)
        return None if seconds is None else datetime.fromtimestamp(seconds, zone)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
