"""What the endpoints say of webhooks whose records are still to be fetched."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, event

from bridge.delivery.circuit_breaker import always
from bridge.outbox import Pause
from bridge.outbox.pauses import source_scope
from tests.crm import DEAL

ADMIN = {"Authorization": "Bearer admin-token"}
LEAD = """\
version: 1
event_name: Lead
action_source: system_generated
user_data: {email: mail}
"""
SOURCES = """\
sources:
  crm: {url: https://api.example.com/rest/1/s3cret, headers: {X-Token: s3cret}}
"""


@pytest.fixture
def web(start):
    return start(mappings={"deal": DEAL}, settings=SOURCES)


def pause(web, reason="it refused the key"):
    now = web.context.now()
    wanted = Pause(source_scope("crm"), "circuit", now, 0, reason, now)
    web.context.outbox().pause(wanted, always(timedelta(hours=1)), now)


def reasons(web):
    return {reason["code"]: reason["message"] for reason in web.client.get("/readyz").json["reasons"]}


def test_the_sender_is_told_that_its_webhook_is_queued(web):
    answer = web.post("/hooks/deal", {"id": 1, "person_id": 7})
    assert (answer.status_code, answer.json["status"]) == (200, "queued")
    [stored] = answer.json["events"]
    assert (stored["status"], stored["destination"]) == ("fetching", "main")
    again = web.post("/hooks/deal", {"id": 1, "person_id": 7})
    assert (again.json["status"], again.json["events"]) == ("duplicate", [stored])


def test_webhooks_of_a_source_that_was_renamed_say_so_when_no_other_node_has_finished_them(web, start):
    web.post("/hooks/deal", {"id": 1, "person_id": 7})
    pause(web)
    renamed = start(mappings={"deal": DEAL}, settings=SOURCES.replace("crm:", "crn:"))
    assert "no_source" not in reasons(renamed)
    renamed.later(minutes=2)
    assert reasons(renamed)["no_source"] == (
        "1 webhook cannot be finished: bridge.yaml has no source crm; "
        "add it below sources, or discard the events that wait for it"
    )
    assert "no_source" not in reasons(web)


def test_lists_and_totals_know_what_is_fetched_for(web):
    web.post("/hooks/deal", {"id": 1, "person_id": 7})
    listed = web.client.get("/api/events?status=fetching", headers=ADMIN).json["events"]
    assert [(entry["status"], entry["mapping"]) for entry in listed] == [("fetching", "deal")]
    counts = web.client.get("/api/counts", headers=ADMIN).json
    assert (counts["received"], counts["by_status"]["fetching"], counts["balanced"]) == (1, 1, True)
    assert counts["fetching"] == [{"source": "crm", "webhooks": 1, "oldest_seconds": 0.0}]
    page = web.client.get("/metrics").text
    assert 'bridge_events{status="fetching"} 1.0' in page
    assert 'bridge_fetching_webhooks{source="crm"} 1.0' in page
    assert 'bridge_oldest_fetching_seconds{source="crm"} 0.0' in page


def test_what_waits_too_long_for_a_source_is_a_reason_to_look(web):
    web.post("/hooks/deal", {"id": 1, "person_id": 7})
    assert "fetching_behind" not in reasons(web)
    web.later(hours=2)
    assert reasons(web)["fetching_behind"] == "source crm: the oldest of 1 waiting webhook is 7200 s old"


def test_a_paused_source_is_shown_and_its_pause_is_ended(web):
    pause(web)
    assert reasons(web)["paused"] == (
        "source crm is paused since 2026-11-21T12:00:00+00:00: it refused the key"
    )
    [listed] = web.client.get("/api/pauses", headers=ADMIN).json["pauses"]
    assert (listed["scope"], listed["source"], listed["destination"]) == ("source:crm", "crm", None)
    [source] = web.client.get("/api/status", headers=ADMIN).json["sources"]
    assert (source["name"], source["paused"], source["reason"]) == ("crm", True, "it refused the key")
    assert web.post("/api/pauses/resume", {"source": "crm"}, ADMIN).json["resumed"] is True
    assert web.post("/api/pauses/resume", {"source": "crm"}, ADMIN).json["resumed"] is False
    assert "paused" not in reasons(web)


def test_an_event_that_waits_for_a_paused_source_says_so(web):
    [stored] = web.post("/hooks/deal", {"id": 1, "person_id": 7}).json["events"]
    assert reason_of(web, stored) == "waits for $person of crm"
    pause(web)
    assert (
        reason_of(web, stored) == "source crm is paused since 2026-11-21T12:00:00+00:00: it refused the key"
    )


def reason_of(web, stored):
    [listed] = web.client.get("/api/events?status=fetching", headers=ADMIN).json["events"]
    shown = web.client.get(f"/api/events/{stored['id']}", headers=ADMIN).json
    assert listed["reason"] == shown["reason"]
    return listed["reason"]


def test_waiting_for_meta_asks_nothing_about_records_where_none_is_fetched(start):
    web = start(mappings={"lead": LEAD})
    statements: list[str] = []

    def note(_connection, _cursor, statement, *_others):
        statements.append(" ".join(statement.split()))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        answer = web.post("/hooks/lead?wait=true", {"mail": "jane@example.com"})
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert answer.json["events"][0]["status"] == "waiting"
    assert len(statements) > 5
    assert [statement for statement in statements if "FROM fetches WHERE" in statement] == []


def test_a_source_that_is_not_there_cannot_be_resumed(web):
    answer = web.post("/api/pauses/resume", {"source": "crn"}, ADMIN)
    assert answer.status_code == 400
    assert answer.json["error"]["message"] == "there is no such source; did you mean crm?"


@pytest.mark.parametrize("path", ["/readyz", "/metrics", "/api/status", "/api/pauses", "/api/events"])
def test_no_page_shows_the_url_or_a_header_of_a_source(web, path):
    pause(web)
    web.post("/hooks/deal", {"id": 1, "person_id": 7})
    assert "s3cret" not in web.client.get(path, headers=ADMIN).text


def test_discarding_ends_the_fetching(web):
    [stored] = web.post("/hooks/deal", {"id": 1, "person_id": 7}).json["events"]
    done = web.post(f"/api/events/{stored['id']}/discard", {"reason": "not wanted"}, ADMIN)
    assert done.json["discarded"] == 1
    assert web.client.get("/api/counts", headers=ADMIN).json["fetching"] == []
