"""What one page may say: read with doubt, bounded, and only from what could be a browser."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import UnreadableBody
from bridge.web.companion.beacon import read_beacon
from bridge.web.companion.bots import is_bot
from tests.web.conftest import NOW
from tests.web.test_companion import BROWSER, LEAD, NOW_MS


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        pytest.param(
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://google.com/bot.html)", True, id="Google"
        ),
        pytest.param("Mozilla/5.0 HeadlessChrome/147.0.0.0 Safari/537.36", True, id="headless"),
        pytest.param("facebookexternalhit/1.1 (+http://facebook.com/)", True, id="preview"),
        pytest.param("Mozilla/5.0 Chrome/147.0.0.0 Chrome-Lighthouse", True, id="Lighthouse"),
        pytest.param("", True, id="none"),
        pytest.param(BROWSER, False, id="Firefox"),
        pytest.param("Mozilla/5.0 (Linux; Android 13; CUBOT NOTE 50) Chrome/147.0", False, id="Cubot"),
        pytest.param("Mozilla/5.0 (iPhone) [FBAN/FBIOS;FBAV/520.0]", False, id="in Facebook's app"),
    ],
)
def test_bots_name_themselves(agent, expected):
    assert is_bot(agent) is expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"granted": "yes"}',
        b'{"granted": 1}',
        b"\xff",
        b"[" * 9000,
    ],
)
def test_what_no_page_sends_is_unreadable(body):
    with pytest.raises(UnreadableBody):
        read_beacon(body, NOW)


PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text()
ANYTHING = (
    PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(st.sampled_from([*LEAD, "utm_id", "x"]), PLAIN)
)


@settings(max_examples=60)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(LEAD, ANYTHING)), st.booleans())
def test_whatever_stands_in_a_beacon_is_checked_or_left_out(given_parts, granted):
    body = orjson.dumps({**given_parts, "granted": granted})
    beacon = read_beacon(body, NOW)
    assert beacon.is_granted is granted
    assert beacon.decided_at <= NOW
    if beacon.event:
        assert abs(beacon.event.time - NOW) <= timedelta(minutes=5)
        assert 0 < len(beacon.event.name) <= 500


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        pytest.param(NOW_MS - 60_000, NOW - timedelta(minutes=1), id="a minute ago"),
        pytest.param(NOW_MS - 3_600_000, NOW, id="the clock is late"),
        pytest.param(NOW_MS + 3_600_000, NOW, id="the clock is early"),
        pytest.param(None, NOW, id="none"),
        pytest.param("soon", NOW, id="text"),
        pytest.param(1e300, NOW, id="far too large"),
        pytest.param(-5, NOW, id="negative"),
    ],
)
def test_a_wrong_clock_does_not_move_an_event(time, expected):
    beacon = read_beacon(orjson.dumps({**LEAD, "event_time": time}), NOW)
    assert beacon.event is not None
    assert beacon.event.time == expected


def test_texts_lists_and_levels_are_bounded():
    deep: Any = "end"
    for _ in range(50):
        deep = {"in": deep}
    data = {"text": "x" * 2000, "list": list(range(500)), "deep": deep}
    beacon = read_beacon(orjson.dumps({**LEAD, "data": data}), NOW)
    assert beacon.event is not None
    assert beacon.event.data == {
        "text": "x" * 500,
        "list": list(range(100)),
        "deep": {"in": {"in": {"in": {}}}},
    }
