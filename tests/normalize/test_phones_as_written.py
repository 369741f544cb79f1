"""Phone numbers as people and spreadsheets write them; the tables are in a file of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.normalize import normalize_value

NOW = datetime(2026, 11, 27, tzinfo=UTC)
TABLES = yaml.safe_load(Path(__file__).with_name("phones_as_written.yaml").read_text("utf-8"))


@pytest.mark.parametrize(
    ("number", "country", "cleaned"),
    [pytest.param(*row, id=f"{kind}: {row[0]!r} {row[1]}") for kind, rows in TABLES.items() for row in rows],
)
def test_a_phone_number_is_cleaned_as_its_table_says(number, country, cleaned):
    assert normalize_value("phone", number, country=country, now=NOW).normalized == cleaned


@pytest.mark.parametrize(
    ("number", "country", "what_happened"),
    [
        ("0151 2345678", None, "no country is known"),
        ("1234567", "US", "not a number of the country known for it"),
        ("1-800-FLOWERS", "US", "it has letters in it"),
        ("+11111111111", None, "one digit repeated"),
        ("12345", "US", "not a phone number of 7 to 15 digits"),
        ("0151 2345678 0151 2345678", None, "not a phone number of 7 to 15 digits"),
        ("4.91512E+12", None, "its last digits are lost"),
    ],
)
def test_the_reason_says_what_happened(number, country, what_happened):
    assert what_happened in (normalize_value("phone", number, country=country, now=NOW).dropped or "")


@settings(max_examples=300, deadline=None)
@given(
    plus=st.sampled_from(["", "+", "00", "011 "]),
    digits=st.from_regex(r"[0-9]([0-9]|[ .\-/()] ?[0-9]| x[0-9]){5,16}", fullmatch=True),
    country=st.sampled_from([None, "DE", "IT", "US", "PL", "AR", "MX", "BR", "RU"]),
)
@example(plus="+", digits="4801424265", country=None)
def test_a_cleaned_number_cleans_to_itself_in_every_country(plus, digits, country):
    once = normalize_value("phone", plus + digits, country=country, now=NOW).normalized
    for elsewhere in (None, country, "US", "DE"):
        assert once is None or normalize_value("phone", f"+{once}", elsewhere, now=NOW).normalized == once
