"""Rules about the event itself: its keys, its name, its time, and what its action source asks for."""

from __future__ import annotations

from bridge.simulator.context import (
    EventContext,
    Refusal,
    Rule,
    closed,
    missing_key,
    needed,
    one_of,
    shaped,
    wrong_shape,
)
from bridge.simulator.shapes import SHAPES


def event_is_closed(context: EventContext) -> Refusal | None:
    """The event takes the documented keys only, needs four of them, and each has its shape."""
    shapes = context.data.rules["event"]
    return (
        closed(context.event, shapes, context.path)
        or needed(context.event, context.data.rules["event_required"], context.path)
        or shaped(context.event, shapes, context.path)
    )


def name_is_short(context: EventContext) -> Refusal | None:
    """Names have at most 50 characters."""
    if len(context.event["event_name"]) > context.data.rules["longest_event_name"]:
        return Refusal("schema", f"Param {context.path}['event_name'] is longer than 50 characters.")
    return None


def words_are_known(context: EventContext) -> Refusal | None:
    """Two keys of the event take words of a list."""
    rules = context.data.rules
    return one_of(context.event, "action_source", rules["action_sources"], context.path) or one_of(
        context.event, "customer_segmentation", rules["customer_segmentations"], context.path
    )


def time_is_in_window(context: EventContext) -> Refusal | None:
    """Seven days back, 62 for physical stores, and never ahead of the clock. Milliseconds are far ahead."""
    happened = context.event["event_time"]
    days = context.data.rules["action_sources"][context.event["action_source"]]
    if happened > context.now:
        return Refusal("in_the_future", "Invalid parameter")
    if happened < context.now - days * 86_400:
        return Refusal("too_old", "Invalid parameter")
    return None


def website_has_its_page(context: EventContext) -> Refusal | None:
    """A website event needs the page's address.

    The user agent is documented as needed too, but a live answer did without.
    """
    if context.event["action_source"] == "website" and "event_source_url" not in context.event:
        return missing_key("event_source_url", context.path)
    return None


def appended_to_something(context: EventContext) -> Refusal | None:
    """AppendAttribution names the event it belongs to, at most 48 hours back."""
    if context.event["event_name"] != "AppendAttribution":
        return None
    original = context.part("original_event_data")
    path = f"{context.path}['original_event_data']"
    if (refusal := needed(original, ("event_name", "event_time"), path)) is not None:
        return refusal
    if not SHAPES["whole"](original["event_time"]):
        return wrong_shape(f"{path}['event_time']", "whole")
    if (
        context.event["event_time"] - original["event_time"]
        > context.data.rules["append_attribution_hours"] * 3600
    ):
        return Refusal("too_old", "Invalid parameter")
    return None


def limited_data_use_is_whole(context: EventContext) -> Refusal | None:
    """The options are [] or ["LDU"]; a country needs a state; without a client address both are needed."""
    options = context.event.get("data_processing_options", [])
    if any(option != "LDU" for option in options):
        return Refusal("schema", f"Param {context.path}['data_processing_options'] takes only LDU.")
    located = "client_ip_address" in context.part("user_data")
    country, state = "data_processing_options_country", "data_processing_options_state"
    if options and not located and country not in context.event:
        return missing_key(country, context.path)
    if country in context.event and state not in context.event:
        return missing_key(state, context.path)
    places = context.data.rules["limited_data_use"]
    return one_of(context.event, country, places["countries"], context.path) or one_of(
        context.event, state, places["states"], context.path
    )


EVENT_RULES: tuple[Rule, ...] = (
    event_is_closed,
    name_is_short,
    words_are_known,
    time_is_in_window,
    website_has_its_page,
    appended_to_something,
    limited_data_use_is_whole,
)
