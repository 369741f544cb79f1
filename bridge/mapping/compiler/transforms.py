"""The options of a value: each changes what the source gave. Their order is that of the grammar table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from bridge.coerce.dates import read_time
from bridge.coerce.numbers import decimals_written, is_ambiguous, minor_unit_digits, read_number
from bridge.finding import Finding
from bridge.mapping.compiler.conditions import folded, matcher
from bridge.mapping.compiler.context import Compiling
from bridge.mapping.language.reader import Entries, Entry, value_of
from bridge.mapping.runtime.scope import Reader, Scope, text_of

Change = Callable[[Scope, Any], Any]


class Skip:
    """What a lookup gives when its `otherwise` says that the event is not to be sent."""

    __slots__ = ()


SKIP: Final = Skip()

MAX_PARTS: Final = 1_000


def _each_entry(change: Callable[[Scope, Any], Any]) -> Change:
    """Let a change of one value work on every entry of a list."""

    def changed(scope: Scope, value: Any) -> Any:
        if isinstance(value, list):
            return [new for entry in value if (new := change(scope, entry)) is not None] or None
        return change(scope, value)

    return changed


def _lookup(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    rows = entry.value
    if rows is None:
        return None
    table = {key.strip().casefold(): result for key, result in rows.items()}
    if len(table) < len(rows):
        compiling.loading.error(entry.node, "duplicate_key", "two rows of this lookup are equal", "keep one")
    silent = "error" if compiling.skips else None  # an event without a name must not get lost
    otherwise = entries["otherwise"].value if "otherwise" in entries else silent
    unknown = Finding(
        "error",
        "no_lookup_row",
        "a lookup has no row for the value in the webhook",
        "add the row, or say otherwise: skip, keep or a text",
        position=entry.position,
    )

    def change(scope: Scope, value: Any) -> Any:
        key = folded(value)
        found = table.get(key) if key is not None else None
        if found is not None:
            return found
        if otherwise == "keep":
            return value
        if otherwise == "skip":
            return SKIP
        if otherwise == "error":
            scope.findings.append(unknown)
            return None
        return otherwise

    return _each_entry(change) if otherwise != "skip" else change


def _split(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    separator = entry.value
    if not separator:
        return None

    def change(scope: Scope, value: Any) -> Any:
        parts: list[str] = []
        for one in value if isinstance(value, list) else [value]:
            text = text_of(one)
            parts.extend(part.strip() for part in (text or "").split(separator, MAX_PARTS))
        return [part for part in parts if part]

    return change


def _take(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    wanted = entry.value
    glue = value_of(entries, "split")

    def change(scope: Scope, value: Any) -> Any:
        parts = value if isinstance(value, list) else [value]
        if wanted == "rest":
            rest = parts[1:]
            return glue.join(str(part) for part in rest) if glue else rest
        at = {"first": 0, "last": len(parts) - 1}.get(wanted, wanted - 1 if isinstance(wanted, int) else 0)
        return parts[at] if 0 <= at < len(parts) else None

    return change if wanted is not None else None


def _replace(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    rows = entry.value

    def change(scope: Scope, value: Any) -> Any:
        text = text_of(value)
        if text is None:
            return value
        for old, new in rows.items():
            text = text.replace(old, new)[:65_536] if old else text
        return text

    return _each_entry(change) if rows else None


def _minor_units(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    if not entry.value:
        return None
    currency, example = compiling.currency, compiling.settings.number_format
    unknown = Finding(
        "error",
        "minor_units_without_currency",
        "an amount is in minor units, but its currency is not known, so it cannot be converted",
        "map custom_data.currency, or put one under defaults",
        position=entry.position,
    )

    def change(scope: Scope, value: Any) -> Any:
        code = text_of(currency.read(scope)) if currency is not None else None
        digits = minor_unit_digits(code) if code else None
        if digits is None:
            scope.findings.append(unknown)
            return None
        number = read_number(value, example, decimals=0)  # cents are whole: 150.000 are 150,000
        return value if number is None else number.scaleb(-digits)

    return _each_entry(change)


def _divide_by(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    divisor: Decimal | None = entry.value
    example = compiling.settings.number_format
    if divisor is not None and not divisor:
        compiling.loading.error(entry.node, "no_number", "divide_by cannot be 0", "write another number")
    if not divisor:
        return None
    ambiguous, currency = number_ambiguous(entry), compiling.currency

    def change(scope: Scope, value: Any) -> Any:
        number = read_number(value, example, decimals_of(currency, scope, (value,)))
        if number is not None:
            return number / divisor
        if not is_ambiguous(value):
            return value
        scope.findings.append(ambiguous)
        return None

    return _each_entry(change)


def decimals_of(currency: Reader | None, scope: Scope, values: Iterable[Any]) -> int | None:
    """Return how many decimals the event's currency is written with, where a text leaves that open."""
    if currency is None or not any(map(is_ambiguous, values)):
        return None
    return decimals_written(text_of(currency.read(scope)))


def number_ambiguous(entry: Entry) -> Finding:
    """Return the finding about a number that cannot be calculated with, because it could be two."""
    return Finding(
        "warning",
        "number_ambiguous",
        "a number is ambiguous (1.234 can mean 1234 or 1.234), so it was left out",
        "set number_format under settings to an example as the sender writes it (1.234,56)",
        position=entry.position,
    )


def _date_format(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    pattern = entry.value
    zone = entries["timezone"].value if "timezone" in entries else compiling.settings.timezone
    has_time = pattern is not None and "h" in pattern.lower()

    def change(scope: Scope, value: Any) -> Any:
        seconds = read_time(value, pattern, zone if has_time else "UTC")
        if seconds is None:
            return value
        moment = datetime.fromtimestamp(seconds, UTC)
        return moment.isoformat() if has_time else moment.date().isoformat()

    return _each_entry(change) if pattern else None


def _timezone(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    """Read a time of this zone; with a date_format beside it the zone was used there already."""
    if "date_format" in entries or entry.value is None:
        return None
    zone, pattern = entry.value, compiling.settings.date_format

    def change(scope: Scope, value: Any) -> Any:
        seconds = read_time(value, pattern, zone)
        return value if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()

    return _each_entry(change)


def _number_format(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    example = entry.value

    def change(scope: Scope, value: Any) -> Any:
        number = read_number(value, example)
        if number is None:
            return value
        if scope.trace is not None:
            scope.trace.step(scope.field, "number read", f'"{value}" -> {number}')
        return number

    return _each_entry(change) if example else None


def _true_when(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    """Turn words into true and false; with one of the two lists every other value is the opposite."""
    if "true_when" in entries and entry is not entries["true_when"]:
        return None
    true = (
        matcher(entries["true_when"].value) if "true_when" in entries and entries["true_when"].value else None
    )
    false = (
        matcher(entries["false_when"].value)
        if "false_when" in entries and entries["false_when"].value
        else None
    )

    def change(scope: Scope, value: Any) -> Any:
        if true is not None and true(value):
            return True
        if false is not None and false(value):
            return False
        return None if true is not None and false is not None else true is None

    return _each_entry(change) if true or false else None


def _join(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    glue = entry.value

    def change(scope: Scope, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return glue.join(text for one in value if (text := text_of(one)))

    return change if glue is not None else None


def _limit(compiling: Compiling, entry: Entry, entries: Entries) -> Change | None:
    most = entry.value
    if most is None:
        return None
    return lambda scope, value: value[:most] if isinstance(value, list | str) else value


CHANGES: Final[dict[str, Callable[[Compiling, Entry, Entries], Change | None]]] = {
    "lookup": _lookup,
    "split": _split,
    "take": _take,
    "replace": _replace,
    "minor_units": _minor_units,
    "divide_by": _divide_by,
    "date_format": _date_format,
    "timezone": _timezone,
    "number_format": _number_format,
    "true_when": _true_when,
    "false_when": _true_when,
    "join": _join,
    "limit": _limit,
}
