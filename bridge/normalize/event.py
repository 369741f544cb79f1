"""A whole draft: every field of an event read, cleaned and put in Meta's order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from bridge.catalog import Catalog
from bridge.normalize.custom_data import clean_custom_data
from bridge.normalize.notes import Notes
from bridge.normalize.people import clean_user_data, fill_click_id
from bridge.normalize.personal import holds_contact, holds_email
from bridge.normalize.plain import NOTHING, choice_of, property_of, text_from, truth_of
from bridge.normalize.web_address import clean_address
from bridge.reading import read_number, read_time
from bridge.trace import Trace
from bridge.values import Draft, Finding, ReadingSettings


def normalize(
    draft: Draft, catalog: Catalog, now: datetime, trace: Trace | None = None
) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """Return the event as it would be sent, cleaned and hashed, and what was left out or changed.

    Never raises, whatever stands in the draft. What is missing is not the business of this step: validation
    tells. With a trace each cleaning step is written down.
    """
    notes = Notes(catalog, draft.positions, trace)
    fields = draft.fields
    now_seconds = int(now.timestamp())
    event: dict[str, Any] = {}
    for key, reader in _READERS.items():
        value = fields.get(key)
        if value is None:
            continue
        result = reader(value, key, draft.settings, now_seconds, notes)
        if result is not NOTHING:
            event[key] = result
    for key in fields:
        if key not in _KNOWN:
            notes.unknown_key("", key)
    people = fields.get("user_data")
    if isinstance(people, Mapping):
        event["user_data"] = _user_data(people, fields, event, draft.settings, now_seconds, notes)
    if fields.get("custom_data") is not None:
        custom = clean_custom_data(fields["custom_data"], draft.settings, notes)
        if custom:
            event["custom_data"] = custom
    return event, tuple(notes.findings)


def _user_data(
    people: Mapping[str, Any],
    fields: Mapping[str, Any],
    event: Mapping[str, Any],
    settings: ReadingSettings,
    now_seconds: int,
    notes: Notes,
) -> dict[str, Any]:
    cleaned = clean_user_data(people, settings, notes.catalog, now_seconds, notes)
    addresses = (fields.get("event_source_url"), fields.get("referrer_url"))
    fill_click_id(cleaned, people, addresses, event.get("event_time"), notes)
    return cleaned


# --- readers of single fields: (value, field, settings, now, notes) -> what is sent, or NOTHING ------


def _event_name(value: Any, field: str, settings: ReadingSettings, now: int, notes: Notes) -> Any:
    name = text_from(value, notes.catalog)
    if name is None:
        return NOTHING
    if not name.isalnum() and holds_contact(name):
        notes.found("personal_data_in_event_name", field)
        return NOTHING
    return name


def _event_time(value: Any, field: str, settings: ReadingSettings, now: int, notes: Notes) -> Any:
    """Read a time; one up to a minute ahead of our clock is set to now, as Meta refuses any future time."""
    seconds = value if type(value) is int and 0 < value < notes.catalog.milliseconds_from else None
    if seconds is None:
        seconds = read_time(value, settings.date_format, settings.timezone)
    if seconds is None:
        if not isinstance(value, str) or text_from(value, notes.catalog) is not None:
            notes.found("time_unreadable", field)
        return NOTHING
    if now < seconds <= now + notes.catalog.limits.future_tolerance_seconds:
        if notes.trace is not None:
            notes.trace.step(field, "a little ahead of our clock, set to now", now)
        return now
    return seconds


def _time(value: Any, field: str, settings: ReadingSettings, now: int, notes: Notes) -> Any:
    seconds = read_time(value, settings.date_format, settings.timezone)
    if seconds is None:
        notes.found("time_unreadable", field)
        return NOTHING
    return seconds


def _identifier(value: Any, field: str, settings: ReadingSettings, now: int, notes: Notes) -> Any:
    """Read an id; one that holds an e-mail address is sent as its hash, which repeats just as well."""
    text = text_from(value, notes.catalog)
    if text is None:
        return NOTHING
    if "@" in text and holds_email(text):
        notes.found("personal_data_in_id", field)
        return sha256(text.encode()).hexdigest()
    if len(text) > 1024:
        return sha256(text.encode()).hexdigest()
    return text


def _address(web_only: bool) -> Callable[..., Any]:
    def address(value: Any, field: str, settings: ReadingSettings, now: int, notes: Notes) -> Any:
        text = text_from(value, notes.catalog)
        if text is None:
            return NOTHING
        cleaned = clean_address(text, notes.catalog, web_only=web_only)
        if cleaned is None:
            notes.found("url_unreadable", field)
            return NOTHING
        if cleaned.removed:
            notes.found("personal_data_in_url", field, parameters=", ".join(cleaned.removed))
        if cleaned.completed:
            notes.found("url_without_scheme", field)
        return cleaned.text

    return address


def _choice(value: Any, field: str, settings: ReadingSettings, now: int, notes: Notes) -> Any:
    """Read one of Meta's own words; an unknown one stays when it is a plain word, so that validation names it."""
    text = text_from(value, notes.catalog)
    if text is None:
        return NOTHING
    choices = notes.catalog.event_schema["properties"][field]["enum"]
    found = text if text in choices else choice_of(text, choices)
    if found is not None:
        return found
    if text.isascii() and text.isidentifier() and len(text) <= 40:
        return text
    notes.found("choice_unknown", field, expected=", ".join(choices))
    return NOTHING


def _truth(value: Any, field: str, settings: ReadingSettings, now: int, notes: Notes) -> Any:
    truth = truth_of(value)
    if truth is None:
        if not isinstance(value, str) or value.strip():
            notes.found("boolean_unreadable", field)
        return NOTHING
    return truth


def _options(value: Any, field: str, settings: ReadingSettings, now: int, notes: Notes) -> Any:
    """Read the data processing options: `[]` states that Limited Data Use is off, which differs from no statement."""
    values = value if isinstance(value, list | tuple) else [value]
    words = [word.strip().upper() for word in values if isinstance(word, str) and word.strip()]
    if all(word == "LDU" for word in words):
        return words[:1]
    notes.found("choice_unknown", field, expected="LDU")
    return NOTHING


def _code(value: Any, field: str, settings: ReadingSettings, now: int, notes: Notes) -> Any:
    number = read_number(value)
    if number is not None and number == number.to_integral_value():
        return int(number)
    notes.found("number_unreadable", field)
    return NOTHING


# --- objects ---------------------------------------------------------------------------------------


def _object(readers: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    """Return the reader of a closed object: known keys are read, others are refused by name."""

    def closed(value: Any, field: str, settings: ReadingSettings, now: int, notes: Notes) -> Any:
        if not isinstance(value, Mapping):
            notes.found("not_an_object", field)
            return NOTHING
        cleaned: dict[str, Any] = {}
        for key, inner in value.items():
            reader = readers.get(key)
            if reader is None:
                notes.unknown_key(field, key)
                continue
            result = NOTHING if inner is None else reader(inner, f"{field}.{key}", settings, now, notes)
            if result is not NOTHING:
                cleaned[key] = result
        return cleaned

    return closed


def _flag(value: Any, field: str, settings: ReadingSettings, now: int, notes: Notes) -> Any:
    truth = _truth(value, field, settings, now, notes)
    return truth if truth is NOTHING else int(truth)


def _device(value: Any, field: str, settings: ReadingSettings, now: int, notes: Notes) -> Any:
    """Read extinfo: 16 texts; what is unknown is an empty one."""
    if not isinstance(value, list | tuple):
        notes.found("not_a_list", field)
        return NOTHING
    texts = [text_from(entry, notes.catalog) or "" for entry in value[:17]]
    return ["" if holds_contact(entry) else entry for entry in texts]


def _property(value: Any, field: str, settings: ReadingSettings, now: int, notes: Notes) -> Any:
    return property_of(value, field, notes)


def _app_readers() -> dict[str, Callable[..., Any]]:
    flags = ("advertiser_tracking_enabled", "application_tracking_enabled")
    texts = ("install_referrer", "installer_package", "vendor_id", "windows_attribution_id", "receipt_data")
    lists = ("campaign_ids", "url_schemes")
    switches = ("consider_views", "include_dwell_data", "include_video_data")
    return {
        **dict.fromkeys(flags, _flag),
        "extinfo": _device,
        **dict.fromkeys(texts, _property),
        **dict.fromkeys(lists, _property),
        **dict.fromkeys(switches, _truth),
    }


_ORIGINAL = {"event_name": _event_name, "event_time": _time, "order_id": _identifier, "event_id": _identifier}
_STORE = dict.fromkeys(("store_page_id", "brand_page_id", "store_code"), _identifier)

# In Meta's own order, which is the order of the event.
_READERS: dict[str, Callable[..., Any]] = {
    "event_name": _event_name,
    "event_time": _event_time,
    "event_id": _identifier,
    "action_source": _choice,
    "messaging_channel": _choice,
    "event_source_url": _address(web_only=True),
    "referrer_url": _address(web_only=False),
    "opt_out": _truth,
    "data_processing_options": _options,
    "data_processing_options_country": _code,
    "data_processing_options_state": _code,
    "customer_segmentation": _choice,
    "original_event_data": _object(_ORIGINAL),
    "app_data": _object(_app_readers()),
    "attribution_data": _property,
    "advanced_measurement_table": _property,
    "store_data": _object(_STORE),
}
_KNOWN = frozenset({*_READERS, "user_data", "custom_data"})
