"""Single values cleaned the general way, for code that has taken the short way with all the others.

Each function returns what the general way would send of a value alone. Where that would report something,
or needs to see the other values, it raises NotOrdinary or ValueDropped: then the whole event goes the
general way. What is sent this way is noted as unproven, unless it is a hash, and what is missing as a part of
the event's shape.
"""

from __future__ import annotations

from typing import Any

from bridge.models import Draft
from bridge.normalize.amounts import Amounts
from bridge.normalize.click_id import fill_click_id
from bridge.normalize.context import CleaningContext, Known
from bridge.normalize.custom_data import CUSTOM_DATA_READERS
from bridge.normalize.custom_values import CustomData
from bridge.normalize.event_fields import READERS, FieldPlace
from bridge.normalize.field import Cleaner
from bridge.normalize.findings import Findings
from bridge.normalize.product_items import ITEM_READERS
from bridge.normalize.properties import property_name, property_of
from bridge.normalize.several import listed
from bridge.normalize.user_data import add_names, send_value


class NotOrdinary(Exception):
    """An event has something that only the general way can say or see."""


class _ValueAlone(CustomData):
    """The block of `custom_data` for a value that must not look at the others."""

    __slots__ = ()

    @property
    def amounts(self) -> Amounts:
        """Refuse: an ambiguous amount is settled by the other amounts."""
        raise NotOrdinary


def _findings(known: Known) -> Findings:
    return Findings(known.spec, {}, None, known.phones)


def _without(findings: Findings) -> None:
    if findings.collected:
        raise NotOrdinary


def field_value(field: str, value: Any, known: Known) -> Any:
    """Return what is sent of a field of the event itself."""
    findings = _findings(known)
    sent = READERS[field](value, FieldPlace(field, known.settings, known.now, findings))
    _without(findings)
    return sent


def custom_value(field: str, value: Any, known: Known) -> Any:
    """Return what is sent of a field of `custom_data`, Meta's own or the author's."""
    findings = _findings(known)
    reader = CUSTOM_DATA_READERS.get(field)
    if reader is None:
        property_name(field, findings)
        sent = property_of(value, f"custom_data.{field}", findings)
    else:
        sent = reader(value, _ValueAlone({}, known.settings, findings))
    _without(findings)
    return sent


def add_field(event: dict[str, Any], field: str, value: Any, known: Known) -> None:
    """Put what is sent of a field into the event, if there is a value."""
    if value is None:
        known.shape.append(field)
        return
    known.unproven.append(field)
    event[field] = field_value(field, value, known)


def add_custom(custom_data: dict[str, Any], field: str, value: Any, known: Known) -> None:
    """Put what is sent of a field into `custom_data`, if there is a value."""
    if value is None:
        known.shape.append(f"custom_data.{field}")
        return
    known.unproven.append(f"custom_data.{field}")
    custom_data[field] = custom_value(field, value, known)


def add_copied(custom_data: dict[str, Any], copied: dict[str, Any], known: Known) -> None:
    """Put what is sent of properties that are copied from the webhook into `custom_data`."""
    for field, value in copied.items():
        if field not in custom_data:
            known.shape.append(f"with custom_data.{field}")
            add_custom(custom_data, field, value, known)


def add_item(item: dict[str, Any], field: str, value: Any, known: Known) -> None:
    """Put what is sent of a field of a product into it, if there is a value."""
    if value is not None:
        known.unproven.append("custom_data.contents")
        findings = _findings(known)
        item[field] = ITEM_READERS[field](value, _ValueAlone({}, known.settings, findings))
        _without(findings)


def add_person(
    user_data: dict[str, Any], cleaner: Cleaner, value: Any, context: CleaningContext, known: Known
) -> None:
    """Put what is sent of a field into `user_data`, if there is a value: a list where Meta takes one."""
    if value is None:
        known.shape.append(f"user_data.{cleaner.name}")
        return
    if not cleaner.hashed:
        known.unproven.append(f"user_data.{cleaner.name}")
    findings = _findings(known)
    value = listed(value, cleaner, context)
    send_value(cleaner, value, context, user_data, findings)
    if findings.collected or cleaner.name not in user_data:
        raise NotOrdinary


def fill_names(full_name: Any, user_data: dict[str, Any], context: CleaningContext, known: Known) -> None:
    """Fill first and last name of `user_data` out of a full name."""
    findings = _findings(known)
    add_names({"full_name": full_name}, known.settings, context, user_data, findings)
    _without(findings)
    known.shape.extend([f"with user_data.{name}" for name in ("fn", "ln") if name in user_data])


def fill_fbc(event: dict[str, Any], click: dict[str, Any], urls: dict[str, Any], known: Known) -> None:
    """Build the click cookie of an event out of a click id, mapped or in a URL."""
    findings = _findings(known)
    draft = Draft("", {**urls, "user_data": click}, known.settings, (), {})
    fill_click_id(event, draft, known.now, findings)
    _without(findings)
    if "fbc" in event["user_data"]:
        known.shape.append("with user_data.fbc")
        known.unproven.append("user_data.fbc")
