"""One value on its own, cleaned as in the pipeline: for the command line and other people's tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Draft, ReadingSettings
from bridge.normalize.context import CleaningContext, ValueDropped
from bridge.normalize.event import normalize
from bridge.normalize.field import Cleaner, cleaners
from bridge.normalize.several import each_alone, listed
from bridge.normalize.user_data import known_about

_SETTINGS = ReadingSettings()
# Without a clock no date of birth lies in the future, and a click id is built for this moment.
_ANY_DAY = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Normalized:
    """What became of one value. `sent` is the hash, or the value itself where Meta wants no hash."""

    field: str
    normalized: Any
    sent: Any
    dropped: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the documented shape, with exactly these four keys."""
        return {
            "field": self.field,
            "normalized": self.normalized,
            "sent": self.sent,
            "dropped": self.dropped,
        }


def normalize_value(
    field: str,
    value: Any,
    country: str | None = None,
    *,
    spec: MetaSpec | None = None,
    now: datetime = _ANY_DAY,
) -> Normalized:
    """Clean one value of a field, named as Meta or as the mapping language names it. Never raises.

    `country` (code or name) tells what a national phone number, a state or a postal code means.
    """
    spec = spec or load_meta_spec()
    name = spec.user_data_names.get(field, field)
    cleaner = cleaners(spec, _SETTINGS.hash_external_id).get(name)
    if cleaner is None:
        return _in_a_draft(field, _fields_for(name, value, country, spec, now), spec, now)
    context = known_about(country, _SETTINGS, spec, int(now.timestamp()))
    return _each(field, cleaner, value, context, spec)


def _each(field: str, cleaner: Cleaner, value: Any, context: CleaningContext, spec: MetaSpec) -> Normalized:
    value = listed(value, cleaner, context)
    if not isinstance(value, list | tuple):
        return _one(field, cleaner, value, context, spec)
    results = [_one(field, cleaner, item, context, spec) for item in each_alone(value, cleaner, context)]
    usable = [result for result in results if result.dropped is None]
    if not usable:
        return Normalized(field, None, None, results[0].dropped if results else f"{field} is empty.")
    if len(usable) == 1:
        return usable[0]
    return Normalized(
        field, [result.normalized for result in usable], [result.sent for result in usable], None
    )


def _one(field: str, cleaner: Cleaner, value: Any, context: CleaningContext, spec: MetaSpec) -> Normalized:
    try:
        cleaned, sent = cleaner.clean(value, context)
    except ValueDropped as reason:
        sentence = spec.rules[reason.code].message.format_map({"field": field, **reason.names})
        return Normalized(field, None, None, sentence)
    return Normalized(field, cleaned, sent, None)


def _fields_for(
    name: str, value: Any, country: str | None, spec: MetaSpec, now: datetime
) -> dict[str, Any] | None:
    """Return the fields of a draft that holds this one value; None when there is no such field."""
    properties = spec.event_schema["properties"]
    if name in spec.user_data:
        return {"event_time": int(now.timestamp()), "user_data": {name: value}}
    if name in properties["custom_data"]["properties"]:
        return {"custom_data": {name: value}}
    return {name: value} if name in properties else None


def _in_a_draft(field: str, fields: dict[str, Any] | None, spec: MetaSpec, now: datetime) -> Normalized:
    """Send a value through a draft of its own: virtual fields, fields of the event, custom data."""
    if fields is None:
        return Normalized(field, None, None, "The bridge knows no field of this name.")
    event, findings = normalize(Draft(field, fields, _SETTINGS, (), {}), spec, now)
    block = next(reversed(fields))
    result = event.get(block)
    if block == "custom_data" and field != block:
        result = result.get(field) if result else None
    if result is None or result == {}:
        return Normalized(field, None, None, findings[0].message if findings else f"{field} is empty.")
    return Normalized(field, result, result, None)
