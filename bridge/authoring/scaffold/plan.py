"""Decides what a new mapping should say, from what a sample webhook shows and what its author asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.coerce.emptiness import is_empty
from bridge.recognize.guess import Guess, known_shape, recognize
from bridge.recognize.payload_fields import PayloadField, joined_path
from bridge.recognize.recognition_tables import KnownShape, folded, recognition_tables
from bridge.recognize.value_shapes import has_shape

_MOST_HINTS = 8
_SURE, _GOOD_ENOUGH_ALONE, _WORTH_A_WORD, _CLOSE_BEHIND, _MOST_PATHS = 50, 24, 24, 32, 3
_MAY_BE_GUESSED = frozenset(
    {"user_data.email", "user_data.phone", "user_data.fbclid", "user_data.fbc", "user_data.fbp"}
)
_ONE_PATH_ONLY = frozenset({"event_id", "event_time", "custom_data.value", "custom_data.currency"})
_MAY_SHARE = frozenset({"event_id", "custom_data.order_id", "user_data.external_id", "user_data.lead_id"})
_PURCHASE = "Purchase"
_KEYS_OF_EVENT_NAMES = frozenset({"event", "eventname", "event_name", "type", "eventtype"})


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
class Items:
    """The list of bought things in a payload and the names of its columns."""

    path: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the new mapping will say. `paths` holds the paths of each destination, in order of preference."""

    event_name: str
    action_source: str
    sent_by: str
    send_to: str
    looks_like: KnownShape | None
    for_each: str | None
    paths: Mapping[str, tuple[str, ...]]
    event_id: str | None
    items: Items | None
    minor_units: bool
    settings: Mapping[str, str]
    defaults: Mapping[str, str]
    maybe: tuple[tuple[str, str, str], ...]
    hints: tuple[str, ...] = ()
    samples: Mapping[str, Any] = field(default_factory=dict, repr=False)


def plan_mapping(data: Any, wishes: Wishes, standard_events: Iterable[str]) -> Plan:
    """Decide every line of a new mapping for a payload; values that are not certain become comments."""
    for_each, item = ("$", data[0]) if isinstance(data, list) and data else (None, data)
    shape = known_shape(item)
    guesses = recognize(item)
    chosen = _chosen(guesses, shape)
    items = _items(item)
    event_name = wishes.event_name or _event_name(item, chosen, items, shape, standard_events)
    values = {guess.field.path: guess.field.value for guess in guesses}
    order = [known.destination for known in recognition_tables().fields]
    readable = (name for name, found in chosen.items() if not _unreadable(name, found, values, wishes))
    paths = {name: tuple(chosen[name]) for name in sorted(readable, key=order.index)}
    settings = _settings(chosen, values, wishes, for_each)
    return Plan(
        event_name=event_name,
        action_source=wishes.action_source or _action_source(chosen, shape),
        sent_by=wishes.sent_by,
        send_to=wishes.send_to,
        looks_like=shape,
        for_each=for_each,
        paths=paths,
        event_id=_event_id(event_name, chosen, shape),
        items=items if event_name == _PURCHASE else None,
        minor_units=bool(shape and shape.minor_units),
        settings=settings,
        hints=_hints(chosen, values, settings, wishes),
        defaults=_defaults(event_name, chosen, wishes),
        maybe=_maybe(guesses, paths),
        samples=values,
    )


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
        looks_like=None,
        for_each=None,
        paths=paths,
        event_id=f"{_prefix(event_name)}-{{id}}",
        items=None,
        minor_units=False,
        settings=settings,
        defaults={},
        maybe=(),
        samples={},
    )


# --- choosing the paths ----------------------------------------------------------------------------


def _chosen(guesses: Sequence[Guess], shape: KnownShape | None) -> dict[str, list[str]]:
    chosen: dict[str, list[str]] = {}
    taken: set[str] = set()
    if shape:
        for name, path in {**shape.fields, **shape.minor_units}.items():
            if name != "event_id":
                chosen[name] = [path]
                taken.add(path)
    for name, ranked in _by_destination(guesses).items():
        if name in chosen and name in _ONE_PATH_ONLY:
            continue
        best = ranked[0].strength
        enough = _GOOD_ENOUGH_ALONE if name in _MAY_BE_GUESSED and best < _SURE else _SURE
        free = [g for g in ranked if g.strength >= max(enough, best - _CLOSE_BEHIND)]
        paths = [g.field.path for g in free if name in _MAY_SHARE or g.field.path not in taken]
        merged = list(dict.fromkeys([*chosen.get(name, []), *paths]))
        if merged:
            chosen[name] = merged[: 1 if name in _ONE_PATH_ONLY else _MOST_PATHS]
            taken |= set(chosen[name]) if name not in _MAY_SHARE else set()
    return _without_doubles(chosen)


def _by_destination(guesses: Iterable[Guess]) -> dict[str, list[Guess]]:
    """Group the guesses; a field counts for the destination it fits best, ids for each that wants one."""
    best: dict[str, Guess] = {}
    for guess in guesses:
        best.setdefault(guess.field.path, guess)
    grouped: dict[str, list[Guess]] = {}
    for guess in guesses:
        if best[guess.field.path] is guess or guess.destination in _MAY_SHARE:
            grouped.setdefault(guess.destination, []).append(guess)
    return grouped


def _without_doubles(chosen: dict[str, list[str]]) -> dict[str, list[str]]:
    if "user_data.first_name" in chosen and "user_data.last_name" in chosen:
        chosen.pop("user_data.full_name", None)
    chosen.pop("consent", None)
    return chosen


def _event_name(
    item: Any,
    chosen: Mapping[str, Any],
    items: Items | None,
    shape: KnownShape | None,
    standard: Iterable[str],
) -> str:
    if shape:
        return shape.event_name
    if isinstance(item, Mapping):
        known = {folded(name): name for name in standard}
        for key, value in item.items():
            if folded(str(key)) in _KEYS_OF_EVENT_NAMES and isinstance(value, str) and folded(value) in known:
                return known[folded(value)]
    sold = "custom_data.value" in chosen and "custom_data.currency" in chosen
    return _PURCHASE if sold and (items or "custom_data.order_id" in chosen) else "Lead"


def _action_source(chosen: Mapping[str, Any], shape: KnownShape | None) -> str:
    if shape and shape.action_source != "website":
        return shape.action_source
    return "website" if {"event_source_url", "user_data.user_agent"} <= chosen.keys() else "system_generated"


def _event_id(event_name: str, chosen: Mapping[str, Sequence[str]], shape: KnownShape | None) -> str | None:
    if shape and "event_id" in shape.fields:
        return shape.fields["event_id"]
    if "event_id" not in chosen:
        return None
    return f"{_prefix(event_name)}-{{{chosen['event_id'][0]}}}"


def _prefix(event_name: str) -> str:
    return (
        "order"
        if event_name == _PURCHASE
        else re.sub(r"[^a-z0-9]+", "-", event_name.casefold()).strip("-") or "event"
    )


def _items(item: Any) -> Items | None:
    tables = recognition_tables()
    for path, rows in _lists(item):
        if folded(path.rpartition(".")[2]) not in tables.item_lists or not isinstance(rows[0], Mapping):
            continue
        keys = {folded(str(key)): str(key) for key in rows[0]}
        found = {
            column: keys[name]
            for column, names in tables.item_fields.items()
            if (name := next((name for name in names if name in keys), None))
        }
        if "id" in found and len(found) > 1:
            return Items(path, found)
    return None


def _lists(node: Any, path: str = "", depth: int = 0) -> Iterable[tuple[str, list[Any]]]:
    if isinstance(node, Mapping) and depth < 4:
        for key, value in node.items():
            below = joined_path(path, str(key))
            if isinstance(value, list) and value:
                yield below, value
            yield from _lists(value, below, depth + 1)


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
        settings["timezone"] = wishes.timezone or "UTC"
    pattern = wishes.date_format or next(
        (date_pattern(value) for value in times if date_pattern(value)), None
    )
    if pattern:
        settings["date_format"] = pattern
    if wishes.number_format:
        settings["number_format"] = wishes.number_format
    country = _phone_country(chosen, values, wishes, for_each)
    return settings | ({"phone_country": country} if country else {})


def _has_no_zone(value: Any) -> bool:
    text = str(value).strip()
    dated = has_shape("date", text) and not re.fullmatch(r"[\d.]+", text) and ":" in text
    return dated and not re.search(r"Z$|[+-]\d{2}:?\d{2}$|GMT|UTC", text)


def _needs_country(chosen: Mapping[str, Sequence[str]], values: Mapping[str, Any]) -> bool:
    phones = [values[path] for path in chosen.get("user_data.phone", ()) if not is_empty(values.get(path))]
    return any(not str(phone).strip().startswith("+") for phone in phones)


def _hints(
    chosen: Mapping[str, Sequence[str]],
    values: Mapping[str, Any],
    settings: Mapping[str, str],
    wishes: Wishes,
) -> tuple[str, ...]:
    """Return what the author alone can know, as lines to be switched on or changed."""
    hints = []
    if "timezone" in settings and wishes.timezone is None:
        hints.append(
            "timezone: UTC is a guess, because the dates name no zone: write yours, such as Europe/Berlin"
        )
    if "phone_country" not in settings and _needs_country(chosen, values):
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


def _defaults(event_name: str, chosen: Mapping[str, Any], wishes: Wishes) -> dict[str, str]:
    needs_currency = event_name == _PURCHASE or "custom_data.value" in chosen
    if wishes.currency and needs_currency:
        return {"currency": wishes.currency}
    return {"currency": "EUR"} if event_name == _PURCHASE and "custom_data.currency" not in chosen else {}


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
