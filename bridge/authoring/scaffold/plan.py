"""Decides what a new mapping should say, from what a sample webhook shows and what its author asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.authoring.scaffold.chosen_paths import (
    CONTENT_IDS,
    SURE,
    Items,
    Seen,
    chosen_paths,
    items_of,
    seen_in,
)
from bridge.coerce.emptiness import is_empty
from bridge.coerce.numbers import currency_beside
from bridge.recognize.event_kind import Condition, Occurrence
from bridge.recognize.guess import Guess
from bridge.recognize.money_fields import Units, units_of
from bridge.recognize.payload_fields import PayloadField, joined_path
from bridge.recognize.recognition_tables import folded, recognition_tables
from bridge.recognize.value_shapes import has_shape

_MOST_HINTS = 8
_WORTH_A_WORD, _MOST_AMOUNTS = 24, 3
_MOST_BESIDE_A_LIST = 5
_PURCHASE = "Purchase"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the author asked for; None means: decide from the sample."""

    event_name: str | None = None
    action_source: str | None = None
    sent_by: str = "server"
    send_to: str = "main"
    currency: str | None = None
    country: str | None = None
    timezone: str | None = None
    number_format: str | None = None
    date_format: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What the new mapping will say. `paths` holds the paths of each destination, in order of preference."""

    event_name: str
    action_source: str
    sent_by: str
    send_to: str
    for_each: str | None
    paths: Mapping[str, tuple[str, ...]]
    event_id: str | None
    items: Items | None
    units: Units
    settings: Mapping[str, str]
    defaults: Mapping[str, str]
    maybe: tuple[tuple[str, str, str], ...]
    hints: tuple[str, ...] = ()
    lacks_phone_country: bool = False  # a phone has no country code, and the payload names no country
    conditions: tuple[Condition, ...] = ()
    refused_by: PayloadField | None = field(default=None, repr=False)
    other_amounts: tuple[str, ...] = ()
    empty: frozenset[str] = frozenset()  # paths that hold nothing in the sample


def plan_mapping(data: Any, wishes: Wishes, standard_events: Iterable[str]) -> Plan:
    """Decide every line of a new mapping for a payload; values that are not certain become comments."""
    for_each, item = _entries(data)
    seen = seen_in(item, standard_events)
    items = items_of(item)
    chosen = chosen_paths(seen, items)
    event_name = wishes.event_name or seen.happened.event_name or "Lead"
    readable = (name for name, found in chosen.items() if not _unreadable(name, found, seen.values, wishes))
    order = [known.destination for known in recognition_tables().fields] + [CONTENT_IDS]
    paths = {name: tuple(chosen[name]) for name in sorted(readable, key=order.index)}
    settings = _settings(chosen, seen.values, wishes, for_each)
    lacks_phone_country = "phone_country" not in settings and _needs_country(chosen, seen.values)
    units = _units(seen, paths)
    return Plan(
        event_name=event_name,
        action_source=wishes.action_source or _action_source(chosen, seen.happened),
        sent_by=wishes.sent_by,
        send_to=wishes.send_to,
        for_each=for_each,
        paths=paths,
        event_id=_event_id(event_name, chosen),
        items=items if event_name == _PURCHASE else None,
        units=units,
        settings=settings,
        hints=_hints(settings, wishes, lacks_phone_country=lacks_phone_country),
        lacks_phone_country=lacks_phone_country,
        defaults=_defaults(event_name, chosen, seen.values, wishes),
        maybe=_maybe(seen.guesses, paths),
        conditions=seen.happened.conditions,
        refused_by=seen.happened.refused_by,
        other_amounts=_other_amounts(seen, paths),
        empty=frozenset(path for path, value in seen.values.items() if is_empty(value)),
    )


def _entries(data: Any) -> tuple[str | None, Any]:
    """Return the list whose entries are events of their own, and its first entry; else the webhook itself.

    A list of events is one that a webhook brings with nothing but a few plain fields beside it.
    """
    if isinstance(data, list) and data:
        return "$", data[0]
    if not isinstance(data, Mapping):
        return None, data
    nested = {key: value for key, value in data.items() if isinstance(value, Mapping | list)}
    if len(nested) != 1 or len(data) > _MOST_BESIDE_A_LIST:
        return None, data
    [(key, rows)] = nested.items()
    is_list = (
        isinstance(rows, list) and bool(rows) and all(isinstance(row, Mapping) and len(row) for row in rows)
    )
    if not is_list or folded(str(key)) not in recognition_tables().event_lists:
        return None, data
    return joined_path("", str(key)), rows[0]


def _other_amounts(seen: Seen, paths: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    taken = set(paths.get("custom_data.value", ()))
    found = [
        g.field.path for g in seen.guesses if g.destination == "custom_data.value" and g.strength >= SURE
    ]
    return tuple(path for path in dict.fromkeys(found) if path not in taken)[:_MOST_AMOUNTS]


def _units(seen: Seen, paths: Mapping[str, Sequence[str]]) -> Units:
    by_path = {field_.path: field_ for field_ in seen.fields}
    amount = by_path.get(next(iter(paths.get("custom_data.value", ())), ""))
    if amount is None:
        return "as written"
    currency = next((str(seen.values.get(path)) for path in paths.get("custom_data.currency", ())), None)
    return units_of(amount, seen.fields, currency, recognition_tables(), is_payment=seen.happened.is_payment)


def empty_plan(wishes: Wishes) -> Plan:
    """Return the plan of a mapping without a sample: the usual names of a contact form, to be changed."""
    paths = {
        "user_data.email": ("email",),
        "user_data.phone": ("phone",),
        "user_data.full_name": ("name",),
    }
    event_name = wishes.event_name or "Lead"
    if event_name == _PURCHASE:
        paths |= {"custom_data.value": ("value",), "custom_data.currency": ("currency",)}
    browser = wishes.sent_by == "browser"
    if browser:
        paths |= {
            "event_source_url": ("page_url",),
            "user_data.ip": ("$ip",),
            "user_data.user_agent": ("$user_agent",),
        }
    settings = {"phone_country": wishes.country} if wishes.country else {}
    return Plan(
        event_name=event_name,
        action_source=wishes.action_source or ("website" if browser else "system_generated"),
        sent_by=wishes.sent_by,
        send_to=wishes.send_to,
        for_each=None,
        paths=paths,
        event_id=f"{_prefix(event_name)}-{{id}}",
        items=None,
        units="as written",
        settings=settings,
        defaults={},
        maybe=(),
    )


# --- naming ----------------------------------------------------------------------------------------


def _action_source(chosen: Mapping[str, Any], happened: Occurrence) -> str:
    if happened.action_source:
        return happened.action_source
    return "website" if {"event_source_url", "user_data.user_agent"} <= chosen.keys() else "system_generated"


def _event_id(event_name: str, chosen: Mapping[str, Sequence[str]]) -> str | None:
    if "event_id" not in chosen:
        return None
    return f"{_prefix(event_name)}-{{{chosen['event_id'][0]}}}"


def _prefix(event_name: str) -> str:
    return (
        "order"
        if event_name == _PURCHASE
        else re.sub(r"[^a-z0-9]+", "-", event_name.casefold()).strip("-") or "event"
    )


# --- reading the values ----------------------------------------------------------------------------


def _unreadable(name: str, paths: Sequence[str], values: Mapping[str, Any], wishes: Wishes) -> bool:
    """Say whether a date could mean two days (`02/04/2026`) and nobody said which."""
    if name not in {"event_time", "user_data.date_of_birth"} or wishes.date_format:
        return False
    return all(path in values and date_pattern(values[path]) == "" for path in paths)


def date_pattern(value: Any) -> str | None:
    """Return the pattern a written date follows, None when it needs none, and "" when it could be two."""
    text = str(value).strip()
    match = re.match(
        r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:[ T]+(\d{1,2}:\d{2})(:\d{2})?(\s*[AaPp][Mm])?)?", text
    )
    if not match:
        return None
    first, sign, second, _, clock, seconds, half = match.groups()
    time = f" {'hh' if half else 'HH'}:mm{':ss' if seconds else ''}{' A' if half else ''}" if clock else ""
    if sign == "." or int(first) > 12:
        return f"DD{sign}MM{sign}YYYY{time}"
    return f"MM{sign}DD{sign}YYYY{time}" if int(second) > 12 else ""


def _settings(
    chosen: Mapping[str, Sequence[str]], values: Mapping[str, Any], wishes: Wishes, for_each: str | None
) -> dict[str, str]:
    settings: dict[str, str] = {}
    times = [values[path] for path in chosen.get("event_time", ()) if path in values]
    if wishes.timezone or any(_has_no_zone(value) for value in times):
        settings["timezone"] = wishes.timezone or _zone_of_currency(chosen, values)
    pattern = wishes.date_format or next(
        (date_pattern(value) for value in times if date_pattern(value)), None
    )
    if pattern:
        settings["date_format"] = pattern
    if wishes.number_format:
        settings["number_format"] = wishes.number_format
    country = _phone_country(chosen, values, wishes, for_each)
    return settings | ({"phone_country": country} if country else {})


def _zone_of_currency(chosen: Mapping[str, Sequence[str]], values: Mapping[str, Any]) -> str:
    """Return the zone of the country whose currency the payload names; UTC when it tells nothing."""
    codes = [str(values.get(path)).upper() for path in chosen.get("custom_data.currency", ())]
    return recognition_tables().zones.get(codes[0] if codes else "", "UTC")


def _has_no_zone(value: Any) -> bool:
    text = str(value).strip()
    dated = has_shape("date", text) and not re.fullmatch(r"[\d.]+", text) and ":" in text
    return dated and not re.search(r"Z$|[+-]\d{2}:?\d{2}$|GMT|UTC", text)


def _needs_country(chosen: Mapping[str, Sequence[str]], values: Mapping[str, Any]) -> bool:
    phones = [values[path] for path in chosen.get("user_data.phone", ()) if not is_empty(values.get(path))]
    return any(not str(phone).strip().startswith("+") for phone in phones)


def _hints(settings: Mapping[str, str], wishes: Wishes, *, lacks_phone_country: bool) -> tuple[str, ...]:
    """Return what the author alone can know, as lines to be switched on or changed."""
    hints = []
    if "timezone" in settings and wishes.timezone is None:
        hints.append(
            f"timezone: {settings['timezone']} is a guess, because the dates name no zone: "
            "write yours, such as Europe/Berlin"
        )
    if lacks_phone_country:
        hints.append("phone_country: DE   # the phone in the sample has no country code: write yours")
    return tuple(hints)


def _phone_country(
    chosen: Mapping[str, Sequence[str]], values: Mapping[str, Any], wishes: Wishes, for_each: str | None
) -> str | None:
    if wishes.country:
        return wishes.country
    if not _needs_country(chosen, values):
        return None
    for path in chosen.get("user_data.country", ()):
        if for_each is None and re.fullmatch(r"[A-Za-z]{2}", str(values.get(path, ""))):
            return f"$.{path}"
    return None


def _defaults(
    event_name: str, chosen: Mapping[str, Sequence[str]], values: Mapping[str, Any], wishes: Wishes
) -> dict[str, str]:
    """Return the currency that was asked for, or the one that is written beside the amount: `19,90 €`."""
    amounts = chosen.get("custom_data.value", ())
    beside = (currency_beside(values.get(path)) for path in amounts)
    found = "" if "custom_data.currency" in chosen else next(filter(None, beside), "")
    currency = wishes.currency or found
    return {"currency": currency} if currency and (event_name == _PURCHASE or amounts) else {}


def _maybe(guesses: Iterable[Guess], paths: Mapping[str, Sequence[str]]) -> tuple[tuple[str, str, str], ...]:
    """Return what was too unsure for a line: path, destination, what it looks like."""
    used = {path for found in paths.values() for path in found}
    filled = set(paths) | ({"user_data.full_name"} if "user_data.last_name" in paths else set())
    maybe: dict[str, tuple[str, str, str]] = {}
    for guess in guesses:
        field_: PayloadField = guess.field
        new = guess.destination not in filled and field_.path not in used
        if new and guess.strength >= _WORTH_A_WORD and not is_empty(field_.value):
            maybe.setdefault(field_.path, (field_.path, guess.destination, guess.called))
    return tuple(maybe.values())[:_MOST_HINTS]
