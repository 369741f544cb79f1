"""Pairing: the screen and `GET /api/pairing` tell of twins and visits, and what to do about the rest."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.outbox import NewEvent, NewWebhook
from tests.web.conftest import ADMIN, EVENT, NOW
from tests.web.console.conftest import SCRIPT, text_of

pytestmark = pytest.mark.parametrize("start", [False], ids=["flask"], indirect=True)
CRM = EVENT + "visit: {by: [email], add: [fbc]}\n"


@pytest.fixture
def add(app):
    """Store an event that a page sent to `browser`, or a CRM to `crm`; return its id."""
    (app.folder / "mappings" / "crm.yaml").write_text(CRM)
    app.context.mappings.refresh()

    def added(mapping, event_id, name="Lead", at=NOW - timedelta(days=3), **others):
        moment = int(at.timestamp())
        event = NewEvent("waiting", "main", "1", name, event_id, moment, b"{}", **others)
        return (
            app.context.outbox().add(NewWebhook(mapping, "r", None, 0, at, None, "", (event,))).events[0].id
        )

    return added


def words(answer) -> str:
    return " ".join(text_of(answer).split())


def test_twins_and_visits_are_counted_with_what_to_do(add, signed_in):
    add("crm", "1", match_score=60, score_without_visit=30)
    add("browser", "1")
    alone = add("browser", "2")
    add("crm", "3", match_score=20)
    shown = signed_in.get("/console/pairing")
    assert "Lead 2 1 (50 %) 1: no event of a server has its id; use the form's field cb_event_id" in words(
        shown
    )
    assert f'href="/console/events/{alone}"' in shown.text
    assert "crm 2 1 (50 %) 30.0 → 60.0 25.0 → 40.0" in words(shown)


def test_the_api_tells_the_same(app, add):
    add("crm", "1", match_score=60, score_without_visit=30)
    add("browser", "1")
    alone = add("browser", "2")
    answer = app.client.get("/api/pairing", headers=ADMIN).json
    assert answer.pop("request_id")
    assert answer == {
        "since": "2026-11-14T12:00:00+00:00",
        "counted_since": "2026-11-14T12:00:00+00:00",
        "browser_mappings": ["any-browser", "browser"],
        "pairs": [
            {
                "event_name": "Lead",
                "browser_events": 2,
                "paired": 1,
                "reasons": {"no_server_event": 1},
                "examples": {"no_server_event": [alone]},
            }
        ],
        "reasons": {"no_server_event": "no event of a server has its id"},
        "visit_mappings": ["crm"],
        "joins": [
            {
                "mapping": "crm",
                "events": 1,
                "joined": 1,
                "match_strength": {
                    "of_joined": {"without_visit": 30.0, "with_visit": 60.0},
                    "of_all": {"without_visit": 30.0, "with_visit": 60.0},
                },
            }
        ],
    }
    assert app.client.get("/api/pairing?since=1d", headers=ADMIN).json["pairs"] == []


def test_a_server_event_that_came_second_is_named_with_what_to_do(add, signed_in):
    first = add("browser", "1")
    add("crm", "1", match_score=60)
    shown = signed_in.get("/console/pairing")
    assert (
        "Lead 1 1 (100 %) 1: the page's event came first, so the server's, being the same event, is not sent;"
        in words(shown)
    )
    assert "take the name out of the lookup in the page's mapping" in words(shown)
    assert f'href="/console/events/{first}"' in shown.text


@pytest.mark.parametrize(
    ("query", "counts"),
    [("", True), ("?last=7+days", True), ("?last=24+hours", False), ("?last=a+year", True)],
)
def test_a_day_or_a_week_is_shown(add, signed_in, query, counts):
    add("browser", "1")
    assert ("Lead 1 0 (0 %)" in words(signed_in.get(f"/console/pairing{query}"))) is counts


def test_before_anything_came_it_says_what_is_missing(app, add, signed_in):
    shown = words(signed_in.get("/console/pairing"))
    assert "No page has sent an event to any-browser , browser ." in shown
    assert "No event has come to crm ." in shown
    for name in ("any-browser", "browser", "crm"):
        (app.folder / "mappings" / f"{name}.yaml").unlink()
    app.context.mappings.refresh()
    shown = words(signed_in.get("/console/pairing"))
    assert "No mapping is for what pages send: one has sent_by: companion or sent_by: browser" in shown
    assert "No mapping looks for an earlier visit." in shown


def test_markup_in_an_event_name_is_text(add, signed_in):
    add("browser", "1", name=SCRIPT)
    shown = signed_in.get("/console/pairing")
    assert (SCRIPT in shown.text, SCRIPT in text_of(shown)) == (False, True)


def test_readers_do_not_see_what_all_mappings_do(app, browser):
    browser.post("/console/session", data={"token": "nobody"})
    assert browser.get("/console/pairing").status_code == 303
    assert app.client.get("/api/pairing").status_code == 401
