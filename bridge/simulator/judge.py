"""Judges a batch the way Meta does: every event by every check, and the first mistake rejects all of them.

batch size → closed event → its shapes → time → user data → custom data → app, messaging
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from bridge.simulator.channel_checks import CHANNEL_CHECKS
from bridge.simulator.checks import Check, CheckedEvent, Rejection, present, wrong_shape
from bridge.simulator.custom_data_checks import CUSTOM_DATA_CHECKS
from bridge.simulator.data import SimulatorData
from bridge.simulator.event_checks import EVENT_CHECKS
from bridge.simulator.user_data_checks import USER_DATA_CHECKS

CHECKS: tuple[Check, ...] = EVENT_CHECKS + USER_DATA_CHECKS + CUSTOM_DATA_CHECKS + CHANNEL_CHECKS


def judge(events: Any, data: SimulatorData, now: datetime) -> Rejection | None:
    """Return why this `data` is rejected, or None when Meta would accept all of it."""
    if (rejection := _size(events, data)) is not None:
        return rejection
    moment = now.timestamp()
    return next(_rejections(events, data, moment), None)


def _size(events: Any, data: SimulatorData) -> Rejection | None:
    if not isinstance(events, list):
        return Rejection("parameter", "(#100) param data must be an array.")
    if not events:
        return Rejection("parameter", "(#100) param data must be non-empty.")
    if len(events) > data.rules["largest_batch"]:
        return Rejection(
            "parameter", "(#100) param data has too many elements: at most 1000 events in one request."
        )
    return None


def _rejections(events: Sequence[Any], data: SimulatorData, moment: float) -> Iterator[Rejection]:
    for index, event in enumerate(events):
        path = f"$['data'][{index}]"
        if not isinstance(event, dict):
            yield wrong_shape(path, "object")
            continue
        checked = CheckedEvent(present(event), path, moment, data)
        for check in CHECKS:
            if (rejection := check(checked)) is not None:
                yield rejection
                break
