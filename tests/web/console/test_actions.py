"""What the playground and an event's page do beyond showing: compare, send as a test, make a test, copy."""

from __future__ import annotations

import html
import shlex
import subprocess
import threading
from dataclasses import replace
from typing import Any

import pytest

from bridge.jobs.runner import do_job
from bridge.outbox import Query
from bridge.simulator import Simulator
from bridge.web.api.jobs_api import job_context
from bridge.web.app import create_app
from tests.web.conftest import EVENT, WebClient
from tests.web.console.conftest import text_of

CHANGED = EVENT.replace("email: mail", "email: other").replace("event_name: Lead", "event_name: Contact")


@pytest.fixture
def stored(app) -> str:
    app.post(
        "/hooks/lead", {"id": "7", "mail": "maria.huber@gmail.com", "note": "call maria.huber@gmail.com"}
    )
    return str(app.context.outbox().find(Query(limit=1))[0].id)


def source_in(answer: Any) -> str:
    page = html.unescape(answer.get_data(as_text=True))
    return page.partition('<textarea name="mapping"')[2].partition(">")[2].partition("</textarea>")[0]


# --- comparing -------------------------------------------------------------------------------------


def finish_jobs(app: WebClient) -> None:
    context = job_context(app.context)
    while job := context.outbox.jobs.claim(context.clock()):
        do_job(context, job, threading.Event(), app.context.log)


def test_what_would_change_for_the_webhooks_that_came(app, signed_in, stored):
    started = signed_in.post("/console/playground/compare", data={"name": "lead", "mapping": CHANGED})
    assert started.status_code == 303
    finish_jobs(app)
    shown = text_of(signed_in.get(started.location))
    assert "1 webhooks compared" in shown
    assert "1 would change" in shown
    assert "event_name" in shown
    assert "maria" not in shown


def test_a_mapping_that_is_not_active_is_compared_with_nothing(signed_in):
    answer = signed_in.post("/console/playground/compare", data={"name": "new", "mapping": EVENT})
    assert answer.status_code == 404


# --- sending as a test -----------------------------------------------------------------------------


@pytest.fixture
def meta(app):
    with Simulator(clock=app.context.now) as simulator:
        yield simulator


def test_a_test_goes_to_meta_with_its_code_and_is_not_stored(app, meta):
    app.use(settings=replace(app.context.settings, graph_url=meta.url))
    client = create_app(app.context).test_client()
    client.post("/console/session", data={"token": "admin-token"})
    form = {
        "name": "lead",
        "mapping": EVENT,
        "payload": '{"id": 1, "mail": "jane@example.com"}',
        "code": "TEST7",
    }
    answer = client.post("/console/playground/test-event", data=form, headers={"Accept": "application/json"})
    assert "accepted" in answer.json["outcome"]
    [received] = meta.received()
    assert (received.test_event_code, received.event["event_id"]) == ("TEST7", "lead-1")
    assert app.context.outbox().find(Query()) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"code": ""}, "a test needs a code"),
        ({"code": "no code!"}, "is not a code"),
        ({"payload": ""}, "no webhook"),
        ({"payload": '{"id": 1}'}, "no event to send"),
        ({"mapping": "a: ["}, "YAML"),
    ],
)
def test_what_cannot_be_sent_as_a_test_is_said(signed_in, changes, says):
    form = {"mapping": EVENT, "payload": '{"id": 1, "mail": "jane@example.com"}', "code": "TEST7", **changes}
    answer = signed_in.post("/console/playground/test-event", data=form)
    assert answer.status_code in {400, 422}
    assert says.lower() in text_of(answer).lower()


# --- a test of a webhook ---------------------------------------------------------------------------


def test_a_webhook_becomes_a_test_with_other_people(app, signed_in, stored):
    made = signed_in.post("/console/playground/test-case", data={"stored": stored, "name": "lead"})
    source = source_in(made)
    assert "maria" not in source.lower()
    assert 'mail: "jane.doe@example.com"' in source
    assert "user_data.email: jane.doe@example.com" in source
    assert "<strong>passed</strong> made of a webhook" in html.unescape(made.get_data(as_text=True))
    assert (app.folder / "mappings" / "lead.yaml").read_text() == EVENT


ONE = "name: one\n{}given: {{id: 1, mail: a@example.com}}\n{}expect: {{event_name: Lead}}\n"
INDENTED = "tests:\n  - " + ONE.format("    ", "    ")
NOT_INDENTED = "tests:\n- " + ONE.format("  ", "  ") + "mode: all\n"


@pytest.mark.parametrize(
    ("tests", "number"), [("", 1), (INDENTED, 2), (NOT_INDENTED, 2), (INDENTED + "mode: all\n", 2)]
)
def test_the_new_test_stands_behind_those_that_are_there(signed_in, stored, tests, number):
    form = {"stored": stored, "name": "lead", "mapping": EVENT + tests}
    answer = signed_in.post("/console/playground/test-case", data=form)
    page = html.unescape(answer.get_data(as_text=True))
    assert "<strong>failed</strong>" not in page
    assert page.count("<strong>passed</strong>") == number, source_in(answer)
    assert source_in(answer).rindex("made of a webhook") > source_in(answer).find("name: one")


# --- an event's page -------------------------------------------------------------------------------


def test_the_command_for_a_shell_is_masked_and_holds_no_secret(app, signed_in):
    app.post(
        "/hooks/lead?token=geheim", {"id": "it's", "mail": "maria@gmail.com"}, headers={"X-Token": "geheim"}
    )
    event = app.context.outbox().find(Query(limit=1))[0]
    page = html.unescape(signed_in.get(f"/console/events/{event.id}").get_data(as_text=True))
    command = page.partition('data-copy="')[2].partition('">')[0]
    assert command.startswith("curl http://localhost/dry-run/lead")
    assert "geheim" not in page
    assert "maria@" not in page
    revealed = html.unescape(signed_in.post(f"/console/events/{event.id}/reveal").get_data(as_text=True))
    command = revealed.partition('data-copy="')[2].partition('">')[0]
    assert "it's" in shlex.split(command)[-1]
    assert subprocess.run(["sh", "-n", "-c", command], check=False).returncode == 0


def test_the_mapping_as_it_was_is_compared_with_what_it_is_now(start):
    app = start(settings="console: {edit: yes}\n")
    client = create_app(app.context).test_client()
    client.post("/console/session", data={"token": "admin-token"})
    app.post("/hooks/lead", {"id": "7", "mail": "jane@example.com"})
    event = app.context.outbox().find(Query(limit=1))[0]
    revision = app.context.mappings.get("lead").revision
    form = {"name": "lead", "opened": "lead", "mapping": CHANGED, "began_as": revision}
    assert client.post("/console/playground/save", data=form).status_code == 303
    page = html.unescape(client.get(f"/console/events/{event.id}").get_data(as_text=True))
    assert "-event_name: Lead" in page
    assert "+event_name: Contact" in page


def test_an_earlier_text_that_is_not_kept_is_not_made_up(app, signed_in, stored):
    file = app.folder / "mappings" / "lead.yaml"
    file.write_text(CHANGED)
    app.context.mappings.refresh()
    assert "as it was then is not kept" in text_of(signed_in.get(f"/console/events/{stored}"))
