"""The console where records are fetched: the cards of sources, why an event waits, and fetching again."""

from __future__ import annotations

import hashlib
import html
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.delivery.circuit_breaker import always
from bridge.fetch.exchange import SourceResponse
from bridge.fetch.fetcher import Fetcher, fetch_context
from bridge.fetch.one_webhook import held as held_webhook
from bridge.ingest.entries import HELD_BY_AN_ERROR
from bridge.outbox import Pause
from bridge.outbox.claims import Lease
from bridge.outbox.pauses import source_scope
from bridge.outbox.records import to_ms
from bridge.simulator import Simulator
from bridge.web.app import create_app
from tests.crm import DEAL
from tests.web.console.conftest import SCRIPT, text_of

HOLDING = DEAL.replace("keep: 10 minutes", "on_missing: hold")
PAUSED = "source crm is paused since 2026-11-21T12:00:00+00:00: it refused the key"


@pytest.fixture
def app(start):
    return start(
        mappings={"deal": HOLDING},
        settings="sources: {crm: {url: https://api.example.com/rest/1/s3cret, headers: {X-Token: s3cret}}}\n",
    )


def pause(app, reason="it refused the key"):
    now = app.context.now()
    wanted = Pause(source_scope("crm"), "circuit", now, 0, reason, now)
    app.context.outbox().pause(wanted, always(timedelta(hours=1)), now)


@pytest.fixture
def waiting(app):
    """An event that waits for its person."""
    return app.post("/hooks/deal", {"id": 1, "person_id": 7}).json["events"][0]["id"]


def test_a_source_has_a_card_with_what_waits_for_it(app, signed_in, waiting):
    page = text_of(signed_in.get("/console/destinations"))
    assert "Source crm is fetched from" in " ".join(page.split())
    assert "1 webhook, the oldest for" in page
    assert "5/s" in page


def test_the_card_of_a_paused_source_says_why_and_ends_the_pause(app, signed_in):
    pause(app, f"it refused the key {SCRIPT}")
    page = signed_in.get("/console/destinations").get_data(as_text=True)
    assert "paused" in page
    assert SCRIPT not in page
    done = signed_in.post("/console/sources/resume", data={"source": "crm"}, follow_redirects=True)
    assert "Records are fetched from it again" in text_of(done)
    assert app.context.outbox().pauses() == {}
    again = signed_in.post("/console/sources/resume", data={"source": "crm"}, follow_redirects=True)
    assert "It was not paused" in text_of(again)
    unknown = signed_in.post("/console/sources/resume", data={"source": "crn"}, follow_redirects=True)
    assert "There is no such source" in text_of(unknown)


@pytest.mark.parametrize("url", ["/console/events", "/console/events/{id}"])
def test_an_event_says_that_its_source_is_paused(app, signed_in, waiting, url):
    url = url.format(id=waiting)
    assert "waits for $person of crm" in text_of(signed_in.get(url))
    pause(app)
    assert PAUSED in text_of(signed_in.get(url))


@pytest.mark.parametrize(
    "url",
    ["/console/", "/console/destinations", "/console/events", "/console/events/{id}", "/console/mappings"],
)
def test_no_screen_shows_the_url_or_a_header_of_a_source(app, signed_in, waiting, url):
    pause(app)
    assert "s3cret" not in signed_in.get(url.format(id=waiting)).get_data(as_text=True)


def claimed(app):
    """Take the webhook that waits, as the fetcher does."""
    now = app.context.now()
    lease = Lease("w", to_ms(now + timedelta(minutes=1)))
    return app.context.outbox().fetches.claim(lease, now, 10, (), ("crm",))


@pytest.fixture
def held(app, waiting):
    """An event that was held after it had waited."""
    claim = claimed(app)
    decided = held_webhook(claim.webhooks[0], HELD_BY_AN_ERROR)
    app.context.outbox().fetches.settle(claim, [(claim.webhooks[0], decided)], app.context.now())
    return waiting


@pytest.mark.parametrize(("form", "anew"), [({}, False), ({"fetch_again": "yes"}, True)])
def test_a_held_event_is_fetched_for_again_or_uses_what_was_kept(app, signed_in, held, form, anew):
    page = signed_in.get(f"/console/events/{held}").get_data(as_text=True)
    assert "Map again and send" in page
    assert "Fetch again and send" in page
    done = signed_in.post(f"/console/events/{held}/replay", data=form, follow_redirects=True)
    assert "1 wait for what is fetched for them" in text_of(done)
    assert claimed(app).webhooks[0].anew is anew


def test_all_of_a_filter_is_fetched_for_again_when_that_is_asked(app, signed_in, held):
    assert 'name="fetch_again"' in signed_in.get("/console/events/all?status=held").get_data(as_text=True)
    form = {"status": "held", "action": "replay", "number": "1", "fetch_again": "yes"}
    assert signed_in.post("/console/events/all", data=form).status_code == 303
    [job] = app.context.outbox().jobs.newest()
    assert job.request["fetch_again"] is True


def test_only_a_held_event_is_fetched_for_again(signed_in, waiting):
    assert "Fetch again" not in signed_in.get(f"/console/events/{waiting}").get_data(as_text=True)


# --- the playground ----------------------------------------------------------------------------------------


TYPED = '{"person": {"data": {"email": "zoe@example.com"}}}'


def crm(_call):
    person = {"email": "maria.huber@gmail.com", "phone": "+4915199988877", "name": "not read"}
    return SourceResponse(200, {}, json.dumps({"data": person}).encode(), took_ms=9)


@pytest.fixture
def fetched(app, waiting):
    """An event whose person was fetched."""
    context = app.context
    parts = fetch_context(
        context.outbox(), context.settings, context.mappings, clock=context.now, exchange=crm
    )
    assert Fetcher(parts).run_once() == 1
    return waiting


def form_of(event, **more):
    return {"stored": event, "name": "deal", "mapping": HOLDING, **more}


def test_the_playground_shows_what_was_fetched_masked_and_runs_with_it(signed_in, fetched):
    page = html.unescape(signed_in.get(f"/console/playground?event={fetched}").get_data(as_text=True))
    assert "Records that were fetched for it" in page
    assert '"data": {' in page
    assert "maria.huber" not in page
    assert '"event_name": "Lead"' in page
    shown = signed_in.post("/console/playground/reveal", data=form_of(fetched)).get_data(as_text=True)
    assert "maria.huber@gmail.com" in shown
    assert "not read" not in shown


def test_a_test_of_a_stored_webhook_has_its_records_with_other_people(signed_in, fetched):
    page = signed_in.post("/console/playground/test-case", data=form_of(fetched)).get_data(as_text=True)
    text = html.unescape(page)
    assert 'fetched: {person: {"data": {"email": "jane.doe@example.com"}}}' in text
    assert "user_data.email: jane.doe@example.com" in text
    assert "<strong>failed</strong>" not in text
    assert "maria" not in text.lower()


@pytest.mark.parametrize(
    "typed", ["", '{"person": {"data": {"email": "zoe@example.com"}}}'], ids=["kept", "typed"]
)
def test_what_is_sent_as_a_test_has_the_records_too(app, fetched, typed):
    with Simulator(clock=app.context.now) as meta:
        app.use(settings=replace(app.context.settings, graph_url=meta.url))
        client = create_app(app.context).test_client()
        client.post("/console/session", data={"token": "admin-token"})
        form = form_of(fetched, code="TEST7", **({"answers": typed} if typed else {}))
        asked = {"Accept": "application/json"}
        answer = client.post("/console/playground/test-event", data=form, headers=asked)
        [received] = meta.received()
    assert "accepted" in answer.json["outcome"]
    email = "zoe@example.com" if typed else "maria.huber@gmail.com"
    assert received.event["user_data"]["em"] == [hashlib.sha256(email.encode()).hexdigest()]
