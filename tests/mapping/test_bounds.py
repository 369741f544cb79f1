"""Bounds: what is too large, too long or too deep is refused or held, in bounded time."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from bridge.mapping.compiler.copied_properties import is_personal, names_a_person


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("description: " + "x" * 300_000, "file_too_large", id="a file of 300 KiB"),
        pytest.param("events:\n" + "  - {event_name: Lead}\n" * 201, "too_many_events", id="201 events"),
        pytest.param(f"event_id: 'x{{id}}{'y' * 2_048}'\n", "text_too_long", id="a text of 2 KiB"),
        pytest.param(f"user_data: {{em: {'a.' * 32}b}}\n", "path_too_long", id="a path of 33 steps"),
        pytest.param(
            "user_data: {em: {from: a, lookup: {" + ", ".join(f"r{n}: x" for n in range(5_001)) + "}}}\n",
            "too_many_rows",
            id="5,001 rows",
        ),
        pytest.param(f"user_data: {{em: [{', '.join(['a'] * 51)}]}}\n", "too_many_sources", id="51 sources"),
        pytest.param(
            "when: {" + ", ".join(f"f{n}: x" for n in range(201)) + "}\n",
            "too_many_conditions",
            id="201 conditions",
        ),
        pytest.param(
            "for_each: a\ncustom_data: {contents: {for_each: b, id: {for_each: c, from: d}}}\n",
            "for_each_too_deep",
            id="for_each three levels deep",
        ),
    ],
)
def test_a_mapping_over_a_bound_is_refused(problems, text, code):
    assert code in {finding.code for finding in problems(text)}


@pytest.mark.parametrize(
    ("data", "path"),
    [
        pytest.param({f"k{n}": n for n in range(20_000)}, "missing.x", id="20,000 keys"),
        pytest.param({f"é{n}": n for n in range(20_000)}, "missing", id="20,000 keys with accents"),
        pytest.param({"\u0315\u0300" * 200_000: 1}, "missing", id="a key of 400,000 unordered marks"),
        pytest.param({"list": [{"a.b": n} for n in range(20_000)]}, "list.*.a.b", id="20,000 entries"),
        pytest.param({"list": [{"n": "x"}] * 20_000}, "list(n=y).z", id="20,000 entries, none fits"),
        pytest.param({"list": [[{"a": 1}] * 100] * 200}, "list.*.*.b", id="lists in lists"),
        pytest.param({"t": "[" * 500_000}, "t.x", id="half a megabyte of brackets in a text"),
        pytest.param({"t": '{"a":' * 5_000 + "1" + "}" * 5_000}, "t.a.a", id="deep JSON in a text"),
        pytest.param({"t": "{" + " " * 2_000_000}, "t.a", id="a text over the bound"),
        pytest.param({"t": "[" + "1" * 100_000 + "]"}, "t.first", id="a number of 100,000 digits in a text"),
    ],
)
def test_a_payload_made_to_hurt_costs_little(load, webhook, data, path):
    mapping = load(
        f"custom_data:\n  properties:\n{''.join(f'    p{n}: {path}' + chr(10) for n in range(10))}"
    )
    started = time.process_time()
    mapping.drafts(webhook(data))
    assert time.process_time() - started < 3


def test_a_number_too_large_to_write_out_is_no_text(drafts):
    (draft,) = drafts("event_id: 'x-{n}'\n", {"n": Decimal("1E+999999")})
    assert draft.fields["event_id"] == "x-1E+999999"


@pytest.mark.parametrize(
    ("key", "copied", "written"),
    [
        pytest.param("customer_email", False, False, id="an e-mail"),
        pytest.param("billingPhone", False, False, id="a phone"),
        pytest.param("first name", False, False, id="a name"),
        pytest.param("E-Mail", False, False, id="an e-mail with a hyphen"),
        pytest.param("country", False, False, id="a country alone"),
        pytest.param("order_state", False, True, id="a word that is personal alone"),
        pytest.param("plan_name", True, True, id="the name of a thing"),
        pytest.param("status", True, True, id="a status"),
    ],
)
def test_what_looks_personal_is_not_copied_and_not_written(spec, key, copied, written):
    assert (not is_personal(spec, key), not names_a_person(spec, key)) == (copied, written)
