"""The pure decisions of delivery: when to try again, how long to rest, how to cut and to wrap a batch."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.delivery import circuit_breaker
from bridge.delivery.http_client import GraphRequest, batch_body, events_url, in_batches
from bridge.delivery.meta_responses import Verdict
from bridge.delivery.rate_limit_headers import RequestedPause, requested_pauses
from bridge.delivery.retry import USUAL, after_failure, backoff, reason_of
from bridge.outbox import ClaimedEvent, Settled
from bridge.outbox.ids import first_id
from bridge.settings import RetrySchedule

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PASSING = Verdict("retry", "No answer came.", "nobody", "Nothing to do.")
SECONDS = int(NOW.timestamp())


def event(attempts: int, accepted_until: int, received_at: datetime = NOW) -> ClaimedEvent:
    return ClaimedEvent(first_id(int(received_at.timestamp() * 1000)), b"{}", attempts, accepted_until)


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_a_wait_is_never_negative_nor_longer_than_the_longest(attempts, jitter):
    assert timedelta(milliseconds=200) <= backoff(attempts, jitter) <= USUAL.longest_wait


def test_waits_are_drawn_from_the_whole_span_which_doubles():
    assert [backoff(attempts, 1.0).total_seconds() for attempts in range(5)] == [2, 4, 8, 16, 32]
    assert backoff(4, 0.25).total_seconds() == 8


@given(st.integers(0, 50), st.floats(0, 1), st.integers(-1000, 1_000_000))
def test_nothing_is_ever_planned_beyond_the_age_limit(attempts, jitter, left):
    settled = after_failure(PASSING, event(attempts, SECONDS + left), NOW, jitter)
    if settled.status == "expired":
        assert left <= 1
    else:
        assert NOW.timestamp() * 1000 < settled.due_at < (SECONDS + left) * 1000


def test_a_bounded_retry_ends_as_refused_with_the_reason():
    bounded = Verdict(
        "retry", "Unknown error.", "nobody", "Look it up.", code=1, subcode=99, attempts=3, blamed="data"
    )
    assert after_failure(bounded, event(1, SECONDS + 9999), NOW, 0.5).status == "waiting"
    assert after_failure(bounded, event(2, SECONDS + 9999), NOW, 0.5) == Settled(
        "refused", "Unknown error. (code 1/99) Meta blames: data. Look it up."
    )


def test_the_schedule_of_the_settings_is_kept():
    slow = RetrySchedule(first_wait=timedelta(minutes=1), longest_wait=timedelta(minutes=3))
    waits = [backoff(attempts, 1.0, slow).total_seconds() for attempts in range(4)]
    assert waits == [60, 120, 180, 180]


@pytest.mark.parametrize(
    ("hours_ago", "status", "minutes"),
    [
        pytest.param(1, "waiting", 60, id="fresh"),
        pytest.param(11.75, "waiting", 15, id="the last try is moved before the end"),
        pytest.param(12, "refused", None, id="given up"),
        pytest.param(100, "refused", None, id="long ago"),
    ],
)
def test_an_event_is_given_up_when_the_settings_say_so(hours_ago, status, minutes):
    schedule = RetrySchedule(timedelta(hours=1), timedelta(hours=1), give_up_after=timedelta(hours=12))
    failed = event(9, SECONDS + 999_999, NOW - timedelta(hours=hours_ago))
    settled = after_failure(PASSING, failed, NOW, 1.0, schedule)
    due = None if minutes is None else int((NOW + timedelta(minutes=minutes)).timestamp() * 1000)
    assert (settled.status, settled.due_at) == (status, due)
    if status == "refused":
        assert settled.reason == f"given up, as delivery.retry.give_up_after says: {reason_of(PASSING)}"


def test_a_reason_without_a_code_is_a_plain_sentence():
    assert reason_of(PASSING) == "No answer came. Nothing to do."


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"retry-after": "7"}, [RequestedPause("dataset", timedelta(seconds=7))], id="seconds"),
        pytest.param(
            {"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT"},
            [RequestedPause("dataset", timedelta(seconds=30))],
            id="date",
        ),
        pytest.param({"retry-after": "Sat, 21 Nov 2026 11:00:30 GMT"}, [], id="a date gone by"),
        pytest.param(
            {"retry-after": "99999999999"},
            [RequestedPause("dataset", timedelta(hours=6))],
            id="absurd: bounded",
        ),
        pytest.param({"retry-after": "soon"}, [], id="not a time"),
        pytest.param({"x-app-usage": '{"call_count": 89}'}, [], id="far from the limit"),
        pytest.param(
            {"x-app-usage": '{"call_count": 90}'}, [RequestedPause("app", timedelta(seconds=15))], id="near"
        ),
        pytest.param(
            {"x-app-usage": '{"total_time": 96}'}, [RequestedPause("app", timedelta(minutes=1))], id="nearer"
        ),
        pytest.param(
            {"x-app-usage": '{"total_cputime": 130}'},
            [RequestedPause("app", timedelta(minutes=5))],
            id="over",
        ),
        pytest.param(
            {"x-business-use-case-usage": '{"7": [{"call_count": 3, "estimated_time_to_regain_access": 4}]}'},
            [RequestedPause("dataset", timedelta(minutes=4))],
            id="an estimate counts in minutes",
        ),
        pytest.param(
            {"x-ad-account-usage": '{"acc_id_util_pct": 100, "reset_time_duration": 90}'},
            [RequestedPause("dataset", timedelta(seconds=90))],
            id="a reset counts in seconds",
        ),
        pytest.param(
            {"x-ad-account-usage": '{"acc_id_util_pct": 1, "reset_time_duration": 90}'}, [], id="no need"
        ),
        pytest.param({"x-app-usage": "[[["}, [], id="broken"),
        pytest.param(
            {"x-app-usage": '{"call_count": "many", "total_time": true, "x": -1}'}, [], id="odd types"
        ),
        pytest.param({"x-app-usage": "null", "x-ad-account-usage": '"text"'}, [], id="odd shapes"),
    ],
)
def test_headers_ask_for_rest(headers, asked):
    assert requested_pauses(headers, NOW) == asked


@given(
    st.dictionaries(st.sampled_from(["retry-after", "x-app-usage", "x-business-use-case-usage"]), st.text())
)
def test_no_header_text_can_break_the_worker(headers):
    for rest in requested_pauses(headers, NOW):
        assert timedelta() < rest.length <= timedelta(hours=6)


@given(st.lists(st.integers(1, 3_000), max_size=60), st.integers(1, 20))
def test_batches_keep_order_lose_nothing_and_stay_under_both_bounds(sizes, most_events):
    cuts = list(in_batches(sizes, most_events=most_events, most_bytes=4_512))
    assert [size for cut in cuts for size in sizes[cut]] == sizes
    for cut in cuts:
        batch = sizes[cut]
        assert 1 <= len(batch) <= most_events
        assert sum(batch) + len(batch) <= 4_000 or len(batch) == 1


@given(st.lists(st.binary(min_size=1), min_size=1, max_size=5))
def test_a_body_is_the_stored_bytes_joined_and_nothing_else(bodies):
    assert batch_body(bodies, None) == b'{"data":[' + b",".join(bodies) + b"]}"


def test_codes_and_agents_stand_beside_the_data():
    body = batch_body([b'{"a":1}', b"{}"], 'TEST"1', "agent")
    assert json.loads(body) == {"data": [{"a": 1}, {}], "test_event_code": 'TEST"1', "partner_agent": "agent"}


def test_addresses_are_put_together_without_double_slashes():
    assert events_url("https://graph.example/", "v25.0", "12") == "https://graph.example/v25.0/12/events"


def test_the_token_is_in_no_repr_and_in_no_scope():
    assert "secret" not in repr(GraphRequest("https://x", "secret-token", b"secret body"))
    assert "secret" not in circuit_breaker.app_scope("secret-token")
    assert circuit_breaker.app_scope("a") != circuit_breaker.app_scope("b")


@pytest.mark.parametrize(
    ("why", "lengths"),
    [
        pytest.param("unreachable", [2, 4, 8, 16, 32, 64, 120, 120], id="unreachable"),
        pytest.param("repair", [30, 60, 120, 240, 480, 900, 900, 900], id="expired token"),
        pytest.param("hours", [7200, 14400, 28800, 43200, 43200, 43200, 43200, 43200], id="policy block"),
    ],
)
def test_pauses_grow_up_to_a_bound(why, lengths):
    assert [circuit_breaker.length_of(why)(trips).total_seconds() for trips in range(1, 9)] == lengths


def test_every_batch_may_be_filled_to_the_very_bound():
    cuts = in_batches([20, 10, 10], most_events=9, most_bytes=512 + 22)
    assert [(cut.start, cut.stop) for cut in cuts] == [(0, 1), (1, 3)]
