"""What came lately: the chart and its table, which says the same; numbers of destinations and mappings."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from bridge.monitoring.time_series import Moment
from bridge.web.app import create_app
from bridge.web.console.chart import HEIGHT, PARTS, WIDTH, Bar, Row, chart_of
from tests.web.conftest import NOW
from tests.web.console.conftest import text_of

of_one_server = pytest.mark.parametrize("start", [False], ids=["flask"], indirect=True)
START = datetime(2026, 11, 21, tzinfo=UTC)
HOUR = timedelta(hours=1)


def words(answer) -> str:
    return " ".join(text_of(answer).split())


def test_bars_stand_on_each_other_and_the_highest_fills_the_chart():
    series = [
        Moment(START, None, {"sent": 3, "held": 1}),
        Moment(START + HOUR, None),
        Moment(START + 2 * HOUR, None, {"refused": 1, "expired": 1}),
        Moment(START + 3 * HOUR, None, {"skipped": 1}),
    ]
    chart = chart_of(series)
    assert chart.most == 4
    assert chart.bars == [
        Bar(30.0, 50.0, 180.0, 150.0, 0),
        Bar(30.0, 0.0, 180.0, 50.0, 2),
        Bar(510.0, 100.0, 180.0, 100.0, 3),
        Bar(750.0, 150.0, 180.0, 50.0, 4),
    ]
    assert all(bar.x + bar.width <= WIDTH and bar.y + bar.height <= HEIGHT for bar in chart.bars)
    assert chart.rows == [
        Row(START + 3 * HOUR, 1, [0, 0, 0, 0, 1]),
        Row(START + 2 * HOUR, 2, [0, 0, 0, 2, 0]),
        Row(START, 4, [3, 0, 1, 0, 0]),
    ]


def test_a_chart_of_nothing_has_no_bar():
    chart = chart_of([Moment(START, None)])
    assert (chart.bars, chart.rows, chart.most) == ([], [], 0)


def test_every_status_is_part_of_the_chart_once():
    from bridge.monitoring.time_series import KEPT_STATUSES

    shown = [status for statuses in PARTS.values() for status in statuses]
    assert sorted(shown) == sorted(KEPT_STATUSES)


@of_one_server
def test_the_overview_shows_the_hours_and_the_days(app, signed_in):
    assert "Nothing came in this time." in words(signed_in.get("/console/"))
    app.post("/hooks/lead", {"id": 1, "mail": "jane@example.com"})
    app.post("/hooks/lead", {"id": 2})
    page = signed_in.get("/console/")
    assert "2026-11-21 12:00:00 UTC 2 0 1 1 0 0" in words(page)
    assert page.get_data(as_text=True).count('fill="url(#fill-') == len(PARTS) + 2
    days = words(signed_in.get("/console/?by=day"))
    assert "What came in the last 30 days" in days
    assert "2026-11-21 00:00:00 UTC 2 0 1 1 0 0" in days


@of_one_server
def test_a_reader_s_chart_is_of_the_own_destinations(start):
    app = start(
        settings='keys: {admin: admin-token, readers: {acme: {token: "acme-token", destinations: [acme]}}}\n'
        'destinations:\n  main: {dataset_id: "1", access_token: "t"}\n'
        '  acme: {dataset_id: "2", access_token: "t"}\n'
    )
    client = create_app(app.context).test_client()
    client.post("/console/session", data={"token": "acme-token"})
    app.post("/hooks/lead", {"id": 1, "mail": "jane@example.com"})
    assert "Nothing came in this time." in words(client.get("/console/"))


@of_one_server
def test_destinations_and_mappings_say_what_came_in_a_day_and_a_week(app, signed_in):
    app.clock[0] = NOW - timedelta(days=3)
    app.post("/hooks/lead", {"id": 1, "mail": "jane@example.com"})
    app.post("/hooks/lead", {"id": 2})
    app.clock[0] = NOW
    app.post("/hooks/lead", {"id": 3})
    shown = words(signed_in.get("/console/destinations"))
    assert "Last 24 hours 0 sent, 1 held, 0 rejected Last 7 days 0 sent, 2 held, 0 rejected" in shown
    assert "Last 24 hours 1 webhook Last 7 days 3 webhooks" in words(signed_in.get("/console/mappings/lead"))
    row = words(signed_in.get("/console/mappings")).partition("/hooks/lead")[2]
    assert re.match(r" none 2026-11-21 12:00:00 UTC 1 3 ", row), row[:60]
