"""Rules about `user_data`: which keys exist, how their values look, and whether they can find a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.simulator.context import EventContext, Refusal, Rule, closed, wrong_shape
from bridge.simulator.shapes import SHAPES


def keys_are_known(context: EventContext) -> Refusal | None:
    """`user_data` takes the documented keys only."""
    return closed(context.part("user_data"), context.data.rules["user_data"], f"{context.path}['user_data']")


def values_look_as_documented(context: EventContext) -> Refusal | None:
    """Contact data are SHA-256 in lower-case hex, addresses are addresses, cookies have their four parts."""
    rules = context.data.rules["user_data"]
    for key, value in context.part("user_data").items():
        if not _looks_right(value, rules[key]):
            return wrong_shape(f"{context.path}['user_data']['{key}']", rules[key]["shape"])
    return None


def _looks_right(value: Any, rule: Mapping[str, Any]) -> bool:
    fits = SHAPES[rule["shape"]]
    if isinstance(value, list):
        return bool(rule.get("many")) and all(map(fits, value))
    return fits(value)


def somebody_can_be_found(context: EventContext) -> Refusal | None:
    """At least one identifier, and not only those that half a country shares."""
    usable = {key for key, value in context.part("user_data").items() if value not in ("", [])}
    if not usable or any(usable <= broad for broad in context.data.too_broad):
        return Refusal("customer_information", "Invalid parameter")
    return None


USER_DATA_RULES: tuple[Rule, ...] = (keys_are_known, values_look_as_documented, somebody_can_be_found)
