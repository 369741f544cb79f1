"""Texts, choices, yes and no, lists and free properties outside `user_data`."""

from __future__ import annotations

import math
from collections.abc import Collection
from decimal import Decimal
from typing import Any

from bridge.catalog import Catalog
from bridge.normalize.amounts import json_number
from bridge.normalize.notes import Notes
from bridge.normalize.personal import holds_contact, is_personal_key

NOTHING: Any = object()

_YES = frozenset({"true", "1", "yes", "y", "on", "t"})
_NO = frozenset({"false", "0", "no", "n", "off", "f"})


def text_from(value: Any, catalog: Catalog) -> str | None:
    """Return a value as text, ids with every digit; None for nothing, objects, lists and broken texts."""
    if type(value) is str:
        text = value.strip()
        if not text or not text.isascii():
            return _whole_text(text)
        return text if len(text) < 24 and text.lower() not in catalog.empty_texts else _whole_text(text)
    if value is None or isinstance(value, bool | list | dict | tuple):
        return None
    if isinstance(value, int):
        return str(value) if value.bit_length() < 256 else None
    if isinstance(value, float):
        return None if not math.isfinite(value) else str(json_number(Decimal(repr(value))))
    if isinstance(value, Decimal):
        return None if not value.is_finite() or abs(value.adjusted()) > 64 else f"{value:f}"
    return None


def _whole_text(text: str) -> str | None:
    if not text or len(text) > 100_000 or (text[:2] == "{{" and text[-2:] == "}}"):
        return None
    return text if is_encodable(text) else None


def is_encodable(text: str) -> bool:
    """Say whether a text can be written as UTF-8; lone surrogates cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def truth_of(value: Any) -> bool | None:
    """Return true or false for the ways people write them; None for anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in {0, 1}:
        return bool(value)
    word = value.strip().lower() if isinstance(value, str) and len(value) < 16 else None
    return True if word in _YES else False if word in _NO else None


def choice_of(value: Any, choices: Collection[str]) -> str | None:
    """Return the choice that a text names, compared without case, blanks and dashes."""
    if not isinstance(value, str) or len(value) > 100:
        return None
    word = value.strip().lower().replace(" ", "_").replace("-", "_")
    return word if word in choices else None


def property_of(value: Any, field: str, notes: Notes, depth: int = 0) -> Any:
    """Return a property of the author's own as JSON; what is personal or no JSON is left out, with a finding."""
    if type(value) is str:
        return _property_text(value, field, notes)
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        return _property_number(value, field, notes)
    if depth < notes.catalog.limits.custom_depth:
        if isinstance(value, list | tuple):
            items = [property_of(item, field, notes, depth + 1) for item in value[:1000]]
            return [item for item in items if item is not NOTHING]
        if isinstance(value, dict):
            return _property_object(value, field, notes, depth + 1)
    notes.found("value_left_out", field)
    return NOTHING


def _property_text(text: str, field: str, notes: Notes) -> Any:
    if not text.strip() or text.strip().lower() in notes.catalog.empty_texts:
        return NOTHING
    if len(text) > notes.catalog.limits.custom_text or not is_encodable(text):
        notes.found("value_left_out", field)
        return NOTHING
    if ("@" in text or "+" in text or text[:2] == "00") and holds_contact(text):
        notes.found("personal_data_in_custom_data", field)
        return NOTHING
    return text


def _property_number(value: int | float | Decimal, field: str, notes: Notes) -> Any:
    if isinstance(value, int):
        if value.bit_length() < 64:
            return value
    elif math.isfinite(value) and abs(Decimal(value).adjusted()) < 64:
        return json_number(value) if isinstance(value, Decimal) else value
    notes.found("value_left_out", field)
    return NOTHING


def _property_object(value: dict[Any, Any], field: str, notes: Notes, depth: int) -> Any:
    kept = {}
    for key, inner in list(value.items())[:1000]:
        if not isinstance(key, str) or not is_encodable(key):
            continue
        if is_personal_key(key, notes.catalog) or holds_contact(key):
            notes.found("personal_data_in_custom_data", field)
            continue
        cleaned = property_of(inner, field, notes, depth)
        if cleaned is not NOTHING:
            kept[key] = cleaned
    return kept
