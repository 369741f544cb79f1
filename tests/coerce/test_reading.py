"""Reading numbers and times: what is understood, and what could be two things."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.coerce.reading import date_pattern, minor_unit_digits, read_number, read_time


@pytest.mark.parametrize(
    ("given", "example", "number"),
    [
        ("129.95", None, "129.95"),
        (" 129,95 ", None, "129.95"),
        ("1.234,56", None, "1234.56"),
        ("1,234.56", None, "1234.56"),
        ("1.234.567", None, "1234567"),
        ("1,234,567.8", None, "1234567.8"),
        ("1'234.50", None, "1234.50"),
        ("1 234,50", None, "1234.50"),
        ("€ 12,50", None, "12.50"),
        ("12.50 EUR", None, "12.50"),
        ("$1,299.00", None, "1299.00"),
        ("-5", None, "-5"),
        ("−5", None, "-5"),
        ("1e3", None, "1E+3"),
        ("1.234", None, "1.234"),
        ("1,234", None, None),
        ("1.234", "1.234,56", "1234"),
        ("1,234", "1.234,56", "1.234"),
        ("1,234", "1,234.56", "1234"),
        ("12,5", "0,00", "12.5"),
        ("1.5", "1.234,56", None),
        ("1.2.3", None, None),
        ("12a", None, None),
        ("", None, None),
        ("NaN", None, None),
        ("Infinity", None, None),
        ("1e999999", None, None),
        ("9" * 100, None, None),
        (True, None, None),
        (None, None, None),
        ([], None, None),
        (float("inf"), None, None),
        (0.1, None, "0.1"),
        (12345678901234567890, None, "12345678901234567890"),
        (Decimal("1.10"), None, "1.10"),
    ],
)
def test_a_number_is_read_exactly_or_not_at_all(given, example, number):
    assert read_number(given, example) == (None if number is None else Decimal(number))


AT = 1795219200  # 21 November 2026, midnight in UTC


@pytest.mark.parametrize(
    ("given", "pattern", "zone", "seconds"),
    [
        ("2026-11-21T00:00:00Z", None, None, AT),
        ("2026-11-21T01:00:00+01:00", None, None, AT),
        ("2026-11-21 01:00:00 +0100", None, None, AT),
        ("2026-11-21 00:00:00 UTC", None, None, AT),
        ("2026-11-21T00:00:00.123456789Z", None, None, AT),
        ("2026-11-21", None, None, AT),
        ("2026-11-21 01:00", None, "Europe/Berlin", AT),
        ("2026-11-21 01:00", None, "+01:00", AT),
        ("2026-11-21T23:59:00", None, "+99:99", AT),
        ("Sat, 21 Nov 2026 00:00:00 GMT", None, None, AT),
        (AT, None, None, AT),
        (str(AT), None, None, AT),
        (AT * 1000, None, None, AT),
        (f"{AT}123", None, None, AT),
        (AT + 0.7, None, None, AT),
        (Decimal(AT), None, None, AT),
        (datetime(2026, 11, 21, tzinfo=UTC), None, None, AT),
        ("21.11.2026 00:00", "DD.MM.YYYY HH:mm", None, AT),
        ("21.11.2026 01:00", "DD.MM.YYYY HH:mm", "Europe/Berlin", AT),
        ("Nov 21, 2026 12:00 AM", "MMM D, YYYY h:mm A", None, AT),
        ("11/21/26", "MM/DD/YY", None, AT),
        ("2026-11-21", "DD.MM.YYYY", None, AT),
        ("11/21/2026", None, None, None),
        ("", None, None, None),
        ("soon", None, None, None),
        (True, None, None, None),
        (-1, None, None, None),
        (float("nan"), None, None, None),
        ({}, None, None, None),
        ("9" * 60, None, None, None),
    ],
)
def test_a_time_is_read_as_unix_seconds_or_not_at_all(given, pattern, zone, seconds):
    assert read_time(given, pattern, zone) == seconds


@pytest.mark.parametrize("pattern", ["DD.MM", "YYYY", "DD.DD.YYYY", "("])
def test_a_pattern_without_day_month_and_year_is_no_pattern(pattern):
    assert date_pattern(pattern) is None


@pytest.mark.parametrize(
    ("code", "digits"), [("EUR", 2), ("jpy", 0), ("KWD", 3), ("CLF", 4), ("XXX", None), ("", None)]
)
def test_a_currency_knows_its_digits(code, digits):
    assert minor_unit_digits(code) == digits


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(),
    st.text("0123456789.,+-eE '€$", max_size=30),
    st.text("0123456789-:TZ+. ", max_size=30),
    st.lists(st.integers(), max_size=2),
)
EXAMPLES = (
    st.none() | st.sampled_from(["1.234,56", "1,234.56", "1'234.50", "1234", "", "x"]) | st.text(max_size=8)
)
PATTERNS = (
    st.none() | st.sampled_from(["DD.MM.YYYY HH:mm", "M/D/YY h:mm A", "(", "YYYY"]) | st.text(max_size=8)
)
ZONES = (
    st.none()
    | st.sampled_from(["Europe/Berlin", "+02:00", "Nowhere", "../etc/passwd", "+99:99"])
    | st.text(max_size=8)
)


@given(value=ODD, example=EXAMPLES)
@settings(max_examples=200, deadline=None)
def test_reading_a_number_never_fails_and_gives_a_bounded_one(value, example):
    number = read_number(value, example)
    assert number is None or (number.is_finite() and abs(number) < 10**31)


@given(value=ODD, pattern=PATTERNS, zone=ZONES)
@settings(max_examples=200, deadline=None)
def test_reading_a_time_never_fails_and_gives_whole_seconds(value, pattern, zone):
    seconds = read_time(value, pattern, zone)
    assert seconds is None or type(seconds) is int
