"""One person's events over HTTP: found and erased by what is in the body, never by what is in a URL."""

from __future__ import annotations

import json

import pytest

from tests.web.conftest import ADMIN
from tests.web.test_bulk_work import followed

MARY = {"email": " Mary@Example.com "}


@pytest.fixture
def stored(web):
    web.post("/hooks/lead", {"id": 1, "mail": "mary@example.com"})
    web.post("/hooks/paid", {"id": 2, "mail": "mary@example.com", "status": "open"})
    web.post("/hooks/lead", {"id": 3, "mail": "joe@example.com"})
    web.later(seconds=1)
    return web


def ids(answer):
    return [event["event_id"] for event in answer.json["events"]]


def test_a_person_is_found_by_the_address_as_it_was_typed(stored):
    found = stored.post("/api/events/search", MARY, ADMIN)
    assert (found.status_code, ids(found), found.json["next"]) == (200, ["", "lead-1"], None)
    assert found.json["looked_for"] == "looking for email m•••@e•••.com"
    assert ids(stored.post("/api/events/search", {**MARY, "status": "waiting"}, ADMIN)) == ["lead-1"]
    assert ids(stored.post("/api/events/search", {"email": "nobody@example.com"}, ADMIN)) == []


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({}, id="nobody"),
        pytest.param({"email": ""}, id="an empty address"),
        pytest.param({"phone": "0151 2345678"}, id="a national number without its country"),
        pytest.param({**MARY, "colour": "red"}, id="an unknown filter"),
        pytest.param({"email": {"is": "mary@example.com"}}, id="no text"),
    ],
)
@pytest.mark.parametrize("path", ["/api/events/search", "/api/erase"])
def test_who_cannot_be_looked_for_is_400(stored, path, asked):
    answer = stored.post(path, asked, ADMIN)
    assert answer.status_code == 400
    assert "mary" not in answer.text.lower()
    assert len(stored.stored()) == 3


def test_a_person_in_a_url_is_refused_with_the_right_way(stored):
    answer = stored.client.get("/api/events?email=mary@example.com", headers=ADMIN)
    assert answer.status_code == 400
    assert "POST /api/events/search" in answer.text
    assert "mary@" not in answer.text


def test_an_erasure_is_counted_first_then_done_by_a_job_and_its_receipt_is_listed(stored):
    counted = stored.post("/api/erase", {**MARY, "dry_run": True}, ADMIN)
    assert (counted.status_code, counted.json["events"], counted.json["raw_webhooks"]) == (200, 2, 2)
    assert len(stored.stored()) == 3
    job = followed(stored, stored.post("/api/erase", {**MARY, "never_send": True}, ADMIN))
    assert (job["state"], job["counts"]) == ("done", {"events": 2, "raw_webhooks": 2})
    assert "mary" not in json.dumps(job).lower()
    listed = stored.client.get("/api/erasures", headers=ADMIN).json
    assert [(one["id"], one["events"], one["asked_by"]) for one in listed["erasures"]] == [
        (job["id"], 2, "API")
    ]
    assert listed["unfinished"] == []
    back = stored.post("/hooks/lead", {"id": 4, "mail": "mary@example.com"}).json
    assert (back["status"], back["reasons"]) == (
        "suppressed",
        ["this person was erased, and nothing may be sent of them again"],
    )


def test_an_export_is_a_job(stored):
    job = followed(stored, stored.post("/api/export", {"format": "csv", "mapping": "nothing"}, ADMIN))
    result = stored.client.get(f"/api/jobs/{job['id']}/result", headers=ADMIN)
    assert result.text.splitlines() == [HEADER]


HEADER = (
    "id,webhook_id,mapping,label,destination,dataset_id,test_event_code,mode,event_name,event_id,event_time,status,"
    "reason,findings,match_score,accepted_until,received_at,changed_at,attempts,next_attempt_at,value,currency,"
    "order_id,reason_code,consent,consent_source,event_at"
)


# --- pauses and status -----------------------------------------------------------------------------


def test_a_destination_is_paused_and_resumed(web):
    paused = web.post("/api/pauses", {"destination": "main", "for": "2h", "because": "a new token"}, ADMIN)
    assert paused.json["pause"] == {
        "scope": "destination:main:1234567890123456",
        "destination": "main",
        "source": None,
        "dataset_id": "1234567890123456",
        "kind": "circuit",
        "reason": "paused by a person: a new token",
        "since": "2026-11-21T12:00:00+00:00",
        "until": "2026-11-21T14:00:00+00:00",
    }
    assert web.client.get("/api/pauses", headers=ADMIN).json["pauses"] == [paused.json["pause"]]
    status = web.client.get("/api/status", headers=ADMIN).json
    assert [(one["name"], one["paused"]) for one in status["destinations"]] == [("main", True)]
    assert web.post("/api/pauses/resume", {"destination": "main"}, ADMIN).json["resumed"] is True
    assert web.post("/api/pauses/resume", {"destination": "main"}, ADMIN).json["resumed"] is False
    assert web.client.get("/api/pauses", headers=ADMIN).json["pauses"] == []


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"destination": "mian"},
        {"destination": "main", "for": "for ever"},
        {"destination": "main", "for": "8 days"},
        {"destination": "main", "until": "tomorrow"},
    ],
)
def test_a_pause_that_makes_no_sense_is_400(web, asked):
    assert web.post("/api/pauses", asked, ADMIN).status_code == 400
    assert web.context.outbox().pauses() == {}
