"""Checks of the event itself: its keys, its name, its time, and what its action source asks for."""

from __future__ import annotations

from bridge.simulator.checks import (
    Check,
    CheckedEvent,
    Rejection,
    closed,
    missing_key,
    needed,
    one_of,
    shaped,
    wrong_shape,
)
from bridge.simulator.shapes import SHAPES


def event_is_closed(checked: CheckedEvent) -> Rejection | None:
    """The event takes the documented keys only, needs four of them, and each has its shape."""
    shapes = checked.data.rules["event"]
    return (
        closed(checked.event, shapes, checked.path)
        or needed(checked.event, checked.data.rules["event_required"], checked.path)
        or shaped(checked.event, shapes, checked.path)
    )


def name_is_short(checked: CheckedEvent) -> Rejection | None:
    """Names have at most 50 characters."""
    if len(checked.event["event_name"]) > checked.data.rules["longest_event_name"]:
        return Rejection("schema", f"Param {checked.path}['event_name'] is longer than 50 characters.")
    return None


def values_are_known(checked: CheckedEvent) -> Rejection | None:
    """Two keys of the event take values from a list."""
    rules = checked.data.rules
    return one_of(checked.event, "action_source", rules["action_sources"], checked.path) or one_of(
        checked.event, "customer_segmentation", rules["customer_segmentations"], checked.path
    )


def time_is_in_window(checked: CheckedEvent) -> Rejection | None:
    """Seven days back, 62 for physical stores, and never ahead of the clock. Milliseconds are far ahead."""
    happened = checked.event["event_time"]
    days = checked.data.rules["action_sources"][checked.event["action_source"]]
    if happened > checked.now:
        return Rejection("in_the_future", "Invalid parameter")
    if happened < checked.now - days * 86_400:
        return Rejection("too_old", "Invalid parameter")
    return None


def appended_to_something(checked: CheckedEvent) -> Rejection | None:
    """AppendAttribution names the event it belongs to, at most 48 hours back."""
    if checked.event["event_name"] != "AppendAttribution":
        return None
    original = checked.part("original_event_data")
    path = f"{checked.path}['original_event_data']"
    if (rejection := needed(original, ("event_name", "event_time"), path)) is not None:
        return rejection
    if not SHAPES["whole"](original["event_time"]):
        return wrong_shape(f"{path}['event_time']", "whole")
    if (
        checked.event["event_time"] - original["event_time"]
        > checked.data.rules["append_attribution_hours"] * 3600
    ):
        return Rejection("too_old", "Invalid parameter")
    return None


def limited_data_use_is_whole(checked: CheckedEvent) -> Rejection | None:
    """The options are [] or ["LDU"]; a country needs a state; without a client address both are needed."""
    options = checked.event.get("data_processing_options", [])
    if any(option != "LDU" for option in options):
        return Rejection("schema", f"Param {checked.path}['data_processing_options'] takes only LDU.")
    located = "client_ip_address" in checked.part("user_data")
    country, state = "data_processing_options_country", "data_processing_options_state"
    if options and not located and country not in checked.event:
        return missing_key(country, checked.path)
    if country in checked.event and state not in checked.event:
        return missing_key(state, checked.path)
    places = checked.data.rules["limited_data_use"]
    return one_of(checked.event, country, places["countries"], checked.path) or one_of(
        checked.event, state, places["states"], checked.path
    )


EVENT_CHECKS: tuple[Check, ...] = (
    event_is_closed,
    name_is_short,
    values_are_known,
    time_is_in_window,
    appended_to_something,
    limited_data_use_is_whole,
)
