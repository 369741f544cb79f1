"""Rules about `custom_data`: money, contents, and the few keys that have a shape. Any other key is free."""

from __future__ import annotations

from typing import Any

from bridge.simulator.context import EventContext, Refusal, Rule, closed, needed, one_of, present, shaped


def values_have_their_shape(context: EventContext) -> Refusal | None:
    """Known keys are numbers, lists or texts as documented."""
    path = f"{context.path}['custom_data']"
    custom_data = context.part("custom_data")
    rules = context.data.rules
    return (
        shaped(custom_data, rules["custom_data"], path)
        or one_of(custom_data, "content_type", rules["content_types"], path)
        or one_of(custom_data, "delivery_category", rules["delivery_categories"], path)
    )


def contents_are_closed_items(context: EventContext) -> Refusal | None:
    """`contents` is a list of objects that need an id and a quantity and take nothing unknown."""
    contents = context.part("custom_data").get("contents", [])
    if not isinstance(contents, list) or not all(isinstance(item, dict) for item in contents):
        return Refusal("contents_invalid", "Invalid parameter")
    for index, item in enumerate(contents):
        path = f"{context.path}['custom_data']['contents'][{index}]"
        if (refusal := _item(present(item), path, context)) is not None:
            return refusal
    return None


def _item(item: dict[str, Any], path: str, context: EventContext) -> Refusal | None:
    rules = context.data.rules
    return (
        closed(item, rules["contents"], path)
        or needed(item, rules["contents_required"], path)
        or shaped(item, rules["contents"], path)
        or one_of(item, "delivery_category", rules["delivery_categories"], path)
    )


def purchases_have_money(context: EventContext) -> Refusal | None:
    """A purchase has a value and a currency; in a messaging channel the currency has its own subcode."""
    if context.event["event_name"] != "Purchase":
        return None
    custom_data = context.part("custom_data")
    if "value" not in custom_data:
        return Refusal("purchase_value_missing", "Invalid parameter")
    if "currency" not in custom_data:
        messaging = context.event["action_source"] == "business_messaging"
        return Refusal(
            "messaging_currency_missing" if messaging else "purchase_currency_missing", "Invalid parameter"
        )
    return None


def values_have_a_currency(context: EventContext) -> Refusal | None:
    """A value means nothing without a currency, and the currency must be one."""
    custom_data = context.part("custom_data")
    currency = custom_data.get("currency")
    if currency is None:
        return Refusal("value_without_currency", "Invalid parameter") if "value" in custom_data else None
    if currency.upper() not in context.data.currencies:
        return Refusal("currency_invalid", "Invalid parameter")
    return None


def crm_events_name_their_crm(context: EventContext) -> Refusal | None:
    """An event that says it comes from a CRM says from which one."""
    custom_data = context.part("custom_data")
    if custom_data.get("event_source") == "crm":
        return needed(custom_data, ("lead_event_source",), f"{context.path}['custom_data']")
    return None


CUSTOM_DATA_RULES: tuple[Rule, ...] = (
    values_have_their_shape,
    contents_are_closed_items,
    purchases_have_money,
    values_have_a_currency,
    crm_events_name_their_crm,
)
