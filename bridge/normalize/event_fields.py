"""The fields of an event beside `user_data` and `custom_data`: one reader each.

A reader takes (value, field, settings, now, findings) and returns what is sent, or raises Dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from bridge.coerce.reading import read_number, read_time
from bridge.models import ReadingSettings
from bridge.normalize.context import ValueDropped
from bridge.normalize.findings import Findings
from bridge.normalize.properties import property_of
from bridge.normalize.scalars import choice_of, text_from, truth_of
from bridge.privacy.personal_data import holds_contact, holds_email
from bridge.privacy.urls import clean_url, is_clean

Reader = Callable[[Any, str, ReadingSettings, int, Findings], Any]


def _event_name(value: Any, field: str, settings: ReadingSettings, now: int, findings: Findings) -> str:
    name = text_from(value, findings.spec)
    if not name.isalnum() and holds_contact(name):
        raise ValueDropped("personal_data_in_event_name")
    return name


def _event_time(value: Any, field: str, settings: ReadingSettings, now: int, findings: Findings) -> int:
    """Read a time; one up to a minute ahead of our clock is set to now, as Meta refuses any future time."""
    seconds = _time(value, field, settings, now, findings)
    if now < seconds <= now + findings.spec.limits.future_tolerance_seconds:
        if findings.trace is not None:
            findings.trace.step(field, "a little ahead of our clock, set to now", now)
        return now
    return seconds


def _time(value: Any, field: str, settings: ReadingSettings, now: int, findings: Findings) -> int:
    if type(value) is int and 0 < value < findings.spec.milliseconds_from:
        return value
    if type(value) is str and value[10:11] == "T" and not settings.date_format:
        try:  # the form most machines write, `2026-11-21T10:00:00+01:00`
            moment = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            if moment.tzinfo is not None:
                return int(moment.timestamp())
    seconds = read_time(value, settings.date_format, settings.timezone)
    if seconds is None:
        if isinstance(value, str):
            text_from(value, findings.spec)  # says so when there is nothing at all
        raise ValueDropped("time_unreadable")
    return seconds


def _identifier(value: Any, field: str, settings: ReadingSettings, now: int, findings: Findings) -> str:
    """Read an id; one that holds an e-mail address, or has no end, is sent as its hash, which repeats too."""
    text = text_from(value, findings.spec)
    if "@" in text and holds_email(text):
        findings.add("personal_data_in_id", field)
        return sha256(text.encode()).hexdigest()
    return text if len(text) <= 1024 else sha256(text.encode()).hexdigest()


def _web_address(value: Any, field: str, settings: ReadingSettings, now: int, findings: Findings) -> str:
    return _address(value, field, findings, web_only=True)


def _any_address(value: Any, field: str, settings: ReadingSettings, now: int, findings: Findings) -> str:
    return _address(value, field, findings, web_only=False)


def _address(value: Any, field: str, findings: Findings, *, web_only: bool) -> str:
    text = text_from(value, findings.spec)
    if is_clean(text, findings.spec):
        return text
    cleaned = clean_url(text, findings.spec, web_only=web_only)
    if cleaned is None:
        raise ValueDropped("url_unreadable")
    if cleaned.removed:
        findings.add("personal_data_in_url", field, parameters=", ".join(cleaned.removed))
    if cleaned.completed:
        findings.add("url_without_scheme", field)
    return cleaned.text


def _choice(value: Any, field: str, settings: ReadingSettings, now: int, findings: Findings) -> str:
    """Read one of Meta's own words; an unknown plain word stays, so that validation names what is wrong."""
    choices = findings.spec.event_schema["properties"][field]["enum"]
    if value in choices:
        return str(value)
    try:
        return choice_of(value, choices, findings.spec)
    except ValueDropped:
        if isinstance(value, str) and value.isascii() and value.isidentifier() and len(value) <= 40:
            return value
        raise


def _truth(value: Any, field: str, settings: ReadingSettings, now: int, findings: Findings) -> bool:
    return truth_of(value)


def _flag(value: Any, field: str, settings: ReadingSettings, now: int, findings: Findings) -> int:
    return int(truth_of(value))


def _options(value: Any, field: str, settings: ReadingSettings, now: int, findings: Findings) -> list[str]:
    """Read the data processing options; `[]` says that Limited Data Use is off, and is sent."""
    values = value if isinstance(value, list | tuple) else [value]
    words = [word.strip().upper() for word in values if isinstance(word, str) and word.strip()]
    if any(word != "LDU" for word in words) or len(words) < len(
        [word for word in values if word not in (None, "")]
    ):
        raise ValueDropped("choice_unknown", expected="LDU")
    return words[:1]


def _code(value: Any, field: str, settings: ReadingSettings, now: int, findings: Findings) -> int:
    number = read_number(value)
    if number is not None and number == number.to_integral_value():
        return int(number)
    raise ValueDropped("number_unreadable")


def _property(value: Any, field: str, settings: ReadingSettings, now: int, findings: Findings) -> Any:
    return property_of(value, field, findings)


def _object(readers: Mapping[str, Reader]) -> Reader:
    """Return the reader of a closed object: known keys are read, others are refused by name."""

    def closed(
        value: Any, field: str, settings: ReadingSettings, now: int, findings: Findings
    ) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValueDropped("not_an_object")
        sent: dict[str, Any] = {}
        for key, inner in value.items():
            reader = readers.get(key)
            if reader is None:
                findings.add_unknown_key(field, key)
                continue
            try:
                sent[key] = reader(inner, f"{field}.{key}", settings, now, findings)
            except ValueDropped as reason:
                findings.add_dropped(f"{field}.{key}", reason)
        return sent

    return closed


def _device(value: Any, field: str, settings: ReadingSettings, now: int, findings: Findings) -> list[str]:
    """Read extinfo: 16 texts, and an empty one for what is unknown."""
    if not isinstance(value, list | tuple):
        raise ValueDropped("not_a_list")
    return [_device_text(entry, findings) for entry in value[:17]]


def _device_text(value: Any, findings: Findings) -> str:
    try:
        text = text_from(value, findings.spec)
    except ValueDropped:
        return ""
    return "" if holds_contact(text) else text


_APP: Final[dict[str, Reader]] = {
    **dict.fromkeys(("advertiser_tracking_enabled", "application_tracking_enabled"), _flag),
    "extinfo": _device,
    **dict.fromkeys(("campaign_ids", "url_schemes", "install_referrer", "installer_package"), _property),
    **dict.fromkeys(("vendor_id", "windows_attribution_id", "receipt_data"), _property),
    **dict.fromkeys(("consider_views", "include_dwell_data", "include_video_data"), _truth),
}
_ORIGINAL: Final[dict[str, Reader]] = {
    "event_name": _event_name,
    "event_time": _time,
    "order_id": _identifier,
    "event_id": _identifier,
}

READERS: Final[dict[str, Reader]] = {
    "event_name": _event_name,
    "event_time": _event_time,
    "event_id": _identifier,
    "action_source": _choice,
    "messaging_channel": _choice,
    "event_source_url": _web_address,
    "referrer_url": _any_address,
    "opt_out": _truth,
    "data_processing_options": _options,
    "data_processing_options_country": _code,
    "data_processing_options_state": _code,
    "customer_segmentation": _choice,
    "original_event_data": _object(_ORIGINAL),
    "app_data": _object(_APP),
    "attribution_data": _property,
    "advanced_measurement_table": _property,
    "store_data": _object(dict.fromkeys(("store_page_id", "brand_page_id", "store_code"), _identifier)),
}
