"""Properties of the author's own in `custom_data`: any JSON, but nothing personal and nothing without end."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from bridge.coerce.emptiness import is_empty_text
from bridge.coerce.numbers import is_finite
from bridge.normalize.amounts import json_number
from bridge.normalize.context import ValueDropped
from bridge.normalize.findings import Findings
from bridge.normalize.scalars import is_encodable
from bridge.privacy.personal_data import holds_contact, is_personal_key

_MOST: Final = 1000


def property_of(value: Any, field: str, findings: Findings, depth: int = 0) -> Any:
    """Return a property as JSON; parts that are personal or no JSON are left out and noted under `field`.

    Raises ValueDropped when nothing is left of the value itself.
    """
    if isinstance(value, str):
        return _text(value, findings)
    if value is None:
        raise ValueDropped("empty_value")
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        return _number(value, findings)
    if depth < findings.spec.limits.custom_depth:
        if isinstance(value, list | tuple):
            return _list(value, field, findings, depth + 1)
        if isinstance(value, dict):
            return _object(value, field, findings, depth + 1)
    raise ValueDropped("value_left_out")


def _text(text: str, findings: Findings) -> str:
    if len(text) > findings.spec.limits.custom_text or not is_encodable(text):
        raise ValueDropped("value_left_out")
    if is_empty_text(stripped := text.strip()):
        raise ValueDropped("placeholder" if stripped else "empty_value")
    if holds_contact(text, findings.phones):
        raise ValueDropped("personal_data_in_custom_data")
    return text


def _number(value: int | float | Decimal, findings: Findings) -> int | float | Decimal:
    if isinstance(value, int):
        if value.bit_length() < 64:
            return _count(value, findings)
    elif is_finite(value) and abs(Decimal(value).adjusted()) < 64:
        return json_number(value) if isinstance(value, Decimal) else value
    raise ValueDropped("value_left_out")


def _count(value: int, findings: Findings) -> int:
    """Return a whole number, unless its digits are those of a phone number the webhook maps."""
    if findings.phones and holds_contact(str(value), findings.phones):
        raise ValueDropped("personal_data_in_custom_data")
    return value


def _list(values: Any, field: str, findings: Findings, depth: int) -> list[Any]:
    kept = []
    for value in values[:_MOST]:
        try:
            kept.append(property_of(value, field, findings, depth))
        except ValueDropped as reason:
            findings.add_dropped(field, reason)
    return kept


def _object(values: dict[Any, Any], field: str, findings: Findings, depth: int) -> dict[str, Any]:
    kept = {}
    for key, value in list(values.items())[:_MOST]:
        try:
            kept[property_name(key, findings)] = property_of(value, field, findings, depth)
        except ValueDropped as reason:
            findings.add_dropped(field, reason)
    return kept


def property_name(key: Any, findings: Findings) -> str:
    """Return the name of a property, unless it names or holds something personal."""
    if not isinstance(key, str) or not key or len(key) > 200 or not is_encodable(key):
        raise ValueDropped("value_left_out")
    if is_personal_key(key, findings.spec) or holds_contact(key, findings.phones):
        raise ValueDropped("personal_data_in_custom_data")
    return key
