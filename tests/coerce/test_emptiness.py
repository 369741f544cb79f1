"""What counts as empty, and what only looks as if it did."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.coerce.emptiness import is_empty, is_empty_text

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(),
    st.text("{} nul/aNUL", max_size=8),
    st.lists(st.integers(), max_size=2),
)


@pytest.mark.parametrize(
    "value",
    [None, "", "  ", [], {}, "null", " NULL ", "undefined", "N/A", "nan", "[object Object]", "{{1.email}}"],
)
def test_placeholders_are_empty(value):
    assert is_empty(value)


@pytest.mark.parametrize(
    "value", [0, False, "0", "false", "test", [None], {"a": None}, "a" * 300, "nullable"]
)
def test_zero_and_false_are_values(value):
    assert not is_empty(value)


def test_the_authors_own_placeholders_are_empty_too():
    assert is_empty(" Keine Angabe ", frozenset({"keine angabe"}))


@pytest.mark.parametrize("length", [10, 300, 5_000])
def test_a_template_left_unrendered_is_empty_however_long_it_is(length):
    assert is_empty("{{" + "x" * length + "}}")


@given(value=ODD, extra=st.frozensets(st.text(max_size=3), max_size=2))
def test_asking_for_emptiness_never_fails(value, extra):
    assert is_empty(value, extra) in {True, False}


@given(value=st.text(), extra=st.frozensets(st.text(max_size=3), max_size=2))
def test_a_stripped_text_is_judged_as_the_value_is(value, extra):
    assert is_empty_text(value.strip(), extra) == is_empty(value, extra)
