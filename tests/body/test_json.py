"""JSON bodies: every digit kept, every way to break them told apart, nothing but `Refused` raised."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.body.reader import Body, read_body
from bridge.errors import TooLarge, UnreadableBody
from bridge.models import Request


def request(body: bytes, content_type: str | None = "application/json") -> Request:
    headers = {} if content_type is None else {"content-type": content_type}
    return Request("POST", "https://bridge.example/hooks/x", headers, {}, body, None, datetime.now(UTC))


def read(body: bytes | str, content_type: str | None = "application/json") -> Body:
    return read_body(request(body.encode() if isinstance(body, str) else body, content_type))


def data(body: bytes | str, content_type: str | None = "application/json") -> object:
    return read(body, content_type).data


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("820982911946154508", 820982911946154508),
        ("9007199254740993", 9007199254740993),
        ("18446744073709551616", 18446744073709551616),
        ("-99999999999999999999999", -99999999999999999999999),
        ("12.50", Decimal("12.50")),
        ("12.00", Decimal("12.00")),
        ("19.99", 19.99),
        ("0.1", 0.1),
        ("0.10", Decimal("0.10")),
        ("12.50e1", Decimal("12.50e1")),
        ("1234567890.123456", 1234567890.123456),
        ("1234567890.12345678", Decimal("1234567890.12345678")),
        ("1234567890123456.5", Decimal("1234567890123456.5")),
        ("0.12345678901234567890", Decimal("0.12345678901234567890")),
        ("0.00001", Decimal("0.00001")),
        ("1e3", Decimal("1e3")),
        ("9" * 400, int("9" * 400)),
        ("-0.0", -0.0),
        ("true", True),
    ],
)
@pytest.mark.parametrize(
    "around", ['{{"n":{}}}', '{{"n": {} }}', "[{}]", '{{"n":{}, "é": 1}}', '{{\n"n" : {}\n}}']
)
def test_a_number_keeps_every_digit(around, written, expected):
    found = data(around.format(written))
    number = found["n"] if isinstance(found, dict) else found[0]
    assert number == expected
    if isinstance(expected, Decimal):
        assert str(number) == str(expected)


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=None).filter(lambda d: abs(d.adjusted()) < 300)
)
@settings(max_examples=200, deadline=None)
def test_any_decimal_number_comes_through_with_its_value(number):
    [found] = data(f"[{number}]")
    assert Decimal(repr(found)) == number if isinstance(found, float) else found == number


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), inner, max_size=5
        )
    ),
    max_leaves=20,
)


@given(st.lists(json_values, max_size=4), st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_json_can_say_comes_through_unchanged(value, ascii_only):
    assert data(json.dumps(value, ensure_ascii=ascii_only)) == value


BROKEN = {
    "trailing comma in an object": ('{\n "a": 1,\n}', "trailing_comma", 2, 8),
    "trailing comma in a list": ('{"a": [1, 2, ]}', "trailing_comma", 1, 12),
    "unrendered placeholder": ('{"value": {{1.amount}}}', "unrendered_template", 1, 12),
    "unrendered liquid tag": ('{"value": {% if x %}1}', "unrendered_template", 1, 12),
    "smart quotes": ("{“a”: 1}", "smart_quotes", 1, 2),
    "smart quotes around a value": ('{"a": „x“}', "smart_quotes", 1, 7),
    "single quotes": ("{'a': 1}", "single_quotes", 1, 2),
    "empty number": ('{"value": , "b": 1}', "empty_value", 1, 11),
    "empty number at the end": ('{"value": }', "empty_value", 1, 11),
    "two commas": ('{"a": [1,,2]}', "double_comma", 1, 10),
    "decimal comma": ('{"value": 12,50}', "decimal_comma", 1, 14),
    "raw line break": ('{"a": "one\ntwo"}', "raw_line_break", 1, 11),
    "raw tab": ('{"a": "one\ttwo"}', "raw_line_break", 1, 11),
    "bad escape": ('{"a": "C:\\dir"}', "bad_escape", 1, 10),
    "comment": ('{"a": 1, // one\n"b": 2}', "comment", 1, 10),
    "NaN": ('{"b": "NaN",\n "a": NaN}', "not_a_number", 2, 7),
    "Infinity": ('{"a": Infinity}', "not_a_number", 1, 7),
    "minus Infinity": ('{"a": -Infinity}', "not_a_number", 1, 7),
    "python words": ('{"a": True}', "foreign_word", 1, 7),
    "undefined": ('{"a": undefined}', "foreign_word", 1, 7),
    "a web page": ("<html></html>", "web_page", 1, 1),
    "a form": ("email=a%40b.example&x=1", "form_instead", 1, 1),
    "unescaped quote": ('{"a": "the "best" one"}', "unescaped_quote", 1, 13),
    "missing comma": ('{"a": 1\n "b": 2}', "missing_comma", 2, 2),
    "leading zero": ('{"zip": 01067}', "leading_zero", 1, 10),
    "cut in a text": ('{"a": "jane', "cut_off", 1, 7),
    "cut after a value": ('{"a": 1', "cut_off", 1, 8),
    "two objects": ('{"a": 1}\n{"a": 2}', "more_than_one", 2, 1),
    "missing colon": ('{"a" 1}', "no_colon", 1, 6),
    "text without quotes": ('{"a": jane}', "unquoted_text", 1, 7),
    "name without quotes": ("{a: 1}", "unquoted_text", 1, 2),
    "binary": ("\x01\x02", "not_json", 1, 1),
}


@pytest.mark.parametrize(("body", "cause", "line", "column"), BROKEN.values(), ids=BROKEN)
def test_broken_json_is_told_with_line_column_and_likely_cause(body, cause, line, column):
    with pytest.raises(UnreadableBody, match=f"line {line}, column {column}:") as refusal:
        data(body)
    [finding] = refusal.value.findings
    assert (finding.code, finding.path) == (cause, f"line {line}, column {column}")
    assert refusal.value.fix == finding.fix != ""


def test_the_refusal_never_quotes_the_body():
    with pytest.raises(UnreadableBody) as refusal:
        data('{"email": "jane@example.com" "phone": 1}')
    assert "jane" not in str(refusal.value) + refusal.value.fix + str(refusal.value.findings)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param("", "empty_body", id="nothing"),
        pytest.param(" \n", "empty_body", id="blanks"),
        pytest.param("42", "unreadable_body", id="a number"),
        pytest.param('"hello"', "unreadable_body", id="a text"),
        pytest.param("null", "unreadable_body", id="null"),
        pytest.param('{"n": ' + "9" * 5_000 + "}", "unreadable_body", id="a number of 5,000 digits"),
        pytest.param('{"n": ' + "9" * 401 + "}", "unreadable_body", id="a number of 401 digits"),
        pytest.param('{"n": 0.' + "9" * 400 + "}", "unreadable_body", id="a fraction of 400 digits"),
        pytest.param('{"n": 1e999999999}', "unreadable_body", id="a number beyond all bounds"),
        pytest.param('{"n": 1e-999999999}', "unreadable_body", id="a number closer to zero than all bounds"),
        pytest.param('{"n": 1e9999999999999999999}', "unreadable_body", id="an exponent beyond 64 bits"),
        pytest.param('{"n": 0e9999999999999999999}', "unreadable_body", id="the same of zero"),
    ],
)
def test_a_body_without_fields_is_refused(body, code):
    with pytest.raises(UnreadableBody) as refusal:
        data(body)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("[" * 65 + "]" * 65, id="65 levels"),
        pytest.param("[" * 5_000 + "]" * 5_000, id="5,000 levels"),
        pytest.param("[" * 300_000, id="300,000 open brackets"),
        pytest.param('{"a":' * 65 + "1.50" + "}" * 65, id="65 objects"),
        pytest.param("[" + "1," * 20_000 + "1]", id="20,002 values"),
        pytest.param("[" + '{"a":[]},' * 12_000 + "1]", id="many small objects"),
        pytest.param(" " * 1_048_577, id="over a mebibyte"),
    ],
)
def test_a_body_over_a_bound_is_refused(body):
    with pytest.raises(TooLarge):
        data(body)


def test_a_body_at_the_bounds_is_read():
    assert data("[" * 64 + "]" * 64) == json.loads("[" * 64 + "]" * 64)
    assert len(data("[" + "1," * 19_998 + "1]")) == 19_999


@pytest.mark.parametrize(
    ("body", "content_type", "expected", "notes"),
    [
        (b'\xef\xbb\xbf{"a": "\xc3\xa9"}', "application/json", "é", []),
        ('{"a": "é"}'.encode("utf-16"), "application/json", "é", []),
        (b'{"a": "\xe9"}', "application/json; charset=iso-8859-1", "é", []),
        (b'{"a": "\x80"}', "application/json; charset=latin1", "€", []),
        (b'{"a": "\xe9"}', "application/json", "é", ["charset_guessed"]),
        (b'{"a": "\xe9"}', "application/json; charset=utf-8", "é", ["charset_guessed"]),
        (b'{"a": "\xc3\xa9"}', "application/json; charset=punycode", "é", []),
        (b'{"a": "\xc3\xa9"}', "application/json; charset=no-such", "é", []),
        (b'{"a": "\x8d\x81"}', "application/json", "\x8d\x81", ["charset_guessed"]),
        ('{"a": "д"}'.encode("koi8-r"), "application/json; charset=KOI8-R", "д", []),
        (b'{"a": "\\ud83d\\ude00"}', "application/json", "😀", []),
        (b'{"a": "x\\ud83d"}', "application/json", "x\ufffd", ["broken_character"]),
        (b'{"a": "x\\u0000y"}', "application/json", "xy", ["nul_removed"]),
        (b'{"a": "x\\\\u0000y"}', "application/json", "x\\u0000y", []),
    ],
)
def test_text_is_read_in_the_charset_it_really_has(body, content_type, expected, notes):
    found = read(body, content_type)
    assert (found.data, [note.code for note in found.notes]) == ({"a": expected}, notes)


def test_of_two_equal_keys_the_last_counts():
    assert data('{"a": 1, "a": 2}') == data('{"a": 1.50, "a": 2}') == {"a": 2}


def test_json_that_was_turned_into_a_text_first_is_opened():
    found = read(json.dumps(json.dumps({"email": "a@b.example"})))
    assert found.data == {"email": "a@b.example"}
    assert [note.code for note in found.notes] == ["json_encoded_twice"]
