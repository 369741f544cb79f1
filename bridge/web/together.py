"""Webhooks that wait for one commit: each begun when it comes, all stored together, then each answered.

Nobody sleeps while the disk works: whoever begins goes on to the next webhook, and whoever stores answers
for all. The views are those of every other request (`bridge.web.serving`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.errors import CannotStore
from bridge.outbox import Parcel, Receipt
from bridge.web.arrival import clock
from bridge.web.door import Door
from bridge.web.intake import HOOKS, receive
from bridge.web.serving import Reply, ReplySteps, replying, resumed

_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Begun:
    """A webhook that is read, verified, translated and packed, and only has to be stored."""

    steps: ReplySteps
    parcel: Parcel
    since: float


def begin(door: Door, environ: Mapping[str, Any]) -> Begun | Reply:
    """Do everything that comes before storing; a webhook that is not to be stored is answered at once."""
    steps = replying(door, receive, environ, {"name": environ["PATH_INFO"][len(HOOKS) :]})
    try:
        webhook = next(steps)
    except StopIteration as done:
        reply: Reply = done.value
        return reply
    try:
        return Begun(steps, door.outbox().pack(webhook), clock())
    except Exception as error:  # noqa: BLE001 - for the view's own handling of errors
        return resumed(steps, error)


def finish(door: Door, begun: Sequence[Begun]) -> list[Reply]:
    """Store these webhooks in one transaction, and return the reply to each."""
    return [resumed(one.steps, stored) for one, stored in zip(begun, _stored(door, begun), strict=True)]


def _stored(door: Door, begun: Sequence[Begun]) -> Sequence[Receipt | Exception]:
    """Store all but those that have waited too long: their senders have given up, and will come again."""
    oldest = clock() - _PATIENCE_SECONDS
    if begun[0].since < oldest:
        late = CannotStore("the database did not give a turn to write in time")
        fresh = [one for one in begun if one.since >= oldest]
        return [late] * (len(begun) - len(fresh)) + (list(_stored(door, fresh)) if fresh else [])
    try:
        return door.outbox().add_packed([one.parcel for one in begun])
    except Exception as error:  # noqa: BLE001 - for the views' own handling of errors
        return [error] * len(begun)
