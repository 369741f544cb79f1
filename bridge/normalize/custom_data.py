"""`custom_data`: money as exact numbers, items as Meta wants them, free properties without personal data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from bridge.normalize.amounts import Number, number_of, rounded
from bridge.normalize.notes import Notes
from bridge.normalize.personal import holds_contact, holds_email, is_personal_key
from bridge.normalize.plain import NOTHING, choice_of, is_encodable, property_of, text_from
from bridge.values import ReadingSettings

Reader = Callable[[Any, str, ReadingSettings, Notes], Any]


def clean_custom_data(given: Any, settings: ReadingSettings, notes: Notes) -> dict[str, Any]:
    """Return `custom_data` as it is sent. What cannot be used is noted and left out; nothing raises."""
    if not isinstance(given, Mapping):
        notes.found("not_an_object", "custom_data")
        return {}
    cleaned: dict[str, Any] = {}
    for key, value in given.items():
        if value is None:
            continue
        reader = _READERS.get(key)
        if reader is None:
            result = _own_property(key, value, notes)
        else:
            result = reader(value, f"custom_data.{key}", settings, notes)
        if result is not NOTHING:
            cleaned[key] = result
    digits = notes.catalog.currencies.get(cleaned.get("currency", ""))
    if digits is not None:
        for key in _ROUNDED:
            amount = cleaned.get(key)
            if amount is not None and type(amount) is not int:
                cleaned[key] = rounded(amount, digits)
    return cleaned


def _own_property(key: Any, value: Any, notes: Notes) -> Any:
    if not isinstance(key, str) or not key or len(key) > 200 or not is_encodable(key) or holds_contact(key):
        notes.found("value_left_out", "custom_data")
        return NOTHING
    field = f"custom_data.{key}"
    if is_personal_key(key, notes.catalog):
        notes.found("personal_data_in_custom_data", field)
        return NOTHING
    return property_of(value, field, notes)


def amount(value: Any, field: str, settings: ReadingSettings, notes: Notes) -> Any:
    """Read a number; nothing is sent for what is none."""
    number = number_of(value, settings.number_format)
    if number is not None:
        return number
    if text_from(value, notes.catalog) is not None or not isinstance(value, str):
        notes.found("number_unreadable", field)
    return NOTHING


def whole_number(value: Any, field: str, settings: ReadingSettings, notes: Notes) -> Any:
    """Read a whole number of zero or more."""
    number = amount(value, field, settings, notes)
    if number is NOTHING or (type(number) is int and number >= 0):
        return number
    notes.found("number_unreadable", field)
    return NOTHING


def currency(value: Any, field: str, settings: ReadingSettings, notes: Notes) -> Any:
    """Read a currency: a code in any case, or a sign that means one currency only."""
    text = text_from(value, notes.catalog)
    if text is None:
        return NOTHING
    code = text.upper()
    if code in notes.catalog.currencies or (len(code) == 3 and code.isascii() and code.isalpha()):
        return code
    named = notes.catalog.currency_signs.get(text.lower())
    if named is None:
        notes.found("currency_unreadable", field)
        return NOTHING
    return named


def text(value: Any, field: str, settings: ReadingSettings, notes: Notes) -> Any:
    """Read a text of Meta's own parameters; e-mail addresses do not belong there."""
    read = text_from(value, notes.catalog)
    if read is None:
        if isinstance(value, list | dict | tuple):
            notes.found("value_left_out", field)
        return NOTHING
    if "@" in read and holds_email(read):
        notes.found("personal_data_in_custom_data", field)
        return NOTHING
    if len(read) > notes.catalog.limits.custom_text:
        notes.found("value_left_out", field)
        return NOTHING
    return read


def texts(value: Any, field: str, settings: ReadingSettings, notes: Notes) -> Any:
    """Read a list of texts; a single value is a list of one."""
    values = value if isinstance(value, list | tuple) else (value,)
    read = [text(item, field, settings, notes) for item in values]
    return [item for item in read if item is not NOTHING] or NOTHING


def one_of(*choices: str) -> Reader:
    """Return the reader of a parameter with a fixed list of values."""

    def choice(value: Any, field: str, settings: ReadingSettings, notes: Notes) -> Any:
        found = choice_of(value, choices)
        if found is None:
            if text_from(value, notes.catalog) is not None or not isinstance(value, str):
                notes.found("choice_unknown", field, expected=", ".join(choices))
            return NOTHING
        return found

    return choice


def status(value: Any, field: str, settings: ReadingSettings, notes: Notes) -> Any:
    """Read the status of a registration: Meta documents true or false, its SDK a text."""
    return value if isinstance(value, bool) else text(value, field, settings, notes)


# --- items -----------------------------------------------------------------------------------------


def contents(value: Any, field: str, settings: ReadingSettings, notes: Notes) -> Any:
    """Read the items: objects with an id and a whole quantity, and nothing Meta does not know."""
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list | tuple):
        notes.found("not_a_list", field)
        return NOTHING
    items = [_item(item, f"{field}[{place}]", settings, notes) for place, item in enumerate(value)]
    return [item for item in items if item is not NOTHING] or NOTHING


def _item(given: Any, field: str, settings: ReadingSettings, notes: Notes) -> Any:
    if not isinstance(given, Mapping):
        given = {"id": given}
    item: dict[str, Any] = {}
    for key, value in given.items():
        if value is None:
            continue
        reader = _ITEM_READERS.get(key)
        if reader is None:
            shown = key if isinstance(key, str) and key.isidentifier() and len(key) < 64 else "a key"
            notes.found("item_unknown_key", f"{field}.{shown}")
            continue
        read = reader(value, f"{field}.{key}", settings, notes)
        if read is not NOTHING:
            item[key] = read
    if "id" not in item:
        notes.found("item_without_id", field)
        return NOTHING
    if "quantity" not in item:
        notes.found("quantity_assumed", f"{field}.quantity")
        item["quantity"] = 1
    return item


def _quantity(value: Any, field: str, settings: ReadingSettings, notes: Notes) -> Any:
    number: Number | None = number_of(value, settings.number_format)
    if type(number) is int and number >= 1:
        return number
    if isinstance(number, float | Decimal) and number > 1:
        notes.found("quantity_assumed", field)
        return max(1, round(number))
    return NOTHING


_DELIVERY = one_of("in_store", "curbside", "home_delivery")
_CONTENT_TYPES = (
    "product",
    "product_group",
    "destination",
    "flight",
    "hotel",
    "home_listing",
    "vehicle",
    "offer",
    "local_service_business",
)

_ITEM_READERS: dict[str, Reader] = {
    "id": text,
    "quantity": _quantity,
    "item_price": amount,
    "price": amount,
    "title": text,
    "description": text,
    "brand": text,
    "category": text,
    "delivery_category": _DELIVERY,
}

_READERS: dict[str, Reader] = {
    "value": amount,
    "currency": currency,
    "content_ids": texts,
    "contents": contents,
    "content_type": one_of(*_CONTENT_TYPES),
    "content_name": text,
    "content_category": text,
    "num_items": whole_number,
    "order_id": text,
    "predicted_ltv": amount,
    "net_revenue": amount,
    "search_string": text,
    "status": status,
    "delivery_category": _DELIVERY,
    "item_number": text,
    "event_source": text,
    "lead_event_source": text,
    "customer_segmentation": text,
}

_ROUNDED = ("value", "predicted_ltv", "net_revenue")
