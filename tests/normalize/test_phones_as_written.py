"""Phone numbers as people and spreadsheets write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bridge.normalize import normalize_value

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def cleaned(number: str, country: str | None) -> str | None:
    return normalize_value("phone", number, country=country, now=NOW).normalized


@pytest.mark.parametrize(
    "extension",
    ["x12", " x12", " X 12", " ext. 12", " Ext: 12", " extn 12", " extension 12", " Durchwahl 12", " DW 12",
     " DW12", " poste 12", " interno 12", " ramal 12", " anexo 12", " (доб. 12)",
     " wew. 12", ";ext=12", " #12", " # 12", ",,12345678"],
)  # fmt: skip
def test_an_extension_is_no_part_of_the_number(extension: str) -> None:
    assert cleaned(f"+1 202 555 0143{extension}", None) == "12025550143"


@pytest.mark.parametrize(
    ("number", "country", "digits"),
    [
        ("0011 49 151 23456789", "AU", "4915123456789"),
        ("011 44 7911 123456", "US", "447911123456"),
        ("011-49-151-23456789", "CA", "4915123456789"),
        ("010 44 7911 123456", "JP", "447911123456"),
        ("8 10 44 7911 123456", "RU", "447911123456"),
        ("00 44 7911 123456", "DE", "447911123456"),
        ("00 44 7911 123456", "US", "447911123456"),
        ("0044 7911 123456", None, "447911123456"),
    ],
)
def test_a_number_dialled_from_a_country_starts_behind_its_prefix(
    number: str, country: str | None, digits: str
) -> None:
    assert cleaned(number, country) == digits


@pytest.mark.parametrize(
    ("number", "country", "digits"),
    [
        ("447911123456", "DE", "447911123456"),
        ("15123456789", "DE", "4915123456789"),
        ("03012345678", "DE", "493012345678"),
        ("2025550143", "US", "12025550143"),
        ("2025550143.0", "US", "12025550143"),
        ("4915123456789.0", None, "4915123456789"),
        ("4.91512E+12", None, None),
        ("4,91512E+12", "DE", None),
    ],
)
def test_digits_without_a_plus_are_read_where_they_are_plausible(
    number: str, country: str | None, digits: str | None
) -> None:
    assert cleaned(number, country) == digits
