"""Checks of what authors give as examples: time zones, date formats, number formats."""

from __future__ import annotations

import zoneinfo
from functools import cache

from bridge.coerce.dates import date_pattern
from bridge.coerce.numbers import read_number
from bridge.mapping.language.reader import Entries, Loading
from bridge.positioned_yaml import Node
from bridge.spelling import closest


def check_formats(loading: Loading, entries: Entries) -> None:
    """Report `timezone`, `date_format` and `number_format` of a block that nobody could read with."""
    for name, check in (
        ("timezone", _check_timezone),
        ("date_format", _check_date_format),
        ("number_format", _check_number_format),
    ):
        entry = entries.get(name)
        if entry is not None and isinstance(entry.value, str):
            check(loading, entry.node, entry.value)


def _check_timezone(loading: Loading, node: Node, zone: str) -> None:
    known = _timezones()
    if zone not in known:
        fix = "write it like Europe/Berlin"
        loading.error(
            node, "unknown_timezone", f"there is no time zone {zone!r}", fix, closest(zone, sorted(known))
        )


def _check_date_format(loading: Loading, node: Node, pattern: str) -> None:
    if date_pattern(pattern) is None:
        fix = "write it like DD.MM.YYYY HH:mm"
        loading.error(
            node,
            "bad_date_format",
            "a date format needs the day, the month and the year exactly once each",
            fix,
        )


def _check_number_format(loading: Loading, node: Node, example: str) -> None:
    if read_number(example, example) is None:
        fix = "write an example such as 1.234,56"
        loading.error(
            node,
            "bad_number_format",
            "number_format must be an example of a number as the sender writes it",
            fix,
        )


@cache
def _timezones() -> frozenset[str]:
    """Return every zone of the database; listing them walks a folder, so it is done once."""
    return frozenset(zoneinfo.available_timezones())
