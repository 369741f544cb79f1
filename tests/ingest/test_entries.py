"""A test code of a sender is taken as it is, or refused before anything is stored."""

from __future__ import annotations

import pytest

from bridge.errors import UnreadableBody
from bridge.ingest.entries import checked_test_code


@pytest.mark.parametrize("code", [None, "", "TEST12345", "a" * 50])
def test_a_code_of_a_sensible_length_is_taken(code):
    assert checked_test_code(code) == code


@pytest.mark.parametrize(
    "code",
    ["a\x00b", "a" * 51, "two words", "TEST\n", "\ud800", "tést"],
    ids=["NUL", "long", "space", "line", "half", "é"],
)
def test_anything_else_is_a_400(code):
    with pytest.raises(UnreadableBody) as refusal:
        checked_test_code(code)
    assert (refusal.value.code, code in str(refusal.value)) == ("bad_test_event_code", False)
