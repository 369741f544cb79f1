"""`custom_data`: money as exact numbers, items as Meta wants them, own properties without personal data."""

from __future__ import annotations

from typing import Any, Final

from bridge.meta_spec.spec import MetaSpec
from bridge.models import ReadingSettings
from bridge.normalize import custom_values
from bridge.normalize.amounts import has_no_more_digits, rounded
from bridge.normalize.context import ValueDropped
from bridge.normalize.custom_values import MONEY, CustomData, Reader, enum, explain_number
from bridge.normalize.findings import Findings
from bridge.normalize.id_lists import identifiers
from bridge.normalize.product_items import contents, shown_key
from bridge.normalize.properties import property_name, property_of


def clean_custom_data(given: Any, settings: ReadingSettings, findings: Findings) -> dict[str, Any]:
    """Return `custom_data` as it is sent. What cannot be used is noted and left out; nothing raises."""
    if not isinstance(given, dict):
        findings.add("not_an_object", "custom_data")
        return {}
    sent: dict[str, Any] = {}
    block = CustomData(given, settings, findings)
    for key, value in given.items():
        if value is None:
            continue
        reader = CUSTOM_DATA_READERS.get(key)
        try:
            if reader is None:
                sent[property_name(key, findings)] = property_of(value, _field(key), findings)
                continue
            sent[key] = reader(value, block)
        except ValueDropped as reason:
            findings.add_dropped(_field(key), reason)
            continue
        if findings.trace is not None:
            explain_number(_field(key), value, sent[key], findings)
    round_money(sent, findings.spec)
    return sent


def _field(key: Any) -> str:
    return f"custom_data.{shown_key(key)}"


def round_money(sent: dict[str, Any], spec: MetaSpec) -> None:
    """Round the amounts of an event to the digits of its currency."""
    digits = spec.currencies.get(sent.get("currency", ""))
    if digits is None:
        return
    for key in MONEY:
        number = sent.get(key)
        if number is not None and type(number) is not int and not has_no_more_digits(number, digits):
            sent[key] = rounded(number, digits)


CUSTOM_DATA_READERS: Final[dict[str, Reader]] = {
    "value": custom_values.amount,
    "currency": custom_values.currency,
    "content_ids": identifiers,
    "contents": contents,
    "content_type": enum("content_type"),
    "content_name": custom_values.text,
    "content_category": custom_values.text,
    "num_items": custom_values.whole_number,
    "order_id": custom_values.identifier,
    "predicted_ltv": custom_values.amount,
    "net_revenue": custom_values.amount,
    "search_string": custom_values.text,
    "status": custom_values.status,
    "delivery_category": enum("delivery_category"),
    "item_number": custom_values.identifier,
    "event_source": custom_values.text,
    "lead_event_source": custom_values.text,
    "customer_segmentation": enum("customer_segmentation"),
}
