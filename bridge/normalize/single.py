"""One value on its own: how it is cleaned and what would be sent, for the command line and for other people's tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bridge.catalog import Catalog, load_catalog
from bridge.normalize.dropping import Dropped, Known
from bridge.normalize.event import normalize
from bridge.normalize.field import cleaners
from bridge.normalize.people import known_about
from bridge.values import Draft, ReadingSettings

_SETTINGS = ReadingSettings()


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
    settings: ReadingSettings = _SETTINGS,
    catalog: Catalog | None = None,
    now: datetime | None = None,
) -> Normalized:
    """Clean one value of a field, named as Meta or as the mapping language names it. Never raises.

    `country` (code or name) tells what a national phone number, a state or a postal code means.
    """
    catalog = catalog or load_catalog()
    now = now or datetime.now(UTC)
    name = catalog.user_data_names.get(field, field)
    known = known_about(country, settings, catalog, int(now.timestamp()))
    if name in cleaners(catalog):
        return _person(field, name, value, known, settings, catalog)
    return _anything_else(field, name, value, country, settings, catalog, now)


def _person(
    field: str, name: str, value: Any, known: Known, settings: ReadingSettings, catalog: Catalog
) -> Normalized:
    if isinstance(value, list | tuple):
        return _several(field, [_person(field, name, item, known, settings, catalog) for item in value])
    cleaner = cleaners(catalog)[name]
    clean = (
        cleaner.plain if cleaner.rule.hashed == "asked" and not settings.hash_external_id else cleaner.clean
    )
    try:
        cleaned, sent = clean(value, known)
    except Dropped as reason:
        return Normalized(field, None, None, _sentence(reason.code, field, catalog))
    return Normalized(field, cleaned, sent, None)


def _several(field: str, results: list[Normalized]) -> Normalized:
    usable = [result for result in results if result.dropped is None]
    if not usable:
        return Normalized(field, None, None, results[0].dropped if results else "The list is empty.")
    return Normalized(
        field, [result.normalized for result in usable], [result.sent for result in usable], None
    )


def _sentence(code: str, field: str, catalog: Catalog) -> str:
    return catalog.rules[code].message.format_map({"field": field})


def _anything_else(
    field: str,
    name: str,
    value: Any,
    country: str | None,
    settings: ReadingSettings,
    catalog: Catalog,
    now: datetime,
) -> Normalized:
    """Send the value through a draft of its own: virtual fields, event fields and custom data."""
    fields: dict[str, Any] = {"event_time": int(now.timestamp())}
    if name in catalog.user_data:
        fields["user_data"] = {name: value, "country": country}
        read = ("user_data",)
    elif name in catalog.event_schema["properties"]:
        fields[name] = value
        read = (name,)
    elif name in catalog.event_schema["properties"]["custom_data"]["properties"]:
        fields["custom_data"] = {name: value}
        read = ("custom_data", name)
    else:
        return Normalized(field, None, None, "This is no field the bridge knows.")
    event, findings = normalize(Draft(field, fields, settings, (), {}), catalog, now)
    result: Any = event
    for part in read:
        result = result.get(part) if isinstance(result, dict) else None
    if name in catalog.user_data and result:
        result = {key: sent for key, sent in result.items() if key != "country"}
    if result in (None, {}):
        return Normalized(field, None, None, findings[0].message if findings else f"{field} is empty.")
    return Normalized(field, result, result, None)
