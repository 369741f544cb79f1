"""The rate of a source is kept by all nodes together, on either database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.outbox.call_rates import CallRate, call_rate

SECOND = timedelta(seconds=1)
NONE = timedelta()
FOUR = call_rate(4, 1)  # one each 250 ms


def test_a_rate_is_spread_evenly_and_a_tenth_of_it_may_come_at_once():
    assert call_rate(8, 1) == CallRate(1, SECOND / 8)
    assert call_rate(190, 10) == CallRate(19, 10.1 * SECOND / 172, SECOND / 10)
    assert call_rate(1, 3600) == CallRate(1, 3600 * SECOND)


def test_calls_take_turns(outbox, now):
    turns = [outbox.fetches.take_turns("crm", FOUR, now, SECOND) for _ in range(5)]
    assert turns == [(1, number * SECOND / 4) for number in range(5)]


def test_a_turn_beyond_a_callers_patience_is_not_taken(outbox, now):
    for _ in range(3):
        outbox.fetches.take_turns("crm", FOUR, now, SECOND)
    assert outbox.fetches.take_turns("crm", FOUR, now, SECOND / 2) == (0, 3 * SECOND / 4)
    assert outbox.fetches.take_turns("crm", FOUR, now, SECOND) == (1, 3 * SECOND / 4)


def test_what_was_not_used_is_not_saved_up(outbox, now):
    outbox.fetches.take_turns("crm", FOUR, now, NONE)
    later = now + timedelta(hours=1)
    assert [outbox.fetches.take_turns("crm", FOUR, later, NONE)[0] for _ in range(3)] == [1, 0, 0]


def test_a_burst_uses_the_tokens_that_are_left(outbox, now):
    rate = call_rate(30, 3)
    turns = [outbox.fetches.take_turns("crm", rate, now, NONE) for _ in range(4)]
    assert turns[:3] == [(1, NONE)] * 3
    assert turns[3].number == 0
    assert turns[3].wait == pytest.approx(3.1 * SECOND / 28, abs=timedelta(microseconds=10))


def test_several_turns_are_taken_together_while_tokens_are_left(outbox, now):
    rate = call_rate(190, 10)
    assert rate.most_turns == 9
    turns = [outbox.fetches.take_turns("crm", rate, now, NONE, 8) for _ in range(4)]
    assert [number for number, _ in turns] == [8, 8, 3, 0]
    assert turns[3].wait == pytest.approx(rate.interval, abs=timedelta(microseconds=20))
    assert outbox.fetches.take_turns("crm", rate, now, SECOND, 8).number == 1  # one that is waited for


def test_sources_have_rates_of_their_own(outbox, now):
    assert outbox.fetches.take_turns("crm", FOUR, now, NONE) == (1, NONE)
    assert outbox.fetches.take_turns("shop", FOUR, now, NONE) == (1, NONE)


def test_nodes_share_a_rate(database_url, open_store, now):
    nodes = [open_store(database_url) for _ in range(4)]
    with ThreadPoolExecutor(8) as threads:
        turns = list(
            threads.map(
                lambda n: nodes[n % 4].fetches.take_turns("crm", FOUR, now, timedelta(minutes=1)), range(24)
            )
        )
    assert sorted(turns) == [(1, number * SECOND / 4) for number in range(24)]


def test_a_turn_that_a_wrong_clock_took_years_ahead_counts_as_past(outbox, now):
    outbox.fetches.take_turns("crm", FOUR, now + timedelta(days=365), NONE)
    assert outbox.fetches.take_turns("crm", FOUR, now, NONE) == (1, NONE)


@given(
    count=st.integers(1, 400), seconds=st.integers(1, 60), calls=st.lists(st.integers(0, 2_000), max_size=300)
)
def test_no_stretch_of_time_ever_sees_more_calls_than_the_rate_says(count, seconds, calls):
    """Play the bucket in whole numbers: callers that come when they like, and wait for their turn.

    Every other one has taken a turn for itself with that of the one before, and uses it as late as it may.
    """
    rate = call_rate(count, seconds)
    step, at, full_at, made = timedelta(milliseconds=1), NONE, NONE, []
    for pause in calls:
        at += pause * step
        turn = max(at, full_at - rate.tolerance)
        full_at = max(full_at, at) + rate.interval
        made.append(turn + (rate.good_for if len(made) % 2 else NONE))
    window = timedelta(seconds=seconds)
    for first in made:
        assert (
            sum(first <= other < first + window - count * timedelta(microseconds=1) for other in made)
            <= count
        )
