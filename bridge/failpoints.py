"""The moments between accepting a webhook and settling its events at which a process may die.

A `Failpoint` passed to the outbox and the batch sender is called at each of them; a test kills its process
there. In production it does nothing.
"""

from __future__ import annotations

from collections.abc import Callable

Failpoint = Callable[[str], None]

STORE_BEFORE = "store: before the commit"
STORE_AFTER = "store: after the commit"
CLAIM_BEFORE = "claim: before the commit"
CLAIM_AFTER = "claim: after the commit"
SEND_BEFORE = "send: before the call"
SEND_AFTER = "send: after the response"
SETTLE_BEFORE = "settle: before the commit"
SETTLE_AFTER = "settle: after the commit"

POINTS: tuple[str, ...] = (
    STORE_BEFORE,
    STORE_AFTER,
    CLAIM_BEFORE,
    CLAIM_AFTER,
    SEND_BEFORE,
    SEND_AFTER,
    SETTLE_BEFORE,
    SETTLE_AFTER,
)


def no_failpoint(_point: str) -> None:
    """Do nothing: how the bridge runs."""
