"""Suggestions: the nearest word, and the likelier one of those that are equally near."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.spelling import closest, distance, ranked_by_nearness


@pytest.mark.parametrize(
    ("left", "right", "slips"),
    [
        pytest.param("email", "email", 0, id="equal"),
        pytest.param("emial", "email", 1, id="swapped"),
        pytest.param("emal", "email", 1, id="dropped"),
        pytest.param("emmail", "email", 1, id="doubled"),
        pytest.param("rmail", "email", 1, id="replaced"),
        pytest.param("", "abc", 3, id="nothing"),
        pytest.param("ca", "abc", 3, id="a swap is not edited again"),
        pytest.param("kitten", "sitting", 3, id="three slips"),
    ],
)
def test_slips_are_counted(left, right, slips):
    assert distance(left, right) == distance(right, left) == slips


def test_counting_stops_over_the_limit():
    assert distance("completely", "different", limit=2) == 3


@pytest.mark.parametrize(
    ("word", "candidates", "expected"),
    [
        pytest.param("emial", ["em", "email"], "email", id="the nearest"),
        pytest.param("from", ["form", "frame"], "form", id="swapped letters before others"),
        pytest.param("zpi", ["zip", "zap"], "zip", id="three letters"),
        pytest.param(
            "EventName", ["event_time", "event_name"], "event_name", id="another spelling of the same"
        ),
        pytest.param("event-name", ["event_name"], "event_name", id="another sign between words"),
        pytest.param("xyz", ["email", "phone"], None, id="nothing near"),
        pytest.param("a", ["b", "c"], None, id="one letter is no slip of another one"),
        pytest.param("ab", ["abcd"], None, id="two letters more are too many for a short word"),
        pytest.param("cat", ["bat", "car"], "car", id="the same first letter before another one"),
    ],
)
def test_the_closest_word_is_suggested(word, candidates, expected):
    assert closest(word, candidates) == expected


def test_words_that_are_equally_near_keep_their_order():
    assert ranked_by_nearness("fbx", ["fbp", "fbc"]) == ["fbp", "fbc"]


@given(st.text(max_size=12), st.text(max_size=12))
def test_the_distance_is_symmetric_and_zero_for_equal_words_only(left, right):
    slips = distance(left, right)
    assert slips == distance(right, left)
    assert (slips == 0) == (left == right)
    assert abs(len(left) - len(right)) <= slips <= max(len(left), len(right))
