"""From the click to the sale: two websites in a real browser, their forms, and a CRM thirty days later.

The bridge runs in this process, so that its clock can be set; the browser, the websites, the CRM and Meta's
simulator talk to it over HTTP. One website passes the companion's paths on, the other loads them from the
bridge's own subdomain.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import urllib3
from playwright.sync_api import Browser, BrowserContext, Page, expect
from werkzeug.serving import BaseWSGIServer, make_server

from bridge.bootstrap import prepare
from bridge.monitoring.metrics import Metrics
from bridge.settings import load_settings
from bridge.simulator import Simulator
from bridge.web.app import create_app
from bridge.web.context import AppContext, open_context
from tests.browser.test_companion import USER_AGENT
from tests.browser.website import Website, serving
from tests.conftest import free_port, wait_until

pytestmark = pytest.mark.process

PASSED_ON, SUBDOMAIN = "www.shop.test", "www.other.test"
SETTINGS = """\
destinations: {{main: {{dataset_id: "1234567890123456", access_token: "a-token-for-tests"}}}}
keys: {{admin: admin-token}}
graph_url: {graph_url}
trusted_proxies: [127.0.0.1]
companion: {{origins: ["http://www.shop.test:{port}", "http://www.other.test:{port}"]}}
"""
MAPPING = Path("mappings/browser.yaml").read_text("utf-8").partition("samples:")[0]
FORM = """\
version: 1
receive: {verify: {scheme: token, header: X-Token, secret: "${CRM_TOKEN}"}}
event_name: Lead
action_source: system_generated
event_id: cb_event_id
user_data: {email: email, fbc: fbc}
visit: {by: [{visitor_id: visitor_id}, {cb_event_id: cb_event_id}, email], add: [fbc, fbp]}
"""
SALE = """\
version: 1
receive: {verify: {scheme: token, header: X-Token, secret: "${CRM_TOKEN}"}}
event_name: Purchase
action_source: system_generated
event_id: deal-{deal}
user_data: {email: email}
custom_data: {value: amount, currency: currency}
visit: {by: [email], add: [fbc, fbp]}
"""
MONTH = timedelta(days=30)


@dataclass
class Clock:
    """The machine's clock, set forward."""

    forward: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.forward


@dataclass
class Business:
    """Two websites, a CRM, the bridge behind them, and what Meta got."""

    website: Website
    context: AppContext
    clock: Clock
    url: str
    simulator: Simulator
    browser: Browser
    opened: list[BrowserContext] = field(default_factory=list)

    def visitor(self, host: str) -> Visitor:
        context = self.browser.new_context(user_agent=USER_AGENT)
        self.opened.append(context)
        return Visitor(self, context, context.new_page(), self.website.origin(host))

    def reports(self, mapping: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Have the CRM send a webhook and the bridge deliver it; return the event with its explanation."""
        pool = urllib3.PoolManager(retries=False, timeout=30)
        url = f"{self.url}/hooks/{mapping}?wait=true"
        answer = pool.request("POST", url, json=payload, headers={"X-Token": "crm-token"})
        assert answer.status == 200, answer.data
        event_id = answer.json()["events"][0]["id"]
        headers = {"Authorization": "Bearer admin-token"}
        return dict(pool.request("GET", f"{self.url}/api/events/{event_id}", headers=headers).json())

    def sale_after_a_month(self, email: str) -> dict[str, Any]:
        self.clock.forward += MONTH
        return self.reports("sale", {"deal": 42, "email": email, "amount": 900, "currency": "EUR"})

    def rows(self) -> dict[str, int]:
        """Return how much is stored of visits, of what finds them, and of events."""
        with closing(sqlite3.connect(self.context.settings.database_url.removeprefix("sqlite:///"))) as data:
            return {
                table: data.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("visits", "visit_keys", "webhooks", "events")
            }


@dataclass
class Visitor:
    """A person with a browser of their own."""

    business: Business
    browser: BrowserContext
    page: Page
    origin: str

    def goes_to(self, path: str) -> None:
        self.page.goto(self.origin + path)
        self.page.wait_for_function("window.capi && capi.ids")

    def decides(self, granted: bool) -> None:
        self.page.evaluate("granted => capi.consent(granted)", granted)

    def agrees(self) -> None:
        with self.page.expect_response("**/c") as answer:
            self.decides(True)
        assert answer.value.status == 204

    def sends_the_form(self, email: str) -> dict[str, str]:
        self.page.fill("[name=email]", email)
        self.page.click("text=Send")
        expect(self.page).to_have_title("Thank you")
        return {name: values[0] for name, values in parse_qs(self.business.website.sent[-1]).items()}

    def cookies(self) -> dict[str, str]:
        return {cookie["name"]: cookie["value"] for cookie in self.browser.cookies()}


@pytest.fixture
def business(tmp_path, chromium) -> Iterator[Business]:
    (tmp_path / "mappings").mkdir()
    for name, text in (("browser", MAPPING), ("form", FORM), ("sale", SALE)):
        (tmp_path / "mappings" / f"{name}.yaml").write_text(text)
    clock = Clock()
    with Simulator(clock=clock) as simulator, serving(Website()) as website:
        text = SETTINGS.format(port=website.port, graph_url=simulator.url)
        (tmp_path / "bridge.yaml").write_text(text)
        environment = {"CRM_TOKEN": "crm-token"}
        settings = load_settings(tmp_path / "bridge.yaml", environment, folder=tmp_path)
        prepare(settings)
        context = open_context(settings, Metrics(), environment, clock)
        server = make_server("127.0.0.1", free_port(), create_app(context), threaded=True)
        website.bridge_url = f"http://127.0.0.1:{server.port}"
        script = f"http://t.other.test:{server.port}/c.js"
        website.pages = {"": "<script src='/c.js' async></script>"}
        website.pages |= dict.fromkeys(("/there", "/there-too"), f"<script src='{script}' async></script>")
        with running(server):
            business = Business(website, context, clock, website.bridge_url, simulator, chromium)
            yield business
            for browser in business.opened:
                browser.close()
        context.outbox.close()


@contextmanager
def running(server: BaseWSGIServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield
    server.shutdown()
    thread.join(30)
    server.server_close()


def user_data(event: dict[str, Any]) -> dict[str, Any]:
    return dict(event["body"]["user_data"])


def reasons(event: dict[str, Any]) -> dict[str, str | None]:
    """Return where an event's click id and browser id came from, as its explanation says."""
    fields = {field["field"]: field["from"] for field in event["explain"][0]["fields"]}
    return {name: fields.get(f"user_data.{name}") for name in ("fbc", "fbp")}


@pytest.mark.parametrize(
    ("host", "paths"),
    [
        pytest.param(PASSED_ON, ("/landing", "/second"), id="the website passes the paths on"),
        pytest.param(SUBDOMAIN, ("/there", "/there-too"), id="the bridge is another origin"),
    ],
)
def test_a_sale_thirty_days_later_carries_the_click_and_says_why(business, host, paths):
    landing, second = paths
    anna = business.visitor(host)
    anna.goes_to(f"{landing}?fbclid=IwAR0Anna&utm_source=facebook")
    anna.agrees()
    clicked_on = f"{datetime.now(UTC):%-d %b %Y}"
    anna.goes_to(second)
    kept = {name: anna.cookies()[f"_{name}"] for name in ("fbc", "fbp")}
    assert kept["fbc"].endswith(".IwAR0Anna")
    lead = business.reports("form", anna.sends_the_form("anna@example.com"))
    assert (lead["status"], user_data(lead)["fbc"], user_data(lead)["fbp"]) == (
        "sent",
        kept["fbc"],
        kept["fbp"],
    )

    sale = business.sale_after_a_month("Anna@Example.com")
    assert user_data(sale) == {"em": user_data(lead)["em"], **kept}
    why = f"the visit of {clicked_on}, found by the e-mail"
    assert reasons(sale) == {"fbc": why, "fbp": why}
    assert business.simulator.received()[-1].event == sale["body"]


def test_who_refuses_is_remembered_nowhere_and_the_sale_goes_out_without(business):
    carla = business.visitor(PASSED_ON)
    carla.goes_to("/landing?fbclid=IwAR0Carla")
    carla.decides(False)
    carla.goes_to("/second")
    carla.decides(False)
    assert (carla.cookies(), carla.page.evaluate("JSON.stringify(localStorage)")) == ({}, "{}")
    form = carla.sends_the_form("carla@example.com")
    assert {name for name, value in form.items() if value} == {"email", "utm_medium"}
    assert business.rows() == dict.fromkeys(("visits", "visit_keys", "webhooks", "events"), 0)
    sale = business.sale_after_a_month("carla@example.com")
    assert (sale["status"], user_data(sale).keys()) == ("sent", {"em"})


def test_where_a_blocker_stops_every_request_the_form_still_brings_the_click(business):
    ben = business.visitor(SUBDOMAIN)
    ben.page.route("**/c", lambda route: route.abort("blockedbyclient"))
    ben.goes_to("/there?fbclid=IwAR0Ben")
    ben.decides(True)
    form = ben.sends_the_form("ben@example.com")
    lead = business.reports("form", form)
    assert user_data(lead)["fbc"] == form["fbc"] == ben.cookies()["_fbc"]
    assert business.rows()["visits"] == 0


def test_of_who_withdraws_consent_nothing_is_sent_a_month_later(business):
    dora = business.visitor(PASSED_ON)
    dora.goes_to("/landing?fbclid=IwAR0Dora")
    dora.agrees()
    business.reports("form", dora.sends_the_form("dora@example.com"))
    dora.goes_to("/second")
    with dora.page.expect_response("**/c"):
        dora.decides(False)
    dora.page.wait_for_function("document.cookie === ''")
    wait_until(lambda: business.rows()["visits"] == business.rows()["visit_keys"] == 0)
    sent = business.simulator.received()
    sale = business.sale_after_a_month("dora@example.com")
    assert (sale["status"], sale["consent"], sale["body"]) == ("suppressed", "denied", None)
    assert business.simulator.received() == sent
