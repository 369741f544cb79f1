"""The editor of the playground: it completes, explains and marks as one types, and loses nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ADMIN

pytestmark = pytest.mark.process


@pytest.fixture
def visit(site):
    return site.visit("/console/playground?mapping=lead")


@pytest.fixture
def page(visit):
    return visit.page


def write(page, text: str) -> None:
    """Replace the whole mapping, as somebody does who pastes one."""
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


def text_of(page) -> str:
    return page.locator("textarea[name=mapping]").input_value()


GOOD = "version: 1\nevent_name: Lead\naction_source: system_generated\nuser_data:\n  email: mail\n"


def test_a_key_is_completed_and_then_a_field_of_the_webhook(page):
    write(page, "version: 1\nuser_data:\n  ")
    page.keyboard.type("ema")
    expect(page.locator(".cm-tooltip-autocomplete li").first).to_contain_text("email")
    page.wait_for_timeout(100)  # a completion is not taken in the moment it appears
    page.keyboard.press("Enter")
    expect(page.locator(".cm-tooltip-autocomplete li").first).to_contain_text("id")
    page.keyboard.type("ma")
    expect(page.locator(".cm-tooltip-autocomplete li").first).to_contain_text("jane@example.com")
    page.wait_for_timeout(100)
    page.keyboard.press("Enter")
    assert text_of(page) == "version: 1\nuser_data:\n  email: mail"


def test_a_mistake_is_marked_and_corrected_by_a_click(page):
    write(page, GOOD.replace("email:", "emial:"))
    marked = page.locator(".cm-lintRange-error")
    expect(marked).to_have_text("emial")
    marked.hover()
    page.locator(".cm-diagnosticAction", has_text="Write email").click()
    expect(marked).to_have_count(0)
    assert text_of(page) == GOOD
    expect(page.locator("#result pre").first).to_contain_text('"em"')


def test_a_key_is_explained_when_the_mouse_rests_on_it(page):
    page.locator(".tok-propertyName", has_text="event_id").first.hover()
    expect(page.locator(".explains")).to_contain_text("Meta drops repeats")


def test_a_field_is_mapped_by_a_click(page):
    write(page, GOOD.replace("  email: mail\n", "  phone: tel\n"))
    page.locator("button[data-path=mail]").click()
    assert text_of(page) == GOOD.replace("  email: mail\n", "  phone: tel\n  email: mail\n")
    page.locator("button[data-path=id]").click()
    assert "email: id" in text_of(page), "the cursor was behind the colon of email"


def test_what_is_typed_is_run_at_once(page):
    page.locator("textarea[name=payload]").fill('{"id": 9, "mail": "joe@example.com", "plan": "gold"}')
    expect(page.locator("#result pre").first).to_contain_text('"event_id": "lead-9"')
    expect(page.locator("#fields")).to_contain_text("plan")


def test_a_finding_leads_to_its_line(page):
    write(page, GOOD.replace(": mail", ": nothing"))
    page.locator("#result a.line", has_text="line 5").first.click()
    expect(page.locator(".cm-activeLine")).to_have_text("  email: nothing")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_open_completion_and_the_marks_have_contrast(visit, page, scheme):
    page.emulate_media(color_scheme=scheme)
    write(page, f"{GOOD}# a comment\ncustom_data: {{value: 1.5, x: 'text'}}\ndefaults:\n  ")
    page.keyboard.type("cou")
    page.wait_for_selector(".cm-lintRange-error")
    page.keyboard.press("Control+Space")
    page.wait_for_selector(".cm-tooltip-autocomplete")
    assert visit.faults() == []


def test_a_session_that_ended_is_renewed_in_place_and_nothing_typed_is_lost(visit, page):
    page.context.clear_cookies()
    write(page, GOOD)
    dialog = page.locator("#sign-in-again")
    expect(dialog).to_be_visible()
    assert visit.faults() == []
    page.locator("#again-token").fill("wrong")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_be_visible()
    page.locator("#again-token").fill(ADMIN)
    page.keyboard.press("Enter")
    expect(dialog).not_to_be_visible()
    expect(page.locator("#result pre").first).to_contain_text('"event_name": "Lead"')
    assert text_of(page) == GOOD


def test_saving_after_the_session_has_ended_asks_to_sign_in_and_then_saves(site):
    try:
        page = site.visit("/console/playground").page
        page.locator("input[name=name]").fill("edited-anew")
        write(page, GOOD)
        expect(page.locator("#result")).to_contain_text("mapping")
        page.context.clear_cookies()
        page.get_by_role("button", name="Save", exact=True).click()
        page.locator("#again-token").fill(ADMIN)
        page.keyboard.press("Enter")
        expect(page.locator(".done")).to_have_text("Saved, and active.")
        assert site.mapping("edited-anew").read_text() == GOOD
    finally:
        site.mapping("edited-anew").unlink(missing_ok=True)


def test_leaving_with_changes_asks_first(page):
    write(page, GOOD)
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_role("link", name="Overview").click(no_wait_after=True)
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    assert text_of(page) == GOOD


def test_a_mapping_is_written_for_a_webhook_that_is_pasted(site):
    page = site.visit("/console/playground").page
    page.locator("textarea[name=payload]").fill(
        '{"order_id": "A-1", "email": "joe@example.com", "total": "9.90"}'
    )
    page.get_by_role("button", name="Write a mapping for this webhook").click()
    page.wait_for_selector("#result pre")
    assert "email: email" in text_of(page)
    expect(page.locator("#result pre").first).to_contain_text('"order_id": "A-1"')


def test_a_stored_webhook_is_masked_until_somebody_asks(site):
    visit = site.visit(f"/console/playground?event={site.events['held']}")
    page = visit.page
    assert "jane.doe" not in page.content()
    page.get_by_role("button", name="Show personal data, and edit").click()
    expect(page.locator("textarea[name=payload]")).to_have_value('{"id": 2, "mail": "jane.doe@example.com"}')
    assert "revealed" in site.bridge.log()


def test_a_mapping_of_5000_lines_is_edited_in_time(page):
    tests = "".join(
        f"  - name: t{n}\n    given: {{mail: a@example.com}}\n    expect_held: x\n" for n in range(1_600)
    )
    write(page, f"{GOOD}tests:\n{tests}defaults:\n  ")
    page.keyboard.type("cou")
    expect(page.locator(".cm-tooltip-autocomplete li").first).to_contain_text("country")
