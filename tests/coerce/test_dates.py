"""Reading times: what is understood, and what could be two moments."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.coerce.dates import date_pattern, read_time
from tests.coerce.strategies import ODD

AT = 1795219200  # 21 November 2026, midnight in UTC


@pytest.mark.parametrize(
    ("given", "pattern", "zone", "seconds"),
    [
        ("2026-11-21T00:00:00Z", None, None, AT),
        ("2026-11-21T01:00:00+01:00", None, None, AT),
        ("2026-11-21 01:00:00 +0100", None, None, AT),
        ("2026-11-21T01:00:00 01:00", None, None, AT),
        ("2026-11-21T01:00:00.5 0100", None, None, AT),
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
        (46347, None, None, AT),
        ("46347", None, None, AT),
        ("46347.0", None, None, AT),
        (46347.5, None, None, AT + 43_200),
        (Decimal("46347.5"), None, None, AT + 43_200),
        ("46347,5", None, None, AT + 43_200),
        ("46347.458333333", None, None, AT + 11 * 3600),
        ("46347.0416666667", None, "Europe/Berlin", AT),
        (46347.25, None, "+06:00", AT),
        ("46347.5", "DD.MM.YYYY", None, AT + 43_200),
        (36525, None, None, 36525),
        (73051, None, None, 73051),
        ("46347,5,1", None, None, None),
        ("21.11.2026 00:00", None, None, AT),
        ("21.11.2026 01:00", None, "Europe/Berlin", AT),
        ("21.11.2026, 11:00:00 Uhr", None, None, AT + 11 * 3600),
        ("21.11.2026 um 11.00 Uhr", None, None, AT + 11 * 3600),
        ("21. 11. 2026 11:00", None, None, AT + 11 * 3600),
        ("21/11/2026", None, None, AT),
        ("11/21/2026 11:00 PM", None, None, AT + 23 * 3600),
        ("11/21/2026 12:30 a.m.", None, None, AT + 1800),
        ("21-11-2026 13:00 pm", None, None, AT + 13 * 3600),
        ("2026/11/21 11:00", None, None, AT + 11 * 3600),
        ("2026. 11. 21. 11:00", None, None, AT + 11 * 3600),
        ("2026-11-21 11:00:00 PM", None, None, AT + 23 * 3600),
        ("2026年11月21日 11:00", None, None, AT + 11 * 3600),
        ("November 21, 2026 11:00 pm", None, None, AT + 23 * 3600),
        ("Nov 21, 2026, 10:00:00 PM", None, None, AT + 22 * 3600),
        ("21st November 2026 at 10:00", None, None, AT + 10 * 3600),
        ("21-Nov-2026", None, None, AT),
        ("Saturday, 21 November 2026", None, None, AT),
        ("Sat Nov 21 2026 01:00:00 GMT+0100 (Central European Standard Time)", None, None, AT),
        ("Sat Nov 21 2026 01:00:00 GMT+0100 (CET)", None, None, AT),
        ("Sat Nov 21 2026 00:00:00 GMT", None, None, AT),
        ("Sat Nov 21 00:00:00 2026", None, None, AT),
        ("8/8/2026", None, None, 1786147200),
        (f"/Date({AT}000)/", None, None, AT),
        (f"/Date({AT}000+0100)/", None, None, AT),
        ("11/12/2026", None, None, None),
        ("05.11.2026 10:00", None, None, None),
        ("31.02.2026", None, None, None),
        ("32/13/2026", None, None, None),
        ("21.11.26", None, None, None),
        ("21 Brumaire 2026", None, None, None),
        ("1.79577E+12", None, None, None),
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


PATTERNS = (
    st.none() | st.sampled_from(["DD.MM.YYYY HH:mm", "M/D/YY h:mm A", "(", "YYYY"]) | st.text(max_size=8)
)
ZONES = (
    st.none()
    | st.sampled_from(["Europe/Berlin", "+02:00", "Nowhere", "../etc/passwd", "+99:99"])
    | st.text(max_size=8)
)


@given(value=ODD, pattern=PATTERNS, zone=ZONES)
@settings(max_examples=200, deadline=None)
def test_reading_a_time_never_fails_and_gives_whole_seconds(value, pattern, zone):
    seconds = read_time(value, pattern, zone)
    assert seconds is None or type(seconds) is int
