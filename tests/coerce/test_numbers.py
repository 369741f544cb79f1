"""Reading numbers: what is understood, and what could be two numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.coerce.numbers import minor_unit_digits, read_number
from tests.coerce.strategies import ODD


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


@pytest.mark.parametrize(
    ("code", "digits"), [("EUR", 2), ("jpy", 0), ("KWD", 3), ("CLF", 4), ("XXX", None), ("", None)]
)
def test_a_currency_knows_its_digits(code, digits):
    assert minor_unit_digits(code) == digits


EXAMPLES = (
    st.none() | st.sampled_from(["1.234,56", "1,234.56", "1'234.50", "1234", "", "x"]) | st.text(max_size=8)
)


@given(value=ODD, example=EXAMPLES)
@settings(max_examples=200, deadline=None)
def test_reading_a_number_never_fails_and_gives_a_bounded_one(value, example):
    number = read_number(value, example)
    assert number is None or (number.is_finite() and abs(number) < 10**31)
