"""Conditions: what each test says of a value, of a missing one, and what is told when it fails."""

from __future__ import annotations

from decimal import Decimal

import pytest

DATA = {
    "status": " Paid ",
    "count": 3,
    "price": Decimal("10.50"),
    "text_number": "10.5",
    "german": "1.234,56",
    "true": True,
    "no_text": "no",
    "tags": ["vip", "new"],
    "items": [{"sku": "A"}, {"sku": "B"}],
    "blank": "",
    "null": None,
    "created": "2026-11-05T10:00:00+01:00",
    "words": "Hello World",
}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        pytest.param("{status: paid}", True, id="a text, without case and blanks"),
        pytest.param("{status: open}", False, id="another text"),
        pytest.param("{status: [open, paid]}", True, id="one of a list"),
        pytest.param("{count: 3}", True, id="a number as text"),
        pytest.param("{price: 10.5}", True, id="numbers count the same"),
        pytest.param("{'true': true}", True, id="truth"),
        pytest.param("{'true': yes}", True, id="truth by another word"),
        pytest.param("{'true': {is_not: true}}", False, id="is_not"),
        pytest.param("{tags: vip}", True, id="a list has it"),
        pytest.param("{tags: {is_not: vip}}", False, id="a list must not have it"),
        pytest.param("{items.*.sku: B}", True, id="one of every entry"),
        pytest.param("{items.0.sku: {none_of: [B, C]}}", True, id="none_of"),
        pytest.param("{missing: x}", False, id="missing fails"),
        pytest.param("{missing: {is_not: x}}", True, id="missing is not"),
        pytest.param("{missing: {none_of: [x]}}", True, id="missing is none of"),
        pytest.param("{missing: {empty: yes}}", True, id="missing is empty"),
        pytest.param("{missing: {exists: no}}", True, id="missing does not exist"),
        pytest.param("{missing: {contains: x}}", False, id="missing contains nothing"),
        pytest.param("{missing: {less_than: 5}}", False, id="missing is not less"),
        pytest.param("{missing: {is_false: yes}}", False, id="missing is not false"),
        pytest.param("{missing: {before: 2027-01-01}}", False, id="missing is not before"),
        pytest.param("{blank: {exists: yes}}", True, id="a blank exists"),
        pytest.param("{blank: {empty: yes}}", True, id="a blank is empty"),
        pytest.param("{status: {empty: no}}", True, id="not empty"),
        pytest.param("{'null': {exists: no}}", True, id="null does not exist"),
        pytest.param("{words: {contains: [world, moon]}}", True, id="contains"),
        pytest.param("{words: {starts_with: hello}}", True, id="starts_with"),
        pytest.param("{words: {ends_with: world}}", True, id="ends_with"),
        pytest.param("{tags: {contains: ew}}", True, id="an entry contains"),
        pytest.param("{count: {more_than: 2}}", True, id="more_than"),
        pytest.param("{count: {more_than: 3}}", False, id="not more_than itself"),
        pytest.param("{count: {at_least: 3, at_most: 3}}", True, id="between"),
        pytest.param("{text_number: {less_than: 10.51}}", True, id="less_than, digits exact"),
        pytest.param("{'true': {is_true: yes}}", True, id="is_true"),
        pytest.param("{no_text: {is_false: yes}}", True, id="is_false"),
        pytest.param("{status: {is_true: yes}}", False, id="a word that means neither"),
        pytest.param("{created: {after: 2026-11-05, before: 2026-11-06}}", True, id="between two days"),
        pytest.param("{created: {before: 2026-11-05T08:00:00Z}}", False, id="not before"),
        pytest.param("{any: [{status: open}, {count: 3}]}", True, id="any"),
        pytest.param("{any: [{status: open}, {count: 4}]}", False, id="none of any"),
        pytest.param("{not: {status: open}}", True, id="not"),
        pytest.param("{not: {status: paid, count: 3}}", False, id="not both"),
        pytest.param("{status: paid, count: 4}", False, id="all lines must hold"),
        pytest.param("{any: [{not: {status: paid}}, {any: [{count: 3}]}]}", True, id="nested"),
    ],
)
def test_a_condition_holds_or_not(drafts, condition, holds):
    (draft,) = drafts(f"when: {condition}\n", DATA)
    assert draft.verdict == ("ready" if holds else "skipped")


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        pytest.param("{status: {is_true: yes}}", "status does not mean true", id="is_true"),
        pytest.param("{'true': {is_true: no}}", "true means true", id="is_true: no"),
        pytest.param("{missing: {exists: yes}}", "missing is not there", id="exists"),
        pytest.param("{status: {empty: yes}}", "status is not empty", id="empty"),
        pytest.param("{count: {more_than: 5}}", "count is not more than 5", id="a number"),
        pytest.param("{tags: {none_of: [vip, x]}}", "tags is vip or x", id="none_of"),
        pytest.param("{not: {count: 3}}", "the condition under not holds", id="not"),
        pytest.param(
            "{any: [{count: 4}, {status: x}]}",
            "none of these holds: count is not 4; status is not x",
            id="any",
        ),
    ],
)
def test_a_failed_condition_says_what_failed(drafts, condition, reason):
    (draft,) = drafts(f"when: {condition}\n", DATA)
    assert draft.reason == f"when: {reason}"


def test_a_failed_condition_is_named_without_the_value_of_the_webhook(drafts):
    (draft,) = drafts("when:\n  status: [open, new]\n", {"status": "jane@example.com"})
    assert draft.reason == "when: status is not open or new"


def test_a_number_test_on_a_text_fails_and_says_so(drafts):
    (draft,) = drafts("when:\n  status: {more_than: 3}\n", DATA)
    assert draft.verdict == "skipped"
    assert [(finding.code, finding.position.line) for finding in draft.findings] == [
        ("number_test_on_text", 5)
    ]


def test_numbers_are_read_as_the_settings_say(drafts):
    (draft,) = drafts("settings: {number_format: '1.234,56'}\nwhen: {german: {at_least: 1234.56}}\n", DATA)
    assert draft.verdict == "ready"


@pytest.mark.parametrize(
    ("condition", "code", "suggestion"),
    [
        pytest.param("{status: {more_then: 3}}", "unknown_key", "more_than", id="a slip in a test"),
        pytest.param("{anny: [{status: paid}]}", "unknown_key", "any", id="a slip of any"),
        pytest.param("{nto: {status: paid}}", "unknown_key", "not", id="a slip of not"),
        pytest.param("{status: {more_than: many}}", "no_number", None, id="a word for a number"),
        pytest.param("{status: {exists: perhaps}}", "unknown_word", None, id="neither yes nor no"),
        pytest.param("{status: {before: soon}}", "no_time", None, id="no time"),
        pytest.param("{status: }", "no_value", None, id="no value"),
        pytest.param("{status: {}}", "no_value", None, id="no test"),
        pytest.param("{any: {status: paid}}", "wrong_shape", None, id="any without a list"),
        pytest.param("paid", "wrong_shape", None, id="a text for conditions"),
    ],
)
def test_a_condition_that_cannot_be_meant_is_refused(problems, condition, code, suggestion):
    assert [(f.code, f.suggestion) for f in problems(f"when: {condition}\n")] == [(code, suggestion)]
