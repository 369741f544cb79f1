"""When an event is sent again, if ever: a pure decision from a response, the attempts so far and the age."""

from __future__ import annotations

from datetime import datetime, timedelta

from bridge.delivery.meta_responses import Verdict
from bridge.outbox import Settled

FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(hours=1)
_SHORTEST_WAIT = timedelta(milliseconds=200)
_TOO_OLD = "too old: Meta would reject its event_time"


def backoff(attempts: int, jitter: float) -> timedelta:
    """Return a wait drawn evenly from 0 to a bound that doubles with every attempt ("full jitter").

    `jitter` is a number from 0 to 1. Spreading over the whole span keeps many senders from coming back
    together (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """
    bound: timedelta = min(FIRST_WAIT * 2 ** min(attempts, 20), LONGEST_WAIT)
    return max(bound * jitter, _SHORTEST_WAIT)


def expired() -> Settled:
    """Return the outcome of an event that became too old while it waited."""
    return Settled("expired", _TOO_OLD)


def after_failure(
    verdict: Verdict, attempts: int, accepted_until: int, now: datetime, jitter: float
) -> Settled:
    """Decide about one event whose call failed for a reason that may be temporary.

    `attempts` are those before this one. Nothing is planned beyond `accepted_until` (Unix seconds); the
    last try is moved before it rather than given up.
    """
    if verdict.attempts is not None and attempts + 1 >= verdict.attempts:
        return Settled("refused", reason_of(verdict))
    due = int((now + backoff(attempts, jitter)).timestamp() * 1000)
    last = accepted_until * 1000 - 1000
    if last <= now.timestamp() * 1000:
        return expired()
    return Settled("waiting", reason_of(verdict), min(due, last))


def reason_of(verdict: Verdict) -> str:
    """Say what Meta's response means, with its code, in our own words."""
    numbers = "/".join(str(number) for number in (verdict.code, verdict.subcode) if number is not None)
    blamed = f" Meta blames: {verdict.blamed}." if verdict.blamed else ""
    code = f" (code {numbers})" if numbers else ""
    return f"{verdict.meaning}{code}{blamed} {verdict.next_step}".strip()
