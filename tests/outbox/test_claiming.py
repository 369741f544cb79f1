"""Claiming and settling: one worker has an event at a time, and only who holds it may say how it ended."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from bridge.errors import LeaseLost
from bridge.outbox import Attempt, Depth, NewJob, Query, Settled, Span
from bridge.outbox.ids import new_id
from bridge.outbox.records import text_id, to_ms

MINUTE = timedelta(minutes=1)


@pytest.fixture
def lane(outbox, webhook):
    outbox.add(webhook("first"))
    (lane,) = outbox.lanes()
    return lane


@pytest.fixture
def claim(outbox, lane, now):
    def take(limit=1000, at=now, worker="one"):
        return outbox.claim(lane, worker=worker, now=at, lease_until=at + MINUTE, limit=limit)

    return take


def an_attempt(now, outcome="delivered", events=1, **others):
    return Attempt(
        text_id(new_id(to_ms(now))), "main", "1234567890123456", None, events, now, 120, outcome, **others
    )


def span_of(claim, first=0, last=-1):
    return Span(claim.id, claim.events[first].id, claim.events[last].id)


def statuses(outbox):
    return {status: number for status, number in outbox.counts().by_status.items() if number}


def test_due_events_are_claimed_oldest_first_with_their_exact_bodies(
    outbox, lane, claim, webhook, event, now
):
    outbox.add(webhook("old", event("old", body=b'{"a": 1.10}'), received_at=now - MINUTE))
    assert [found.body for found in claim().events] == [
        b'{"a": 1.10}',
        b'{"event_name":"Purchase","event_id":"order-first"}',
    ]
    assert statuses(outbox) == {"sending": 2}
    assert [record.status for record in outbox.find(Query(statuses=frozenset({"sending"})))] == [
        "sending"
    ] * 2


def test_a_claimed_event_is_not_claimed_again(claim):
    assert claim() is not None
    assert claim(worker="two") is None


def test_what_is_not_due_yet_is_not_claimed(outbox, claim, now):
    assert claim(at=now - MINUTE) is None
    assert outbox.due_lanes(now - MINUTE) == set()
    assert outbox.due_lanes(now) == {1}


def test_lanes_part_destinations_datasets_and_test_codes(outbox, lane, webhook, event):
    outbox.add(
        webhook(
            "2",
            event("2", destination="other"),
            event("2", dataset_id="77"),
            event("2", test_event_code="T1"),
        )
    )
    assert [(one.destination, one.dataset_id, one.test_event_code) for one in outbox.lanes()] == [
        ("main", "1234567890123456", None),
        ("other", "1234567890123456", None),
        ("main", "77", None),
        ("main", "1234567890123456", "T1"),
    ]


def test_many_workers_never_get_the_same_event(outbox, open_store, database_url, lane, webhook, now):
    outbox.add_all([webhook(str(number)) for number in range(199)])
    stores = [outbox, *(open_store(database_url) for _ in range(3))]
    taken = []

    def work(store):
        while claim := store.claim(lane, worker="w", now=now, lease_until=now + MINUTE, limit=7):
            taken.extend(found.id for found in claim.events)

    threads = [threading.Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), len(set(taken))) == (200, 200)


def test_a_whole_claim_is_settled_as_sent_with_its_attempt(outbox, claim, webhook, now):
    outbox.add_all([webhook(str(number)) for number in range(4)])
    held = claim()
    attempt = an_attempt(now, events=5, http_status=200, fbtrace_id="Atrace")
    outbox.settle_span(span_of(held), Settled("sent"), attempt, now)
    assert statuses(outbox) == {"sent": 5}
    shown = outbox.show(text_id(held.events[2].id))
    assert (shown.event.attempts, shown.attempts) == (1, (attempt,))


def test_a_part_of_a_claim_is_settled_and_the_rest_stays_claimed(outbox, claim, webhook, now):
    outbox.add_all([webhook(str(number)) for number in range(4)])
    held = claim()
    outbox.settle_span(span_of(held, 0, 1), Settled("sent"), an_attempt(now), now)
    outbox.settle_some(held, {held.events[2].id: Settled("refused", "bad")}, an_attempt(now, "refuse"), now)
    assert statuses(outbox) == {"sent": 2, "refused": 1, "sending": 2}
    outbox.settle_span(span_of(held, 3), Settled("sent"), an_attempt(now), now)
    assert statuses(outbox) == {"sent": 4, "refused": 1}
    with pytest.raises(LeaseLost):
        outbox.settle_span(span_of(held), Settled("sent"), None, now)


def test_an_event_to_try_again_waits_for_its_time_and_keeps_its_history(outbox, claim, now):
    held = claim()
    later = now + timedelta(minutes=5)
    failed = an_attempt(now, "retry", http_status=500, reason="server failure")
    outbox.settle_some(
        held, {held.events[0].id: Settled("waiting", "server failure", to_ms(later))}, failed, now
    )
    assert claim(at=later - MINUTE) is None
    again = claim(at=later)
    assert again.events[0].attempts == 1
    worked = an_attempt(later)
    outbox.settle_span(span_of(again), Settled("sent"), worked, later)
    shown = outbox.show(text_id(held.events[0].id))
    assert shown.attempts == (failed, worked)
    assert (shown.event.status, shown.event.attempts, shown.event.reason) == ("sent", 2, None)


def test_an_attempt_that_says_nothing_about_the_event_is_not_held_against_it(outbox, claim, now):
    held = claim()
    outbox.settle_span(span_of(held), Settled("waiting", "expired token"), an_attempt(now, "pause"), now)
    again = claim()
    assert again.events[0].attempts == 0
    assert outbox.show(text_id(again.events[0].id)).event.attempts == 0


def test_a_lost_lease_frees_the_events_and_silences_the_late_worker(outbox, claim, now):
    late = claim(worker="slow")
    after = now + 2 * MINUTE
    assert outbox.free_lost(after) == 1
    second = claim(at=after, worker="quick")
    with pytest.raises(LeaseLost):
        outbox.settle_span(span_of(late), Settled("refused", "late"), an_attempt(now, "refuse"), after)
    with pytest.raises(LeaseLost):
        outbox.settle_some(late, {late.events[0].id: Settled("refused")}, None, after)
    outbox.settle_span(span_of(second), Settled("sent"), an_attempt(after), after)
    assert statuses(outbox) == {"sent": 1}


def test_a_heartbeat_keeps_a_claim_and_cannot_bring_a_lost_one_back(outbox, claim, now):
    held = claim()
    assert outbox.prolong([held.id], now + 10 * MINUTE) == 1
    assert outbox.free_lost(now + 5 * MINUTE) == 0
    assert outbox.free_lost(now + 11 * MINUTE) == 1
    assert outbox.prolong([held.id], now + 20 * MINUTE) == 0


def test_what_a_clock_wrote_that_was_set_far_ahead_is_due_and_free_again(outbox, webhook, lane, claim, now):
    ahead = timedelta(days=40)
    abandoned = claim(at=now + ahead, worker="started by the wrong clock")
    outbox.add(webhook("misdated", received_at=now + ahead))
    assert claim() is None
    assert outbox.free_lost(now) == 1
    assert len(claim(at=now + MINUTE).events) == len(abandoned.events) + 1


def test_a_released_claim_can_be_claimed_at_once(outbox, claim):
    outbox.release(claim())
    assert claim() is not None


def test_certain_events_are_claimed_even_before_they_are_due_unless_another_has_them(
    outbox, webhook, lane, claim, now
):
    ahead = outbox.add(webhook("ahead", received_at=now + MINUTE)).events[0].id
    (mine,) = outbox.claim_these([ahead], worker="me", lease_until=now + MINUTE)
    assert [text_id(found.id) for found in mine.events] == [ahead]
    assert outbox.claim_these([ahead], worker="you", lease_until=now + MINUTE) == []


def test_what_is_too_old_expires_wherever_it_waits(outbox, lane, webhook, event, claim, now):
    outbox.add(webhook("old", event("old", accepted_until=int(now.timestamp()))))
    held = claim(limit=1)
    assert outbox.expire(now, Settled("expired", "too old")) == 1
    assert statuses(outbox) == {"sending": 1, "expired": 1}
    outbox.release(held)
    assert outbox.expire(now, Settled("expired", "too old")) == 0
    assert outbox.due_soon(now + timedelta(days=30)) == 1


def test_a_final_end_other_than_sent_frees_the_name_and_id_for_a_corrected_event(
    outbox, claim, webhook, event, now
):
    held = claim()
    outbox.settle_span(span_of(held), Settled("refused", "no currency"), an_attempt(now, "refuse"), now)
    assert outbox.add(webhook("corrected", event("order-first"))).events[0].status == "waiting"


def test_an_erased_event_in_flight_does_not_disturb_the_others(outbox, claim, webhook, now):
    outbox.add_all([webhook(str(number)) for number in range(3)])
    held = claim()
    outbox.discard([text_id(held.events[1].id)], "changed my mind", now)
    outbox.settle_span(span_of(held), Settled("sent"), an_attempt(now), now)
    assert statuses(outbox) == {"sent": 4}


def test_a_discard_leaves_what_is_being_sent_and_takes_what_waits_beside_it(outbox, claim, webhook, now):
    waiting = outbox.add(webhook("2", received_at=now + MINUTE)).events[0].id
    sending = text_id(claim(limit=1).events[0].id)
    assert outbox.discard([sending, waiting], "changed my mind", now) == 1
    assert statuses(outbox) == {"sending": 1, "discarded": 1}


def test_a_lease_holds_until_its_very_last_moment(outbox, claim, now):
    assert claim() is not None
    assert (outbox.free_lost(now + MINUTE), claim(worker="two", at=now + MINUTE)) == (0, None)
    assert outbox.free_lost(now + MINUTE + timedelta(milliseconds=1)) == 1


def test_the_depth_of_each_destination_counts_what_waits_and_tells_the_age_of_the_oldest(
    outbox, lane, webhook, event, claim, now
):
    later = now + MINUTE
    outbox.add(webhook("2", event("2"), event("3"), received_at=later))
    outbox.add(webhook("4", event("4", destination="other"), received_at=later))
    assert claim(limit=1) is not None
    assert outbox.depths(later + MINUTE) == [
        Depth("main", waiting=2, sending=1, oldest_seconds=120.0),
        Depth("other", waiting=1, sending=0, oldest_seconds=60.0),
    ]


def test_every_call_that_carried_an_event_stays_in_its_history(outbox, claim, now):
    held = claim()
    paused = an_attempt(now, "pause", reason="expired token")
    outbox.settle_span(Span(held.id), Settled("waiting", "expired token"), paused, now)
    later = now + MINUTE
    again = claim(at=later)
    worked = an_attempt(later)
    outbox.settle_span(Span(again.id), Settled("sent"), worked, later)
    assert outbox.show(text_id(held.events[0].id)).attempts == (paused, worked)


@pytest.fixture
def beside(new_postgres_url, open_store, now):
    """Return what one outbox gets, and what another gets while the first has not committed yet."""
    url = new_postgres_url()
    quick = open_store(url)

    def run(prepare, first, second):
        got = []

        def meanwhile(point):
            if point.endswith("before the commit") and not got:
                with ThreadPoolExecutor(1) as thread:
                    got.append(thread.submit(second, quick).result(10))

        prepare(quick)
        return first(open_store(url, failpoint=meanwhile)), *got

    return run


@pytest.mark.postgres
def test_who_claims_beside_another_gets_the_next_event_without_waiting(beside, webhook, now):
    def one(outbox):
        [lane] = outbox.lanes()
        claim = outbox.claim(lane, worker="w", now=now, lease_until=now + MINUTE, limit=1)
        return [event.body[-9:] for event in claim.events]

    both = beside(lambda outbox: outbox.add_all([webhook(key) for key in "12"]), one, one)
    assert both == ([b'order-1"}'], [b'order-2"}'])


@pytest.mark.postgres
def test_who_wants_events_that_another_is_claiming_gets_the_others_without_waiting(beside, webhook, now):
    ids = []

    def store(outbox):
        ids.extend(event.id for key in "12" for event in outbox.add(webhook(key)).events)

    def claim(outbox, most):
        [claim] = outbox.claim_these(ids[:most], worker="w", lease_until=now + MINUTE)
        return [text_id(event.id) for event in claim.events]

    both = beside(store, lambda outbox: claim(outbox, 1), lambda outbox: claim(outbox, 2))
    assert both == (ids[:1], ids[1:])


@pytest.mark.postgres
def test_who_looks_for_a_job_beside_another_gets_the_next_one_without_waiting(beside, now):
    def ask(outbox):
        for number in range(2):
            outbox.jobs.add(NewJob("export", {"number": number}), now)

    def one(outbox):
        return outbox.jobs.claim(now).request["number"]

    assert beside(ask, one, one) == (0, 1)
