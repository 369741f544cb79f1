"""Pauses that a person makes and ends: nothing is sent to a destination for a while, and its events wait."""

from __future__ import annotations

from datetime import datetime, timedelta

from bridge.coerce.durations import read_duration
from bridge.delivery.circuit_breaker import always
from bridge.errors import WrongUse
from bridge.outbox import Outbox, Pause
from bridge.outbox.pauses import LONGEST_PAUSE, destination_scope
from bridge.settings import Destination

USUAL_PAUSE = "1h"
_LONGEST_REASON = 500


def pause_by_hand(
    outbox: Outbox, entry: Destination, length: timedelta, because: str, now: datetime
) -> Pause:
    """Pause a destination, or make its pause this long from now on."""
    scope = destination_scope(entry.name, entry.dataset_id)
    before = outbox.pauses().get(scope)
    wanted = Pause(scope, "circuit", now + length, before.trips if before else 0, _reason(because), now)
    outbox.pause(wanted, always(length), now)
    return outbox.pauses()[scope]


def resume_by_hand(outbox: Outbox, entry: Destination) -> bool:
    """End the pause of a destination; the next batch shows whether its cause is gone."""
    scope = destination_scope(entry.name, entry.dataset_id)
    paused = outbox.pauses().get(scope)
    return paused is not None and outbox.resume(scope, paused.trips)


def length_of_pause(written: str) -> timedelta:
    """Return how long a pause lasts. Raises WrongUse for what is no duration, or a longer one."""
    length = read_duration(written)
    if not length or length > LONGEST_PAUSE:
        raise WrongUse("for is not a duration of at most 7 days", fix="write it as 30 minutes, 2h or 7 days")
    return length


def _reason(because: str) -> str:
    text = because.strip()[:_LONGEST_REASON]
    return f"paused by a person: {text}" if text else "paused by a person"
