"""What is large, hostile or slow: a webhook of 1 MB, markup in all fields, 20,000 events, a busy database."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from bridge.bootstrap import cipher_of
from bridge.errors import CannotStore
from bridge.outbox import NewEvent, NewWebhook, Query, open_outbox
from bridge.web.app import create_app
from bridge.web.context import OpenedLater
from tests.web.conftest import NOW
from tests.web.console.conftest import SCRIPT, text_of
from tests.web.test_bulk_work import work_off

# what these pages are made of does not depend on the server that answers
pytestmark = pytest.mark.parametrize("start", [False], ids=["flask"], indirect=True)
HELD, OTHERS = 20_000, 30


def words(answer) -> str:
    return " ".join(text_of(answer).split())


# --- large -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"note": "x" * 950_000}, id="one text"),
        pytest.param({"rows": [{f"field {n}": "x" * 80} for n in range(9_000)]}, id="many fields"),
    ],
)
def test_a_webhook_of_1_mb_is_shown_on_every_screen(app, signed_in, more):
    body = {"id": 1, "mail": "maria.huber@gmail.com", **more}
    assert len(json.dumps(body)) > 850_000
    assert app.post("/hooks/lead", body).status_code == 200
    event = app.context.outbox().find(Query(limit=1))[0]
    search = signed_in.post("/console/person", data={"email": "maria.huber@gmail.com"}).location
    work_off(app)
    for url in (
        "/console/events",
        f"/console/events/{event.id}",
        "/console/mappings/lead",
        f"/console/playground?event={event.id}",
        search,
    ):
        answer = signed_in.get(url)
        assert answer.status_code == 200
        assert "maria.huber@gmail.com" not in answer.get_data(as_text=True)
    assert signed_in.post(f"/console/events/{event.id}/reveal").status_code == 200


# --- hostile ---------------------------------------------------------------------------------------


def test_markup_in_reasons_ids_and_pauses_is_never_markup(app, signed_in):
    app.post("/hooks/lead", {"id": SCRIPT, "mail": "maria.huber@gmail.com", SCRIPT: SCRIPT})
    app.post("/hooks/lead", {"id": "2", "mail": SCRIPT})
    event = app.context.outbox().find(Query(statuses=frozenset({"waiting"})))[0]
    search = signed_in.post("/console/person", data={"email": "maria.huber@gmail.com"}).location
    work_off(app)
    signed_in.post(f"/console/events/{event.id}/discard", data={"because": SCRIPT})
    signed_in.post("/console/destinations/main/pause", data={"because": SCRIPT})
    pages = [
        signed_in.get(url)
        for url in (
            "/console/",
            "/console/events",
            f"/console/events/{event.id}",
            "/console/events/reasons?status=discarded",
            "/console/events/all?status=discarded",
            "/console/destinations",
            search,
            "/console/person",
        )
    ]
    assert {page.status_code for page in pages} == {200}
    assert not any(SCRIPT in page.get_data(as_text=True) for page in pages)
    assert SCRIPT in text_of(pages[2]), "it is shown as a text"
    hostile = dict.fromkeys(("email", "phone", "external_id", "event_id", "country", "destination"), SCRIPT)
    assert SCRIPT not in signed_in.post("/console/person", data=hostile).get_data(as_text=True)


# --- many ------------------------------------------------------------------------------------------


@pytest.fixture
def many(app):
    """20,000 events that are held for one reason, and a few of another mapping that are not meant."""

    def webhook(mapping: str, number: int, key: int) -> NewWebhook:
        events = tuple(
            NewEvent("held", "main", "1", "Lead", f"{key}-{n}", 1, None, reason="no e-mail")
            for n in range(number)
        )
        return NewWebhook(mapping, "first", None, 0, NOW, None, str(key), events)

    outbox = app.context.outbox()
    outbox.add_all([webhook("lead", 200, key) for key in range(HELD // 200)])
    outbox.add_all([webhook("paid", OTHERS, HELD)])
    app.later(seconds=1)
    return app


def test_20000_held_events_are_one_line_and_an_action_takes_the_filter_up_to_its_cap(many, signed_in):
    assert "20,000 held in lead: no e-mail" in words(signed_in.get("/console/"))
    assert signed_in.get("/console/events?status=held").get_data(as_text=True).count('class="row"') == 50
    assert "20,000 held no e-mail lead" in words(signed_in.get("/console/events/reasons"))
    asked = words(signed_in.get("/console/events/all?status=held&mapping=lead&action=discard"))
    assert "20,000 events" in asked
    assert "At most 10,000 are taken at a time" in asked
    given = {"status": "held", "mapping": "lead", "number": str(HELD), "action": "discard", "because": "old"}
    job = signed_in.post("/console/events/all", data=given).location
    work_off(many)
    assert "10,000 of 10,000 done" in words(signed_in.get(job))
    outbox = many.context.outbox()
    assert outbox.count(Query(statuses=frozenset({"discarded"}), mapping="lead")) == 10_000
    assert outbox.count(Query(statuses=frozenset({"held"}), mapping="lead")) == HELD - 10_000
    assert outbox.count(Query(statuses=frozenset({"held"}), mapping="paid")) == OTHERS


# --- slow ------------------------------------------------------------------------------------------


@pytest.fixture
def impatient(app):
    """A bridge that waits for a stranger's lock for a moment only, and a connection that holds that lock."""
    settings = app.context.settings
    opened = OpenedLater(
        lambda: open_outbox(settings.database_url, cipher=cipher_of(settings), busy_seconds=0.05)
    )
    client = create_app(replace(app.context, outbox=opened)).test_client()
    client.post("/console/session", data={"token": "admin-token"})
    app.post("/hooks/lead", {"id": 1})
    with closing(
        sqlite3.connect(settings.database_url.removeprefix("sqlite:///"), isolation_level=None)
    ) as held:
        held.execute("BEGIN IMMEDIATE")
        yield app, client
    opened.close()


def test_a_database_that_somebody_keeps_busy_can_be_read_and_a_change_is_refused_as_a_page(impatient):
    app, client = impatient
    app.later(minutes=2)  # when it was last seen would be written
    event = app.context.outbox().find(Query(limit=1))[0]
    for url in ("/console/", "/console/events", f"/console/events/{event.id}", "/console/person"):
        assert client.get(url).status_code == 200
    refused = client.post(f"/console/events/{event.id}/discard", data={"because": "a test"})
    assert refused.status_code == 503
    assert "Not possible just now" in words(refused)
    assert refused.headers["Retry-After"]
    assert client.post("/console/person", data={"email": "maria.huber@gmail.com"}).status_code == 503
    assert app.stored()[0].status == "held"


def unreachable():
    raise CannotStore("the database cannot be reached")


def test_a_database_that_cannot_be_reached_is_a_page_and_not_the_error_of_a_program(app):
    client = create_app(replace(app.context, outbox=OpenedLater(unreachable))).test_client()
    client.set_cookie("cb", "a session that nobody can look up")
    answer = client.get("/console/events")
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert "The database cannot be reached" in words(answer)
