"""The time series: what came in each hour or day and what became of it, as kept counts say."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.outbox import Query
from tests.web.conftest import ADMIN, NOW

pytestmark = pytest.mark.parametrize("start", [True], ids=["event loop"], indirect=True)
STATUSES = {
    "fetching", "waiting", "sent", "held", "refused", "expired", "suppressed", "discarded", "skipped",
}  # fmt: skip


@pytest.fixture
def hours(web):
    """Three hours: two leads, then nothing, then one that is skipped and a held one."""
    web.clock[0] = NOW - timedelta(hours=2)
    web.post("/hooks/lead", {"id": 1, "mail": "jane@example.com"})
    web.post("/hooks/lead", {"id": 2, "mail": "jane@example.com"})
    web.clock[0] = NOW
    web.post("/hooks/paid", {"id": 3, "status": "open"})
    web.post("/hooks/lead", {"id": 4})
    web.later(minutes=30)
    return web


def stats(web, query=""):
    answer = web.client.get(f"/api/stats?{query}", headers=ADMIN)
    assert answer.status_code == 200, answer.text
    return answer.json


def numbers(moment):
    return {name: number for name, number in moment.items() if number and name != "at"}


def test_each_hour_says_what_came_in_it_and_what_that_is_now(hours):
    series = stats(hours, "since=2026-11-21T10:20:00Z")["series"]
    assert [(one["at"], numbers(one)) for one in series] == [
        ("2026-11-21T10:00:00+00:00", {"webhooks": 2, "received": 2, "waiting": 2}),
        ("2026-11-21T11:00:00+00:00", {}),
        ("2026-11-21T12:00:00+00:00", {"webhooks": 2, "received": 2, "held": 1, "skipped": 1}),
    ]
    assert set(series[0]) == {"at", "webhooks", "received", *STATUSES}


def test_the_numbers_add_up_to_the_totals(hours):
    answer = stats(hours)
    assert len(answer["series"]) == 24
    assert answer["totals"] == {"received": 4, "waiting": 2, "held": 1, "skipped": 1}
    assert sum(one["received"] for one in answer["series"]) == 4
    counts = hours.client.get("/api/counts", headers=ADMIN).json
    assert counts["received"] == 4


def test_an_event_moves_within_its_hour_when_something_becomes_of_it(hours):
    ids = tuple(event.id for event in hours.context.outbox().find(Query(statuses=frozenset({"waiting"}))))
    hours.context.outbox().discard(ids, "a test", hours.context.now())
    assert numbers(stats(hours, "since=3h")["series"][-3]) == {"webhooks": 2, "received": 2, "discarded": 2}


def test_days_begin_at_midnight_in_utc(hours):
    series = stats(hours, "by=day&since=2026-11-20T15:00:00Z")["series"]
    assert [(one["at"], one["received"]) for one in series] == [
        ("2026-11-20T00:00:00+00:00", 0),
        ("2026-11-21T00:00:00+00:00", 4),
    ]


@pytest.mark.parametrize(
    ("query", "received", "webhooks"),
    [
        ("mapping=paid", 1, 1),
        ("mapping=nothing", 0, 0),
        ("destination=main", 4, None),
        ("destination=acme", 0, None),
        ("mode=live", 4, None),
        ("mode=test", 0, None),
        ("until=2026-11-21T11:00:00Z", 2, 2),
    ],
)
def test_filters_narrow_the_counts(hours, query, received, webhooks):
    answer = stats(hours, query)
    assert answer["totals"]["received"] == received
    counted = [one["webhooks"] for one in answer["series"]]
    assert (None if None in counted else sum(counted)) == webhooks


@pytest.mark.parametrize(
    "wrong",
    ["by=week", "since=soon", "mode=fast", "colour=red", "since=60d", "since=1h&until=2h", "status=held"],
)
def test_what_makes_no_sense_is_400(web, wrong):
    assert web.client.get(f"/api/stats?{wrong}", headers=ADMIN).status_code == 400


def test_it_is_for_the_admin(web):
    assert web.client.get("/api/stats").status_code == 401
