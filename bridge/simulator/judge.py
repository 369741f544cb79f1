"""Judges a batch the way Meta does: every event by every rule, and the first mistake refuses all of them.

batch size → closed event → its shapes → time → people → custom data → app, messaging
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from bridge.simulator.case import Case, Refusal, Rule, present, wrong_shape
from bridge.simulator.channel_rules import CHANNEL_RULES
from bridge.simulator.custom_data_rules import CUSTOM_DATA_RULES
from bridge.simulator.event_rules import EVENT_RULES
from bridge.simulator.facts import Facts
from bridge.simulator.people_rules import PEOPLE_RULES

RULES: tuple[Rule, ...] = EVENT_RULES + PEOPLE_RULES + CUSTOM_DATA_RULES + CHANNEL_RULES


def judge(data: Any, facts: Facts, now: datetime) -> Refusal | None:
    """Return why this `data` is refused, or None when Meta would take all of it."""
    if (refusal := _size(data, facts)) is not None:
        return refusal
    moment = now.timestamp()
    return next(_refusals(data, facts, moment), None)


def _size(data: Any, facts: Facts) -> Refusal | None:
    if not isinstance(data, list):
        return Refusal("parameter", "(#100) param data must be an array.")
    if not data:
        return Refusal("parameter", "(#100) param data must be non-empty.")
    if len(data) > facts.rules["largest_batch"]:
        return Refusal(
            "parameter", "(#100) param data has too many elements: at most 1000 events in one request."
        )
    return None


def _refusals(data: Sequence[Any], facts: Facts, moment: float) -> Iterator[Refusal]:
    for index, event in enumerate(data):
        path = f"$['data'][{index}]"
        if not isinstance(event, dict):
            yield wrong_shape(path, "object")
            continue
        case = Case(present(event), path, moment, facts)
        for rule in RULES:
            if (refusal := rule(case)) is not None:
                yield refusal
                break
