"""Reading numbers: what is understood, and what could be two numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.coerce.numbers import (
    currency_beside,
    decimals_written,
    is_ambiguous,
    minor_unit_digits,
    read_number,
)
from tests.coerce.strategies import ODD


@pytest.mark.parametrize(
    ("given", "example", "number"),
    [
        ("129.95", None, "129.95"),
        (" 129,95 ", None, "129.95"),
        ("1,5 Mio", None, None),
        ("1,5 Mio. €", None, None),
        ("2 tsd", None, None),
        ("10 mil", None, None),
        ("5 Lac", None, None),
        ("> 1000", None, None),
        ("~12.50", None, None),
        ("≈ 12", None, None),
        ("12 pcs", None, "12"),
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
        ("1.234", None, None),
        (1.234, None, "1.234"),
        ("5%", None, "5"),
        ("12 pcs", None, "12"),
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


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("R$ 1.299,00", "1299.00"),
        ("199 kr", "199"),
        ("kr. 1.234,50", "1234.50"),
        ("49,99 zł", "49.99"),
        ("Rs. 1,23,456.50", "123456.50"),
        ("Rs. 500/-", "500"),
        ("A$10.00", "10.00"),
        ("Rp150.000,00", "150000.00"),
        ("1,980円", "1980"),
        ("29,000원", "29000"),
        ("CHF 1'299.00", "1299.00"),
        ("1\u202f234,50 €", "1234.50"),
        ("USD -5", "-5"),
        ("-$5.00", "-5.00"),
        ("(1,234.50)", "-1234.50"),
        ("($5.00)", "-5.00"),
        ("€ (5,00)", "-5.00"),
        ("10,-", "10"),
        ("100.00-", "-100.00"),
        ("MX$ 250.00", "250.00"),
        ("2 500 ₴", "2500"),
        ("1.500.000đ", "1500000"),
        ("١٢٣٤٫٥٠", "1234.50"),
        ("12 apples", None),
        ("A-1005", None),
        ("€", None),
    ],
)
def test_a_currency_and_brackets_beside_a_number_are_read_off(written, number):
    assert read_number(written) == (None if number is None else Decimal(number))


@pytest.mark.parametrize(
    ("written", "ambiguous"),
    [
        ("1.234", True),
        ("1,234", True),
        ("-12.500", True),
        ("€ 1.500", True),
        ("999,000 kr", True),
        ("0.125", False),
        ("0,125", False),
        ("1.23", False),
        ("1.2345", False),
        ("1234.567", False),
        ("1.234,00", False),
        ("1,234,567", False),
        ("1234", False),
        (1.234, False),
        (Decimal("1.234"), False),
        ("", False),
        (None, False),
    ],
)
def test_one_separator_before_exactly_three_digits_of_a_text_is_ambiguous(written, ambiguous):
    assert is_ambiguous(written) is ambiguous


@pytest.mark.parametrize(
    ("written", "example", "decimals", "number"),
    [
        ("150.000", None, 0, "150000"),
        ("150,000", None, 0, "150000"),
        ("1.234", None, 3, "1.234"),
        ("1,234", None, 3, "1.234"),
        ("1.234", None, 2, None),
        ("1.234", "1.234,56", 2, "1234"),
        ("1.234", "1,234.56", 2, "1.234"),
        ("1.234", "1,234.56", 0, "1234"),
        ("₫150.000", "1,234.56", None, "150000"),
        ("Rp 150,000", None, 2, "150000"),
        ("1.234 KWD", None, 2, "1.234"),
        ("$1.234", None, None, None),
        ("12.50", None, 0, "12.50"),
    ],
)
def test_the_currency_settles_an_ambiguous_number_before_the_format_does(written, example, decimals, number):
    assert read_number(written, example, decimals) == (None if number is None else Decimal(number))


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("EUR", 2), ("VND", 0), ("idr", 0), ("HUF", 0), ("IQD", 3), ("TND", 3), ("XXX", None), (None, None)],
)
def test_amounts_are_written_with_the_decimals_that_people_use(currency, digits):
    assert decimals_written(currency) == digits


@given(value=ODD)
@settings(max_examples=200, deadline=None)
def test_an_ambiguous_number_is_never_read_without_a_currency_or_an_example(value):
    if is_ambiguous(value) and currency_beside(value) is None:
        assert read_number(value) is None
