"""JSON in a text: opened when it is a whole list or object, and otherwise left as it is."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bridge.coerce.json_text import opened_text


@pytest.mark.parametrize(
    ("given", "opened"),
    [
        ('["A1","B2"]', ["A1", "B2"]),
        (' {"id": 7} ', {"id": 7}),
        ("[1.10]", [Decimal("1.10")]),
        ("[12345678901234567890]", [12345678901234567890]),
        ("[]", []),
        ("[A1]", "[A1]"),
        ('["A1"', '["A1"'),
        ('["A1"}', '["A1"}'),
        ("[" * 100_000 + "]", "[" * 100_000 + "]"),
        ("[NaN]", "[NaN]"),
        (r'["a\u0000b", {"\u0000c": "\ud83d"}]', ["ab", {"c": "\ufffd"}]),
        (r'["a\\u0000b", "\ud83d\ude00"]', [r"a\u0000b", "😀"]),
        ("12", "12"),
        ('"A1"', '"A1"'),
        ("", ""),
        (None, None),
        (["A1"], ["A1"]),
    ],
)
def test_only_a_whole_list_or_object_is_opened(given, opened):
    assert opened_text(given) == opened


@pytest.mark.parametrize(
    ("text", "is_opened"), [("[[]]", True), ("[[[]]]", False), ("[[], [], []]", True), ('["[[["]', False)]
)
def test_a_bound_of_levels_holds(text, is_opened):
    assert isinstance(opened_text(text, deepest=2), list) == is_opened
