"""Phone numbers are recognized as people write them, and ids that only look similar are left alone."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import pytest

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.privacy.personal_data import holds_contact
from bridge.privacy.phone_numbers import holds_hashed_phone, holds_phone, mapped_phones
from bridge.privacy.urls import clean_url, is_clean

SPEC = load_meta_spec()

PHONES = [
    "+49 151 23456789",
    "call +4915123456789 now",
    "lead-+49 151 23456789",
    "tel:+4915123456789",
    "tel:015123456789",
    "TEL: 0151 23456789",
    "sms:4915123456789",
    "https://wa.me/4915123456789",
    "whatsapp:4915123456789",
    "(+49) 151 23456789",
    "+55 11 91234-5678",
    "(650) 555-1212",
    "1 (650) 555-1212",
    "650-555-1212",
    "650.555.1212",
    "1-650-555-1212",
    "0151 23456789",
    "lead-0151 23456789",
    "0151/2345678",
    "0151-23456789",
    "030-1234567",
    "06 12 34 56 78",
    "06.12.34.56.78",
    "0049 151 23456789",
    "0044-20-7946-0958",
    "49 151 23456789",
    "44 20 7946 0958",
]
IDS = [
    "123-4567890-1234567",
    "SO-0012-3456789",
    "hotel:4711081512345",
    "tel:12",
    "intel:1234567890",
    "order-030-1234567",
    "INV-2026-00123",
    "2026/00123",
    "PO 4500123456",
    "4006381333931",
    "4 006381 333931",
    "978-3-16-148410-0",
    "978 3 16 148410 0",
    "0-306-40615-2",
    "2026-11-28",
    "2026-11-28 10:00",
    "2026-11-28T10:00:00+01:00",
    "28.11.2026",
    "01/02/2026",
    "820982911946154508",
    "12E34",
    "01512345678",
    "00012345678905",
    "203.0.113.7",
    "1 234 567",
    "1.234.567,89",
    "8c87b489-ce35-cf2e-2f39-f80e282cb2e8",
    "38400000-8cf0-11bd-b23e-10b96e40000d",
    "000-123-456",
    "4111 1111 1111 1111",
    "5+5 2026",
]


@pytest.mark.parametrize("text", PHONES)
def test_digits_with_a_plus_or_the_separators_of_a_phone_number_are_contact_data(text):
    assert holds_contact(text)


@pytest.mark.parametrize("text", IDS)
def test_ids_dates_and_product_numbers_are_not(text):
    assert not holds_contact(text)


@pytest.mark.parametrize(
    "text", ["lead-4915123456789", "015123456789", "15123456789", "id 0049 151 23456789", "x_15123456789_y"]
)
def test_the_digits_of_a_phone_number_that_the_webhook_maps_are_contact_data(text):
    phones = mapped_phones("0151 23456789")
    assert holds_contact(text, phones)
    assert not holds_contact("lead-4915123456780", phones)


def test_a_phone_number_is_recognized_by_its_hash():
    hashes = [sha256(b"4915123456789").hexdigest()]
    assert holds_hashed_phone("lead-4915123456789", hashes)
    assert not holds_hashed_phone("lead-4915123456780", hashes)


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://x.de/t?q=%2B49+151+23456789&a=1", "https://x.de/t?a=1"),
        ("https://x.de/t?q=+49%20151%2023456789", "https://x.de/t"),
        ("https://x.de/call/+4915123456789/now", "https://x.de/call/redacted/now"),
        ("https://x.de/o?id=123-4567890-1234567", "https://x.de/o?id=123-4567890-1234567"),
        ("https://x.de/p/4006381333931?d=2026-11-28", "https://x.de/p/4006381333931?d=2026-11-28"),
        ("https://x.de/?lead=4915123456789", "https://x.de/"),
    ],
)
def test_phone_numbers_are_removed_from_urls_and_ids_stay(url, clean):
    phones = mapped_phones("+4915123456789")
    assert clean_url(url, SPEC, phones, web_only=True).text == clean
    assert is_clean(url, SPEC, phones) is (url == clean)


def section_of_the_rules_page() -> str:
    page = (Path(__file__).parents[2] / "docs/rules.md").read_text("utf-8")
    return page.partition("## Contact data outside user_data")[2]


def test_the_page_of_rules_gives_true_examples():
    phones, ids = section_of_the_rules_page().partition("Seven to fifteen")[2].split("Digits alone are an id")
    numbers = re.findall(r"`([^`]*\d[^`]*)`", phones)
    kept = re.findall(r"`([^`]*\d[^`]*)`", ids)
    assert (len(numbers), len(kept)) == (8, 5)
    assert [text for text in numbers if not holds_phone(text, ("4915123456789",))] == []
    assert [text for text in kept if holds_phone(text)] == []
