"""The fields of an event beside `user_data` and `custom_data`: one reader each.

A reader takes the value and its place, and returns what is sent, or raises ValueDropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from bridge.coerce.dates import read_time
from bridge.coerce.numbers import read_number
from bridge.meta_spec.spec import MetaSpec
from bridge.models import ReadingSettings
from bridge.normalize.builder_tokens import url_with_one_token
from bridge.normalize.context import Known, ValueDropped
from bridge.normalize.event_id import event_id
from bridge.normalize.findings import Findings
from bridge.normalize.properties import property_of
from bridge.normalize.scalars import choice_of, text_from, truth_of
from bridge.privacy.personal_data import holds_contact
from bridge.privacy.urls import clean_url, is_clean, is_ordinary_url

_FEWEST_SECONDS: Final = 1_000_000  # smaller numbers may be a spreadsheet's days


class FieldPlace(Struct, frozen=True):
    """Where a value stands, and what is known there: the mapping's settings, the time, the findings."""

    field: str
    settings: ReadingSettings
    now: int
    findings: Findings

    @property
    def spec(self) -> MetaSpec:
        """Return Meta's rules."""
        return self.findings.spec

    def below(self, key: str) -> FieldPlace:
        """Return the place of a key inside this field."""
        return FieldPlace(f"{self.field}.{key}", self.settings, self.now, self.findings)


Reader = Callable[[Any, FieldPlace], Any]


def _event_name(value: Any, at: FieldPlace) -> str:
    name = text_from(value, at.spec)
    if not name.isalpha() and holds_contact(name, at.findings.phones):
        raise ValueDropped("personal_data_in_event_name")
    return name


def _event_time(value: Any, at: FieldPlace) -> int:
    """Read a time; one up to a minute ahead of our clock is set to now: Meta rejects future times."""
    seconds = _time(value, at)
    if at.now < seconds <= at.now + at.spec.limits.future_tolerance_seconds:
        if at.findings.trace is not None:
            at.findings.trace.step(at.field, "a little ahead of our clock, set to now", at.now)
        return at.now
    return seconds


def _time(value: Any, at: FieldPlace) -> int:
    if type(value) is int and _FEWEST_SECONDS < value < at.spec.milliseconds_from:
        return value
    if type(value) is str and value[10:11] == "T" and not at.settings.date_format:
        try:  # the form most machines write, `2026-11-21T10:00:00+01:00`
            moment = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            if moment.tzinfo is not None:
                return int(moment.timestamp())
    seconds = read_time(value, at.settings.date_format, at.settings.timezone)
    if seconds is None:
        if isinstance(value, str):
            text_from(value, at.spec)  # says so when there is nothing at all
        raise ValueDropped("time_unreadable")
    return seconds


def ordinary_event_name(value: Any, known: Known) -> str | None:
    """Return the short way's name: one of Meta's standard events."""
    return value if type(value) is str and value in known.spec.standard_events else None


def ordinary_event_time(value: Any, known: Known) -> int | None:
    """Return the short way's seconds: of a time with its offset, or Unix seconds, and never of the future."""
    if type(value) is str:
        if value[10:11] != "T" or known.settings.date_format:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        if moment.tzinfo is None:
            return None
        value = int(moment.timestamp())
    elif type(value) is not int:
        return None
    return value if _FEWEST_SECONDS < value <= known.now else None


def ordinary_url(value: Any, known: Known) -> str | None:
    """Return the short way's URL: one that needs no cleaning."""
    return value if type(value) is str and is_ordinary_url(value, known.phones) else None


def _identifier(value: Any, at: FieldPlace) -> str:
    """Read an id that identifies an event; see `normalize/event_id.py`."""
    return event_id(value, at.field, at.findings)


def _web_url(value: Any, at: FieldPlace) -> str:
    return _url(value, at, web_only=True)


def _any_url(value: Any, at: FieldPlace) -> str:
    return _url(value, at, web_only=False)


def _url(value: Any, at: FieldPlace, *, web_only: bool) -> str:
    text = url_with_one_token(text_from(value, at.spec))
    if is_clean(text, at.spec, at.findings.phones):
        return text
    cleaned = clean_url(text, at.spec, at.findings.phones, web_only=web_only)
    if cleaned is None:
        raise ValueDropped("placeholder" if at.spec.is_unfilled(text) else "url_unreadable")
    if cleaned.removed:
        at.findings.add("personal_data_in_url", at.field, parameters=", ".join(cleaned.removed))
    if cleaned.unfilled:
        at.findings.add("template_in_url", at.field, parameters=", ".join(cleaned.unfilled))
    if cleaned.completed:
        at.findings.add("url_without_scheme", at.field)
    return cleaned.text


def _choice(value: Any, at: FieldPlace) -> str:
    """Read one of Meta's own words; an unknown plain word stays, so that validation names what is wrong."""
    choices = at.spec.event_schema["properties"][at.field]["enum"]
    if value in choices:
        return str(value)
    try:
        return choice_of(value, choices, at.spec)
    except ValueDropped:
        if isinstance(value, str) and value.isascii() and value.isidentifier() and len(value) <= 40:
            return value
        raise


def _alone(read: Callable[[Any], Any]) -> Reader:
    """Return the reader of a field whose value is read without looking at anything else."""
    return lambda value, at: read(value)


def _flag(value: Any) -> int:
    return int(truth_of(value))


def _options(value: Any) -> list[str]:
    """Read the data processing options; `[]` says that Limited Data Use is off, and is sent."""
    values = value if isinstance(value, list | tuple) else [value]
    words = [word.strip().upper() for word in values if isinstance(word, str) and word.strip()]
    if any(word != "LDU" for word in words) or len(words) < len(
        [word for word in values if word not in (None, "")]
    ):
        raise ValueDropped("choice_unknown", expected="LDU")
    return words[:1]


def _code(value: Any) -> int:
    number = read_number(value)
    if number is not None and number == number.to_integral_value():
        return int(number)
    raise ValueDropped("number_unreadable")


def _property(value: Any, at: FieldPlace) -> Any:
    return property_of(value, at.field, at.findings)


def _object(readers: Mapping[str, Reader]) -> Reader:
    """Return the reader of a closed object: known keys are read, others are left out with a finding."""

    def closed(value: Any, at: FieldPlace) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValueDropped("not_an_object")
        sent: dict[str, Any] = {}
        for key, inner in value.items():
            reader = readers.get(key)
            if reader is None:
                at.findings.add_unknown_key(at.field, key)
                continue
            place = at.below(key)
            try:
                sent[key] = reader(inner, place)
            except ValueDropped as reason:
                at.findings.add_dropped(place.field, reason)
        return sent

    return closed


def _device(value: Any, at: FieldPlace) -> list[str]:
    """Read extinfo: 16 texts, and an empty one for what is unknown."""
    if not isinstance(value, list | tuple):
        raise ValueDropped("not_a_list")
    return [_device_text(entry, at) for entry in value[:17]]


def _device_text(value: Any, at: FieldPlace) -> str:
    try:
        text = text_from(value, at.spec)
    except ValueDropped:
        return ""
    return "" if holds_contact(text, at.findings.phones) else text


_APP: Final[dict[str, Reader]] = {
    **dict.fromkeys(("advertiser_tracking_enabled", "application_tracking_enabled"), _alone(_flag)),
    "extinfo": _device,
    **dict.fromkeys(("campaign_ids", "url_schemes", "install_referrer", "installer_package"), _property),
    "app_user_id": _identifier,
    **dict.fromkeys(("vendor_id", "windows_attribution_id", "receipt_data"), _property),
    **dict.fromkeys(("consider_views", "include_dwell_data", "include_video_data"), _alone(truth_of)),
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
    "event_source_url": _web_url,
    "referrer_url": _any_url,
    "opt_out": _alone(truth_of),
    "data_processing_options": _alone(_options),
    "data_processing_options_country": _alone(_code),
    "data_processing_options_state": _alone(_code),
    "customer_segmentation": _choice,
    "original_event_data": _object(_ORIGINAL),
    "app_data": _object(_APP),
    "attribution_data": _property,
    "advanced_measurement_table": _property,
    "store_data": _object(dict.fromkeys(("store_page_id", "brand_page_id", "store_code"), _identifier)),
}
