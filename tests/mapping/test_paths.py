"""Paths: every way to name a field, and nothing found where nothing is."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

NESTED = {
    "email": "jane@example.com",
    "customer": {"email": "c@example.com", "name": {"first": "Jane"}},
    "items": [{"sku": "A", "price": "1.50"}, {"sku": "B"}, {"sku": None}],
    "answers": [
        {"field": {"ref": "mail"}, "value": "q@example.com"},
        {"field": {"ref": "Phone (mobile)"}, "value": "0151"},
    ],
    "fields": {"3": {"name": "email", "answer": "f@example.com"}, "12": {"name": "zip", "answer": "10115"}},
    "matrix": [{"row": [{"cell": 1}, {"cell": 2}]}, {"row": [{"cell": 3}]}],
    "list_of_one": ["only"],
    "json": json.dumps({"lead": {"mail": "j@example.com", "inner": '{"deep": "x"}'}}),
    "json_list": '[{"a": 1.10}]',
    "broken_json": '{"a": ',
    "number": 820982911946154508,
    "amount": Decimal("10.50"),
    "no": False,
    "zero": 0,
    "null": None,
    "blank": "  ",
    "placeholder": "{{lead.email}}",
}
FLAT = {
    "1.3": "Jane",
    "1.6": "Doe",
    "name.first": "Flat",
    "contact[email]": "flat@example.com",
    "contact[fields][5]": "five",
    "Your e-mail?": "ask@example.com",
    "What is it? e.g. a name.": "dots",
    " padded key ": "padded",
    "pre\u0301nom": "décomposé",
    "user": {"first.name": "inner"},
    "a": {"b": "short"},
    "a.b.c": "long",
}


@pytest.mark.parametrize(
    ("data", "path", "expected"),
    [
        pytest.param(NESTED, "email", "jane@example.com", id="a key"),
        pytest.param(NESTED, "customer.email", "c@example.com", id="a key in a block"),
        pytest.param(NESTED, "customer.name.first", "Jane", id="first is a key of a block"),
        pytest.param(NESTED, "$.customer.email", "c@example.com", id="from the top"),
        pytest.param(NESTED, "$[customer][email]", "c@example.com", id="from the top in brackets"),
        pytest.param(NESTED, "customer[email]", "c@example.com", id="brackets read nested keys"),
        pytest.param(NESTED, "items.0.sku", "A", id="an index"),
        pytest.param(NESTED, "items[1].sku", "B", id="an index in brackets"),
        pytest.param(NESTED, "items.first.sku", "A", id="first entry"),
        pytest.param(NESTED, "list_of_one.last", "only", id="last entry"),
        pytest.param(NESTED, "items.*.sku", ["A", "B"], id="every entry, without the empty ones"),
        pytest.param(NESTED, "items.*.price", "1.50", id="one found of every entry is the value itself"),
        pytest.param(NESTED, "matrix.*.row.*.cell", [1, 2, 3], id="every entry of every entry"),
        pytest.param(
            NESTED, "fields.*.answer", ["f@example.com", "10115"], id="every value of a numbered map"
        ),
        pytest.param(NESTED, "fields.12.answer", "10115", id="a numbered key"),
        pytest.param(
            NESTED, "answers(field.ref=mail).value", "q@example.com", id="the entry whose field is a text"
        ),
        pytest.param(NESTED, "answers(field.ref=MAIL).value", "q@example.com", id="compared without case"),
        pytest.param(
            NESTED, "answers(field.ref=Phone (mobile)).value", "0151", id="the text may hold parentheses"
        ),
        pytest.param(NESTED, "fields(name=zip).answer", "10115", id="the entry of a numbered map"),
        pytest.param(NESTED, "json.lead.mail", "j@example.com", id="JSON inside a text"),
        pytest.param(
            NESTED, "json_list.first.a", Decimal("1.10"), id="a JSON list inside a text, digits kept"
        ),
        pytest.param(NESTED, "list_of_one", "only", id="a list of one is its entry"),
        pytest.param(NESTED, "number", 820982911946154508, id="18 digits"),
        pytest.param(NESTED, "no", False, id="false is a value"),
        pytest.param(NESTED, "zero", 0, id="0 is a value"),
        pytest.param(FLAT, "1.3", "Jane", id="a key that is a number with a dot"),
        pytest.param(FLAT, "name.first", "Flat", id="a key that holds a dot"),
        pytest.param(FLAT, "contact[email]", "flat@example.com", id="a flat key with brackets"),
        pytest.param(FLAT, "contact[fields][5]", "five", id="a flat key with several brackets"),
        pytest.param(FLAT, "Your e-mail?", "ask@example.com", id="a question as key"),
        pytest.param(FLAT, "[What is it? e.g. a name.]", "dots", id="a key with dots in brackets"),
        pytest.param(FLAT, "padded key", "padded", id="outer blanks do not matter"),
        pytest.param(FLAT, "prénom", "décomposé", id="accents written in one or two characters"),
        pytest.param(FLAT, "user.first.name", "inner", id="a key with a dot inside a block"),
        pytest.param(FLAT, "a.b.c", "long", id="the long key when the short way ends"),
        pytest.param([{"x": 1}], "$.first.x", 1, id="the webhook itself is a list"),
        pytest.param([{"x": 1}, {"x": 2}], "$.*.x", [1, 2], id="every entry of the webhook itself"),
    ],
)
def test_a_path_finds_what_it_names(drafts, data, path, expected):
    (draft,) = drafts(f"custom_data:\n  properties:\n    found: '{path}'\n", data)
    assert draft.fields["custom_data"] == {"found": expected}


@pytest.mark.parametrize(
    ("data", "path"),
    [
        pytest.param(NESTED, "missing", id="a key that is not there"),
        pytest.param(NESTED, "customer.missing.deeper", id="below a key that is not there"),
        pytest.param(NESTED, "email.domain", id="below a text"),
        pytest.param(NESTED, "number.x", id="below a number"),
        pytest.param(NESTED, "null.x", id="below null"),
        pytest.param(NESTED, "items.sku", id="a plain key on a list"),
        pytest.param(NESTED, "items.7.sku", id="an index that is not there"),
        pytest.param(NESTED, "customer.*.missing", id="every entry, none has it"),
        pytest.param(NESTED, "answers(field.ref=fax).value", id="no entry fits"),
        pytest.param(NESTED, "json.lead.inner.deep", id="JSON inside JSON inside a text"),
        pytest.param(NESTED, "broken_json.a", id="a text that only starts like JSON"),
        pytest.param(NESTED, "null", id="null"),
        pytest.param(NESTED, "blank", id="blanks"),
        pytest.param(NESTED, "placeholder", id="an unrendered placeholder"),
        pytest.param([], "email", id="the webhook is an empty list"),
        pytest.param("text", "email", id="the webhook is a text"),
        pytest.param(None, "email", id="the webhook is nothing"),
    ],
)
def test_a_path_that_leads_nowhere_finds_nothing(drafts, data, path):
    (draft,) = drafts(f"custom_data:\n  properties:\n    found: '{path}'\n", data)
    assert "custom_data" not in draft.fields


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("$headers.X-Shop", "a-shop", id="header, any case"),
        pytest.param("$query.fbclid", "IwAR", id="query"),
        pytest.param("$query.nul", "ab", id="query with a NUL, which no text keeps"),
        pytest.param("$cookies._fbp", "fb.1.2.3", id="cookie"),
        pytest.param("$ip", "203.0.113.7", id="address"),
        pytest.param("$user_agent", "Mozilla", id="browser"),
        pytest.param("$received_at", 1795219200, id="arrival, in Unix seconds"),
        pytest.param("$index", 0, id="index"),
        pytest.param("$source", "sample", id="mapping"),
    ],
)
def test_a_system_value_comes_from_the_request(drafts, path, expected):
    headers = {"x-shop": "a-shop", "cookie": 'a=b; _fbp="fb.1.2.3"; _fbp=second', "user-agent": "Mozilla"}
    (draft,) = drafts(
        f"receive: {{sent_by: browser}}\ncustom_data: {{properties: {{found: {path}}}}}\n",
        {},
        headers=headers,
        query={"fbclid": "IwAR", "nul": "a\0b"},
    )
    assert draft.fields["custom_data"] == {"found": expected}


@pytest.mark.parametrize(
    ("path", "code", "column", "suggestion"),
    [
        pytest.param("a..b", "path_empty_step", 9, None, id="two dots"),
        pytest.param("a.b.", "path_unfinished", 10, None, id="a dot at the end"),
        pytest.param("a[b", "bracket_not_closed", 8, None, id="an open bracket"),
        pytest.param("a[]", "path_empty_step", 8, None, id="empty brackets"),
        pytest.param("a(=x).b", "path_unfinished", 8, None, id="a condition without field"),
        pytest.param("a(b=).c", "path_unfinished", 8, None, id="a condition without text"),
        pytest.param("$header.x", "unknown_system_value", 7, "$headers.x", id="a misspelt system value"),
        pytest.param("$headers", "path_unfinished", 7, None, id="headers alone"),
        pytest.param("$source.x", "path_too_deep", 7, None, id="below one value"),
        pytest.param("$ip", "not_the_visitors", 7, None, id="the visitor's IP address on a server's webhook"),
        pytest.param("lower(email)", "cleaning_happens_by_itself", 7, "email", id="a function"),
        pytest.param(
            "sha256(customer.email)", "cleaning_happens_by_itself", 7, "customer.email", id="a hash function"
        ),
        pytest.param("email | trim", "cleaning_happens_by_itself", 7, "email", id="a filter"),
        pytest.param("email | replace", "no_functions", 7, None, id="another filter"),
        pytest.param("a." * 32 + "b", "path_too_long", 7, None, id="33 steps"),
        pytest.param("a" * 513, "path_too_long", 7, None, id="513 characters"),
    ],
)
def test_a_path_that_cannot_be_meant_is_refused_with_its_place(problems, path, code, column, suggestion):
    (finding,) = problems(f"user_data:\n  em: {path}\n")
    assert (finding.code, finding.position.column, finding.suggestion) == (code, column, suggestion)
