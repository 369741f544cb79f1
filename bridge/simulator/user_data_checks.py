"""Checks of `user_data`: which keys exist, how their values look, and whether they can find a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.simulator.checks import Check, CheckedEvent, Rejection, closed, wrong_shape
from bridge.simulator.shapes import SHAPES


def keys_are_known(checked: CheckedEvent) -> Rejection | None:
    """`user_data` takes the documented keys only."""
    return closed(checked.part("user_data"), checked.data.rules["user_data"], f"{checked.path}['user_data']")


def values_look_as_documented(checked: CheckedEvent) -> Rejection | None:
    """Contact data are SHA-256 in lower-case hex, addresses are addresses, cookies have their four parts."""
    rules = checked.data.rules["user_data"]
    for key, value in checked.part("user_data").items():
        if not _looks_right(value, rules[key]):
            return wrong_shape(f"{checked.path}['user_data']['{key}']", rules[key]["shape"])
    return None


def _looks_right(value: Any, rule: Mapping[str, Any]) -> bool:
    fits = SHAPES[rule["shape"]]
    if isinstance(value, list):
        return bool(rule.get("many")) and all(map(fits, value))
    return fits(value)


def somebody_can_be_found(checked: CheckedEvent) -> Rejection | None:
    """At least one identifier, and not only those that half a country shares."""
    usable = {key for key, value in checked.part("user_data").items() if value not in ("", [])}
    if not usable or any(usable <= broad for broad in checked.data.too_broad):
        return Rejection("customer_information", "Invalid parameter")
    return None


USER_DATA_CHECKS: tuple[Check, ...] = (keys_are_known, values_look_as_documented, somebody_can_be_found)
