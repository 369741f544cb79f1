"""Events and one event: whose they are (masked), their value, an export; and then against now."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bridge.jobs.bulk_export import export_steps
from bridge.outbox import Attempt, Query, Settled, Span
from bridge.outbox.ids import new_id
from bridge.outbox.records import text_id, to_ms
from bridge.web.api.jobs_api import job_context
from bridge.web.app import create_app
from tests.web.conftest import EVENT, MAPPINGS, NOW
from tests.web.console.conftest import text_of
from tests.web.test_bulk_work import work_off

pytestmark = pytest.mark.parametrize("start", [False], ids=["flask"], indirect=True)
DATASET = "1234567890123456"
PURCHASE = EVENT.replace("Lead", "Purchase") + "custom_data: {value: total, currency: currency}\n"


def words(answer: Any) -> str:
    return " ".join(text_of(answer).split())


# --- the list --------------------------------------------------------------------------------------


@pytest.fixture
def shop(start):
    app = start(mappings={**MAPPINGS, "shop": PURCHASE})
    client = create_app(app.context).test_client()
    client.post("/console/session", data={"token": "admin-token"})
    return app, client


def test_the_list_shows_the_value_and_the_masked_person(shop):
    app, client = shop
    app.post("/hooks/shop", {"id": 1, "mail": "maria.huber@gmail.com", "total": "19.90", "currency": "EUR"})
    app.post("/hooks/lead", {"id": 2})
    page = client.get("/console/events")
    rows = re.findall(r"<tr>\s*<td>.*?</tr>", page.get_data(as_text=True), re.DOTALL)
    shown = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]
    assert "19.90 EUR m•••@g•••.com shop" in shown[1]
    assert "maria" not in page.get_data(as_text=True)


def test_a_person_is_shown_by_the_mapping_as_it_is_now_and_not_once_the_webhook_is_gone(app, signed_in):
    app.post("/hooks/lead", {"id": 1, "mail": "maria@gmail.com", "other": "joe@example.com"})
    assert "m•••@g•••.com" in words(signed_in.get("/console/events"))
    (app.folder / "mappings" / "lead.yaml").write_text(EVENT.replace("email: mail", "email: other"))
    app.context.mappings.refresh()
    assert "j•••@e•••.com" in words(signed_in.get("/console/events"))


def test_what_is_shown_is_exported(app, signed_in):
    app.post("/hooks/lead", {"id": 1, "mail": "maria@gmail.com"})
    app.post("/hooks/paid", {"id": 2, "status": "open"})
    job = signed_in.post("/console/events/export", data={"mapping": "lead", "format": "csv"}).location
    work_off(app)
    assert "Download the file" in text_of(signed_in.get(job))
    file = signed_in.get(f"{job}/result")
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="export-[\d-]+\.csv"', file.headers["Content-Disposition"])
    lines = file.get_data(as_text=True).splitlines()
    assert [line.split(",")[2] for line in lines] == ["mapping", "lead"]


def test_an_export_that_did_not_come_to_its_end_says_so_in_its_name(app, signed_in):
    for number in range(300):
        app.post("/hooks/paid", {"id": number, "status": "open"})
    job = signed_in.post("/console/events/export", data={"format": "csv"}).location
    jobs = job_context(app.context)
    next(export_steps(jobs, jobs.outbox.jobs.claim(app.context.now())))
    assert signed_in.get(f"{job}/result").status_code == 409
    signed_in.post(f"{job}/cancel")
    assert "Download the incomplete file" in text_of(signed_in.get(job))
    file = signed_in.get(f"{job}/result")
    assert file.headers["Content-Disposition"].endswith('-incomplete.csv"')


def test_events_are_filtered_by_meta_s_answer(app, signed_in):
    app.post("/hooks/lead", {"id": 1, "mail": "maria@gmail.com"})
    refuse(app, code=100, subcode=2804003, answer="Invalid parameter")
    app.post("/hooks/lead", {"id": 2, "mail": "maria@gmail.com"})
    for query, rows in (("http_status=400", 1), ("code=100", 1), ("code=190", 0), ("http_status=200", 0)):
        assert signed_in.get(f"/console/events?{query}").get_data(as_text=True).count('class="row"') == rows
    assert signed_in.get("/console/events?code=abc").status_code == 400


# --- one event -------------------------------------------------------------------------------------


def refuse(app, **answer) -> None:
    outbox = app.context.outbox()
    call = Attempt(
        text_id(new_id(to_ms(NOW))), "main", DATASET, None, 1, NOW, 7, "refuse", http_status=400, **answer
    )
    [lane] = outbox.lanes()
    claim = outbox.claim(lane, worker="one", now=NOW, lease_until=NOW)
    outbox.settle_span(Span(claim.id), Settled("refused", "bad"), call, NOW)


def test_an_attempt_that_failed_says_what_meta_said_and_what_to_do(app, signed_in):
    app.post("/hooks/lead", {"id": 1, "mail": "maria@gmail.com"})
    refuse(app, code=190, answer="Error validating access token")
    event = app.context.outbox().find(Query(limit=1))[0]
    shown = words(signed_in.get(f"/console/events/{event.id}"))
    assert "400, code 190" in shown
    assert "Meta's words: Error validating access token" in shown
    known = app.context.spec.responses.codes[190].next_step
    assert known[1:] in shown


def test_a_finding_leads_to_the_line_of_its_mapping(app, signed_in):
    app.post("/hooks/lead", {"id": 1, "mail": "not an address"})
    event = app.context.outbox().find(Query(limit=1))[0]
    page = signed_in.get(f"/console/events/{event.id}").get_data(as_text=True)
    assert 'href="/console/mappings/lead#line-' in page
    assert 'href="#line-' not in page


def test_a_field_that_is_empty_is_explained_with_the_name_that_was_probably_meant(app, signed_in):
    app.post("/hooks/lead", {"id": 1, "E-Mail": "maria@gmail.com"})
    event = app.context.outbox().find(Query(limit=1))[0]
    way = words(signed_in.get(f"/console/events/{event.id}")).partition("The way between")[2]
    assert re.search(
        r"user_data\.em line \d tried mail ?: absent left out: nothing was found Did you mean E-Mail ?\?", way
    )


CHANGED = EVENT.replace("email: mail", "email: other").replace("event_name: Lead", "event_name: Contact")


def test_an_event_is_explained_by_its_own_mapping_and_compared_with_the_present_one(app, signed_in):
    app.post("/hooks/lead", {"id": 1, "mail": "maria@gmail.com", "other": "joe@example.com"})
    file, mapping = app.folder / "mappings" / "lead.yaml", app.context.mappings.get("lead")
    event = app.context.outbox().find(Query(limit=1))[0]
    app.context.outbox().revisions.keep("lead", mapping.revision, file.read_bytes(), NOW)
    file.write_text(CHANGED)
    app.context.mappings.refresh()
    shown = words(signed_in.get(f"/console/events/{event.id}"))
    way = shown.partition("The way between")[2]
    assert "By the mapping as it was then" in way
    assert re.search(r"user_data\.em line \d mail m•••@g•••\.com", way)
    now = shown.partition("What the mapping would make of it now")[2]
    assert "event_name Lead Contact" in now
    assert "maria" not in shown


def test_an_earlier_text_that_no_longer_loads_is_still_shown(app, signed_in):
    app.post("/hooks/lead", {"id": 1, "mail": "maria@gmail.com"})
    file, mapping = app.folder / "mappings" / "lead.yaml", app.context.mappings.get("lead")
    app.context.outbox().revisions.keep("lead", mapping.revision, b"event_name: [", NOW)
    file.write_text(EVENT.replace("email: mail", "email: other"))
    app.context.mappings.refresh()
    event = app.context.outbox().find(Query(limit=1))[0]
    shown = words(signed_in.get(f"/console/events/{event.id}"))
    assert "By the mapping as it is now" in shown
    assert "-event_name: [" in shown


def test_a_file_that_does_not_load_is_listed_with_its_line_and_leads_nowhere_else(app, signed_in):
    (app.folder / "mappings" / "other.yaml").write_text(
        f"{EVENT}defaults:\n   currency: EUR\n  country: de\n"
    )
    app.context.mappings.refresh()
    page = signed_in.get("/console/mappings")
    assert re.search(
        r"other\.yaml does not load error This line begins with 2 spaces, those above it with 3 or 0\. "
        r"Begin it with 3 spaces to go on with the block above it, or with 0 to end it\. line \d",
        words(page),
    )
    assert "#line-" not in page.get_data(as_text=True)
    overview = signed_in.get("/console/").get_data(as_text=True)
    assert '<a href="/console/mappings">other</a>' in overview
