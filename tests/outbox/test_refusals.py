"""Refusals are counted by name, status and reason, for a day, and never without bound. On both databases."""

from __future__ import annotations

import threading
from datetime import timedelta

from bridge.outbox.refusals import REFUSALS_ARE_KEPT, Refusal, RefusalKind

WRONG = RefusalKind("lead", 401, "X-Token is wrong")
UNKNOWN = RefusalKind("laed", 404, "there is no mapping of this name")
MINUTE = timedelta(minutes=1)


def test_refusals_of_every_process_are_added_up(outbox, now):
    outbox.refusals.add({WRONG: 2, UNKNOWN: 1}, now)
    outbox.refusals.add({WRONG: 3}, now + MINUTE)
    assert outbox.refusals.of("lead", now + MINUTE) == [Refusal(WRONG, 5, now, now + MINUTE)]
    assert outbox.refusals.not_found(now + MINUTE) == [Refusal(UNKNOWN, 1, now, now)]
    outbox.refusals.add({}, now)


def test_refusals_are_forgotten_after_a_day(outbox, now):
    outbox.refusals.add({WRONG: 1}, now)
    assert len(outbox.refusals.of("lead", now + REFUSALS_ARE_KEPT - MINUTE)) == 1
    assert outbox.refusals.of("lead", now + REFUSALS_ARE_KEPT) == []
    outbox.refusals.add({UNKNOWN: 1}, now + REFUSALS_ARE_KEPT)
    assert outbox.refusals.of("lead", now) == []


def test_names_that_strangers_make_up_push_nothing_else_out(outbox, now):
    outbox.refusals.add({WRONG: 1}, now)
    for number in range(30):
        kinds = {RefusalKind(f"name-{number}-{one}", 404, "none"): 1 for one in range(10)}
        outbox.refusals.add(kinds, now + number * MINUTE)
    assert len(outbox.refusals.not_found(now + 30 * MINUTE)) == 100
    assert len(outbox.refusals.of("lead", now + 30 * MINUTE)) == 1


def test_processes_that_write_at_the_same_time_lose_no_count(outbox, now):
    kinds = [RefusalKind("lead", 401, f"reason {number}") for number in range(20)]
    orders = [kinds, kinds[::-1], kinds[10:] + kinds[:10]]
    threads = [
        threading.Thread(target=outbox.refusals.add, args=(dict.fromkeys(order, 1), now)) for order in orders
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {refusal.times for refusal in outbox.refusals.of("lead", now)} == {3}
