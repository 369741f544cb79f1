"""Numbers come with the right form of their noun."""

from __future__ import annotations

import pytest

from bridge.plurals import counted, counted_kinds


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 events"), (1, "1 event"), (2, "2 events"), (12_000, "12,000 events")]
)
def test_a_noun_takes_an_s_unless_there_is_one(number, text):
    assert counted(number, "event") == text


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((0, 0, 0), "no events"),
        ((1, 0, 0), "1 waiting event"),
        ((0, 0, 2), "2 held events"),
        ((2, 0, 1), "2 waiting and 1 held event"),
        ((1, 3, 1_000), "1 waiting, 3 fetching and 1,000 held events"),
    ],
)
def test_kinds_of_which_there_are_none_are_left_out(numbers, text):
    assert counted_kinds(dict(zip(("waiting", "fetching", "held"), numbers, strict=True)), "event") == text
