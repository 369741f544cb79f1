"""When a destination, dataset or app is paused, and for how long; the outbox keeps the pauses.

closed ──(expired or revoked token, missing permission, several calls without a response)──▶ paused
paused ──(its time is over)──▶ one event probes ──(any response about the event)──▶ closed
                                    └─────(the same failure)──▶ paused, longer
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta

from bridge.delivery.meta_responses import Verdict

Length = Callable[[int], timedelta]
FAILURES_UNTIL_PAUSE = 3

# why -> (first pause, longest pause)
_LENGTHS: dict[str, tuple[timedelta, timedelta]] = {
    "unreachable": (timedelta(seconds=2), timedelta(minutes=2)),
    "limit": (timedelta(seconds=30), timedelta(minutes=15)),
    "repair": (timedelta(seconds=30), timedelta(minutes=15)),
    "hours": (timedelta(hours=2), timedelta(hours=12)),
}


def app_scope(access_token: str) -> str:
    """Return the scope to pause when an app has reached its limit: all that use its token (kept secret)."""
    return f"app:{hashlib.sha256(b'app' + access_token.encode()).hexdigest()[:12]}"


def length_of(why: str) -> Length:
    """Return how long the pause after the n-th trip lasts (n counts from 1)."""
    first, longest = _LENGTHS[why]
    return lambda trips: min(first * 2 ** min(trips - 1, 20), longest)


def always(length: timedelta) -> Length:
    """Return one length for every trip: the response said how long."""
    return lambda _trips: length


def why_paused(verdict: Verdict) -> str:
    """Return which kind of pause a response asks for."""
    return "hours" if verdict.wait == "hours" else "repair"
