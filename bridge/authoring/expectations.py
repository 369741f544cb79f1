"""Compares an event with what a test expects of it; expected values are cleaned and hashed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any

from bridge.coerce.dates import read_time
from bridge.coerce.numbers import read_number
from bridge.meta_spec.spec import MetaSpec
from bridge.models import BLOCKS, ReadingSettings
from bridge.normalize import normalize_value

NOTHING = "(nothing)"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not as expected; both sides as a person reads them."""

    field: str
    expected: str
    got: str


def differences(
    expected: Mapping[str, Any],
    event: Mapping[str, Any],
    settings: ReadingSettings,
    spec: MetaSpec,
    *,
    exactly: bool = False,
) -> list[Difference]:
    """Return every field that differs; fields nobody named count only when the event is compared exactly."""
    wanted = dict(_flat(expected, spec))
    found = dict(_flat(event, spec))
    result = [
        Difference(name, _shown(value), _shown(found.get(name, NOTHING)))
        for name, value in wanted.items()
        if not _agrees(name, value, found.get(name), settings, spec)
    ]
    if exactly:
        result += [Difference(name, NOTHING, _shown(found[name])) for name in found if name not in wanted]
    return result


def _flat(event: Mapping[str, Any], spec: MetaSpec, above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield `user_data.em`, `custom_data.value` …, written nested or with dots, by Meta's own names."""
    for key, value in event.items():
        block, dot, rest = str(key).partition(".")
        if not above and not dot and block in BLOCKS and isinstance(value, Mapping):
            yield from _flat(value, spec, block)
        else:
            yield _canonical(f"{above}.{key}" if above else f"{block}{dot}{rest}", spec), value


def _canonical(name: str, spec: MetaSpec) -> str:
    block, _, key = name.partition(".")
    if block == "user_data":
        return f"user_data.{spec.user_data_names.get(key, key)}"
    return name.replace("custom_data.properties.", "custom_data.", 1)


def _agrees(name: str, expected: Any, got: Any, settings: ReadingSettings, spec: MetaSpec) -> bool:
    block, _, key = name.partition(".")
    if got is None:
        return expected is None
    if block == "user_data" and key in spec.user_data:
        return _same_people(key, expected, got, settings, spec)
    return _same(expected, got, of_time=name.endswith("event_time"))


def _same_people(field: str, expected: Any, got: Any, settings: ReadingSettings, spec: MetaSpec) -> bool:
    """Say whether each expected value, cleaned and hashed, is one of the sent ones, and none is left over."""
    sent = [str(value) for value in (got if isinstance(got, list) else [got])]
    wanted = expected if isinstance(expected, list) else [expected]
    if len(sent) != len(wanted):
        return False
    for value in wanted:
        match = next((form for form in _forms(field, value, settings, spec) if form in sent), None)
        if match is None:
            return False
        sent.remove(match)
    return True


def _forms(field: str, value: Any, settings: ReadingSettings, spec: MetaSpec) -> Iterator[str]:
    """Yield what an expected value may look like when sent: cleaned, as written, its hash."""
    text = _shown(value)
    country = settings.phone_country if field == "ph" else None
    cleaned = normalize_value(field, text, country)
    if cleaned.sent is not None:
        yield str(cleaned.sent)
    yield text
    if spec.user_data[field].hashed != "no":
        yield sha256(text.strip().lower().encode()).hexdigest()


def _same(expected: Any, got: Any, *, of_time: bool = False) -> bool:
    if isinstance(got, Mapping):
        wanted = expected if isinstance(expected, Mapping) else {None: expected}
        return all(_same(value, got.get(key)) for key, value in wanted.items())
    if isinstance(got, list):
        entries = expected if isinstance(expected, list) else [expected]
        return len(entries) == len(got) and all(map(_same, entries, got))
    if isinstance(got, bool):
        return str(expected).casefold() in ({"true", "yes"} if got else {"false", "no"})
    if isinstance(got, int | float | Decimal):
        number = read_time(expected) if of_time else _number(expected)
        return number is not None and Decimal(str(number)) == Decimal(str(got))
    return _shown(expected) == str(got)


def _number(expected: Any) -> Decimal | None:
    """Read a number as programs write it, else as people do."""
    number = read_number(expected, "1234.56")
    return read_number(expected) if number is None else number


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_shown(item)}" for key, item in value.items()) + "}"
    return NOTHING if value is None else str(value)
