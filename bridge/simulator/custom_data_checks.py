"""Checks of `custom_data`: money, contents, and the few keys that have a shape. Any other key is free."""

from __future__ import annotations

from typing import Any

from bridge.simulator.checks import Check, CheckedEvent, Rejection, closed, needed, one_of, present, shaped


def values_have_their_shape(checked: CheckedEvent) -> Rejection | None:
    """Known keys are numbers, lists or texts as documented."""
    path = f"{checked.path}['custom_data']"
    custom_data = checked.part("custom_data")
    rules = checked.data.rules
    return (
        shaped(custom_data, rules["custom_data"], path)
        or one_of(custom_data, "content_type", rules["content_types"], path)
        or one_of(custom_data, "delivery_category", rules["delivery_categories"], path)
    )


def contents_are_closed_items(checked: CheckedEvent) -> Rejection | None:
    """`contents` is a list of objects that need an id and a quantity and take nothing unknown."""
    contents = checked.part("custom_data").get("contents", [])
    if not isinstance(contents, list) or not all(isinstance(item, dict) for item in contents):
        return Rejection("contents_invalid", "Invalid parameter")
    for index, item in enumerate(contents):
        path = f"{checked.path}['custom_data']['contents'][{index}]"
        if (rejection := _item(present(item), path, checked)) is not None:
            return rejection
    return None


def _item(item: dict[str, Any], path: str, checked: CheckedEvent) -> Rejection | None:
    rules = checked.data.rules
    return (
        closed(item, rules["contents"], path)
        or needed(item, rules["contents_required"], path)
        or shaped(item, rules["contents"], path)
        or one_of(item, "delivery_category", rules["delivery_categories"], path)
    )


def purchases_have_money(checked: CheckedEvent) -> Rejection | None:
    """A purchase has a value and a currency; in a messaging channel the currency has its own subcode."""
    if checked.event["event_name"] != "Purchase":
        return None
    custom_data = checked.part("custom_data")
    if "value" not in custom_data:
        return Rejection("purchase_value_missing", "Invalid parameter")
    if "currency" not in custom_data:
        messaging = checked.event["action_source"] == "business_messaging"
        return Rejection(
            "messaging_currency_missing" if messaging else "purchase_currency_missing", "Invalid parameter"
        )
    return None


def values_have_a_currency(checked: CheckedEvent) -> Rejection | None:
    """A value means nothing without a currency, and the currency must be one."""
    custom_data = checked.part("custom_data")
    currency = custom_data.get("currency")
    if currency is None:
        return Rejection("value_without_currency", "Invalid parameter") if "value" in custom_data else None
    if currency.upper() not in checked.data.currencies:
        return Rejection("currency_invalid", "Invalid parameter")
    return None


def crm_events_name_their_crm(checked: CheckedEvent) -> Rejection | None:
    """An event that says it comes from a CRM says from which one."""
    custom_data = checked.part("custom_data")
    if custom_data.get("event_source") == "crm":
        return needed(custom_data, ("lead_event_source",), f"{checked.path}['custom_data']")
    return None


CUSTOM_DATA_CHECKS: tuple[Check, ...] = (
    values_have_their_shape,
    contents_are_closed_items,
    purchases_have_money,
    values_have_a_currency,
    crm_events_name_their_crm,
)
