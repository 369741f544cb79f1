"""`contents`: objects with an id and a whole quantity, and nothing Meta does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bridge.coerce.json_text import opened_text
from bridge.normalize.context import ValueDropped
from bridge.normalize.custom_values import (
    CustomData,
    Reader,
    amount,
    enum,
    explain_number,
    identifier,
    quantity,
    text,
)


def contents(value: Any, block: CustomData) -> list[dict[str, Any]]:
    """Read the items, also where they are a JSON text; a single object is a list of one."""
    value = opened_text(value)
    if isinstance(value, Mapping):
        is_numbered = bool(value) and all(isinstance(key, str) and key.isdigit() for key in value)
        value = list(value.values()) if is_numbered else [value]
    if not isinstance(value, list | tuple):
        raise ValueDropped("not_a_list")
    read = _item if block.findings.trace is None else _item_in_parts
    items = [item for place, entry in enumerate(value) if (item := read(entry, place, block)) is not None]
    if not items:
        raise ValueDropped("empty_value")
    return items


def _item(given: Any, place: int, block: CustomData) -> dict[str, Any] | None:
    """Read one item: at once when everything in it can be used, else part by part."""
    item = {}
    try:
        for key, value in given.items():
            item[key] = ITEM_READERS[key](value, block)
    except (AttributeError, KeyError, TypeError, ValueDropped):
        return _item_in_parts(given, place, block)
    return item if "id" in item and "quantity" in item else _item_in_parts(given, place, block)


def _item_in_parts(given: Any, place: int, block: CustomData) -> dict[str, Any] | None:
    item: dict[str, Any] = {}
    given = opened_text(given)
    findings, field = block.findings, f"custom_data.contents[{place}]"
    for key, value in (given if isinstance(given, dict) else {"id": given}).items():
        reader = ITEM_READERS.get(key)
        if reader is None:
            findings.add_unknown_key(field, key)
            continue
        try:
            item[key] = reader(value, block)
            explain_number(f"custom_data.contents.{key}", value, item[key], findings)
        except ValueDropped as reason:
            findings.add_dropped(f"{field}.{shown_key(key)}", reason)
    if "id" not in item:
        findings.add("item_without_id", field)
        return None
    if "quantity" not in item:
        findings.add("quantity_assumed", f"{field}.quantity")
        item["quantity"] = 1
    return item


def shown_key(key: Any) -> str:
    """Return a key as a finding shows it; one that might say something personal is not repeated."""
    return key if isinstance(key, str) and key.isidentifier() and len(key) <= 64 else "?"


ITEM_READERS: Final[dict[str, Reader]] = {
    "id": identifier,
    "quantity": quantity,
    "item_price": amount,
    "price": amount,
    "title": text,
    "description": text,
    "brand": text,
    "category": text,
    "delivery_category": enum("delivery_category"),
}
