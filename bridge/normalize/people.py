"""`user_data`: every value of a draft cleaned, hashed and collected under Meta's names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from bridge.catalog import Catalog
from bridge.normalize.dropping import Dropped, Known
from bridge.normalize.field import PASSED_THROUGH, Cleaner, cleaners
from bridge.normalize.full_name import split_name
from bridge.normalize.ids import click_id, click_id_in
from bridge.normalize.notes import Notes
from bridge.normalize.places import country_code
from bridge.normalize.steps import STEP_WORDS
from bridge.normalize.text import text_of
from bridge.values import ReadingSettings

_VIRTUAL = frozenset({"full_name", "fbclid"})


def clean_user_data(
    given: Mapping[str, Any], settings: ReadingSettings, catalog: Catalog, now_seconds: int, notes: Notes
) -> dict[str, Any]:
    """Return `user_data` as it is sent. What cannot be used is noted and left out; nothing raises."""
    fields = cleaners(catalog)
    known = known_about(given.get("country"), settings, catalog, now_seconds)
    cleaned: dict[str, Any] = {}
    for key, value in given.items():
        field = fields.get(key)
        if field is None:
            if key in _VIRTUAL:
                continue
            field = fields.get(catalog.user_data_names.get(key, ""))
            if field is None:
                notes.unknown_key("user_data", key)
                continue
        sent = _field(field, value, known, settings, notes)
        if sent is not None:
            cleaned[field.rule.name] = sent
    if "full_name" in given:
        _fill_names(given["full_name"], cleaned, fields, known, settings, catalog, notes)
    return cleaned


def known_about(country: Any, settings: ReadingSettings, catalog: Catalog, now_seconds: int) -> Known:
    """Return what the cleaning steps may know: the person's country, the mapping's settings, the day."""
    if type(country) is list:
        country = country[0] if country else None
    code = (
        country_code(country.strip().lower(), catalog) if type(country) is str and len(country) < 80 else None
    )
    phone = settings.phone_country
    phone_code = country_code(phone.strip().lower(), catalog) if type(phone) is str else None
    return Known(code, phone_code, settings.date_format, _day(now_seconds // 86_400))


@lru_cache(maxsize=4)
def _day(days: int) -> date:
    return datetime.fromtimestamp(days * 86_400, UTC).date()


def _field(field: Cleaner, value: Any, known: Known, settings: ReadingSettings, notes: Notes) -> Any:
    """Return what is sent for one key: a list where Meta takes one, else the first usable value; None for nothing."""
    rule = field.rule
    clean = field.clean if rule.hashed != "asked" or settings.hash_external_id else field.plain
    if type(value) is list or type(value) is tuple:
        return _several(field, clean, value, known, notes)
    try:
        cleaned, sent = clean(value, known)
    except Dropped as reason:
        notes.dropped("user_data", rule.name, reason.code)
        return None
    if notes.trace is not None:
        _explain(field, value, cleaned, sent, known, notes)
    return [sent] if rule.many else sent


def _several(field: Cleaner, clean: Any, values: Any, known: Known, notes: Notes) -> Any:
    name, many = field.rule.name, field.rule.many
    limit = notes.catalog.limits.user_data_list
    usable: list[Any] = []
    for value in values[: limit * 4]:
        try:
            cleaned, sent = clean(value, known)
        except Dropped as reason:
            notes.dropped("user_data", name, reason.code)
            continue
        if notes.trace is not None:
            _explain(field, value, cleaned, sent, known, notes)
        if sent not in usable:
            usable.append(sent)
    if many and len(usable) > limit:
        notes.found("too_many_values", f"user_data.{name}", limit=limit)
        del usable[limit:]
    if not usable:
        return None
    return usable if many else usable[0]


def _explain(field: Cleaner, value: Any, cleaned: str, sent: Any, known: Known, notes: Notes) -> None:
    """Write each step into the trace. Steps are pure, so running them again tells the truth."""
    trace, name = notes.trace, f"user_data.{field.rule.name}"
    if trace is None:
        return
    text = text_of(value)
    if cleaned == sent and field.rule.hashed != "no":
        trace.step(name, PASSED_THROUGH if len(cleaned) >= 64 else "not hashed", sent)
        return
    for step_name, step in field.steps:
        result = step(text, known)
        if result != text:
            trace.step(name, STEP_WORDS[step_name], result)
        text = result
    if sent != cleaned and not field.rule.integer:
        trace.step(name, "SHA-256", sent)


def _fill_names(
    full_name: Any,
    cleaned: dict[str, Any],
    fields: Mapping[str, Cleaner],
    known: Known,
    settings: ReadingSettings,
    catalog: Catalog,
    notes: Notes,
) -> None:
    """Fill first and last name from the full one where the mapping gave none."""
    if "fn" in cleaned and "ln" in cleaned:
        return
    if type(full_name) is list:
        full_name = full_name[0] if full_name else None
    try:
        text = text_of(full_name)
        if text.lower() in catalog.placeholders or text[:2] == "{{":
            raise Dropped("placeholder" if text else "empty_value")
    except Dropped as reason:
        notes.dropped("user_data", "full_name", reason.code)
        return
    for name, part in zip(("fn", "ln"), split_name(text, catalog, settings.name_order), strict=True):
        if part and name not in cleaned:
            sent = _field(fields[name], part, known, settings, notes)
            if sent is not None:
                cleaned[name] = sent


def fill_click_id(
    cleaned: dict[str, Any],
    given: Mapping[str, Any],
    addresses: tuple[Any, ...],
    event_time: Any,
    notes: Notes,
) -> None:
    """Build fbc from a click id, or from the one inside an address, when there is no cookie.

    The documented form is fb.1.<milliseconds>.<click id>; the time of the event is the nearest honest moment.
    """
    if "fbc" in cleaned or type(event_time) is not int:
        return
    found = _given_click_id(given.get("fbclid"), notes)
    if found is None:
        found = next(
            filter(None, (click_id_in(address) for address in addresses if type(address) is str)), None
        )
    if found is None:
        return
    cleaned["fbc"] = f"fb.1.{event_time * 1000}.{found}"
    if notes.trace is not None:
        notes.trace.step("user_data.fbc", "built from the click id and the event's time", cleaned["fbc"])


def _given_click_id(value: Any, notes: Notes) -> str | None:
    if type(value) is list:
        value = value[0] if value else None
    if value is None:
        return None
    try:
        text = text_of(value)
        if not text or text.lower() in notes.catalog.placeholders:
            return None
        return click_id(text)
    except Dropped as reason:
        notes.dropped("user_data", "fbclid", reason.code)
        return None
