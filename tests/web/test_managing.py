"""What programs ask about many events: why they are held, what they came from, all of a filter at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.outbox import Query
from bridge.web.app import create_app
from tests.web.conftest import ADMIN, NOW
from tests.web.test_bulk_work import followed, held, work_off

pytestmark = pytest.mark.parametrize("start", [True], ids=["event loop"], indirect=True)
SESSION = {"id", "reader", "created_at", "seen_at", "ends_at"}


def got(web, path):
    answer = web.client.get(path, headers=ADMIN)
    assert answer.status_code == 200, answer.text
    return answer.json


# --- counts by reason ------------------------------------------------------------------------------


def test_what_is_held_is_counted_by_reason_the_most_frequent_first(web):
    held(web, 3)
    web.post("/hooks/keyed", {"id": 9}, ADMIN)
    web.post("/hooks/paid", {"id": 10, "status": "open"})
    reasons = got(web, "/api/reasons")["reasons"]
    assert [(one["status"], one["mapping"], one["events"]) for one in reasons] == [
        ("held", "lead", 3),
        ("held", "keyed", 1),
    ]
    assert "not enough customer information" in reasons[0]["reason"]
    assert [one["mapping"] for one in got(web, "/api/reasons?mapping=keyed")["reasons"]] == ["keyed"]
    assert [one["status"] for one in got(web, "/api/reasons?status=skipped")["reasons"]] == ["skipped"]


def test_the_console_groups_by_reason_and_leads_to_the_events(web):
    held(web, 2)
    browser = create_app(web.context).test_client()
    browser.post("/console/session", data={"token": "admin-token"})
    page = browser.get("/console/events/reasons").get_data(as_text=True)
    [link] = [part.partition('"')[0] for part in page.split('class="row" href="')[1:]]
    assert browser.get(link.replace("&amp;", "&")).get_data(as_text=True).count('class="row"') == 2


# --- webhooks that became nothing ------------------------------------------------------------------


def test_webhooks_that_became_nothing_are_listed(web):
    web.post("/hooks/lead", {"id": 1, "mail": "jane@example.com"})
    web.post("/hooks/paid", {"id": 2, "status": "open"})
    everything = got(web, "/api/webhooks")["webhooks"]
    assert [one["mapping"] for one in everything] == ["paid", "lead"]
    [nothing] = got(web, "/api/webhooks?became=nothing")["webhooks"]
    assert nothing == everything[0]
    assert (nothing["events"], nothing["raw_kept"]) == (1, True)
    assert got(web, "/api/webhooks?became=nothing&mapping=lead") | {"request_id": ""} == {
        "webhooks": [],
        "next": None,
        "request_id": "",
    }


def test_webhooks_are_paged_from_the_newest_to_the_oldest(web):
    for number in range(3):
        web.post("/hooks/lead", {"id": number, "mail": "jane@example.com"})
    path, seen = "/api/webhooks?limit=2", []
    while path:
        page = got(web, path)
        seen += [one["id"] for one in page["webhooks"]]
        path = f"/api/webhooks?limit=2&before={page['next']}" if page["next"] else ""
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 3


@pytest.mark.parametrize("wrong", ["became=something", "limit=0", "since=soon", "status=held"])
def test_a_list_of_webhooks_that_makes_no_sense_is_400(web, wrong):
    assert web.client.get(f"/api/webhooks?{wrong}", headers=ADMIN).status_code == 400


# --- newer than ------------------------------------------------------------------------------------


def test_what_is_newer_than_an_event_is_listed(web):
    for number in range(3):
        web.post("/hooks/lead", {"id": number, "mail": "jane@example.com"})
    newest, _, oldest = (event.id for event in web.stored())
    assert [one["event_id"] for one in got(web, f"/api/events?after={oldest}")["events"]] == [
        "lead-2",
        "lead-1",
    ]
    assert got(web, f"/api/events?after={newest}")["events"] == []


@pytest.mark.parametrize("wrong", ["http_status=four", "code=-1", "subcode=1e9"])
def test_a_code_that_is_no_number_is_400(web, wrong):
    assert web.client.get(f"/api/events?{wrong}", headers=ADMIN).status_code == 400


# --- everything of a filter ------------------------------------------------------------------------


def test_what_a_filter_means_is_counted_with_the_oldest_and_then_discarded(web):
    held(web, 7)
    asked = {"status": "held", "mapping": "lead"}
    counted = web.post("/api/discard", {**asked, "dry_run": True}, ADMIN).json
    assert (counted["matching"], [one["event_id"] for one in counted["oldest"]]) == (
        7,
        [f"lead-{number}" for number in range(1, 6)],
    )
    assert {event.status for event in web.stored()} == {"held"}
    job = followed(
        web, web.post("/api/discard", {**asked, "matching": counted["matching"], "because": "a test"}, ADMIN)
    )
    assert (job["state"], job["counts"]) == ("done", {"discarded": 7})


@pytest.mark.parametrize("path", ["/api/discard", "/api/replay"])
@pytest.mark.parametrize(("matching", "status"), [(10, {200, 202}), (9, {400}), (30, {400}), ("many", {400})])
def test_a_filter_that_means_others_by_now_is_refused(web, path, matching, status):
    held(web, 10)
    asked = {"status": "held", "matching": matching, "because": "a test"}
    if path == "/api/replay":
        del asked["because"]
    assert web.post(path, asked, ADMIN).status_code in status
    work_off(web)
    discarded = {event.status for event in web.stored()} == {"discarded"}
    assert discarded == (path == "/api/discard" and 200 <= min(status) < 300)


def test_without_a_filter_or_a_reason_nothing_is_discarded(web):
    held(web, 1)
    assert web.post("/api/discard", {"because": "all"}, ADMIN).status_code == 400
    assert web.post("/api/discard", {"status": "held"}, ADMIN).status_code == 400
    assert web.stored()[0].status == "held"


# --- revisions -------------------------------------------------------------------------------------


def test_the_revisions_of_a_mapping_and_their_texts_can_be_read(web):
    mapping = web.context.mappings.get("lead")
    revisions = web.context.outbox().revisions
    revisions.keep("lead", "before", "event_name: Old # é".encode(), NOW - timedelta(days=1))
    revisions.keep("lead", mapping.revision, mapping.file.read_bytes(), NOW)
    listed = got(web, "/api/mappings/lead/revisions")
    assert [(one["revision"], one["active"]) for one in listed["revisions"]] == [
        (mapping.revision, True),
        ("before", False),
    ]
    text = web.client.get("/api/mappings/lead/revisions/before", headers=ADMIN)
    assert (text.status_code, text.text) == (200, "event_name: Old # é")
    assert web.client.get("/api/mappings/lead/revisions/never", headers=ADMIN).status_code == 404
    assert web.client.get("/api/mappings/nothing/revisions", headers=ADMIN).status_code == 404


# --- sessions --------------------------------------------------------------------------------------


def test_who_is_signed_in_is_listed_and_signed_out(web):
    tokens = {
        name: web.context.outbox().sessions.open("session", name, NOW) for name in ("", "acme", "other")
    }
    web.context.outbox().sessions.open("link", "", NOW)
    listed = got(web, "/api/sessions")["sessions"]
    assert {one["reader"] for one in listed} == {None, "acme", "other"}
    assert all(set(one) == SESSION for one in listed)
    assert not any(token in str(listed) for token in tokens.values())
    assert web.post("/api/sessions/end", {"reader": "acme"}, ADMIN).json["ended"] == 1
    [other] = [one for one in listed if one["reader"] == "other"]
    assert web.post("/api/sessions/end", {"id": other["id"]}, ADMIN).json["ended"] == 1
    assert web.post("/api/sessions/end", {"id": other["id"]}, ADMIN).json["ended"] == 0
    assert [one["reader"] for one in got(web, "/api/sessions")["sessions"]] == [None]
    assert web.post("/api/sessions/end", {"all": True}, ADMIN).json["ended"] == 1
    assert web.context.outbox().sessions.viewer(tokens[""], NOW) is None


@pytest.mark.parametrize(
    "asked", [{}, {"all": False}, {"id": ""}, {"viewer": "acme"}, {"id": "1", "all": True}]
)
def test_which_sessions_end_must_be_said(web, asked):
    token = web.context.outbox().sessions.open("session", "", NOW)
    assert web.post("/api/sessions/end", asked, ADMIN).status_code == 400
    assert web.context.outbox().sessions.viewer(token, NOW) == ""


def test_none_of_it_is_for_strangers(web):
    for path in ("/api/reasons", "/api/webhooks", "/api/sessions", "/api/mappings/lead/revisions"):
        assert web.client.get(path).status_code == 401
    for path in ("/api/discard", "/api/sessions/end"):
        assert web.post(path, {"all": True}).status_code == 401
    assert web.context.outbox().find(Query()) == []
