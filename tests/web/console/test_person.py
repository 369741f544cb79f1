"""The screen of one person: found by what they are known by, exported, erased; what a reader sees of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.outbox import NewEvent, NewVisit, NewWebhook, Query
from bridge.outbox.visits import JoinedVisit, learn
from bridge.settings.models import ConsoleReader
from bridge.web.app import create_app
from tests.web.conftest import ADMIN, NOW
from tests.web.console.conftest import SCRIPT, text_of
from tests.web.test_bulk_work import work_off

MARY = {"email": " Mary@Example.com "}
SEARCHED = "/console/person/"


@pytest.fixture
def stored(app):
    app.post("/hooks/lead", {"id": 1, "mail": "mary@example.com", "note": SCRIPT})
    app.post("/hooks/paid", {"id": 2, "mail": "mary@example.com", "status": "open"})
    app.post("/hooks/lead", {"id": 3, "mail": "joe@example.com"})
    app.later(seconds=1)
    return app


def searched(app, client, given) -> str:
    """Look for a person; return the URL of what was found."""
    answer = client.post("/console/person", data=given)
    assert answer.status_code == 303, text_of(answer)
    work_off(app)
    return str(answer.location)


@pytest.mark.parametrize(
    ("given", "events", "webhooks"),
    [
        pytest.param(MARY, 2, 2, id="an address, as it was typed"),
        pytest.param({"event_id": "lead-1"}, 1, 1, id="the id of an event"),
        pytest.param({"email": "mary@example.com", "destination": "main"}, 2, 2, id="for one destination"),
        pytest.param({"email": "nobody@example.com"}, 0, 0, id="nobody"),
    ],
)
def test_a_person_is_found_and_shown_masked_and_no_url_names_them(stored, signed_in, given, events, webhooks):
    url = searched(stored, signed_in, given)
    assert "mary" not in url.lower()
    page = signed_in.get(url)
    shown = " ".join(text_of(page).split())
    assert f"Events {events} Stored webhooks {webhooks}" in shown
    assert ("Nothing is kept about this person." in shown) == (events == 0)
    assert "mary@" not in page.get_data(as_text=True).lower()
    assert SCRIPT not in page.get_data(as_text=True)


def test_a_search_says_how_far_it_is_until_it_is_done(stored, signed_in):
    url = signed_in.post("/console/person", data=MARY).location
    assert "were looked through so far" in text_of(signed_in.get(url))
    assert stored.context.outbox().jobs.newest()[0].request == {
        "looked_for": {"email": 1},
        "destination": None,
    }


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "No person is named."),
        ({"phone": "0151 2345678"}, "Phone cannot be read"),
        ({"event_id": "lead-99"}, "No event of this id says who it is about."),
        ({"event_id": "lead-1", **MARY}, "An event and a person are named."),
        ({"destination": "mian", **MARY}, "There is no such destination."),
    ],
)
def test_who_cannot_be_looked_for_is_said_beside_what_was_typed(stored, signed_in, given, says):
    answer = signed_in.post("/console/person", data=given)
    assert answer.status_code == 400
    assert says in text_of(answer)
    assert all(
        f'value="{text}"' in answer.get_data(as_text=True) for name, text in given.items() if name == "phone"
    )
    assert stored.context.outbox().jobs.newest() == []


def test_who_was_looked_for_is_a_filter_of_the_list_of_events(stored, signed_in):
    search = searched(stored, signed_in, MARY).removeprefix(SEARCHED)
    listed = signed_in.get(f"/console/events?person={search}").get_data(as_text=True)
    assert listed.count('class="row"') == 2
    narrowed = signed_in.get(f"/console/events?person={search}&mapping=paid").get_data(as_text=True)
    assert narrowed.count('class="row"') == 1
    given = {"person": search, "number": "2", "action": "discard", "because": "a test"}
    assert signed_in.post("/console/events/all", data=given).status_code == 303
    work_off(stored)
    assert {event.event_id: event.status for event in stored.stored()} == {
        "lead-1": "discarded",
        "": "skipped",
        "lead-3": "waiting",
    }


def test_a_search_that_found_nobody_means_no_event_rather_than_all(stored, signed_in):
    search = searched(stored, signed_in, {"email": "nobody@example.com"}).removeprefix(SEARCHED)
    assert 'class="row"' not in signed_in.get(f"/console/events?person={search}").get_data(as_text=True)
    assert signed_in.get("/console/events?person=unknown").status_code == 404


def test_showing_the_person_is_logged_without_the_person(stored):
    logged: list[tuple[str, dict[str, Any]]] = []

    def keep(event: str, **values: Any) -> None:
        logged.append((event, values))

    stored.use(log=SimpleNamespace(debug=keep, info=keep, warning=keep, error=keep))
    client = create_app(stored.context).test_client()
    client.post("/console/session", data={"token": "admin-token"})
    url = searched(stored, client, MARY)
    assert "mary@example.com" in client.post(f"{url}/reveal").get_data(as_text=True)
    client.post(f"{url}/export")
    revealed = [values for name, values in logged if name == "revealed"]
    assert [one["search"] for one in revealed] == [url.removeprefix(SEARCHED)] * 2
    assert "mary" not in str(logged).lower()


def test_everything_is_exported_as_a_file(stored, signed_in):
    url = searched(stored, signed_in, MARY)
    job = signed_in.post(f"{url}/export").location
    assert "Download the file" not in text_of(signed_in.get(job))
    work_off(stored)
    assert "Download the file" in text_of(signed_in.get(job))
    file = signed_in.get(f"{job}/result")
    assert file.headers["Content-Disposition"].startswith('attachment; filename="export-person-')
    head, *lines = map(json.loads, file.get_data(as_text=True).splitlines())
    assert head == {
        "kind": "person",
        "looked_for": {"email": 1},
        "destination": None,
        "never_send": False,
        "consent_withdrawn_at": None,
        "events": 2,
        "webhooks": 2,
        "visits": 0,
    }
    assert [line["kind"] for line in lines] == ["event", "event", "webhook", "webhook"]
    assert {line["event_id"] for line in lines[:2]} == {"lead-1", ""}
    assert all("mary@example.com" in line["body"] for line in lines[2:])
    assert "joe@" not in file.get_data(as_text=True)


def test_a_withdrawn_consent_is_shown_and_exported_when_nothing_else_is_kept(stored, signed_in):
    outbox, anna = stored.context.outbox(), bytes(16)
    known = [("email", hashlib.sha256(b"anna@example.com").hexdigest())]

    def decide(consent: str) -> None:
        outbox.submit([outbox.pack_visit(NewVisit(anna.hex(), NOW, consent, "page", NOW))]).result(30)

    decide("granted")
    run = outbox._statements
    learnt = [(bytes(16), JoinedVisit(anna, tuple(known)))]
    outbox._write("learn", lambda c: learn(c, run.visits, run.cipher, learnt, int(NOW.timestamp() * 1000)))
    decide("denied")
    url = searched(stored, signed_in, {"email": "anna@example.com"})
    shown = " ".join(text_of(signed_in.get(url)).split())
    assert f"Consent withdrawn {NOW:%Y-%m-%d %H:%M:%S} UTC : a keyed digest" in shown
    assert "Nothing is kept" not in shown
    job = signed_in.post(f"{url}/export").location
    work_off(stored)
    (head,) = map(json.loads, signed_in.get(f"{job}/result").get_data(as_text=True).splitlines())
    assert (head["consent_withdrawn_at"], head["visits"]) == (NOW.isoformat(), 0)


def test_an_erasure_is_confirmed_done_and_its_receipt_shown(stored, signed_in):
    url = searched(stored, signed_in, MARY)
    asked = " ".join(text_of(signed_in.get(f"{url}/erase")).split())
    assert "That found 2 events and 2 stored webhooks . Nothing is erased yet." in asked
    assert signed_in.post(f"{url}/erase", data={"never_send": "yes"}).status_code == 400
    assert len(stored.stored()) == 3
    job = signed_in.post(f"{url}/erase", data={"confirmed": "yes", "never_send": "yes"}).location
    work_off(stored)
    receipt = " ".join(text_of(signed_in.get(job)).split())
    assert "Erased 2 events and 2 stored webhooks" in receipt
    assert "Asked by console" in receipt
    assert "Looked for 1 e-mail address" in receipt
    assert "Never sent again yes" in receipt
    assert [event.event_id for event in stored.stored()] == ["lead-3"]
    assert job.removeprefix("/console/jobs/") in text_of(signed_in.get("/console/person"))
    assert signed_in.get(url).status_code == 404, "what searches have found is forgotten with the person"
    again = searched(stored, signed_in, MARY)
    assert "Never sent again yes" in " ".join(text_of(signed_in.get(again)).split())


def test_an_unfinished_export_is_no_file(stored, signed_in):
    job = signed_in.post(f"{searched(stored, signed_in, MARY)}/export").location
    assert signed_in.get(f"{job}/result").status_code == 409
    assert signed_in.get(f"{job.replace('jobs', 'person')}").status_code == 404
    assert signed_in.get(f"{SEARCHED}nonsense").status_code == 404


# --- readers ---------------------------------------------------------------------------------------


@pytest.fixture
def reader(stored):
    """Somebody who may see acme alone, where Mary has one event of two that one webhook became."""
    events = (
        NewEvent("waiting", "main", "1234567890123456", "Lead", "both", 1, BODY),
        NewEvent("waiting", "acme", "2234567890123456", "Lead", "both", 1, BODY),
    )
    stored.context.outbox().add(NewWebhook("lead", "first", None, 0, NOW, None, "request", events))
    stored.later(seconds=1)
    readers = {"acme": ConsoleReader("acme", "acme-token", ("acme",))}
    client = create_app(
        replace(stored.context, settings=replace(stored.context.settings, readers=readers))
    ).test_client()
    assert client.post("/console/session", data={"token": "acme-token"}).status_code == 303
    return client


BODY = json.dumps(
    {"user_data": {"em": ["5c9c91c54b7aab2a5b7f2c61b4de9e9fe8a0f6a3d5a6f84d3b8e4dba2de47f2f"]}}
).encode()


def test_a_reader_finds_what_is_of_the_own_destinations_and_changes_nothing(stored, signed_in, reader):
    stored.context.outbox()
    url = searched(stored, reader, {"event_id": "both"})
    shown = " ".join(text_of(reader.get(url)).split())
    assert "Events 1 Stored webhooks 0" in shown
    assert "main" not in shown
    assert "Erase" not in shown
    for action in ("reveal", "export", "erase"):
        assert reader.post(f"{url}/{action}", data={"confirmed": "yes"}).status_code == 403
    assert reader.get(f"{url}/erase").status_code == 403
    of_admin = searched(stored, signed_in, MARY)
    assert "Events 0 Stored webhooks 0" in " ".join(text_of(reader.get(of_admin)).split())
    listed = reader.get(f"/console/events?person={url.removeprefix(SEARCHED)}").get_data(as_text=True)
    assert listed.count('class="row"') == 1


def test_a_reader_cannot_look_for_the_person_of_an_event_of_others(stored, reader):
    assert reader.post("/console/person", data={"event_id": "lead-1"}).status_code == 400


# --- the same for programs -------------------------------------------------------------------------


def test_programs_look_for_and_export_a_person_by_the_same_jobs(stored):
    search = stored.post("/api/jobs", {"kind": "find_person", **MARY}, ADMIN).json
    early = stored.post("/api/jobs", {"kind": "export_person", "search": search["id"]}, ADMIN)
    assert early.status_code == 400
    work_off(stored)
    done = stored.client.get(f"/api/jobs/{search['id']}", headers=ADMIN).json
    assert done["counts"] == {"events": 2, "raw_webhooks": 2}
    export = stored.post("/api/jobs", {"kind": "export_person", "search": search["id"]}, ADMIN).json
    work_off(stored)
    lines = stored.client.get(f"/api/jobs/{export['id']}/result", headers=ADMIN).text.splitlines()
    assert len(lines) == 5
    assert stored.context.outbox().find(Query(ids=("nobody",))) == []
