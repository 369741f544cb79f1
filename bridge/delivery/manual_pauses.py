"""Pauses that a person makes or ends, from the command line, over HTTP or in the console."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from bridge.coerce.durations import read_duration
from bridge.delivery.circuit_breaker import always
from bridge.errors import WrongUse
from bridge.outbox import Outbox, Pause
from bridge.outbox.pauses import LONGEST_PAUSE, destination_scope
from bridge.settings import Destination
from bridge.spelling import closest

USUAL_LENGTH: Final = timedelta(hours=1)
_LONGEST_REASON: Final = 500
_Named = TypeVar("_Named")


def pause_destination(
    outbox: Outbox, destination: Destination, length: timedelta, because: str, now: datetime
) -> Pause:
    """Send nothing to a destination for a while; return the pause, which may have begun before."""
    scope = _scope(destination)
    before = outbox.pauses().get(scope)
    wanted = Pause(scope, "circuit", now + length, before.trips if before else 0, _reason(because), now)
    outbox.pause(wanted, always(length), now)
    return outbox.pauses()[scope]


def resume_destination(outbox: Outbox, destination: Destination) -> bool:
    """End the pause of a destination; return whether it was paused."""
    scope = _scope(destination)
    paused = outbox.pauses().get(scope)
    return paused is not None and outbox.resume(scope, paused.trips)


def pause_as_json(pause: Pause) -> dict[str, Any]:
    """Return the shape of a pause in every JSON answer."""
    kind, name, *rest = pause.scope.split(":")
    return {
        "scope": pause.scope,
        "destination": name if kind == "destination" else None,
        "source": name if kind == "source" else None,
        "dataset_id": rest[-1] if rest else name if kind == "dataset" else None,
        "kind": pause.kind,
        "reason": pause.reason,
        "since": pause.since.isoformat("T", "seconds"),
        "until": pause.until.isoformat("T", "seconds"),
    }


def length_of(text: str, called: str) -> timedelta:
    """Read how long a pause should be; raises WrongUse, which names it as it is `called`."""
    length = read_duration(text)
    if not length or length > LONGEST_PAUSE:
        message = f"{called} is not a duration of at most 7 days"
        raise WrongUse(message, fix="write it as 30 minutes, 2h or 7 days")
    return length


def entry_named(what: str, name: str, known: Mapping[str, _Named]) -> _Named:
    """Return a destination or source of the settings; raises WrongUse when there is none of that name."""
    if name not in known:
        meant = closest(name, sorted(known))
        names = ", ".join(sorted(known)) or "none there is"
        raise WrongUse(
            f"there is no such {what}", fix=f"did you mean {meant}?" if meant else f"use one of {names}"
        )
    return known[name]


def _scope(destination: Destination) -> str:
    return destination_scope(destination.name, destination.dataset_id)


def _reason(because: str) -> str:
    text = because.strip()[:_LONGEST_REASON]
    return f"paused by a person: {text}" if text else "paused by a person"
