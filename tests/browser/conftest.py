"""A real Chromium, a real bridge with something to see in it, and what every page is checked for."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from urllib3 import encode_multipart_formdata

from bridge.bootstrap import open_store
from bridge.settings import load_settings
from bridge.simulator import Simulator
from tests.conftest import RunningBridge, wait_until
from tests.node_packages import installed, run_script

HERE = Path(__file__).parent
ADMIN = "admin-token"
READER = "acme-token"
SCRIPT = "<script>window.attacked = 1</script><img src=x onerror='window.attacked = 1'>"
MARKUP_NAME = "<img src=x onerror='window.attacked = 1'>"
LEAD = """\
version: 1
description: The contact form of the website
event_name: Lead
action_source: system_generated
event_id: lead-{id}
user_data:
  email: mail
  phone: phone
settings: {phone_country: DE}
tests:
  - name: a complete submission
    given: {id: 1, mail: jane@example.com}
    expect:
      - event_name: Lead
        user_data.email: jane@example.com
"""
# what the sender calls `mail` is misspelled here, so every webhook is held
BROKEN = LEAD.replace("email: mail", "email: mial").replace("  phone: phone\n", "").partition("tests:")[0]
PAGES = """\
version: 1
event_name: "{name}"
action_source: website
event_id: id
event_source_url: page
receive: {sent_by: browser}
user_data: {user_agent: $user_agent}
"""
VISITS = f"{LEAD.partition('tests:')[0]}visit: {{by: [email], add: [fbc]}}\n"
SETTINGS = """\
destinations:
  main: {dataset_id: "1234567890123456", access_token: "a-token-for-tests"}
  acme: {dataset_id: "2234567890123456", access_token: "a-token-for-tests"}
console: {edit: yes}
keys:
  admin: admin-token
  readers:
    acme: {token: acme-token, destinations: [acme]}
"""


def executable() -> str:
    """Return a Chromium: the one from npm, or this system's own where that does not run."""
    modules = installed(HERE)
    with (modules.parent / "unpacking.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        ran = run_script(HERE / "unpack.cjs", modules, TMPDIR=str(modules.parent))
    found = ran.stdout.strip() if ran.returncode == 0 else shutil.which("chromium")
    assert found, f"there is no Chromium: {ran.stderr[-500:]}"
    return found


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    names = "--host-resolver-rules=MAP *.test 127.0.0.1"
    arguments = ["--no-sandbox", "--no-zygote", "--headless=shell", names]
    environment: Any = {**os.environ, "LANG": "en_US.UTF-8"}
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments, env=environment)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def axe() -> str:
    return (installed(HERE) / "axe-core" / "axe.min.js").read_text("utf-8")


@dataclass
class Site:
    """A bridge with webhooks in it, and the browser that looks at it."""

    bridge: RunningBridge
    browser: Browser
    axe: str
    events: dict[str, str]
    opened: list[BrowserContext] = field(default_factory=list)
    sessions: dict[str, Any] = field(default_factory=dict)

    def visit(self, path: str = "/console/", *, token: str = ADMIN, **options: Any) -> Visit:
        """Open a page in a browser of its own, signed in with a token (none: nobody is)."""
        context = self.browser.new_context(locale="en-US", timezone_id="Europe/Berlin", **options)
        self.opened.append(context)
        if token:
            context.add_cookies(self._session(context, token))
        return Visit(self, context.new_page(), options).go(path)

    def _session(self, context: BrowserContext, token: str) -> Any:
        """Return the cookies of whoever has the token; signing in too often is refused."""
        if token not in self.sessions:
            url = self.bridge.url + "/console/session"
            assert context.request.post(url, form={"token": token}, max_redirects=0).status == 303
            self.sessions[token] = context.cookies()
        return self.sessions[token]

    def wait_until(self, claim: Callable[[], Any]) -> None:
        wait_until(claim)

    def mapping(self, name: str) -> Path:
        return self.bridge.folder / "mappings" / f"{name}.yaml"


class Visit:
    """One page, and everything that went wrong on it."""

    def __init__(self, site: Site, page: Page, options: Mapping[str, Any]) -> None:
        self.site, self.page = site, page
        self.has_scripts = options.get("java_script_enabled", True)
        self.problems: list[str] = []
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self._note("error", str(error)))
        page.on("request", lambda request: self._is_own(request.url))
        page.set_default_timeout(15_000)

    def _note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and "status of 401" not in text:
            self.problems.append(f"{kind}: {text}")

    def _is_own(self, url: str) -> None:
        if not url.startswith((self.site.bridge.url, "data:", "blob:")):
            self.problems.append(f"a request left the host: {url}")

    def go(self, path: str) -> Visit:
        if self.has_scripts and path.startswith("/console/playground"):
            with self.page.expect_response(lambda answer: answer.request.method == "POST"):
                self.page.goto(self.site.bridge.url + path)
        else:
            self.page.goto(self.site.bridge.url + path)
        return self

    def faults(self) -> list[str]:
        """Return what axe finds (WCAG 2.2 AA), and everything else that went wrong here."""
        self.page.evaluate(self.site.axe)
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = self.page.evaluate("tags => axe.run({runOnly: {type: 'tag', values: tags}})", tags)
        violations = [
            f"{one['id']}: {node['target']} {node['failureSummary']}"
            for one in found["violations"]
            for node in one["nodes"]
        ]
        attacked = ["a script of a webhook ran"] if self.page.evaluate("window.attacked") else []
        return [*self.problems, *attacked, *violations]

    def scrolls_sideways(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


def posted(bridge: RunningBridge, mapping: str, payload: dict[str, Any]) -> str:
    answer = bridge.post(f"/hooks/{mapping}", payload)
    assert answer.status in {200, 422}, answer.body
    headers = {"Authorization": f"Bearer {ADMIN}"}
    found = bridge.get(f"/api/events?mapping={mapping}&limit=1", headers).body["events"]
    return str(found[0]["id"])


def open_name(folder: Path, name: str) -> None:
    """Open a name for an hour, as a person does in the console."""
    settings = load_settings(folder / "bridge.yaml", {}, folder=folder)
    with closing(open_store(settings)) as outbox:
        outbox.captures.open(name, datetime.now(UTC), timedelta(hours=1))


def tried(bridge: RunningBridge, mapping: str, rows: str) -> str:
    """Try a file as the console does, and return the id of the trial."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    signed_in = bridge.send("POST", "/console/session", f"token={ADMIN}".encode(), form)
    cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
    fields = {"mapping": mapping, "file": (f"{MARKUP_NAME}.csv", rows)}
    body, content_type = encode_multipart_formdata(fields)
    answer = bridge.send("POST", "/console/import", body, {"Cookie": cookie, "Content-Type": content_type})
    trial = answer.headers["Location"].rpartition("/")[2]
    headers = {"Authorization": f"Bearer {ADMIN}"}
    wait_until(lambda: bridge.get(f"/api/jobs/{trial}", headers).body["state"] == "done")
    return str(trial)


def looked_for(bridge: RunningBridge, person: dict[str, Any]) -> str:
    """Look for a person; return the id of the search, once it is done. An erasure forgets every search."""
    headers = {"Authorization": f"Bearer {ADMIN}"}
    search = str(bridge.post("/api/jobs", {"kind": "find_person", **person}, headers).body["id"])
    wait_until(lambda: bridge.get(f"/api/jobs/{search}", headers).body["state"] == "done")
    return search


@pytest.fixture(scope="package")
def site(tmp_path_factory, chromium, axe) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "mappings" / "samples").mkdir(parents=True)
    (folder / "mappings" / "samples" / "form.json").write_text(
        json.dumps({"id": 5, "mail": "jane@example.com"})
    )
    texts = {"lead": f"{LEAD}samples: samples/form.json\n", "broken": BROKEN, MARKUP_NAME: LEAD}
    texts |= {"pages": PAGES, f"visits {MARKUP_NAME}": VISITS}
    for name, text in texts.items():
        (folder / "mappings" / f"{name}.yaml").write_text(text)
    (folder / "bridge.yaml").write_text(SETTINGS)
    with Simulator() as simulator:
        environment = {"CAPI_BRIDGE_GRAPH_URL": simulator.url}
        bridge = RunningBridge(folder, environment, ("--workers", "1")).start()
        try:
            events = {
                "sent": posted(bridge, "lead", {"id": 1, "mail": "jane.doe@example.com", "left": "over"}),
                "held": posted(bridge, "broken", {"id": 2, "mail": "jane.doe@example.com"}),
                "attack": posted(bridge, "lead", {"id": SCRIPT, "mail": SCRIPT, SCRIPT: SCRIPT}),
            }
            for name in ("Lead", SCRIPT):
                posted(
                    bridge, "pages", {"id": f"page-{name}", "name": name, "page": "https://www.example.com/"}
                )
            posted(bridge, quote(f"visits {MARKUP_NAME}"), {"id": 4, "mail": "jane.doe@example.com"})
            open_name(folder, "unknown-crm")
            bridge.post("/hooks/unknown-crm", {"id": SCRIPT, "mail": "jane@example.com", SCRIPT: SCRIPT})
            bridge.post("/hooks/laed", {})
            events["trial"] = tried(bridge, "lead", f"id;mail\n7;jane@example.com\n8;\n{SCRIPT};{SCRIPT}\n")
            wait_until(simulator.received)
            site = Site(bridge, chromium, axe, events)
            yield site
        finally:
            bridge.stop()


@pytest.fixture(autouse=True)
def _closed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Close what a test opened; the server and the browser stay for the next."""
    yield
    if "site" in request.fixturenames:
        site = request.getfixturevalue("site")
        while site.opened:
            site.opened.pop().close()
