"""Delivery, judged by what arrives, what is called how often, and what is written down. On both databases."""

from __future__ import annotations

import json
import math
import threading
from datetime import timedelta

import pytest

from bridge.delivery.circuit_breaker import FAILURES_UNTIL_PAUSE
from bridge.delivery.http_client import HttpResponse
from bridge.errors import CannotStore
from bridge.failpoints import CLAIM_AFTER, CLAIM_BEFORE
from bridge.outbox import Query
from bridge.settings import RetrySchedule

TWO_MINUTES = '{"1": [{"call_count": 100, "estimated_time_to_regain_access": 2}]}'
NO_ANSWER = HttpResponse(None, failure="ReadTimeoutError")


def test_waiting_events_travel_in_one_call_byte_for_byte(bench, an_event):
    bodies = [b'{"event_id":"a","value":1.10}', b'{"event_id":"b","value":18446744073709551616}']
    bench.store(an_event("a", body=bodies[0]), an_event("b", body=bodies[1]))
    bench.worker().run_once()
    (post,) = bench.meta.posts
    assert post.url == "http://meta.invalid/v27.0/1234567890123456/events"
    assert post.token == "token-main"
    assert post.body == b'{"data":[' + bodies[0] + b"," + bodies[1] + b"]}"
    assert bench.statuses() == {"sent": 2}


def test_the_test_code_stands_beside_the_data_and_parts_the_batches(bench, an_event):
    bench.store(an_event("a"), an_event("b", test_event_code="TEST1"), an_event("c", test_event_code="TEST1"))
    bench.worker().run_once()
    assert [json.loads(post.body).get("test_event_code") for post in bench.meta.posts] == [None, "TEST1"]
    assert bench.meta.batches == [["a"], ["b", "c"]]


def test_batches_are_bounded_by_number(bench, an_event):
    bench.store(*(an_event(f"e{number}") for number in range(25)))
    bench.worker(batch_size=10).run_once()
    assert [len(batch) for batch in bench.meta.batches] == [10, 10, 5]
    assert bench.statuses() == {"sent": 25}


def test_batches_are_bounded_by_size(bench, an_event):
    big = "x" * 1_500_000
    bodies = [b'{"event_id":"e%d","big":"%b"}' % (number, big.encode()) for number in range(5)]
    bench.store(*(an_event(f"e{number}", body=body) for number, body in enumerate(bodies)))
    bench.worker().run_once()
    assert [len(batch) for batch in bench.meta.batches] == [2, 2, 1]
    assert bench.statuses() == {"sent": 5}


@pytest.mark.parametrize("culprit", [0, 17, 49])
def test_one_bad_event_in_fifty_is_found_by_halving_and_the_rest_is_sent(
    bench, an_event, error, accepted, culprit
):
    def answer(ids):
        return HttpResponse(400, {}, error(100, 2804010)) if f"e{culprit}" in ids else accepted(len(ids))

    bench.meta.answer = answer
    ids = bench.store(*(an_event(f"e{number}") for number in range(50)))
    bench.worker().run_once()
    assert bench.statuses() == {"sent": 49, "refused": 1}
    assert len(bench.meta.posts) <= 1 + 2 * math.ceil(math.log2(50))
    refused = bench.outbox.show(ids[culprit])
    assert refused.event.reason.startswith("A Purchase has no currency. (code 100/2804010)")
    assert (refused.attempts[-1].outcome, refused.attempts[-1].subcode) == ("refuse", 2804010)
    sent = [
        event_id
        for batch in bench.meta.batches
        for event_id in batch
        if bench.meta.answer([event_id]).status == 200
    ]
    assert len(set(sent)) == 49


@pytest.mark.parametrize(
    ("response", "calls", "end"),
    [
        pytest.param((400, 100, 2804009), 1, {"refused": 1}, id="invalid: tried once"),
        pytest.param((400, 100, None), 1, {"refused": 1}, id="invalid without subcode: tried once"),
        pytest.param((400, 9999, None), 3, {"refused": 1}, id="unknown code: tried three times"),
        pytest.param((400, 1, None), 5, {"refused": 1}, id="unknown error: tried five times"),
        pytest.param((400, 105, None), 1, {"refused": 1}, id="can never pass"),
    ],
)
def test_attempts_are_as_many_as_the_table_says(bench, an_event, error, response, calls, end):
    status, code, subcode = response
    bench.meta.answer = lambda _ids: HttpResponse(status, {}, error(code, subcode))
    bench.store(an_event("a"))
    worker = bench.worker()
    for _ in range(200):
        worker.run_once()
        bench.clock.forward(minutes=20)
    assert (len(bench.meta.posts), bench.statuses()) == (calls, end)


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(NO_ANSWER, id="no answer"),
        pytest.param(HttpResponse(503, {}, None), id="HTML with 503"),
        pytest.param(HttpResponse(400, {}, {"error": {"code": 2}}), id="code 2 as HTTP 400"),
        pytest.param(
            HttpResponse(500, {}, {"error": {"code": 100, "is_transient": True}}),
            id="Meta calls it transient",
        ),
    ],
)
def test_an_hour_without_meta_loses_nothing_and_knocks_gently(bench, an_event, accepted, response):
    bench.store(*(an_event(f"e{number}") for number in range(20)))
    bench.meta.answer = lambda _ids: response
    worker = bench.worker()
    for _ in range(120):
        worker.run_once()
        bench.clock.forward(seconds=30)
    assert bench.statuses() == {"waiting": 20}
    assert len(bench.meta.posts) < 60
    assert [len(batch) for batch in bench.meta.batches[5:]] == [1] * (len(bench.meta.posts) - 5)  # probes
    assert bench.notices() == ["paused"]
    bench.meta.answer = None
    bench.clock.forward(hours=1)
    worker.run_once()
    assert bench.statuses() == {"sent": 20}
    assert bench.notices() == ["paused", "resumed"]


def test_a_dead_token_pauses_its_destination_tells_once_and_keeps_the_events(
    bench, an_event, error, accepted
):
    bench.store(
        *(an_event(f"e{number}") for number in range(5)),
        an_event("o", destination="other", event_name="Lead"),
    )

    def answer(ids):
        return accepted(len(ids)) if ids == ["o"] else HttpResponse(401, {}, error(190, 463))

    bench.meta.answer = answer
    worker = bench.worker()
    for _ in range(100):
        worker.run_once()
        bench.clock.forward(minutes=1)
    assert bench.statuses() == {"sent": 1, "waiting": 5}
    assert bench.notices() == ["paused"]
    assert "access token has expired" in bench.notifications[0].text
    assert all(len(batch) == 1 for batch in bench.meta.batches[2:])
    assert {record.attempts for record in bench.outbox.find(Query(statuses=frozenset({"waiting"})))} == {0}
    bench.meta.answer = None
    bench.clock.forward(minutes=15)
    worker.run_once()
    assert bench.statuses() == {"sent": 6}
    assert bench.outbox.pauses() == {}


def test_a_restart_tries_a_resting_destination_at_once_with_one_event(bench, an_event, error, accepted):
    bench.meta.answer = lambda _ids: HttpResponse(400, {}, error(368))
    bench.store(an_event("a"), an_event("b"))
    bench.worker().run_once()
    stop = threading.Event()

    def fixed(ids):
        bench.clock.forward(seconds=1)
        if len(bench.meta.posts) == 3:
            stop.set()
        return accepted(len(ids))

    bench.meta.answer = fixed
    bench.worker().run_forever(stop)
    assert bench.meta.batches == [["a", "b"], ["a"], ["b"]]
    assert bench.statuses() == {"sent": 2}


def test_a_policy_block_waits_for_hours(bench, an_event, error):
    bench.meta.answer = lambda _ids: HttpResponse(400, {}, error(368))
    bench.store(an_event("a"))
    worker = bench.worker()
    for _ in range(120):
        worker.run_once()
        bench.clock.forward(minutes=1)
    assert len(bench.meta.posts) == 1


def test_a_pause_is_seen_by_every_worker(bench, an_event, error, open_store, database_url):
    bench.meta.answer = lambda _ids: HttpResponse(401, {}, error(190))
    bench.store(an_event("a"), an_event("b"))
    bench.worker().run_once()
    bench.worker(open_store(database_url)).run_once()
    assert len(bench.meta.posts) == 1
    assert bench.notices() == ["paused"]


def test_a_refused_probe_shows_that_the_token_works_again(bench, an_event, error, accepted):
    bench.meta.answer = lambda _ids: HttpResponse(401, {}, error(190))
    bench.store(an_event("bad"), an_event("good"))
    worker = bench.worker()
    worker.run_once()
    bench.meta.answer = lambda ids: HttpResponse(400, {}, error(100)) if "bad" in ids else accepted(len(ids))
    bench.clock.forward(minutes=1)
    worker.run_once()
    assert bench.statuses() == {"refused": 1, "sent": 1}
    assert bench.notices() == ["paused", "resumed"]


@pytest.mark.parametrize(
    ("status", "headers", "code", "seconds"),
    [
        pytest.param(429, {"retry-after": "120"}, None, 120, id="Retry-After in seconds"),
        pytest.param(
            429, {"retry-after": "Sat, 21 Nov 2026 12:02:00 GMT"}, None, 120, id="Retry-After as a date"
        ),
        pytest.param(
            400,
            {"x-business-use-case-usage": TWO_MINUTES},
            80004,
            120,
            id="estimate in minutes",
        ),
        pytest.param(400, {}, 4, 30, id="no header: half a minute"),
    ],
)
def test_a_rate_limit_rests_as_long_as_it_says_and_uses_up_no_attempt(
    bench, an_event, error, status, headers, code, seconds
):
    bench.meta.answer = lambda _ids: HttpResponse(status, headers, error(code) if code else None)
    (event_id,) = bench.store(an_event("a"))
    worker = bench.worker()
    worker.run_once()
    bench.meta.answer = None
    bench.clock.forward(seconds=seconds - 1)
    worker.run_once()
    assert len(bench.meta.posts) == 1
    bench.clock.forward(seconds=2)
    worker.run_once()
    assert bench.statuses() == {"sent": 1}
    assert bench.outbox.show(event_id).event.attempts == 1
    assert bench.notifications == []


@pytest.mark.parametrize(
    ("header", "text"),
    [
        pytest.param("x-app-usage", '{"call_count": 96, "total_time": 20, "total_cputime": 3}', id="app"),
        pytest.param("x-ad-account-usage", '{"acc_id_util_pct": 95.5}', id="account"),
    ],
)
def test_sending_slows_down_before_the_limit_is_hit(bench, an_event, accepted, header, text):
    bench.meta.answer = lambda ids: accepted(len(ids), {header: text})
    bench.store(*(an_event(f"e{number}") for number in range(3)))
    worker = bench.worker(batch_size=1)
    worker.run_once()
    assert bench.statuses() == {"sent": 1, "waiting": 2}
    bench.clock.forward(seconds=61)
    bench.meta.answer = None
    worker.run_once()
    assert bench.statuses() == {"sent": 3}


def test_an_event_that_became_too_old_is_not_sent_with_its_batch(bench, an_event, open_store, database_url):
    def stopped_machine(point):
        if point == CLAIM_AFTER:
            bench.clock.forward(minutes=1)

    soon = int(bench.clock.now.timestamp()) + 30
    bench.store(an_event("fresh"), an_event("old", accepted_until=soon), an_event("fresh too"))
    bench.worker(open_store(database_url, failpoint=stopped_machine)).run_once()
    assert bench.meta.batches == [["fresh", "fresh too"]]
    assert bench.statuses() == {"sent": 2, "expired": 1}
    assert "expired" in bench.notices()


def test_no_try_is_planned_beyond_the_age_limit_and_the_end_is_visible(bench, an_event):
    until = int(bench.clock.now.timestamp()) + 3600
    (event_id,) = bench.store(an_event("a", accepted_until=until))
    bench.meta.answer = lambda _ids: NO_ANSWER
    bench.jitter = 1.0
    worker = bench.worker()
    planned = []
    for _ in range(130):
        worker.run_once()
        due = bench.outbox.show(event_id).event.next_attempt_at
        planned += [due] if due else []
        bench.clock.forward(seconds=30)
        if bench.statuses() == {"expired": 1}:
            break
    assert bench.statuses() == {"expired": 1}
    assert max(planned).timestamp() < until
    assert bench.outbox.show(event_id).event.reason == "too old: Meta would reject its event_time"
    assert bench.notices() == ["expiring", "paused", "expired"]


def test_a_worker_that_lost_its_lease_writes_nothing(bench, an_event, open_store, database_url):
    (event_id,) = bench.store(an_event("a"))
    quick = bench.worker(open_store(database_url))

    def meanwhile():
        bench.meta.before = lambda: None
        bench.clock.forward(minutes=2)
        quick.run_once()

    bench.meta.before = meanwhile
    assert bench.worker().run_once() == []
    assert bench.meta.batches == [["a"], ["a"]]
    assert bench.statuses() == {"sent": 1}
    assert len(bench.outbox.show(event_id).attempts) == 1


def test_the_lease_is_prolonged_between_the_calls_of_a_long_halving(
    bench, an_event, error, accepted, open_store, database_url
):
    def answer(ids):
        bench.clock.forward(seconds=15)
        other.run_once()
        return HttpResponse(400, {}, error(100)) if "e0" in ids else accepted(len(ids))

    other = bench.worker(open_store(database_url))
    bench.meta.answer = answer
    bench.store(*(an_event(f"e{number}") for number in range(64)))
    bench.worker().run_once()
    assert bench.statuses() == {"sent": 63, "refused": 1}
    assert len(bench.meta.posts) == 13


def test_fewer_events_received_than_sent_is_told_and_not_repeated(bench, an_event, accepted):
    bench.meta.answer = lambda _ids: accepted(1)
    bench.store(an_event("a"), an_event("b"))
    bench.worker().run_once()
    assert bench.statuses() == {"sent": 2}
    assert bench.notices() == ["fewer_received"]


@pytest.mark.parametrize(("hours", "notices"), [(47, []), (49, ["late"])], ids=["in time", "too late"])
def test_events_that_leave_too_late_to_be_deduplicated_are_told(bench, an_event, hours, notices):
    bench.store(an_event("a"), an_event("b"))
    bench.clock.forward(hours=hours)
    bench.worker().run_once()
    assert (bench.statuses(), bench.notices()) == ({"sent": 2}, notices)
    assert all(one.text.startswith("2 events left more than 48 hours") for one in bench.notifications)


def test_the_schedule_of_the_settings_decides_when_an_event_is_given_up(bench, an_event, error):
    bench.meta.answer = lambda _ids: HttpResponse(400, {}, error(1, is_transient=True))
    (row,) = bench.store(an_event("a"))
    schedule = RetrySchedule(timedelta(hours=1), timedelta(hours=1), give_up_after=timedelta(hours=3))
    for _ in range(4):
        bench.worker(retry=schedule).run_once()
        bench.clock.forward(hours=1)
    found = bench.outbox.show(row)
    assert (found.event.status, (found.event.reason or "")[:9]) == ("refused", "given up,")


def test_metas_own_words_are_kept_with_the_attempt(bench, an_event, error):
    bench.meta.answer = lambda _ids: HttpResponse(
        400, {}, error(100, 2804009, error_user_msg="Bad value 'Jane'.")
    )
    (row,) = bench.store(an_event("a"))
    bench.worker().run_once()
    [attempt] = bench.outbox.show(row).attempts
    assert attempt.answer == "Bad value '•••'. lokaliseret"
    assert attempt.as_json()["answer"] == attempt.answer


def test_events_for_a_destination_that_is_not_configured_are_kept(bench, an_event):
    bench.store(an_event("a", destination="gone"))
    worker = bench.worker()
    worker.run_once()
    assert (bench.statuses(), bench.notices(), bench.meta.posts) == ({"waiting": 1}, ["paused"], [])


def test_reports_tell_everything_about_a_call(bench, an_event):
    ids = bench.store(an_event("a"), an_event("b"))
    bench.worker().run_once()
    (report,) = bench.seen
    assert (report.attempt.outcome, report.attempt.events, report.attempt.http_status) == (
        "delivered",
        2,
        200,
    )
    assert (report.attempt.fbtrace_id, report.attempt.duration_ms) == ("Atrace", 7)
    assert report.counts() == {"sent": 2}
    assert sorted(report.settled) == sorted(ids)
    assert report.ages_of_sent() == [0.007, 0.007]
    assert [(row.id, row.status, row.mapping) for row in report.rows()] == [
        (row, "sent", "shop") for row in ids
    ]


def test_deliver_now_sends_certain_events_and_tells_metas_words(bench, an_event, error):
    mine, _other = bench.store(an_event("mine"), an_event("other"))
    worker = bench.worker()
    results = worker.deliver_now([mine])
    assert (results[mine].status, results[mine].report.verdict.events_received) == ("sent", 1)
    assert bench.meta.batches == [["mine"]]
    (bad,) = bench.store(an_event("bad"))
    bench.meta.answer = lambda _ids: HttpResponse(400, {}, error(100, 2804009))
    refused = worker.deliver_now([bad])[bad]
    assert (refused.status, refused.report.verdict.subcode) == ("refused", 2804009)
    assert bench.statuses() == {"sent": 1, "refused": 1, "waiting": 1}


def test_deliver_now_does_not_bother_a_paused_destination(bench, an_event, error):
    bench.meta.answer = lambda _ids: HttpResponse(401, {}, error(190))
    bench.store(an_event("a"))
    worker = bench.worker()
    worker.run_once()
    (mine,) = bench.store(an_event("mine"))
    assert worker.deliver_now([mine])[mine].status == "waiting"
    assert len(bench.meta.posts) == 1


def test_deliver_now_waits_for_another_worker_that_has_the_event(bench, an_event, open_store, database_url):
    (mine,) = bench.store(an_event("mine"))
    results = {}

    def meanwhile():
        bench.meta.before = lambda: None
        waiting = bench.worker(open_store(database_url))
        results.update(
            waiting.deliver_now(
                [mine], timeout=timedelta(seconds=9), sleep=lambda _s: bench.clock.forward(seconds=3)
            )
        )

    bench.meta.before = meanwhile
    bench.worker().run_once()
    assert results[mine].status == "sending"
    assert len(bench.meta.posts) == 1
    assert bench.statuses() == {"sent": 1}


def test_the_worker_goes_on_after_trouble_and_stops_when_asked(bench, an_event, accepted):
    bench.store(*(an_event(f"e{number}") for number in range(30)))
    stop = threading.Event()

    def answer(ids):
        if len(bench.meta.posts) == 2:
            raise RuntimeError("a fault of our own")
        if len(bench.meta.posts) >= 6:
            stop.set()
        return accepted(len(ids))

    bench.meta.answer = answer
    bench.worker(batch_size=5, parallel=1).run_forever(stop)
    assert bench.notices() == ["fault"]
    assert bench.statuses() == {"sent": 25, "sending": 5}
    bench.clock.forward(minutes=2)
    bench.worker().run_once()
    assert bench.statuses() == {"sent": 30}


@pytest.mark.parametrize("code", [2**63, -(2**63) - 1, "9" * 18])
def test_a_code_of_any_size_leaves_no_event_in_sending(bench, an_event, error, code):
    bench.store(an_event("one"))
    bench.meta.answer = lambda _ids: HttpResponse(400, {}, error(code))
    bench.worker().run_once()
    assert bench.statuses() == {"waiting": 1}


def test_a_limit_stops_the_rest_of_a_claim(bench, an_event, error):
    half = b'{"event_id":"%b","text":"' + b"x" * 2_500_000 + b'"}'
    bench.store(*(an_event(name, body=half % name.encode()) for name in ("a", "b")))
    bench.meta.answer = lambda _ids: HttpResponse(400, {}, error(4))
    bench.worker().run_once()
    assert (bench.meta.batches, bench.statuses()) == ([["a"]], {"waiting": 2})


def test_what_one_worker_sends_another_neither_frees_nor_sends(bench, an_event):
    bench.store(an_event("one"))
    other = bench.worker()
    bench.meta.before = lambda: other.run_once() if len(bench.meta.posts) == 1 else None
    bench.worker().run_once()
    assert (bench.meta.batches, bench.statuses()) == ([["one"]], {"sent": 1})


def test_a_limit_is_forgotten_by_a_success_and_by_nothing_else(bench, an_event, error):
    scope = "dataset:1234567890123456"
    bench.store(an_event("a"))
    worker = bench.worker()
    bench.meta.answer = lambda _ids: HttpResponse(400, {}, error(4))
    worker.run_once()
    bench.clock.forward(minutes=1)
    bench.meta.answer = lambda _ids: HttpResponse(400, {}, error(100))
    worker.run_once()
    assert (bench.statuses(), list(bench.outbox.pauses())) == ({"refused": 1}, [scope])
    bench.meta.answer = None
    bench.store(an_event("b"))
    worker.run_once()
    assert (bench.statuses(), bench.outbox.pauses()) == ({"refused": 1, "sent": 1}, {})


@pytest.mark.parametrize(
    ("where", "why"),
    [
        pytest.param({"destination": "gone"}, "it is not in this worker's settings", id="destination"),
        pytest.param(
            {"dataset_id": "999"},
            "dataset 999 is not configured for it; see `capi-bridge events retarget`",
            id="dataset",
        ),
    ],
)
def test_a_pause_of_what_is_not_configured_says_what_is_missing(bench, an_event, where, why):
    bench.store(an_event("a", **where))
    bench.worker().run_once()
    assert [(notice.kind, notice.text) for notice in bench.notifications] == [("paused", why)]
    assert bench.statuses() == {"waiting": 1}


class Impatient(threading.Event):
    """A stop that waits for nothing; `between` runs in each round, and after too many of them it is set."""

    def __init__(self, between=lambda: None, rounds=100):
        super().__init__()
        self.between, self.rounds = between, rounds

    def wait(self, timeout=None):
        return super().is_set()

    def is_set(self):
        self.rounds -= 1
        self.between()
        return super().is_set() or self.rounds < 0


def test_a_worker_works_on_after_more_failures_than_it_has_senders(
    bench, an_event, open_store, database_url, accepted
):
    failures = iter(range(9))

    def fail_at_first(point):
        if point == CLAIM_AFTER and next(failures, None) is not None:
            bench.clock.forward(minutes=2)  # what was claimed is free again
            raise RuntimeError("a fault of our own")

    def last(ids):
        stop.set()
        return accepted(len(ids))

    stop = Impatient()
    bench.store(an_event("a"))
    bench.meta.answer = last
    bench.worker(open_store(database_url, failpoint=fail_at_first), parallel=1).run_forever(stop)
    assert bench.statuses() == {"sent": 1}
    assert bench.notices() == ["fault"] * 9


def test_a_worker_that_had_nothing_to_do_for_long_sends_what_comes_then(bench, an_event, accepted):
    rounds = iter(range(9))

    def late_event():
        if next(rounds, None) == 5:
            bench.store(an_event("late"))

    def last(ids):
        stop.set()
        return accepted(len(ids))

    stop = Impatient(late_event)
    bench.meta.answer = last
    bench.worker(parallel=1).run_forever(stop)
    assert bench.statuses() == {"sent": 1}


def test_no_more_is_claimed_than_can_soon_be_sent(bench, an_event, wait_until):
    open_gate, stop = threading.Event(), threading.Event()
    bench.meta.before = lambda: open_gate.wait(30)
    bench.store(*(an_event(f"e{number}") for number in range(10)))
    working = threading.Thread(target=bench.worker(batch_size=1, parallel=1).run_forever, args=(stop,))
    working.start()
    try:
        wait_until(lambda: bench.statuses().get("sending") == 3)  # one in the call, two ready behind it
        working.join(0.3)
        assert bench.statuses() == {"waiting": 7, "sending": 3}
    finally:
        stop.set()
        open_gate.set()
        working.join(30)
    assert "sending" not in bench.statuses()


def test_a_destination_is_paused_after_just_so_many_failures_in_a_row(bench, an_event, accepted):
    bench.meta.answer = lambda _ids: NO_ANSWER
    worker = bench.worker(batch_size=1)
    for number in range(FAILURES_UNTIL_PAUSE - 1):
        bench.store(an_event(f"e{number}"))
        worker.run_once()
        assert bench.outbox.pauses() == {}
    bench.store(an_event("one more"))
    worker.run_once()
    assert list(bench.outbox.pauses()) == ["destination:main:1234567890123456"]


def test_a_running_worker_frees_what_a_crashed_one_held(bench, an_event, accepted):
    bench.store(an_event("a"))
    [lane] = bench.outbox.lanes()
    now = bench.clock.now
    bench.outbox.claim(lane, worker="crashed", now=now, lease_until=now + timedelta(minutes=1))
    bench.clock.forward(minutes=2)
    stop = Impatient()

    def last(ids):
        stop.set()
        return accepted(len(ids))

    bench.meta.answer = last
    bench.worker().run_forever(stop)
    assert bench.statuses() == {"sent": 1}


def test_trouble_with_the_database_is_told_in_its_own_words(bench, an_event, open_store, database_url):
    def full(point):
        if point == CLAIM_BEFORE:
            stop.set()
            raise CannotStore("the disk is full")

    stop = Impatient()
    bench.store(an_event("a"))
    bench.worker(open_store(database_url, failpoint=full)).run_forever(stop)
    assert [(notice.kind, notice.text) for notice in bench.notifications] == [("trouble", "the disk is full")]
    assert bench.statuses() == {"waiting": 1}
