"""When an event is sent again, if ever: a pure decision from a response, the attempts so far and the age."""

from __future__ import annotations

from datetime import datetime, timedelta

from bridge.delivery.meta_responses import Verdict
from bridge.outbox import ClaimedEvent, Settled
from bridge.outbox.recent import moment_of_id
from bridge.outbox.records import to_ms
from bridge.settings import RetrySchedule

USUAL = RetrySchedule()
_MILLISECOND = timedelta(milliseconds=1)
_SHORTEST_WAIT = timedelta(milliseconds=200)
_TOO_OLD = "too old: Meta would reject its event_time"


def backoff(attempts: int, jitter: float, schedule: RetrySchedule = USUAL) -> timedelta:
    """Return a wait drawn evenly from 0 to a bound that doubles with every attempt ("full jitter").

    `jitter` is a number from 0 to 1. Spreading over the whole span keeps many senders from coming back
    together (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """
    bound: timedelta = min(schedule.first_wait * 2 ** min(attempts, 20), schedule.longest_wait)
    return max(bound * jitter, _SHORTEST_WAIT)


def expired() -> Settled:
    """Return the outcome of an event that became too old while it waited."""
    return Settled("expired", _TOO_OLD)


def after_failure(
    verdict: Verdict, event: ClaimedEvent, now: datetime, jitter: float, schedule: RetrySchedule = USUAL
) -> Settled:
    """Decide about one event whose call failed for a reason that may be temporary.

    Nothing is planned beyond the age that Meta accepts, or beyond the time after which the event is given up;
    the last try is moved before it rather than left out.
    """
    if verdict.attempts is not None and event.attempts + 1 >= verdict.attempts:
        return Settled("refused", reason_of(verdict))
    at = to_ms(now)
    last = event.accepted_until * 1000 - 1000
    if last <= at:
        return expired()
    due = min(at + int(backoff(event.attempts, jitter, schedule) / _MILLISECOND), last)
    if schedule.give_up_after is None:
        return Settled("waiting", reason_of(verdict), due)
    given_up_at = to_ms(moment_of_id(event.id) + schedule.give_up_after)
    if given_up_at <= at:
        return Settled("refused", f"given up, as delivery.retry.give_up_after says: {reason_of(verdict)}")
    return Settled("waiting", reason_of(verdict), min(due, given_up_at))


def reason_of(verdict: Verdict) -> str:
    """Say what Meta's response means, with its code, in our own words."""
    numbers = "/".join(str(number) for number in (verdict.code, verdict.subcode) if number is not None)
    blamed = f" Meta blames: {verdict.blamed}." if verdict.blamed else ""
    code = f" (code {numbers})" if numbers else ""
    return f"{verdict.meaning}{code}{blamed} {verdict.next_step}".strip()
