"""Judges a batch the way Meta does: every event by every rule, and the first mistake refuses all of them.

batch size → closed event → its shapes → time → people → custom data → app, messaging
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from bridge.simulator.channel_rules import CHANNEL_RULES
from bridge.simulator.context import EventContext, Refusal, Rule, present, wrong_shape
from bridge.simulator.custom_data_rules import CUSTOM_DATA_RULES
from bridge.simulator.data import SimulatorData
from bridge.simulator.event_rules import EVENT_RULES
from bridge.simulator.user_data_rules import USER_DATA_RULES

RULES: tuple[Rule, ...] = EVENT_RULES + USER_DATA_RULES + CUSTOM_DATA_RULES + CHANNEL_RULES


def judge(events: Any, data: SimulatorData, now: datetime) -> Refusal | None:
    """Return why this `data` is refused, or None when Meta would take all of it."""
    if (refusal := _size(events, data)) is not None:
        return refusal
    moment = now.timestamp()
    return next(_refusals(events, data, moment), None)


def _size(events: Any, data: SimulatorData) -> Refusal | None:
    if not isinstance(events, list):
        return Refusal("parameter", "(#100) param data must be an array.")
    if not events:
        return Refusal("parameter", "(#100) param data must be non-empty.")
    if len(events) > data.rules["largest_batch"]:
        return Refusal(
            "parameter", "(#100) param data has too many elements: at most 1000 events in one request."
        )
    return None


def _refusals(events: Sequence[Any], data: SimulatorData, moment: float) -> Iterator[Refusal]:
    for index, event in enumerate(events):
        path = f"$['data'][{index}]"
        if not isinstance(event, dict):
            yield wrong_shape(path, "object")
            continue
        context = EventContext(present(event), path, moment, data)
        for rule in RULES:
            if (refusal := rule(context)) is not None:
                yield refusal
                break
