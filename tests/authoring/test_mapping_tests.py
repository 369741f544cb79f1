"""The tests inside a mapping: readable expectations hold or fail with both sides and the field's story."""

from __future__ import annotations

import pytest

from bridge.authoring.test_runner import run_tests
from tests.conftest import LEAD

SETTINGS = "settings: {phone_country: DE}\ndefaults: {currency: EUR}\n"
WIDE = LEAD.replace(
    "  email: email\n",
    "  email: {all: [email, more.*]}\n  phone: phone\n  full_name: name\n  fbp: $cookies._fbp\n",
).replace("version: 1\n", "version: 1\nreceive: {sent_by: browser}\n")
VALUES = "event_time: at\ncustom_data: {value: total, content_ids: ids}\nopt_out: out\n"


def outcome(mapping, spec, now) -> list[tuple[str, str, str]]:
    """Return what failed in the only test: field, expected, got."""
    [result] = run_tests(mapping, spec, now)
    return [(failure.what, failure.expected, failure.got) for failure in result.failures]


def given(expectation: str, data: str = "{id: 7, email: Jane@Example.com}", beside: str = "") -> str:
    return f"tests:\n  - name: a claim\n    given: {data}\n{beside}    {expectation}\n"


@pytest.mark.parametrize(
    "expectation",
    [
        pytest.param("expect: [{event_name: Lead, event_id: lead-7}]", id="plain fields"),
        pytest.param("expect: {event_name: Lead}", id="one event without a list"),
        pytest.param("expect: [{user_data.email: jane@example.com}]", id="cleaned by the runner"),
        pytest.param('expect: [{user_data.email: " JANE@example.com"}]', id="as somebody typed it"),
        pytest.param("expect: [{user_data: {em: jane@example.com}}]", id="nested, by Meta's name"),
        pytest.param(
            "expect: [{user_data.em: 8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d}]",
            id="the hash itself",
        ),
        pytest.param("expect: [{}]", id="nothing in particular"),
    ],
)
def test_a_readable_expectation_holds(expectation, mapping_of, spec, now):
    assert outcome(mapping_of(LEAD + given(expectation)), spec, now) == []


@pytest.mark.parametrize(
    ("expectation", "failure"),
    [
        pytest.param(
            "expect: [{event_name: Purchase}]", ("event_name", "Purchase", "Lead"), id="another event name"
        ),
        pytest.param("expect: [{event_id: lead-8}]", ("event_id", "lead-8", "lead-7"), id="another id"),
        pytest.param(
            "expect: [{user_data.email: dana@example.com}]",
            ("user_data.email", "dana@example.com", "jane@example.com (as cleaned)"),
            id="another person, told readably",
        ),
        pytest.param(
            "expect: [{user_data.phone: 491512345678}]",
            ("user_data.phone", "491512345678", "(nothing)"),
            id="a field that is not there",
        ),
        pytest.param(
            "expect: [{user_data.email: [jane@example.com, dana@example.com]}]",
            ("user_data.email", "jane@example.com, dana@example.com", "jane@example.com (as cleaned)"),
            id="one value of two",
        ),
        pytest.param("expect: [{}, {}]", ("number of events", "2 events", "1 event"), id="one event of two"),
        pytest.param("expect: []", ("number of events", "no event", "1 event"), id="an event too many"),
        pytest.param("expect_skipped: stage", ("outcome", "skipped", "ready"), id="not skipped"),
        pytest.param("expect_held: no", ("outcome", "held", "ready"), id="not held"),
        pytest.param("expect_suppressed: no", ("outcome", "suppressed", "ready"), id="not suppressed"),
    ],
)
def test_a_wrong_expectation_fails_with_both_sides(expectation, failure, mapping_of, spec, now):
    assert outcome(mapping_of(LEAD + given(expectation)), spec, now) == [failure]


@pytest.mark.parametrize(
    ("expected", "differs"),
    [
        pytest.param("custom_data.value: 12.5", False, id="a number"),
        pytest.param("custom_data.value: 12.50", False, id="the same number"),
        pytest.param('custom_data.value: "12.5"', False, id="a number in quotes"),
        pytest.param("custom_data.value: 12.51", True, id="another number"),
        pytest.param("custom_data.currency: EUR", False, id="a default"),
        pytest.param("event_time: 1795176000", False, id="seconds"),
        pytest.param("event_time: 2026-11-20T12:00:00Z", False, id="a time"),
        pytest.param("event_time: 2026-11-20T12:00:01Z", True, id="another time"),
        pytest.param("custom_data.content_ids: [A, B]", False, id="a list"),
        pytest.param("custom_data.content_ids: [B, A]", True, id="another order"),
        pytest.param("custom_data.content_ids: [A]", True, id="a shorter list"),
        pytest.param("opt_out: true", False, id="a truth value"),
        pytest.param("opt_out: false", True, id="the other truth value"),
        pytest.param("user_data.phone: 491512345678", False, id="a phone with its country"),
        pytest.param("user_data.phone: 0151 2345678", False, id="a phone as given"),
        pytest.param("user_data.phone: 491512345679", True, id="another phone"),
        pytest.param(
            "user_data.email: [dana@example.com, jane@example.com]", False, id="two people, any order"
        ),
        pytest.param(
            "user_data.email: [jane@example.com, jane@example.com]", True, id="one person twice is not two"
        ),
        pytest.param("user_data.last_name: van doe", False, id="a part of the full name"),
        pytest.param("user_data.fbp: fb.1.1795000000000.1019141", False, id="a cookie of the test"),
        pytest.param("user_data.fbp: fb.1.1795000000000.1019142", True, id="another cookie"),
    ],
)
def test_each_kind_of_value_is_compared_by_what_it_means(expected, differs, mapping_of, spec, now):
    data = (
        "{id: 7, email: Jane@Example.com, more: [dana@example.com], phone: 0151 2345678, name: Jane van Doe,"
        ' total: "12.50", ids: [A, B], at: "2026-11-20T12:00:00Z", out: yes}'
    )
    beside = '    with: {now: "2026-11-20T12:00:05Z", cookies: {_fbp: fb.1.1795000000000.1019141}}\n'
    mapping = mapping_of(WIDE + VALUES + SETTINGS + given(f"expect: [{{{expected}}}]", data, beside))
    assert bool(outcome(mapping, spec, now)) is differs


def test_exactly_means_every_field(mapping_of, spec, now):
    fields = (
        "{event_name: Lead, event_id: lead-7, action_source: system_generated, event_time: 1795262400,"
        " user_data.email: jane@example.com}"
    )
    assert outcome(mapping_of(LEAD + given(f"expect_exactly: [{fields}]")), spec, now) == []
    fewer = fields.replace("event_id: lead-7, ", "")
    assert outcome(mapping_of(LEAD + given(f"expect_exactly: [{fewer}]")), spec, now) == [
        ("event_id", "(nothing)", "lead-7")
    ]


@pytest.mark.parametrize(
    ("lines", "data", "expectation"),
    [
        pytest.param("when: {stage: won}\n", "{stage: lost}", "expect_skipped: stage", id="skipped"),
        pytest.param("", "{id: 7}", "expect_held: not enough customer information", id="held"),
        pytest.param(
            "consent: {from: ok, granted: [yes], denied: [no]}\n",
            "{id: 1, ok: no}",
            "expect_suppressed: consent",
            id="suppressed",
        ),
    ],
)
def test_what_is_not_sent_is_expected_by_a_part_of_its_reason(
    lines, data, expectation, mapping_of, spec, now
):
    assert outcome(mapping_of(LEAD + lines + given(expectation, data)), spec, now) == []
    other = f"{expectation.partition(':')[0]}: another reason"
    [(what, expected, got)] = outcome(mapping_of(LEAD + lines + given(other, data)), spec, now)
    assert (what, expected.endswith("another reason")) == ("outcome", True)
    assert got


def test_a_failure_tells_the_line_and_the_story_of_its_field(mapping_of, spec, now):
    mapping = mapping_of(
        LEAD.replace("email: email", "email: [mail, email]")
        + given("expect:\n      - event_name: Lead\n        user_data.email: dana@example.com")
    )
    [result] = run_tests(mapping, spec, now)
    [failure] = result.failures
    assert (failure.position.line, failure.position.column) == (12, 9)
    assert "tried mail: absent" in failure.story
    assert "from email" in failure.story
    assert failure.as_json()["line"] == 12


def test_a_body_in_a_file_is_read_by_its_kind(mapping_of, spec, now):
    text = LEAD + given(
        "expect: [{event_id: lead-7, user_data.email: jane@example.com}]", "samples/real.form"
    )
    mapping = mapping_of(text, {"samples/real.form": b"id=7&email=jane%40example.com"})
    assert outcome(mapping, spec, now) == []


def test_what_stands_beside_a_sample_comes_with_it(mapping_of, spec, now):
    files = {
        "samples/real.json": b'{"id": 7, "email": "jane@example.com"}',
        "samples/real.headers.json": b'{"headers": {"X-Topic": "new"}, "now": "2026-02-01T00:00:00Z"}',
    }
    lines = "custom_data: {content_category: $headers.X-Topic}\n"
    expect = "expect: [{custom_data.content_category: new, event_time: 2026-02-01T00:00:00Z}]"
    assert outcome(mapping_of(LEAD + lines + given(expect, "samples/real.json"), files), spec, now) == []


@pytest.mark.parametrize(
    "files", [pytest.param({}, id="no such file"), pytest.param({"samples/real.json": b"{"}, id="broken")]
)
def test_a_body_that_cannot_be_read_is_a_failed_test(files, mapping_of, spec, now):
    mapping = mapping_of(LEAD + given("expect: [{}]", "samples/real.json"), files)
    [(what, expected, _)] = outcome(mapping, spec, now)
    assert (what, expected) == ("the webhook", "can be read")


def test_signatures_are_not_asked_of_tests(mapping_of, spec, now):
    door = "receive: {verify: {scheme: token, header: X-Token, secret: '${CONTACT_TOKEN}'}}\n"
    assert outcome(mapping_of(LEAD + door + given("expect: [{event_name: Lead}]")), spec, now) == []


ERASING = """\
version: 1
receive: {verify: {scheme: token, header: X, secret: "${SECRET}"}}
settings: {phone_country: DE}
erase: {when: {topic: redact}, email: mail, phone: tel, order_id: orders}
"""


@pytest.mark.parametrize(
    ("expected", "failure"),
    [
        pytest.param(
            "{email: ' Jane@Example.com', phone: 0151 2345678, order_id: [1, 2]}", None, id="all identifiers"
        ),
        pytest.param(
            "{email: jane@example.com}",
            ("whom to erase", "email jane@example.com",
             "email jane@example.com, order_id 1, order_id 2, phone 491512345678"),
            id="one identifier of four",
        ),
        pytest.param(
            "{email: jane}",
            ("whom to erase", "nobody", "email jane@example.com, order_id 1, order_id 2, phone 491512345678"),
            id="what cannot be read",
        ),
    ],
)  # fmt: skip
def test_whom_a_webhook_asks_to_erase_is_compared_cleaned(expected, failure, mapping_of, spec, now):
    data = "{topic: redact, mail: JANE@example.com, tel: +49 151 2345678, orders: [1, 2]}"
    mapping = mapping_of(ERASING + given(f"expect_erased: {expected}", data))
    assert outcome(mapping, spec, now) == ([failure] if failure else [])


def test_a_webhook_that_asks_for_nothing_erases_nobody(mapping_of, spec, now):
    mapping = mapping_of(
        ERASING + given("expect_erased: {email: jane@example.com}", "{mail: jane@example.com}")
    )
    assert outcome(mapping, spec, now) == [("whom to erase", "email jane@example.com", "nobody")]
