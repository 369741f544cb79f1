"""What Meta would reject, or accept and be unable to use: an event against the schema and the rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from bridge.finding import Finding
from bridge.meta_spec.spec import MetaSpec
from bridge.validate.batch_rules import body_findings
from bridge.validate.event_rules import (
    FOREIGN_EVENT_RULES,
    append_attribution,
    custom_data_keys,
    event_id,
    event_name,
    money_and_items,
    time_window,
    website_page,
    website_user_agent,
)
from bridge.validate.schema import are_valid_fields, schema_findings
from bridge.validate.user_data_rules import FOREIGN_USER_DATA_RULES, browser_ids, identity

# `is_right_by_its_values` asks those that compare values, too. What the others find depends on the shape of
# an event, and on fields that are never looked at alone (`schema.py`).
_RULES: Final = (
    identity,
    browser_ids,
    time_window,
    event_name,
    append_attribution,
    event_id,
    website_page,
    website_user_agent,
    custom_data_keys,
    money_and_items,
)

# What cleaning guarantees: checked only for events that others have made.
_FOREIGN_RULES: Final = (*FOREIGN_USER_DATA_RULES, *FOREIGN_EVENT_RULES)


def validate(event: dict[str, Any], spec: MetaSpec, now: datetime) -> tuple[Finding, ...]:
    """Return everything that is wrong with a cleaned event, schema first. Errors hold it back.

    For an event that the bridge did not clean, call `validate_foreign`.
    """
    seconds = int(now.timestamp())
    findings = schema_findings(event, spec)
    for rule in _RULES:
        if found := rule(event, seconds, spec):
            findings = (*findings, *found)
    return findings


def is_right_by_its_values(event: dict[str, Any], unproven: Sequence[str], spec: MetaSpec, now: int) -> bool:
    """Say whether values are right: the unproven ones by themselves, and all of them beside each other.

    Where the other values are right by themselves, `validate` then says the same of all events of one shape.
    """
    return (
        not browser_ids(event, now, spec)
        and not time_window(event, now, spec)
        and not event_id(event, now, spec)
        and (not unproven or are_valid_fields(event, unproven, spec))
    )


def validate_foreign(event: dict[str, Any], spec: MetaSpec, now: datetime) -> tuple[Finding, ...]:
    """Return everything that is wrong with an event that someone else has cleaned and hashed."""
    seconds = int(now.timestamp())
    more = (finding for rule in _FOREIGN_RULES for finding in rule(event, seconds, spec))
    return (*validate(event, spec, now), *more)


def validate_body(body: Any, spec: MetaSpec, now: datetime) -> tuple[Finding, ...]:
    """Return everything that is wrong with a whole request body; paths start at the body (`$.data[0].…`)."""
    return tuple(map(spec.in_finished_body, _body(body, spec, now)))


def _body(body: Any, spec: MetaSpec, now: datetime) -> Iterator[Finding]:
    yield from body_findings(body, spec)
    events = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(events, list):
        return
    for place, event in enumerate(events):
        if isinstance(event, dict):
            for finding in validate_foreign(event, spec, now):
                yield replace(finding, path=f"$.data[{place}]{(finding.path or '$')[1:]}")


def accepted_until(event: Mapping[str, Any], spec: MetaSpec) -> int:
    """Return the last moment (Unix seconds) at which this event should still be sent.

    The margin keeps an event from getting too old on its way: Meta rejects the whole batch of such an event.
    """
    limits = spec.limits
    seconds = event.get("event_time")
    happened = seconds if isinstance(seconds, int) else 0
    return happened + limits.window_seconds(event.get("action_source")) - limits.margin_seconds
