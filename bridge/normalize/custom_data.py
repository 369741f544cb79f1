"""`custom_data`: money as exact numbers, items as Meta wants them, own properties without personal data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from bridge.meta_spec.spec import MetaSpec
from bridge.models import ReadingSettings
from bridge.normalize.amounts import Number, number_of, rounded
from bridge.normalize.context import ValueDropped
from bridge.normalize.findings import Findings
from bridge.normalize.properties import property_name, property_of
from bridge.normalize.scalars import choice_of, text_from
from bridge.privacy.personal_data import holds_email

Reader = Callable[[Any, ReadingSettings, MetaSpec], Any]
_LARGEST_NUMBER: Final = 2**64  # ids and counts are smaller; what is larger is looked at closely


def clean_custom_data(given: Any, settings: ReadingSettings, findings: Findings) -> dict[str, Any]:
    """Return `custom_data` as it is sent. What cannot be used is noted and left out; nothing raises."""
    if not isinstance(given, dict):
        findings.add("not_an_object", "custom_data")
        return {}
    sent: dict[str, Any] = {}
    spec = findings.spec
    for key, value in given.items():
        if value is None:
            continue
        reader = _READERS.get(key)
        try:
            if reader is not None:
                sent[key] = reader(value, settings, spec)
            elif key == "contents":
                sent[key] = _contents(value, settings, findings)
            else:
                sent[property_name(key, findings.spec)] = property_of(value, _field(key), findings)
        except ValueDropped as reason:
            findings.add_dropped(_field(key), reason)
    _round_money(sent, spec)
    return sent


def _field(key: Any) -> str:
    return (
        f"custom_data.{key}"
        if isinstance(key, str) and key.isidentifier() and len(key) <= 64
        else "custom_data.?"
    )


def _round_money(sent: dict[str, Any], spec: MetaSpec) -> None:
    digits = spec.currencies.get(sent.get("currency", ""))
    if digits is None:
        return
    for key in _ROUNDED:
        if key in sent:
            sent[key] = rounded(sent[key], digits)


_ROUNDED: Final = ("value", "predicted_ltv", "net_revenue")


def _amount(value: Any, settings: ReadingSettings, spec: MetaSpec) -> Number:
    number = number_of(value, settings.number_format)
    if number is None:
        text_from(value, spec)  # says so when there is nothing at all
        raise ValueDropped("number_unreadable")
    return number


def _whole_number(value: Any, settings: ReadingSettings, spec: MetaSpec) -> Number:
    if type(value) is int and 0 <= value < _LARGEST_NUMBER:
        return value
    number = _amount(value, settings, spec)
    if type(number) is int and number >= 0:
        return number
    raise ValueDropped("number_unreadable")


def _currency(value: Any, settings: ReadingSettings, spec: MetaSpec) -> str:
    """Read a code in any case, or a sign that means one currency only; validation judges unknown codes."""
    if type(value) is str and value in spec.currencies:
        return value
    code = text_from(value, spec).upper()
    if code in spec.currencies or (len(code) == 3 and code.isascii() and code.isalpha()):
        return code
    named = spec.currency_signs.get(code.lower())
    if named is None:
        raise ValueDropped("currency_unreadable")
    return named


def _text(value: Any, settings: ReadingSettings, spec: MetaSpec) -> str:
    """Read a text of Meta's own parameters; an e-mail address does not belong there."""
    if type(value) is int and 0 <= value < _LARGEST_NUMBER:
        return str(value)
    text = text_from(value, spec)
    if "@" in text and holds_email(text):
        raise ValueDropped("personal_data_in_custom_data")
    if len(text) > spec.limits.custom_text:
        raise ValueDropped("value_left_out")
    return text


def _texts(value: Any, settings: ReadingSettings, spec: MetaSpec) -> list[str]:
    """Read a list of ids; a single value is a list of one, and empty entries are left out."""
    if not isinstance(value, list | tuple):
        return [_text(value, settings, spec)]
    texts = []
    for entry in value:
        try:
            texts.append(_text(entry, settings, spec))
        except ValueDropped as reason:
            if reason.code != "empty_value":
                raise
    if not texts:
        raise ValueDropped("empty_value")
    return texts


def _enum(name: str) -> Reader:
    """Return the reader of a parameter whose values the schema lists."""

    def choice(value: Any, settings: ReadingSettings, spec: MetaSpec) -> str:
        properties = spec.event_schema["properties"]["custom_data"]["properties"]
        choices: list[str] = properties[name]["enum"]
        return value if value in choices else choice_of(value, choices, spec)

    return choice


def _status(value: Any, settings: ReadingSettings, spec: MetaSpec) -> bool | str:
    """Read the status of a registration: Meta documents true or false, its SDK a text."""
    return value if isinstance(value, bool) else _text(value, settings, spec)


# --- items -----------------------------------------------------------------------------------------


def _contents(value: Any, settings: ReadingSettings, findings: Findings) -> list[dict[str, Any]]:
    """Read the items: objects with an id and a whole quantity, and nothing Meta does not know."""
    if type(value) is not list and isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list | tuple):
        raise ValueDropped("not_a_list")
    items = []
    for place, entry in enumerate(value):
        item = _item(entry, place, settings, findings)
        if item:
            items.append(item)
    if not items:
        raise ValueDropped("empty_value")
    return items


def _item(given: Any, place: int, settings: ReadingSettings, findings: Findings) -> dict[str, Any] | None:
    """Read one item: at once when everything in it can be used, else part by part."""
    item, spec = {}, findings.spec
    try:
        for key, value in given.items():
            item[key] = _ITEM_READERS[key](value, settings, spec)
    except (AttributeError, KeyError, TypeError, ValueDropped):
        return _item_in_parts(given, place, settings, findings)
    return item if "id" in item and "quantity" in item else _item_in_parts(given, place, settings, findings)


def _item_in_parts(
    given: Any, place: int, settings: ReadingSettings, findings: Findings
) -> dict[str, Any] | None:
    item: dict[str, Any] = {}
    for key, value in (given if isinstance(given, dict) else {"id": given}).items():
        reader = _ITEM_READERS.get(key)
        try:
            if reader is None:
                raise ValueDropped("item_unknown_key")  # noqa: TRY301 - one place turns reasons into findings
            item[key] = reader(value, settings, findings.spec)
        except ValueDropped as reason:
            shown = _field(key).removeprefix("custom_data.")
            findings.add_dropped(f"custom_data.contents[{place}].{shown}", reason)
    if "id" not in item:
        findings.add("item_without_id", f"custom_data.contents[{place}]")
        return None
    if "quantity" not in item:
        findings.add("quantity_assumed", f"custom_data.contents[{place}].quantity")
        item["quantity"] = 1
    return item


def _quantity(value: Any, settings: ReadingSettings, spec: MetaSpec) -> int:
    """Read a number of pieces; parts of a piece (kilograms, hours) count as whole ones."""
    if type(value) is int and 0 < value < _LARGEST_NUMBER:
        return value
    number = number_of(value, settings.number_format)
    if type(number) is int and number >= 1:
        return number
    if isinstance(number, float | Decimal) and number > 1:
        return round(number)
    raise ValueDropped("empty_value")


_DELIVERY: Final = _enum("delivery_category")

_ITEM_READERS: Final[dict[str, Reader]] = {
    "id": _text,
    "quantity": _quantity,
    "item_price": _amount,
    "price": _amount,
    "title": _text,
    "description": _text,
    "brand": _text,
    "category": _text,
    "delivery_category": _DELIVERY,
}

_READERS: Final[dict[str, Reader]] = {
    "value": _amount,
    "currency": _currency,
    "content_ids": _texts,
    "content_type": _enum("content_type"),
    "content_name": _text,
    "content_category": _text,
    "num_items": _whole_number,
    "order_id": _text,
    "predicted_ltv": _amount,
    "net_revenue": _amount,
    "search_string": _text,
    "status": _status,
    "delivery_category": _DELIVERY,
    "item_number": _text,
    "event_source": _text,
    "lead_event_source": _text,
    "customer_segmentation": _enum("customer_segmentation"),
}
