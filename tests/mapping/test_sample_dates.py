"""A sample is moved to another day: its dates follow, everything else stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.mapping.sample_dates import redated

THEN = datetime(2026, 2, 4, 12, 0, tzinfo=UTC)
LATER = THEN + timedelta(days=10, hours=3)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            b'"2026-02-04T04:25:51-05:00"', b'"2026-02-14T04:25:51-05:00"', id="time and offset stay"
        ),
        pytest.param(
            b"paid=2026-02-28+04%3A25", b"paid=2026-03-10+04%3A25", id="in a form, over a month's end"
        ),
        pytest.param(b'{"t": 1770206400}', b'{"t": 1771070400}', id="Unix seconds"),
        pytest.param(b'{"t": 1770206400123}', b'{"t": 1771070400123}', id="Unix milliseconds"),
        pytest.param(b'"1990-05-03"', b'"1990-05-03"', id="a birthday stays"),
        pytest.param(b'{"id": 1234567890}', b'{"id": 1234567890}', id="an id far from any time stays"),
        pytest.param(b'"sku-1770206400"', b'"sku-1770206400"', id="a number inside a word stays"),
        pytest.param(b'"2026-13-45"', b'"2026-13-45"', id="no date at all"),
    ],
)
def test_dates_move_by_whole_days_and_nothing_else_does(before, after):
    assert redated(before, THEN, LATER) == after


def test_on_the_same_day_nothing_changes():
    assert redated(b'"2026-02-04"', THEN, THEN + timedelta(hours=20)) == b'"2026-02-04"'
