"""The console over HTTP: who gets in, what is shown and to whom, and what the buttons do."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from bridge.outbox import Query
from bridge.settings.models import ConsoleReader
from bridge.web.app import create_app
from tests.web.conftest import NOW
from tests.web.console.conftest import SCRIPT, text_of

SCREENS = (
    "/console/",
    "/console/events",
    "/console/events/reasons",
    "/console/mappings",
    "/console/mappings/lead",
    "/console/playground",
    "/console/playground?mapping=lead",
    "/console/connect",
    "/console/connect?mapping=lead",
    "/console/import",
    "/console/destinations",
    "/console/person",
)


# --- who gets in -----------------------------------------------------------------------------------


@pytest.mark.parametrize("url", SCREENS)
def test_without_a_session_every_screen_leads_to_the_sign_in(browser, url):
    response = browser.get(url)
    assert response.status_code == 303
    assert response.location.startswith("/console/sign-in?next=%2Fconsole%2F")


@pytest.mark.parametrize("token", ["", "wrong", "admin-token ", "admin-tokeñ"])
def test_only_the_token_itself_signs_in(browser, token):
    response = browser.post("/console/session", data={"token": token})
    signs_in = token.strip() == "admin-token"
    assert response.status_code == (303 if signs_in else 401)
    assert ("cb=" in response.headers.get("Set-Cookie", "")) == signs_in


def test_the_cookie_is_for_this_site_and_no_script(browser):
    cookie = browser.post("/console/session", data={"token": "admin-token"}).headers["Set-Cookie"]
    assert re.fullmatch(r"cb=[\w-]{43}; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200", cookie)


def test_over_https_the_cookie_is_bound_to_the_host(browser):
    cookie = browser.post(
        "/console/session", data={"token": "admin-token"}, base_url="https://bridge.example.com"
    ).headers["Set-Cookie"]
    assert cookie.startswith("__Host-cb=")
    assert cookie.endswith("; Secure")


def test_over_plain_http_from_elsewhere_nobody_signs_in(browser):
    response = browser.post(
        "/console/session", data={"token": "admin-token"}, base_url="http://bridge.example.com"
    )
    assert response.status_code == 400
    assert "use https" in text_of(response).lower()
    assert "Set-Cookie" not in response.headers


def test_ten_attempts_a_minute_are_enough(browser):
    answers = [browser.post("/console/session", data={"token": "wrong"}).status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]


def test_a_link_signs_in_once(app, browser):
    token = app.context.outbox().sessions.open("link", "", NOW)
    asked = browser.get(f"/console/sign-in?link={token}")
    assert "one-time link" in text_of(asked)
    first = browser.post("/console/session", data={"link": token})
    again = create_app(app.context).test_client().post("/console/session", data={"link": token})
    assert (first.status_code, again.status_code) == (303, 401)


def test_a_link_is_over_after_a_minute(app, browser):
    token = app.context.outbox().sessions.open("link", "", NOW - timedelta(seconds=60))
    assert browser.post("/console/session", data={"link": token}).status_code == 401


def test_a_session_ends_by_signing_out(signed_in):
    assert signed_in.get("/console/").status_code == 200
    assert signed_in.post("/console/sign-out").location == "/console/sign-in"
    assert signed_in.get("/console/").status_code == 303


@pytest.mark.parametrize(
    ("began", "seen", "lasts"),
    [
        (timedelta(hours=11), timedelta(minutes=1), True),
        (timedelta(hours=12), timedelta(minutes=1), False),
        (timedelta(hours=2), timedelta(hours=1), False),
        (timedelta(hours=2), timedelta(minutes=58), True),
    ],
)
def test_a_session_ends_after_twelve_hours_or_an_idle_one(app, began, seen, lasts):
    sessions = app.context.outbox().sessions
    token = sessions.open("session", "", NOW - began)
    step = timedelta(minutes=30)
    moment = NOW - began + step
    while moment < NOW - seen:
        sessions.viewer(token, moment)
        moment += step
    sessions.viewer(token, NOW - seen)
    assert (sessions.viewer(token, NOW) is not None) == lasts


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_page_of_another_site_changes_nothing(app, signed_in, headers):
    app.post("/hooks/paid", {"id": "1", "status": "open"})
    event = app.context.outbox().find(Query())[0]
    for action in ("replay", "discard", "reveal"):
        response = signed_in.post(f"/console/events/{event.id}/{action}", headers=headers)
        assert response.status_code == 403
    assert app.context.outbox().find(Query())[0].status == event.status


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/hooks/lead",
        "/console/\\evil",
        "/console/\r\nSet-Cookie: a=b",
        "/console/\x00",
        "/console/\u202e",
    ],
)
def test_signing_in_leads_to_our_own_pages_only(browser, target):
    response = browser.post("/console/session", data={"token": "admin-token", "next": target})
    assert response.location == "/console/"


# --- what is shown ---------------------------------------------------------------------------------


@pytest.mark.parametrize("url", SCREENS)
def test_every_screen_has_strict_headers(signed_in, url):
    response = signed_in.get(url)
    assert response.status_code == 200
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.fixture
def held(app) -> str:
    app.post("/hooks/lead", {"id": "7", "mail": "not an address"})
    return app.context.outbox().find(Query(limit=1))[0].id


def test_what_is_held_stands_once_among_what_needs_a_person(app, signed_in):
    for number in range(9):
        app.post("/hooks/lead", {"id": str(number), "mail": "not an address"})
    page = signed_in.get("/console/").get_data(as_text=True)
    needs = re.search(r'<ul class="needs">(.*?)</ul>', page, re.DOTALL).group(1)
    [said] = re.findall(r">([^<]*held[^<]*)<", needs)
    assert said.startswith("9 held in lead: ")


def test_an_event_shows_the_way_of_each_field_and_no_person(app, signed_in):
    app.post("/hooks/lead", {"id": "7", "mail": "jane.doe@example.com", "left": "over"})
    event = app.context.outbox().find(Query(limit=1))[0]
    page = signed_in.get(f"/console/events/{event.id}")
    shown = text_of(page)
    assert "jane.doe" not in page.get_data(as_text=True)
    assert "j•••@e•••.com" in shown
    assert re.search(r"user_data\.em\s+line\s+\d+\s+mail", shown)
    assert "left" in shown.partition("does not use")[2]


def test_an_event_shows_what_the_person_decided_and_where_that_was_read(app, signed_in):
    app.post("/hooks/consent", {"id": "7", "mail": "jane.doe@example.com", "agreed": "yes"})
    app.post("/hooks/lead", {"id": "7", "mail": "jane.doe@example.com"})
    asked_for_none, granted = app.context.outbox().find(Query(limit=2))
    shown = text_of(signed_in.get(f"/console/events/{granted.id}"))
    assert re.search(r"Consent\s+granted, from agreed", shown)
    assert "Consent" not in text_of(signed_in.get(f"/console/events/{asked_for_none.id}"))


def test_showing_the_person_is_for_the_admin_and_is_logged(app):
    logged: list[tuple[str, dict[str, Any]]] = []

    def keep(event: str, **values: Any) -> None:
        logged.append((event, values))

    app.use(log=SimpleNamespace(debug=keep, info=keep, warning=keep, error=keep))
    client = create_app(app.context).test_client()
    client.post("/console/session", data={"token": "admin-token"})
    app.post("/hooks/lead", {"id": "7", "mail": "jane.doe@example.com"})
    event = app.context.outbox().find(Query(limit=1))[0]
    page = client.post(f"/console/events/{event.id}/reveal", headers={"Sec-Fetch-Site": "same-origin"})
    assert "jane.doe@example.com" in page.get_data(as_text=True)
    [revealed] = [values for name, values in logged if name == "revealed"]
    assert revealed["stored_event"] == event.id
    assert "jane" not in str(logged)


def test_what_a_webhook_says_is_never_markup(app, signed_in):
    app.post("/hooks/lead", {"id": SCRIPT, "mail": SCRIPT, SCRIPT: SCRIPT})
    event = app.context.outbox().find(Query(limit=1))[0]
    for url in ("/console/", "/console/events", f"/console/events/{event.id}", "/console/mappings/lead"):
        assert SCRIPT not in signed_in.get(url).get_data(as_text=True)
    run = signed_in.post(
        "/console/playground", data={"mapping": f"version: 1\n{SCRIPT}: x", "payload": SCRIPT}
    )
    assert SCRIPT not in run.get_data(as_text=True)


def test_filters_are_in_the_url_and_a_wrong_one_says_so(app, signed_in, held):
    app.post("/hooks/paid", {"id": "8", "status": "open"})
    skipped = signed_in.get("/console/events?status=skipped").get_data(as_text=True)
    assert held not in skipped
    assert skipped.count('class="row"') == 1
    assert signed_in.get("/console/events?status=nonsense").status_code == 400
    assert signed_in.get("/console/events?mode=live").status_code == 200


def test_an_event_that_is_not_there_is_a_page_that_says_so(signed_in):
    response = signed_in.get("/console/events/00000000-0000-7000-8000-000000000000")
    assert response.status_code == 404
    assert "no event with this id" in text_of(response)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("text/html,*/*;q=0.8", "text/html"), ("*/*", "application/json"), ("", "application/json")],
)
def test_the_root_tells_that_the_bridge_runs(browser, accept, kind):
    response = browser.get("/", headers={"Accept": accept})
    assert (response.status_code, response.mimetype) == (200, kind)
    assert "/hooks/<mapping>" in html.unescape(response.get_data(as_text=True))


def test_files_are_kept_by_browsers_and_old_names_still_work(browser, signed_in):
    urls = re.findall(
        r'(?:href|src)="(/console/static/[^"]+)"', signed_in.get("/console/").get_data(as_text=True)
    )
    assert len(urls) == 4
    for url in urls:
        current = browser.get(url)
        older = browser.get(re.sub(r"\.[0-9a-f]{10}\.", ".0123456789.", url))
        assert "immutable" in current.headers["Cache-Control"]
        assert (older.status_code, older.headers["Cache-Control"], older.data) == (
            200,
            "no-cache",
            current.data,
        )
    assert browser.get("/console/static/secret.key").status_code == 404
    assert browser.get("/console/static/..%2Fviewers.py").status_code == 404


# --- what the buttons do ---------------------------------------------------------------------------


def test_discarding_keeps_the_reason(app, signed_in, held):
    response = signed_in.post(f"/console/events/{held}/discard", data={"because": "a test entry"})
    assert response.status_code == 303
    event = app.context.outbox().find(Query(ids=(held,)))[0]
    assert (event.status, event.reason) == ("discarded", "a test entry")


def test_all_of_a_filter_becomes_a_job_of_that_filter(app, signed_in):
    for number in range(3):
        app.post("/hooks/lead", {"id": str(number), "mail": "not an address"})
    app.post("/hooks/keyed", {"id": "9", "mail": "not an address"})
    asked = signed_in.get("/console/events/all?status=held&mapping=lead&action=discard")
    assert "3 events" in text_of(asked)
    response = signed_in.post(
        "/console/events/all",
        data={"status": "held", "mapping": "lead", "number": "3", "action": "discard", "because": "test"},
    )
    job = app.context.outbox().jobs.newest()[0]
    assert response.location == f"/console/jobs/{job.id}"
    assert (job.kind, job.total) == ("discard", 3)
    assert {name: job.request[name] for name in ("status", "mapping", "because")} == {
        "status": ["held"],
        "mapping": "lead",
        "because": "test",
    }
    assert "0 of 3 done" in text_of(signed_in.get(response.location))


@pytest.mark.parametrize("number", ["1", "30", "", "three"])
def test_all_of_a_filter_is_refused_when_it_means_others_by_now(app, signed_in, number):
    for count in range(3):
        app.post("/hooks/lead", {"id": str(count), "mail": "not an address"})
    response = signed_in.post("/console/events/all", data={"status": "held", "number": number})
    assert response.status_code == 400
    assert app.context.outbox().jobs.newest() == []


def test_all_needs_a_filter(signed_in):
    assert signed_in.post("/console/events/all", data={"number": "0"}).status_code == 400


# --- readers ---------------------------------------------------------------------------------------


@pytest.fixture
def reader(app) -> Callable[..., FlaskClient]:
    def of(*destinations: str) -> FlaskClient:
        settings = replace(
            app.context.settings, readers={"acme": ConsoleReader("acme", "acme-token", destinations)}
        )
        client = create_app(replace(app.context, settings=settings)).test_client()
        assert client.post("/console/session", data={"token": "acme-token"}).status_code == 303
        return client

    return of


def test_a_reader_sees_the_own_destinations_and_changes_nothing(app, reader, held):
    client = reader("main")
    page = client.get(f"/console/events/{held}")
    assert page.status_code == 200
    assert "Discard" not in text_of(page)
    assert "/console/mappings" not in page.get_data(as_text=True)
    for action in ("replay", "discard", "reveal"):
        assert client.post(f"/console/events/{held}/{action}").status_code == 403
    for url in ("/console/mappings", "/console/playground", "/console/events/all?status=held"):
        assert client.get(url).status_code == 403


def test_a_reader_does_not_see_what_is_of_others(app, reader, held):
    client: Any = reader("another")
    assert client.get(f"/console/events/{held}").status_code == 404
    assert 'class="row"' not in client.get("/console/events").get_data(as_text=True)
    assert "main" not in text_of(client.get("/console/destinations")).partition("Destinations")[2]
