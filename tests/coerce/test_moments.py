"""Points in time as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.coerce.moments import read_moment
from bridge.errors import WrongUse

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
BERLIN_WINTER = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00+00:00"),
        ("2026-11-20T10:00:00+01:00", "2026-11-20T10:00:00+01:00"),
        ("2026-11-20 10:00", "2026-11-20T10:00:00+00:00"),
        ("2026-11-20", "2026-11-20T00:00:00+00:00"),
        ("2026-11", "2026-11-01T00:00:00+00:00"),
        ("1795000000", "2026-11-18T11:06:40+00:00"),
        (1795000000, "2026-11-18T11:06:40+00:00"),
        ("1795000000000", "2026-11-18T11:06:40+00:00"),
        ("1h", "2026-11-21T11:30:00+00:00"),
        ("90 m ago", "2026-11-21T11:00:00+00:00"),
        ("2d", "2026-11-19T12:30:00+00:00"),
        ("Yesterday", "2026-11-20T00:00:00+00:00"),
        ("today", "2026-11-21T00:00:00+00:00"),
        ("now", "2026-11-21T12:30:00+00:00"),
    ],
)
def test_a_time_is_read(text, expected):
    assert read_moment(text, "--since", NOW).isoformat() == expected


def test_what_names_no_zone_is_in_the_zone_of_now():
    now = NOW.astimezone(BERLIN_WINTER)
    assert read_moment("yesterday", "--since", now).isoformat() == "2026-11-20T00:00:00+01:00"
    assert read_moment("2026-11-20", "--since", now).isoformat() == "2026-11-20T00:00:00+01:00"


@pytest.mark.parametrize("text", ["", "soon", "h", "1y", "2026-13", "99999999h", "-1h", "1e400"])
def test_what_is_not_a_time_is_said_with_the_name_of_the_option(text):
    with pytest.raises(WrongUse, match="--since is not a time"):
        read_moment(text, "--since", NOW)


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_a_sentence(text):
    try:
        assert read_moment(text, "since", NOW).tzinfo is not None
    except WrongUse as error:
        assert error.fix
