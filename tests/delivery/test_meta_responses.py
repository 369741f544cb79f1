"""Meta's answers: every row of the decision table, every code and subcode of the rule file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.delivery.meta_responses import Verdict, classify_response
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.privacy.personal_data import holds_email

SPEC = load_meta_spec()


def error(code=None, subcode=None, **more):
    given = {
        "message": "x",
        "type": "OAuthException",
        "code": code,
        "error_subcode": subcode,
        "fbtrace_id": "A1",
    }
    return {"error": {key: value for key, value in {**given, **more}.items() if value is not None}}


def action(status, body, size=10):
    return classify_response(status, body, size, SPEC).action


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        pytest.param(None, None, "retry", id="no answer"),
        pytest.param(500, None, "retry", id="a server error in HTML"),
        pytest.param(503, error(100), "retry", id="a server error goes before its code"),
        pytest.param(200, None, "retry", id="success that is no JSON"),
        pytest.param(200, {}, "retry", id="JSON with neither error nor count"),
        pytest.param(200, [1], "retry", id="a list"),
        pytest.param(429, None, "retry", id="too many requests"),
        pytest.param(429, error(100), "retry", id="too many requests go before the code"),
        pytest.param(400, error(999, is_transient=True), "retry", id="transient"),
        pytest.param(400, error(100, is_transient=True), "retry", id="transient goes before the code"),
        *[
            pytest.param(400, error(code), "retry", id=f"code {code}")
            for code in (1, 2, 4, 17, 32, 341, 613, 21009)
        ],
        *[pytest.param(400, error(code), "retry", id=f"code {code}") for code in (80000, 80004, 80014)],
        pytest.param(400, error(4, is_transient=True), "retry", id="a limit"),
        *[pytest.param(400, error(code), "pause", id=f"code {code}") for code in (102, 104, 190)],
        pytest.param(401, error(190, 463), "pause", id="an expired token"),
        *[
            pytest.param(403, error(code), "pause", id=f"code {code}")
            for code in (3, 10, 803, 2635, 200, 294, 299)
        ],
        pytest.param(400, error(100, 33), "pause", id="a dataset that does not exist"),
        pytest.param(400, error(368, 1390008), "pause", id="a policy block"),
        *[
            pytest.param(400, error(100, sub), "pause", id=f"subcode {sub}")
            for sub in (2804131, 2804132, 2804065)
        ],
        pytest.param(400, error(100), "split", id="a bad event in a batch"),
        pytest.param(400, error(100, 2804003), "split", id="an old event in a batch"),
        pytest.param(400, error(100, 2804999), "split", id="an unknown subcode"),
        pytest.param(400, error("100", "2804010"), "split", id="codes as texts"),
        pytest.param(400, error(2500), "refuse", id="a wrong path"),
        pytest.param(400, error(424242), "retry", id="an unknown code"),
        pytest.param(400, error(-3), "retry", id="a negative code"),
        pytest.param(400, error(True), "retry", id="a code that is none"),
        pytest.param(401, {"error": {}}, "pause", id="unauthorized without a code"),
        pytest.param(404, None, "pause", id="a wrong address"),
        pytest.param(413, None, "split", id="too large"),
        pytest.param(400, {"error": "text"}, "retry", id="an error that is a text"),
    ],
)
def test_an_answer_is_judged_by_the_decision_table(status, body, expected):
    assert action(status, body) == expected


def test_a_single_event_that_is_bad_is_refused_instead_of_split():
    assert action(400, error(100, 2804010), size=1) == "refuse"


def test_an_unknown_code_is_tried_three_times():
    assert classify_response(400, error(424242), 1, SPEC).attempts == 3


def test_success_carries_the_count_and_the_trace_id():
    body = {"events_received": 2, "messages": [], "fbtrace_id": "A1"}
    assert classify_response(200, body, 2, SPEC) == Verdict(
        "delivered",
        "Meta received the events.",
        "nobody",
        "Nothing to do.",
        events_received=2,
        fbtrace_id="A1",
    )


def test_fewer_events_than_sent_are_delivered_with_an_alert():
    verdict = classify_response(200, {"events_received": 1}, 2, SPEC)
    assert (verdict.action, verdict.alert, verdict.events_received) == ("delivered", True, 1)


def test_success_without_any_event_is_tried_again_a_few_times():
    verdict = classify_response(200, {"events_received": 0}, 2, SPEC)
    assert (verdict.action, verdict.attempts, verdict.events_received) == ("retry", 5, 0)


@pytest.mark.parametrize("count", [-1, 2**63, True, "x", 1.5, None])
def test_a_count_that_is_none_is_not_understood(count):
    verdict = classify_response(200, {"events_received": count}, 2, SPEC)
    assert (verdict.action, verdict.meaning) == ("retry", SPEC.responses.situations["not_understood"].meaning)


@pytest.mark.parametrize("number", [2**63, -(2**63), 2**63 - 1, "9223372036854775808", "190", 10**30, False])
def test_a_code_is_kept_when_a_column_can_hold_it(number):
    verdict = classify_response(400, error(number, number), 1, SPEC)
    kept = {2**63 - 1: 2**63 - 1, "190": 190}.get(number)
    assert (verdict.code, verdict.subcode) == (kept, kept)


def test_an_error_carries_code_subcode_trace_and_blame():
    body = error(100, 2804019, error_data='{"blame_field_specs": [["data", "0"]]}')
    verdict = classify_response(400, body, 1, SPEC)
    assert (verdict.code, verdict.subcode, verdict.fbtrace_id, verdict.blamed) == (
        100,
        2804019,
        "A1",
        "data.0",
    )


@pytest.mark.parametrize(
    "data", [None, "{", {"blame_field_specs": 1}, {"blame_field_specs": ["x"]}, 7, "[" * 5000]
)
def test_odd_error_data_blames_nobody(data):
    assert classify_response(400, error(100, error_data=data), 1, SPEC).blamed is None


@pytest.mark.parametrize(
    ("texts", "answer"),
    [
        pytest.param({"message": "Invalid parameter"}, "Invalid parameter", id="plain"),
        pytest.param(
            {
                "error_user_title": "Server Side Api Parameter Error",
                "error_user_msg": "Custom data is invalid.",
                "message": "Invalid parameter",
            },
            "Server Side Api Parameter Error. Custom data is invalid. Invalid parameter",
            id="all three",
        ),
        pytest.param({"message": "jane@x.de is no e-mail"}, "redacted is no e-mail", id="an address"),
        pytest.param({"message": "+49 151 2345678 is wrong"}, "••• is wrong", id="a phone number"),
        pytest.param(
            {"message": "'Jane' is wrong, see \"em\""}, "'•••' is wrong, see \"em\"", id="a quotation"
        ),
        pytest.param(
            {"message": "the field 'data[0].user_data' is odd"},
            "the field 'data[0].user_data' is odd",
            id="a field",
        ),
        pytest.param(
            {"message": f"Malformed access token EAAB{'x' * 60}"}, "Malformed access token •••", id="a token"
        ),
        pytest.param({"message": f"hash {'8c87b489' * 8} unknown"}, "hash ••• unknown", id="a hash"),
        pytest.param({"message": "two\nlines"}, "two lines", id="two lines"),
        pytest.param({"message": 7}, None, id="no text"),
        pytest.param({"message": "x " * 2_000}, ("x " * 250), id="a long one"),
    ],
)
def test_metas_own_words_are_kept_without_what_could_be_a_persons(texts, answer):
    verdict = classify_response(400, {"error": {"code": 100, **texts}}, 1, SPEC)
    assert verdict.answer == answer


@given(st.emails(), st.text(max_size=40))
def test_no_address_is_ever_kept(address, around):
    verdict = classify_response(
        400, {"error": {"code": 100, "message": f"{around} {address} {around}"}}, 1, SPEC
    )
    assert not holds_email(verdict.answer or "")


def every_answer():
    answers = SPEC.responses
    yield from answers.situations.items()
    yield from answers.codes.items()
    yield from answers.subcodes.items()
    yield from ((first, answer) for first, _, answer in answers.ranges)


@pytest.mark.parametrize(("name", "answer"), list(every_answer()), ids=lambda value: str(value)[:30])
def test_every_answer_says_what_it_means_and_what_to_do(name, answer):
    assert answer.action in {"delivered", "retry", "pause", "split", "refuse"}
    assert answer.who in {"nobody", "operator", "mapping author"}
    assert answer.meaning.endswith(".")
    assert answer.next_step.endswith(".")
    assert answer.alert or answer.action != "pause"


def test_every_subcode_of_the_reference_is_known():
    known = {subcode for code, subcode in SPEC.responses.subcodes if code == 100}
    numbers = (
        1,
        2,
        3,
        4,
        7,
        8,
        9,
        10,
        11,
        16,
        17,
        19,
        23,
        30,
        43,
        48,
        50,
        65,
        66,
        69,
        71,
        72,
        73,
        75,
        79,
        81,
        87,
        116,
        131,
        132,
    )
    assert {2804000 + number for number in numbers} <= known
