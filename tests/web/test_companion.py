"""What pages report: who is believed, how much of it, and that nothing comes back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.outbox.visits import FoundVisit, VisitSearch
from bridge.web.companion.scripts import current
from tests.web.conftest import ADMIN, NOW

# as `capi-bridge serve` does; the same by any WSGI server is in test_companion_scripts.py
pytestmark = pytest.mark.parametrize("start", [True], indirect=True, ids=["event loop"])

SITE = "https://www.example.com"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
VISITOR, OTHER = "5f2b0c9e8d7a4b6c9f1e2d3c4b5a6978", "00000000000000000000000000000001"
MAPPING = Path("mappings/browser.yaml").read_text("utf-8").partition("samples:")[0]
SETTINGS = "companion: {{origins: [https://www.example.com, https://shop.example.com]{more}}}\n"
NOW_MS = int(NOW.timestamp() * 1000)
LEAD: Mapping[str, Any] = {
    "granted": True,
    "source": "page",
    "decided_at": NOW_MS - 60_000,
    "visitor_id": VISITOR,
    "host": "example.com",
    "page": f"{SITE}/contact",
    "fbc": "fb.1.1795168700000.IwAR0click",
    "fbp": "fb.1.1795168700000.1116446470",
    "first": {"utm_source": "facebook", "landing_page": f"{SITE}/"},
    "last": {"utm_source": "facebook", "landing_page": f"{SITE}/"},
    "event_name": "Lead",
    "event_id": "Lead-1",
    "event_time": NOW_MS - 2000,
    "data": {"content_name": "Contact", "value": 900, "currency": "EUR"},
}


@pytest.fixture
def open_companion(start):
    """Start applications with a companion; `more` are more of its settings."""

    def start_one(more: str = ""):
        settings = SETTINGS.format(more=f", {more}" if more else "")
        return start({"browser": MAPPING}, settings=settings)

    return start_one


@pytest.fixture
def companion(open_companion):
    return open_companion()


def report(web: Any, changes: Mapping[str, Any] | None = None, path: str = "/c", **headers: str) -> Any:
    body = json.dumps({**LEAD, **(changes or {})})
    usual = {"Origin": SITE, "User-Agent": BROWSER, "X-Forwarded-For": "203.0.113.24"}
    given = {**usual, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return web.post(path, body, given, content_type="text/plain;charset=UTF-8")


def stored_events(web: Any) -> list[tuple[str, str]]:
    return [(event.event_name, event.status) for event in web.stored(mapping="browser")]


# --- what is taken -----------------------------------------------------------------------------------


def test_an_event_is_stored_and_the_answer_says_nothing(companion):
    answer = report(companion)
    assert (answer.status_code, answer.data) == (204, b"")
    cookie = f"cb_visitor={VISITOR}; Domain=example.com; Path=/; Max-Age=7776000; SameSite=Lax; Secure"
    assert dict(answer.headers) == {
        "X-Request-Id": answer.headers["X-Request-Id"],
        "Set-Cookie": cookie,
        "Access-Control-Allow-Origin": SITE,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "X-Request-Id",
        "Vary": "Origin",
    }
    (event,) = companion.stored()
    detail = companion.client.get(f"/api/events/{event.id}", headers=ADMIN).json
    assert detail["body"] == {
        "event_name": "Lead",
        "event_id": "Lead-1",
        "event_time": NOW_MS // 1000 - 2,
        "action_source": "website",
        "event_source_url": f"{SITE}/contact",
        "user_data": {
            "fbc": "fb.1.1795168700000.IwAR0click",
            "fbp": "fb.1.1795168700000.1116446470",
            "client_user_agent": BROWSER,
        },
        "custom_data": {"content_name": "Contact"},
    }


def test_amounts_are_taken_where_the_settings_say_so(open_companion):
    web = open_companion("value: yes, events: Purchase")
    assert report(web, {"event_name": "Purchase"}).status_code == 204
    (event,) = web.stored()
    assert (event.event_name, event.value, event.currency) == ("Purchase", 900, "EUR")


@pytest.mark.parametrize("name", ["Purchase", "Lead2", "lead", ""])
def test_an_event_that_is_not_on_the_list_is_refused(companion, name):
    answer = report(companion, {"event_name": name})
    expected = 204 if not name else 403
    assert (answer.status_code, stored_events(companion)) == (expected, [])


def test_a_form_that_is_sent_twice_is_one_event(companion):
    for seconds in (0, 1):
        companion.later(seconds=seconds)
        report(companion, {"event_time": NOW_MS + seconds * 1000})
    assert stored_events(companion) == [("Lead", "waiting")]


def test_an_event_that_the_mapping_leaves_to_the_server_still_tells_whose_visit_it_was(start):
    web = start({"browser": MAPPING.replace("    Lead: Lead\n", "")}, settings=SETTINGS.format(more=""))
    assert report(web).status_code == 204
    assert [(event.event_id, event.status) for event in web.stored()] == [("", "skipped")]
    asked = VisitSearch((("event_id", "Lead-1"),), NOW, timedelta(days=1))
    found = web.context.outbox().visits.find(asked)
    assert isinstance(found, FoundVisit)
    assert (found.by, found.fbc) == ("event_id", LEAD["fbc"])


def test_the_endpoint_and_the_script_are_where_the_settings_say(open_companion):
    web = open_companion("path: /t/visit, script: /t/visit.js")
    assert report(web, path="/t/visit").status_code == 204
    assert report(web).status_code == 404
    assert web.client.get("/t/visit.js").status_code == 200
    assert web.client.get("/c.js").status_code == 404


def test_without_settings_there_is_no_companion(web):
    assert report(web).status_code == 404
    assert web.client.get("/c.js").status_code == 404


def test_the_mapping_of_the_companion_takes_nothing_elsewhere(companion):
    answer = companion.post("/hooks/browser", dict(LEAD), {"Origin": SITE})
    assert (answer.status_code, stored_events(companion)) == (404, [])


def test_another_mapping_takes_nothing_from_pages(open_companion):
    web = open_companion("mapping: lead")
    assert report(web).status_code == 404


# --- who is believed ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    ["https://www.example.org", "http://www.example.com", "https://www.example.com:8443", "null", ""],
)
def test_a_page_of_another_origin_is_refused_and_may_not_read_why(companion, origin):
    answer = report(companion, Origin=origin)
    assert (answer.status_code, stored_events(companion)) == (403, [])
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_bots_are_counted_and_dropped(companion):
    answer = report(companion, User_Agent="Googlebot/2.1")
    assert (answer.status_code, stored_events(companion)) == (204, [])
    metrics = companion.client.get("/metrics", headers=ADMIN).text
    assert 'bridge_webhooks_total{mapping="browser",status="bot"} 1.0' in metrics


def test_a_page_gets_no_cookie_for_another_website(companion):
    for host in ("example.org", "ample.com", "www.example.com.evil.org", None):
        assert "Set-Cookie" not in report(companion, {"host": host}).headers


def test_the_visitor_in_the_cookie_wins_over_a_stolen_id(companion):
    companion.client.set_cookie("cb_visitor", OTHER)
    answer = report(companion, {"visitor_id": VISITOR})
    assert answer.headers["Set-Cookie"].startswith(f"cb_visitor={OTHER};")


@pytest.mark.parametrize(
    ("name", "value"), [("cb_visitor", "short"), ("cb_visitor", ""), ("xcb_visitor", OTHER)]
)
def test_a_cookie_of_another_form_is_none(companion, name, value):
    companion.client.set_cookie(name, value)
    assert report(companion).headers["Set-Cookie"].startswith(f"cb_visitor={VISITOR};")


def test_the_page_cannot_be_one_of_another_website(companion):
    report(companion, {"page": "https://www.example.org/"})
    (event,) = companion.stored()
    detail = companion.client.get(f"/api/events/{event.id}", headers=ADMIN).json
    assert detail["body"]["event_source_url"] == f"{SITE}/"


def test_the_cookies_of_the_website_are_not_kept(companion):
    companion.client.set_cookie("session", "secret-session")
    report(companion)
    (event,) = companion.stored()
    detail = companion.client.get(f"/api/events/{event.id}?reveal=1", headers=ADMIN).text
    assert "secret-session" not in detail


# --- rates and bounds --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        pytest.param("rate_per_address: 2/m", 429, id="from one address"),
        pytest.param("rate_per_visitor: 2/m", 429, id="from one visitor"),
    ],
)
def test_too_many_beacons_are_refused(open_companion, settings, status):
    web = open_companion(settings)
    answers = [report(web, {"event_id": f"Lead-{number}"}).status_code for number in range(3)]
    assert answers == [204, 204, status]


def test_a_refusal_is_taken_however_much_came_before_it(open_companion):
    web = open_companion("rate_per_visitor: 2/m")
    answers = [report(web, {"event_id": f"Lead-{number}"}).status_code for number in range(3)]
    assert [*answers, report(web, {"granted": False}).status_code] == [204, 204, 429, 204]
    assert stored_events(web) == [("Lead", "suppressed")] * 2


def test_a_large_body_is_refused(companion):
    answer = report(companion, {"data": {"content_name": "x" * 20_000}})
    assert (answer.status_code, stored_events(companion)) == (413, [])


# --- consent -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "headers"),
    [
        pytest.param({"granted": False}, {}, id="refused"),
        pytest.param({}, {"Sec_GPC": "1"}, id="Global Privacy Control"),
    ],
)
def test_nothing_is_stored_without_consent(companion, changes, headers):
    answer = report(companion, changes, **headers)
    assert (answer.status_code, "Set-Cookie" in answer.headers, stored_events(companion)) == (204, False, [])


def test_what_waits_is_suppressed_when_consent_is_withdrawn(companion):
    report(companion)
    report(companion, {"granted": False})
    assert stored_events(companion) == [("Lead", "suppressed")]


# --- forged beacons (more of them are in tests/faults/test_forged_beacons.py) ------------------------


def test_forged_beacons_change_no_stored_event(open_companion):
    web = open_companion("rate_per_address: 1000000/s, rate_per_visitor: 1000000/s")
    report(web)
    before = web.client.get("/api/events", headers=ADMIN).json
    forged: tuple[dict[str, Any], ...] = (
        {"event_id": "Lead-1", "fbc": "fb.1.1795168700000.IwAR0forged"},
        {"event_id": "Lead-1", "visitor_id": OTHER, "granted": True},
        {"event_id": "Lead-1", "visitor_id": OTHER, "granted": False},
        {"event_name": "Purchase", "event_id": "order-1"},
    )
    for number in range(12):
        report(web, forged[number % len(forged)])
    after = web.client.get("/api/events", headers=ADMIN).json
    assert after["events"] == before["events"]


# --- the scripts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["companion", "consent"])
def test_a_version_is_served_under_its_digest_for_ever(companion, name):
    script = current(name)
    suffix = {"companion": "", "consent": "-consent"}[name]
    latest = companion.client.get(f"/c{suffix}.js")
    fixed = companion.client.get(f"/c{suffix}.{script.digest}.js")
    assert latest.text == fixed.text == script.text
    assert latest.headers["Cache-Control"] == "public, max-age=3600"
    assert fixed.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert fixed.headers["Access-Control-Allow-Origin"] == "*"
    assert fixed.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert companion.client.get(f"/c{suffix}.0000000000000000.js").status_code == 404
