"""The companion in a real browser: from the click to the form, with and without consent, cookies, storage."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from bridge.simulator import Simulator
from tests.browser.conftest import ADMIN
from tests.browser.website import Website, serving
from tests.conftest import RunningBridge, wait_until

pytestmark = pytest.mark.process

USER_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/153.0.0.0 Safari/537.36"
)
SHOP, BLOG, STRANGER = "www.shop.test", "blog.other.test", "www.stranger.test"
SETTINGS = """\
destinations:
  main: {{dataset_id: "1234567890123456", access_token: "a-token-for-tests"}}
keys: {{admin: admin-token}}
trusted_proxies: [127.0.0.1]
companion:
  origins: ["http://www.shop.test:{port}", "http://blog.other.test:{port}"]
  rate_per_address: 1000/s
"""
MAPPING = """\
version: 1
event_name: {from: event_name, lookup: {Lead: Lead, PageView: PageView, ViewContent: ViewContent}}
receive: {sent_by: companion, repeat_key: "{event_name} {event_id}"}
event_id: event_id
action_source: website
event_source_url: page
user_data: {fbp: fbp, fbc: fbc, ip: $ip, user_agent: $user_agent}
consent: {from: consent.state, granted: granted, denied: denied, unknown: suppress}
"""
# the form's webhook teaches the e-mail, the CRM's finds the visit by it
CRM = """\
version: 1
receive: {{verify: {{scheme: token, header: X-Token, secret: "${{CRM_TOKEN}}"}}}}
event_name: {name}
action_source: system_generated
event_id: {name}-{{id}}
user_data: {{email: email}}
visit: {{by: [{{visitor_id: visitor_id}}, email], add: [fbc, fbp]}}
"""
ASK = "<script src='/c.js' async></script>"
PAGES = {
    "": ASK,
    "/granted": "<script src='/c.js' data-consent='granted' data-page-view data-form-event='Lead'></script>",
    "/early": f"<script src='/early.js'></script>{ASK}",
    "/google": "<script src='/c.js'></script><script src='/c-consent.js' data-covers-meta></script>",
    "/unstated": "<script src='/c.js'></script><script src='/c-consent.js'></script>",
}


@dataclass
class Shop:
    """A website with a bridge behind it, and the browser of its visitors."""

    website: Website
    bridge: RunningBridge
    browser: Browser
    opened: list[BrowserContext] = field(default_factory=list)

    def visitor(self, **options: Any) -> Visitor:
        context = self.browser.new_context(user_agent=USER_AGENT, **options)
        self.opened.append(context)
        return Visitor(self, context, context.new_page())

    def events(self, *event_ids: str) -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {ADMIN}"}
        found = self.bridge.get("/api/events?limit=200", headers).body["events"]
        return [event for event in found if event["event_id"] in event_ids]

    def event(self, event_id: str) -> dict[str, Any]:
        """Return what will be sent for an event, once it is stored."""

        def decided() -> list[dict[str, Any]]:
            return [one for one in self.events(event_id) if one["status"] != "fetching"]

        stored = wait_until(decided)[0]
        headers = {"Authorization": f"Bearer {ADMIN}"}
        return dict(self.bridge.get(f"/api/events/{stored['id']}", headers).body["body"])

    def visits(self, visitor_id: str) -> list[tuple[str, str]]:
        """Return the click and the consent of each visit of a visitor."""
        with sqlite3.connect(self.bridge.folder / "data" / "bridge.db") as database:
            query = "SELECT fbc, consent_source FROM visits WHERE visitor = ?"
            return database.execute(query, [bytes.fromhex(visitor_id)]).fetchall()


@dataclass
class Visitor:
    """One browser, and what it sent to the bridge."""

    shop: Shop
    context: BrowserContext
    page: Page
    host: str = SHOP
    beacons: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(15_000)
        self.page.on("request", self._note)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda message: self._note_console(message.type, message.text))

    def _note(self, request: Any) -> None:
        if request.method == "POST" and urlsplit(request.url).path == "/c":
            self.beacons.append(json.loads(request.post_data))

    def _note_console(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.problems.append(text)

    def goes_to(self, path: str = "/", host: str = SHOP) -> Visitor:
        self.host = host
        self.page.goto(self.shop.website.origin(host) + path)
        self.page.wait_for_function("window.capi && capi.ids")
        return self

    def consents(self, granted: bool = True) -> Visitor:
        self.page.evaluate("granted => capi.consent(granted)", granted)
        return self

    def tracks(self, name: str = "Lead") -> str:
        return str(self.page.evaluate("name => capi.track(name)", name))

    def fields(self) -> dict[str, str]:
        read = "all => Object.fromEntries(all.map(field => [field.name || field.dataset.cb, field.value]))"
        return dict(self.page.eval_on_selector_all("form:first-of-type input", read))

    def links(self) -> dict[str, str]:
        read = "all => Object.fromEntries(all.map(link => [link.id, link.href]))"
        return dict(self.page.eval_on_selector_all("a", read))

    def cookies(self) -> dict[str, str]:
        return {cookie["name"]: cookie["value"] for cookie in self.context.cookies()}

    def storage(self) -> str:
        return str(self.page.evaluate("JSON.stringify(localStorage)"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory, chromium) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "mappings").mkdir()
    (folder / "mappings" / "browser.yaml").write_text(MAPPING)
    for name in ("Lead", "Schedule"):
        (folder / "mappings" / f"crm-{name}.yaml").write_text(CRM.format(name=name))
    with Simulator() as simulator, serving(Website(pages=PAGES)) as website:
        (folder / "bridge.yaml").write_text(SETTINGS.format(port=website.port))
        environment = {"CAPI_BRIDGE_GRAPH_URL": simulator.url, "CRM_TOKEN": "crm-token"}
        bridge = RunningBridge(folder, environment, ("--workers", "1")).start()
        website.bridge_url = bridge.url
        try:
            yield Shop(website, bridge, chromium)
        finally:
            bridge.stop()


@pytest.fixture(autouse=True)
def _left(shop) -> Iterator[None]:
    """Close the browsers of a test, and give the website its usual headers."""
    yield
    shop.website.headers.clear()
    while shop.opened:
        shop.opened.pop().close()


NOTHING = {
    "email": "",
    "fbc": "",
    "contact[utm_source]": "",
    "_fbp": "",
    "visitor_id": "",
    "cb_event_id": "",
    "first_landing_page": "",
    "utm_medium": "kept",
    "constructor": "",
    "fbclid": "",
}


def test_a_click_is_remembered_when_consent_comes_on_the_second_page_and_goes_with_the_form(shop):
    visitor = shop.visitor().goes_to("/landing?fbclid=IwAR0Click&utm_source=facebook&name=jane")
    assert (visitor.fields(), visitor.cookies(), visitor.storage(), visitor.beacons) == (
        NOTHING,
        {},
        "{}",
        [],
    )
    with visitor.page.expect_navigation():
        visitor.page.evaluate("location.href = '/second'")
    visitor.page.wait_for_function("window.capi && capi.ids")
    with visitor.page.expect_response("**/c"):
        visitor.consents()

    cookies = visitor.cookies()
    assert re.fullmatch(r"fb\.1\.\d{13}\.IwAR0Click", cookies["_fbc"])
    assert re.fullmatch(r"fb\.1\.\d{13}\.\d{1,9}", cookies["_fbp"])
    landing = shop.website.origin(SHOP) + "/landing"
    fields = visitor.fields()
    assert fields == {
        "email": "",
        "fbc": cookies["_fbc"],
        "contact[utm_source]": "facebook",
        "_fbp": cookies["_fbp"],
        "visitor_id": cookies["cb_visitor"],
        "cb_event_id": fields["cb_event_id"],
        "first_landing_page": landing,
        "utm_medium": "kept",
        "constructor": "",
        "fbclid": "IwAR0Click",
    }
    visitor.page.fill("[name=email]", "jane@example.com")
    visitor.page.click("text=Send")
    expect(visitor.page).to_have_title("Thank you")
    sent = parse_qs(shop.website.sent[-1])
    assert (sent["visitor_id"], sent["cb_event_id"]) == ([cookies["cb_visitor"]], [fields["cb_event_id"]])
    assert shop.visits(cookies["cb_visitor"]) == [(cookies["_fbc"], "page")]
    assert visitor.problems == []


def test_a_sale_that_knows_the_e_mail_alone_gets_the_click_of_the_form(shop):
    visitor = shop.visitor().goes_to("/granted?fbclid=IwAR0Sale")
    fbc = visitor.cookies()["_fbc"]
    visitor.page.fill("[name=email]", "sale@example.com")
    visitor.page.click("text=Send")
    expect(visitor.page).to_have_title("Thank you")
    sent = {name: values[0] for name, values in parse_qs(shop.website.sent[-1]).items()}
    wait_until(lambda: shop.visits(sent["visitor_id"]))
    token = {"X-Token": "crm-token"}
    form = {"id": "sale-1", "email": sent["email"], "visitor_id": sent["visitor_id"]}
    assert shop.bridge.post("/hooks/crm-Lead", form, token).status == 200
    assert shop.event("Lead-sale-1")["user_data"]["fbc"] == fbc
    deal = {"id": "sale-1", "email": "Sale@Example.com"}
    assert shop.bridge.post("/hooks/crm-Schedule", deal, token).status == 200
    assert shop.event("Schedule-sale-1")["user_data"]["fbc"] == fbc


def test_the_answer_sets_the_cookie_again_for_ninety_days(shop):
    visitor = shop.visitor().goes_to("/")
    with visitor.page.expect_response("**/c") as answer:
        visitor.consents()
    visitor_id = visitor.cookies()["cb_visitor"]
    expected = f"cb_visitor={visitor_id}; Domain=shop.test; Path=/; Max-Age=7776000; SameSite=Lax"
    assert (answer.value.status, answer.value.header_value("set-cookie")) == (204, expected)
    (cookie,) = [cookie for cookie in visitor.context.cookies() if cookie["name"] == "cb_visitor"]
    assert (cookie["domain"], cookie["sameSite"], cookie["httpOnly"]) == (".shop.test", "Lax", False)


def test_pixel_and_server_get_one_event_id(shop):
    visitor = shop.visitor().goes_to("/granted?fbclid=IwAR0Pixel")
    event_id = visitor.tracks("ViewContent")
    assert visitor.page.evaluate("pixel")[-1] == ["track", "ViewContent", {}, {"eventID": event_id}]
    data = shop.event(event_id)
    assert (data["event_name"], data["event_id"]) == ("ViewContent", event_id)
    assert data["event_source_url"] == shop.website.origin(SHOP) + "/granted"
    assert data["user_data"] == {
        "fbc": visitor.cookies()["_fbc"],
        "fbp": visitor.cookies()["_fbp"],
        "client_user_agent": USER_AGENT,
    }
    assert [call[1] for call in visitor.page.evaluate("pixel")] == ["PageView", "ViewContent"]


def test_a_page_of_another_origin_has_its_own_visitors(shop):
    script = f"{shop.website.origin(SHOP)}/c.js"
    shop.website.pages["/article"] = f"<script src='{script}' crossorigin='anonymous'></script>"
    visitor = shop.visitor().goes_to("/").consents()
    visitor.goes_to("/article", host=BLOG).consents()
    event_id = visitor.tracks()
    assert shop.event(event_id)["event_source_url"] == shop.website.origin(BLOG) + "/article"
    domains = {cookie["domain"] for cookie in visitor.context.cookies() if cookie["name"] == "cb_visitor"}
    assert domains == {".shop.test", ".other.test"}
    assert visitor.problems == []


def test_a_website_that_is_not_listed_is_refused(shop):
    script = f"{shop.website.origin(SHOP)}/c.js"
    shop.website.pages["/stolen"] = f"<script src='{script}' data-consent='granted'></script>"
    visitor = shop.visitor()
    with visitor.page.expect_console_message(lambda message: "CORS policy" in message.text):
        visitor.goes_to("/stolen", host=STRANGER)
    visitor_id = visitor.page.evaluate("capi.ids().visitor_id")
    assert shop.visits(visitor_id) == []


def test_who_refuses_leaves_nothing_anywhere(shop):
    visitor = shop.visitor().goes_to("/landing?fbclid=IwAR0Refused")
    event_id = visitor.tracks()
    visitor.consents(granted=False)
    visitor.tracks()
    assert (visitor.fields(), visitor.cookies(), visitor.storage(), visitor.beacons) == (
        NOTHING,
        {},
        "{}",
        [],
    )
    assert visitor.page.evaluate("pixel") == []
    assert shop.events(event_id) == []


def test_consent_that_is_withdrawn_takes_everything_back(shop):
    visitor = shop.visitor().goes_to("/landing?fbclid=IwAR0Withdrawn").consents()
    visitor_id = visitor.cookies()["cb_visitor"]
    wait_until(lambda: shop.visits(visitor_id))
    visitor.consents(granted=False)
    assert (visitor.fields(), visitor.storage()) == (NOTHING, "{}")
    wait_until(lambda: not shop.visits(visitor_id))
    visitor.page.wait_for_function("document.cookie === ''")
    assert visitor.cookies() == {}
    assert visitor.beacons[-1].keys() == {"visitor_id", "source", "decided_at", "sent_at", "granted", "page"}
    visitor.goes_to("/second")
    assert visitor.fields() == NOTHING

    visitor.consents()
    assert visitor.cookies()["cb_visitor"] != visitor_id


def test_a_late_answer_brings_no_cookie_back(shop):
    visitor = shop.visitor().goes_to("/")
    held: list[Any] = []
    visitor.page.route("**/c", lambda route: held.append(route) if not held else route.continue_())
    visitor.consents()
    wait_until(lambda: held or visitor.page.wait_for_timeout(10))
    with visitor.page.expect_response("**/c"):
        visitor.consents(granted=False)
    with visitor.page.expect_response("**/c"):
        held[0].continue_()
    visitor.page.wait_for_function("document.cookie === ''")
    assert visitor.cookies() == {}


def test_what_was_tracked_before_consent_is_sent_after_it(shop):
    visitor = shop.visitor().goes_to("/")
    event_id = visitor.tracks()
    assert visitor.beacons == []
    visitor.consents()
    assert shop.event(event_id)["event_name"] == "Lead"


def test_fields_are_filled_where_a_blocker_stops_every_beacon(shop):
    visitor = shop.visitor()
    visitor.page.route("**/c", lambda route: route.abort("blockedbyclient"))
    visitor.goes_to("/granted?fbclid=IwAR0Blocked")
    assert visitor.fields()["fbc"].endswith(".IwAR0Blocked")
    visitor.page.click("text=Send")
    expect(visitor.page).to_have_title("Thank you")
    assert parse_qs(shop.website.sent[-1])["fbc"][0].endswith(".IwAR0Blocked")


NO_COOKIES = "Object.defineProperty(document, 'cookie', {get: () => '', set: () => {}});"
NO_STORAGE = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('off'); }});"
# a proxy takes assignments that the page makes by name, too
FULL = """\
const full = new Proxy(localStorage, {set() { throw new DOMException('full', 'QuotaExceededError'); }});
Object.defineProperty(window, 'localStorage', {get: () => full});
"""


@pytest.mark.parametrize(
    ("script", "kept"),
    [
        pytest.param(NO_COOKIES, True, id="no cookies"),
        pytest.param(NO_STORAGE, True, id="no storage"),
        pytest.param(FULL, True, id="storage full"),
        pytest.param(NO_COOKIES + NO_STORAGE, False, id="neither"),
    ],
)
def test_fields_are_filled_where_browsers_keep_little(shop, script, kept):
    visitor = shop.visitor()
    visitor.context.add_init_script(script)
    visitor.goes_to("/?fbclid=IwAR0Little").consents()
    first = visitor.fields()
    assert first["fbc"].endswith(".IwAR0Little")
    visitor.goes_to("/second")
    if not kept:
        visitor.consents()
    second = visitor.fields()
    assert (second["visitor_id"] == first["visitor_id"]) is kept
    assert visitor.problems == []


def test_an_old_browser_reports_by_send_beacon(shop):
    visitor = shop.visitor()
    kinds = set()
    visitor.page.on("request", lambda one: kinds.add(one.resource_type) if one.method == "POST" else None)
    visitor.context.add_init_script("delete Request.prototype.keepalive")
    visitor.goes_to("/granted?fbclid=IwAR0Old")
    assert shop.event(visitor.tracks())["user_data"]["fbc"].endswith(".IwAR0Old")
    assert (kinds, visitor.problems) == ({"ping"}, [])


def test_a_page_in_a_sandbox_is_not_disturbed(shop):
    shop.website.headers["Content-Security-Policy"] = "sandbox allow-scripts allow-forms"
    visitor = shop.visitor().goes_to("/?fbclid=IwAR0Sandbox").consents()
    assert visitor.fields()["fbc"].endswith(".IwAR0Sandbox")


def test_a_strict_content_security_policy_is_kept_to(shop):
    policy = "default-src 'none'; script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'"
    shop.website.headers["Content-Security-Policy"] = policy
    visitor = shop.visitor().goes_to("/granted")
    shop.event(visitor.tracks())
    assert visitor.problems == []


def test_a_form_that_is_sent_twice_is_one_event_and_a_reset_form_another(shop):
    visitor = shop.visitor().goes_to("/granted")
    visitor.page.evaluate("document.forms[0].addEventListener('submit', event => event.preventDefault())")
    first = visitor.fields()["cb_event_id"]
    visitor.page.click("text=Send")
    visitor.page.click("text=Send")
    visitor.page.evaluate("document.forms[0].reset()")
    second = visitor.fields()["cb_event_id"]
    visitor.page.click("text=Send")
    shop.event(second)
    names = [(event["event_id"], event["event_name"]) for event in shop.events(first, second)]
    assert sorted(names) == sorted([(first, "Lead"), (second, "Lead")])


def test_a_form_that_is_added_later_is_filled(shop):
    visitor = shop.visitor().goes_to("/granted?fbclid=IwAR0Later")
    fields = "<input type='hidden' name='properties[fbc]'><input type='hidden' name='cb_event_id'>"
    form = f"<form id='late'>{fields}</form>"
    visitor.page.evaluate("form => document.body.insertAdjacentHTML('beforeend', form)", form)
    expect(visitor.page.locator("#late [name='properties[fbc]']")).to_have_value(re.compile(r"IwAR0Later$"))
    late = visitor.page.locator("#late [name=cb_event_id]").input_value()
    assert late not in {"", visitor.fields()["cb_event_id"]}


def test_a_field_that_is_filled_gets_a_change_event(shop):
    visitor = shop.visitor().goes_to("/?fbclid=IwAR0Told")
    visitor.page.evaluate(
        "() => { window.changed = []; addEventListener('change', ({target}) => changed.push(target.name)); }"
    )
    visitor.consents()
    visitor.page.evaluate("capi.fill()")
    filled = [name for name, value in visitor.fields().items() if value and name != "utm_medium"]
    assert visitor.page.evaluate("changed.filter(name => name)") == [
        name for name in filled if name != "fbclid"
    ]


def test_links_to_the_forms_of_vendors_carry_the_ids_while_consent_lasts(shop):
    visitor = shop.visitor().goes_to("/?fbclid=IwAR0Link&utm_source=facebook")
    before = visitor.links()
    visitor.consents()
    after = visitor.links()
    assert (after["other"], after["namesake"]) == (before["other"], before["namesake"])
    typeform = parse_qs(urlsplit(after["typeform"]).fragment)
    tally = parse_qs(urlsplit(after["tally"]).query)
    assert typeform["fbc"] == tally["fbc"] == [visitor.cookies()["_fbc"]]
    assert (typeform["utm_source"], tally["utm_source"]) == (["facebook"], ["own"])
    visitor.consents(granted=False)
    assert visitor.links() == before


def test_only_another_click_replaces_fbc_and_the_first_campaign_stays(shop):
    visitor = shop.visitor().goes_to("/granted?fbclid=IwAR0First&utm_source=first")
    first = visitor.cookies()["_fbc"]
    visitor.goes_to("/granted?fbclid=IwAR0First&utm_source=first")
    visitor.goes_to("/second")
    assert visitor.cookies()["_fbc"] == first
    visitor.goes_to("/granted?fbclid=IwAR0Other&utm_source=second")
    assert visitor.cookies()["_fbc"].endswith(".IwAR0Other")
    ids = visitor.page.evaluate("capi.ids()")
    assert (ids["utm_source"], ids["first_utm_source"]) == ("second", "first")
    assert visitor.cookies()["_fbc"] != first


def test_calls_that_come_before_the_script_are_not_lost(shop):
    visitor = shop.visitor()
    early = "window.capi = [['track', 'Lead', {}, 'early-1'], ['consent', true]];"
    visitor.page.route("**/early.js", lambda route: route.fulfill(body=early, content_type="text/javascript"))
    visitor.goes_to("/early")
    assert shop.event("early-1")["event_name"] == "Lead"


@pytest.mark.parametrize("path", ["/granted", "/second"])
def test_global_privacy_control_wins_over_consent(shop, path):
    visitor = shop.visitor(extra_http_headers={"Sec-GPC": "1"})
    visitor.context.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
    visitor.goes_to(path).consents()
    visitor.tracks()
    assert (visitor.fields(), visitor.cookies(), visitor.storage(), visitor.beacons) == (
        NOTHING,
        {},
        "{}",
        [],
    )


def banner(*commands: tuple[str, dict[str, Any]]) -> str:
    calls = "".join(f"gtag('consent', '{kind}', {json.dumps(choices)});" for kind, choices in commands)
    gtag = "window.gtag = function () { dataLayer.push(arguments); };"
    return f"window.dataLayer = window.dataLayer || []; {gtag} {calls}"


def framework(status: str, *purposes: int, applies: bool = True) -> str:
    consents = json.dumps(dict.fromkeys(map(str, purposes), True))
    data = (
        f"{{eventStatus: '{status}', gdprApplies: {json.dumps(applies)}, purpose: {{consents: {consents}}}}}"
    )
    return f"window.__tcfapi = (command, version, callback) => callback({data}, true);"


BOTH, STORAGE = {"ad_storage": "granted", "ad_user_data": "granted"}, {"ad_storage": "granted"}
DENIED = {"ad_storage": "denied", "ad_user_data": "denied"}


@pytest.mark.parametrize(
    ("script", "source"),
    [
        pytest.param(banner(("default", DENIED)), None, id="nothing chosen yet"),
        pytest.param(banner(("default", DENIED), ("update", BOTH)), "google", id="both chosen"),
        pytest.param(banner(("default", DENIED), ("update", STORAGE)), None, id="cookies alone"),
        pytest.param(banner(("default", BOTH)), "google", id="granted unless refused"),
        pytest.param(banner(("default", {**BOTH, "region": ["US"]})), None, id="granted in another region"),
        pytest.param(banner(("default", BOTH), ("update", DENIED)), None, id="refused"),
        pytest.param(
            banner(("default", {**BOTH, "wait_for_update": 60_000})), None, id="waits for the banner"
        ),
        pytest.param(framework("tcloaded", 1, 3, 4, 7), "tcf", id="all four purposes"),
        pytest.param(framework("tcloaded", 1, 3, 4), None, id="a purpose is missing"),
        pytest.param(framework("cmpuishown", 1, 3, 4, 7), None, id="the banner is still open"),
        pytest.param(framework("tcloaded", applies=False), None, id="the law does not apply, nothing chosen"),
    ],
)
def test_the_choice_in_a_consent_banner_counts(shop, script, source):
    visitor = shop.visitor()
    visitor.context.add_init_script(script)
    visitor.goes_to("/google")
    assert [beacon["source"] for beacon in visitor.beacons] == ([source] if source else [])
    assert ("cb_visitor" in visitor.cookies()) is bool(source)


def test_a_choice_that_changes_later_counts(shop):
    visitor = shop.visitor()
    visitor.context.add_init_script(banner(("default", DENIED)))
    visitor.goes_to("/google")
    visitor.page.evaluate("choices => gtag('consent', 'update', choices)", BOTH)
    assert "cb_visitor" in visitor.cookies()
    visitor.page.evaluate("choices => gtag('consent', 'update', choices)", {"ad_user_data": "denied"})
    wait_until(
        lambda: visitor.cookies() == {}
    )  # an answer that was on its way may bring the cookie once more


def test_a_banner_counts_only_where_the_owner_says_that_it_covers_meta(shop):
    visitor = shop.visitor()
    visitor.context.add_init_script(banner(("default", BOTH)))
    visitor.goes_to("/unstated")
    assert visitor.cookies() == {}
    (problem,) = visitor.problems
    assert "data-covers-meta" in problem
