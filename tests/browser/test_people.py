"""Working with the console: by keyboard alone, without JavaScript, with a list that refreshes itself."""

from __future__ import annotations

import re
import subprocess

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import LEAD, READER, SETTINGS, Site
from tests.conftest import COMMAND

pytestmark = pytest.mark.process


def focused(page) -> str:
    return page.evaluate("document.activeElement.getAttribute('href') || document.activeElement.name || ''")


# --- keys ------------------------------------------------------------------------------------------


def test_an_event_is_found_opened_and_sent_again_by_keys_alone(site):
    visit = site.visit("/console/events")
    keys = visit.page.keyboard
    keys.press("Tab")
    assert focused(visit.page) == "#main"
    keys.press("/")
    assert focused(visit.page) == "mapping"
    keys.type("broken")
    keys.press("Enter")
    visit.page.wait_for_url("**/console/events?**mapping=broken**")
    keys.press("j")
    first = focused(visit.page)
    keys.press("j")
    keys.press("k")
    assert focused(visit.page) == first == f"/console/events/{site.events['held']}"
    keys.press("Enter")
    visit.page.wait_for_url(f"**{first}")
    keys.press("r")
    expect(visit.page.locator(".done")).to_have_text("1 still held.")
    assert visit.faults() == []


def test_the_list_of_keys_opens_and_closes(site):
    visit = site.visit("/console/")
    visit.page.keyboard.press("?")
    expect(visit.page.locator("#keys")).to_be_visible()
    assert visit.faults() == []
    visit.page.keyboard.press("Escape")
    expect(visit.page.locator("#keys")).not_to_be_visible()


def test_keys_are_letters_where_somebody_types(site):
    visit = site.visit("/console/events")
    visit.page.locator("input[name=reason]").focus()
    visit.page.keyboard.type("jerk?/")
    assert visit.page.locator("input[name=reason]").input_value() == "jerk?/"


@pytest.mark.parametrize(
    "path",
    [
        "/console/",
        "/console/events",
        "/console/destinations",
        "/console/playground",
        "/console/import",
        "/console/connect",
        "/console/person",
    ],
)
def test_everything_that_can_be_clicked_is_reached_by_tab(site, path):
    page = site.visit(path).page
    page.route("**/console/**", without_refreshing)
    visible = (
        "[...document.querySelectorAll('a[href], button, select, input')].filter(e => e.checkVisibility())"
    )
    for _ in range(page.evaluate(f"{visible}.length") + 40):
        page.keyboard.press("Tab")
        page.evaluate("document.activeElement.dataset.reached = 'yes'")
    missed = f"{visible}.filter(e => !e.dataset.reached).map(e => e.outerHTML.slice(0, 80))"
    assert page.evaluate(missed) == []


def without_refreshing(route: Route) -> None:
    """Leave a page as it is: what is refreshed is new, and was not reached yet."""
    if "hx-request" in route.request.headers:
        route.abort()
    else:
        route.continue_()


# --- without JavaScript ----------------------------------------------------------------------------


def test_lists_filters_and_sending_again_work_without_javascript(site):
    page = site.visit("/console/events", java_script_enabled=False).page
    page.locator("select[name=status]").select_option("held")
    page.get_by_role("button", name="Filter").click()
    assert "status=held" in page.url
    page.locator(f"a.row[href$='{site.events['held']}']").click()
    page.get_by_role("button", name="Map again and send").click()
    expect(page.locator(".done")).to_have_text("1 still held.")


def test_a_person_is_found_exported_and_erased_without_javascript(site):
    site.bridge.post("/hooks/lead", {"id": 90, "mail": "zora.neale@example.com"})
    visit = site.visit("/console/person", java_script_enabled=False)
    page = visit.page
    page.get_by_label("E-mail address").fill("Zora.Neale@example.com")
    page.get_by_role("button", name="Find").click()
    site.wait_until(lambda: page.reload() and "kept about one person" in page.title())
    expect(page.locator("main")).to_contain_text("z•••@e•••.com")
    found = page.url
    page.get_by_role("button", name="Export everything").click()
    site.wait_until(lambda: page.reload() and page.get_by_role("link", name="Download the file").count())
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download the file").click()
    assert "zora.neale@example.com" in downloading.value.path().read_text()
    page.goto(found)
    page.get_by_role("link", name="Erase …").click()
    page.get_by_label("I know that this cannot be undone.").check()
    page.get_by_role("button", name="Erase this person").click()
    site.wait_until(lambda: page.reload() and page.get_by_role("heading", name="Receipt").count())
    expect(page.locator("main")).to_contain_text("1 event and 1 stored webhook")
    assert "zora" not in page.content().lower()
    assert visit.problems == []


def test_the_playground_runs_without_javascript(site):
    page = site.visit("/console/playground?mapping=lead", java_script_enabled=False).page
    page.locator("textarea[name=payload]").fill('{"id": 9, "mail": "joe@example.com"}')
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#result pre").first).to_contain_text('"event_id": "lead-9"')


def test_a_file_is_tried_and_imported_without_javascript(site):
    page = site.visit("/console/import", java_script_enabled=False).page
    file = {"name": "leads.csv", "mimeType": "text/csv", "buffer": b"id;mail\n70;jane@example.com\n71;\n"}
    page.locator("input[type=file]").set_input_files(file)
    page.locator("select[name=mapping]").select_option("lead")
    page.get_by_role("button", name="Try the file").click()

    def shows(button: str) -> bool:
        page.reload()
        return page.get_by_role("button", name=button).count() == 1

    site.wait_until(lambda: shows("Import 2 rows"))
    expect(page.locator("main")).to_contain_text("columns separated by semicolons, read as UTF-8")
    page.get_by_role("button", name="Import 2 rows").click()
    site.wait_until(lambda: page.reload() and page.get_by_text("To the events").count() == 1)
    expect(page.locator(".totals")).to_contain_text("1 taken, and sent in turn")


# --- what refreshes itself -------------------------------------------------------------------------


def test_a_new_event_appears_in_the_list_and_the_focus_stays(site):
    visit = site.visit("/console/events?mapping=lead")
    rows = visit.page.locator("a.row")
    before = rows.count()
    rows.first.focus()
    focused_before = focused(visit.page)
    site.bridge.post("/hooks/lead", {"id": 77, "mail": "joe@example.com"})
    expect(rows).to_have_count(before + 1, timeout=20_000)
    assert focused(visit.page) == focused_before
    assert visit.faults() == []


def test_an_open_page_goes_on_after_the_server_has_restarted(start_bridge, chromium, axe, tmp_path):
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "lead.yaml").write_text(LEAD)
    (tmp_path / "bridge.yaml").write_text(SETTINGS)
    bridge = start_bridge("--workers", "1", "--no-deliver")
    site = Site(bridge, chromium, axe, {})
    visit = site.visit("/console/events")
    try:
        bridge.post("/hooks/lead", {"id": 1, "mail": "joe@example.com"})
        expect(visit.page.locator("a.row")).to_have_count(1, timeout=20_000)
        bridge.kill()
        visit.page.wait_for_event("requestfailed", timeout=20_000)
        expect(visit.page.locator("a.row")).to_have_count(1)
        bridge.start()
        bridge.post("/hooks/lead", {"id": 2, "mail": "joe@example.com"})
        expect(visit.page.locator("a.row")).to_have_count(2, timeout=20_000)
        assert [one for one in visit.problems if "Failed to load" not in one and "htmx" not in one] == []
    finally:
        site.opened.pop().close()


def test_times_are_those_of_the_viewer(site):
    page = site.visit("/console/events").page
    time = page.locator("time").first
    assert re.fullmatch(r"\w{3} \d+, \d{4}, \d+:\d\d:\d\d [AP]M", time.inner_text())
    assert time.get_attribute("title").endswith("+00:00")


def test_meta_s_figures_come_into_the_list_of_destinations_when_they_are_asked_for(site):
    visit = site.visit("/console/destinations")
    visit.page.get_by_role("link", name="Check the token").first.click()
    expect(visit.page.locator("#meta-1 .at-meta")).to_contain_text("Token")
    assert visit.page.url.endswith("/console/destinations")
    assert visit.faults() == []


# --- who gets in -----------------------------------------------------------------------------------


def test_signing_in_leads_to_the_page_that_was_asked_for(site):
    visit = site.visit("/console/events?status=held", token="")
    page = visit.page
    expect(page).to_have_title("Sign in · capi-bridge")
    page.keyboard.type("not the token")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("This token is not the admin token")
    assert visit.faults() == []
    page.keyboard.type("admin-token")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/events?status=held")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/console/sign-in")
    visit.go("/console/events")
    expect(page).to_have_title("Sign in · capi-bridge")


def test_a_link_from_the_shell_signs_in_once(site):
    done = subprocess.run(
        [COMMAND, "console", "--url", site.bridge.url],
        cwd=site.bridge.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    [link] = re.findall(r"https?://\S+", done.stdout)
    path = link.removeprefix(site.bridge.url)
    first, second = site.visit(path, token=""), site.visit(path, token="")
    first.page.get_by_role("button", name="Sign in").click()
    expect(first.page).to_have_title("Overview · capi-bridge")
    second.page.get_by_role("button", name="Sign in").click()
    expect(second.page.get_by_role("alert")).to_contain_text("used already")


def test_a_reader_sees_the_own_destination_and_no_button(site):
    visit = site.visit("/console/", token=READER)
    links = visit.page.get_by_role("navigation").get_by_role("link").all_inner_texts()
    assert links == ["Overview", "Events", "Destinations", "Person"]
    expect(visit.page.locator("main")).not_to_contain_text("main")
    assert visit.faults() == []


def test_nothing_is_kept_in_the_browser_but_a_cookie(site):
    page = site.visit(f"/console/events/{site.events['sent']}").page
    page.goto(site.bridge.url + "/console/playground?mapping=lead")
    kept = page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
    assert kept == [0, 0, ""]
    [cookie] = page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("cb", True, "Strict")
