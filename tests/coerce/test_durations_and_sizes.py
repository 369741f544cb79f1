"""Durations and sizes: one spelling is read alike in mappings and settings."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.coerce.durations import read_duration
from bridge.coerce.sizes import read_size


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("30", timedelta(seconds=30)),
        ("90 s", timedelta(seconds=90)),
        ("5 min", timedelta(minutes=5)),
        ("12h", timedelta(hours=12)),
        ("1.5 hours", timedelta(minutes=90)),
        (" 7 Days ", timedelta(days=7)),
        ("2 weeks", timedelta(days=14)),
        ("0", timedelta()),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text, duration):
    assert read_duration(text) == duration


@pytest.mark.parametrize("text", ["", "h", "-5m", "5 moons", "1,5 h", "\u0663 days", "11000 days", "1e3 s"])
def test_anything_else_is_no_duration(text):
    assert read_duration(text) is None


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("100", 100),
        ("1 byte", 1),
        ("1 KB", 1_000),
        ("1 KiB", 1_024),
        ("1.5 MB", 1_500_000),
        ("1 mib", 1_048_576),
        ("2M", 2_000_000),
        ("1GiB", 1_073_741_824),
    ],
)
def test_kb_counts_thousands_and_kib_counts_1024(text, size):
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1 KB", "1 TB", "1,5 MB", "1 M B"])
def test_anything_else_is_no_size(text):
    assert read_size(text) is None


@given(
    text=st.text(max_size=20) | st.from_regex(r"[0-9]{1,20}(\.[0-9]{1,9})? ?[a-zA-Z]{0,3}", fullmatch=True)
)
def test_no_text_makes_either_fail(text):
    duration, size = read_duration(text), read_size(text)
    assert duration is None or duration >= timedelta()
    assert size is None or size >= 0
