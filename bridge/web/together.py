"""Webhooks that wait for one commit: each begun when it comes, all stored together, then each answered.

Nobody sleeps while the disk works: whoever begins goes on to the next webhook. The views are those of every
other request (`bridge.web.serving`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from bridge.outbox import PackedWebhook, Receipt
from bridge.outbox.group import PATIENCE_SECONDS, too_late
from bridge.web.arrival import clock
from bridge.web.door import Door
from bridge.web.intake import HOOKS, receive
from bridge.web.serving import Reply, ReplySteps, replying, resumed, started


class Begun(NamedTuple):
    """A webhook that is read, verified, translated and packed, and only has to be stored."""

    sender: Any
    steps: ReplySteps
    packed: PackedWebhook
    since: float


def begin(door: Door, environ: Mapping[str, Any], sender: Any) -> Begun | Reply:
    """Do everything that comes before storing; a webhook that is not to be stored is answered at once.

    `sender` is whatever tells the caller whom to answer.
    """
    steps = replying(door, receive, environ, {"name": environ["PATH_INFO"][len(HOOKS) :]})
    webhook = started(steps)
    if isinstance(webhook, Reply):
        return webhook
    try:
        return Begun(sender, steps, door.outbox().pack(webhook), clock())
    except Exception as error:  # noqa: BLE001 - for the view's own handling of errors
        return resumed(steps, error)


def store(door: Door, gather: Callable[[], Sequence[Begun]]) -> list[tuple[Begun, Receipt | Exception]]:
    """Store what `gather` gives, once it is our turn to write; return each with its receipt, or why not."""
    late: list[Begun] = []
    fresh: list[Begun] = []

    def parcels() -> list[PackedWebhook]:
        oldest = clock() - PATIENCE_SECONDS
        for one in gather():
            (fresh if one.since >= oldest else late).append(one)
        return [one.packed for one in fresh]

    stored: Sequence[Receipt | Exception]
    try:
        stored = door.outbox().add_packed(parcels)
    except Exception as error:  # noqa: BLE001 - for the views' own handling of errors
        stored = [error] * len(fresh)
    return [*zip(fresh, stored, strict=True), *((one, too_late()) for one in late)]


def reply_to(begun: Begun, stored: Receipt | Exception) -> Reply:
    """Return what the sender of a webhook is told, now that it is stored or could not be."""
    return resumed(begun.steps, stored)
