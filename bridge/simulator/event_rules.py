"""Rules about the event itself: its keys, its name, its time, and what its action source asks for."""

from __future__ import annotations

from bridge.simulator.case import (
    Case,
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


def event_is_closed(case: Case) -> Refusal | None:
    """The event takes the documented keys only, needs four of them, and each has its shape."""
    shapes = case.facts.rules["event"]
    return (
        closed(case.event, shapes, case.path)
        or needed(case.event, case.facts.rules["event_required"], case.path)
        or shaped(case.event, shapes, case.path)
    )


def name_is_short(case: Case) -> Refusal | None:
    """Names have at most 50 characters."""
    if len(case.event["event_name"]) > case.facts.rules["longest_event_name"]:
        return Refusal("schema", f"Param {case.path}['event_name'] is longer than 50 characters.")
    return None


def words_are_known(case: Case) -> Refusal | None:
    """Two keys of the event take words of a list."""
    rules = case.facts.rules
    return one_of(case.event, "action_source", rules["action_sources"], case.path) or one_of(
        case.event, "customer_segmentation", rules["customer_segmentations"], case.path
    )


def time_is_in_window(case: Case) -> Refusal | None:
    """Seven days back, 62 for physical stores, and never ahead of the clock. Milliseconds are far ahead."""
    happened = case.event["event_time"]
    days = case.facts.rules["action_sources"][case.event["action_source"]]
    if happened > case.now:
        return Refusal("in_the_future", "Invalid parameter")
    if happened < case.now - days * 86_400:
        return Refusal("too_old", "Invalid parameter")
    return None


def website_has_its_page(case: Case) -> Refusal | None:
    """A website event needs the page's address.

    The user agent is documented as needed too, but a live answer did without.
    """
    if case.event["action_source"] == "website" and "event_source_url" not in case.event:
        return missing_key("event_source_url", case.path)
    return None


def appended_to_something(case: Case) -> Refusal | None:
    """AppendAttribution names the event it belongs to, at most 48 hours back."""
    if case.event["event_name"] != "AppendAttribution":
        return None
    original = case.part("original_event_data")
    path = f"{case.path}['original_event_data']"
    if (refusal := needed(original, ("event_name", "event_time"), path)) is not None:
        return refusal
    if not SHAPES["whole"](original["event_time"]):
        return wrong_shape(f"{path}['event_time']", "whole")
    if (
        case.event["event_time"] - original["event_time"]
        > case.facts.rules["append_attribution_hours"] * 3600
    ):
        return Refusal("too_old", "Invalid parameter")
    return None


def limited_data_use_is_whole(case: Case) -> Refusal | None:
    """The options are [] or ["LDU"]; a country needs a state; without a client address both are needed."""
    options = case.event.get("data_processing_options", [])
    if any(option != "LDU" for option in options):
        return Refusal("schema", f"Param {case.path}['data_processing_options'] takes only LDU.")
    located = "client_ip_address" in case.part("user_data")
    country, state = "data_processing_options_country", "data_processing_options_state"
    if options and not located and country not in case.event:
        return missing_key(country, case.path)
    if country in case.event and state not in case.event:
        return missing_key(state, case.path)
    places = case.facts.rules["limited_data_use"]
    return one_of(case.event, country, places["countries"], case.path) or one_of(
        case.event, state, places["states"], case.path
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
