"""The whole journey: a webhook is held; somebody sees why, corrects the mapping, and the event is sent."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ADMIN, BROKEN, posted

pytestmark = pytest.mark.process


@pytest.fixture
def mistaken(site):
    """A mapping of its own with a misspelled field, and the webhook that is held by it."""
    file = site.mapping("mistaken")
    file.write_text(BROKEN)
    headers = {"Authorization": f"Bearer {ADMIN}"}
    site.wait_until(lambda: site.bridge.get("/api/mappings/mistaken", headers).status == 200)
    event = posted(site.bridge, "mistaken", {"id": 40, "mail": "maria.huber@gmail.com"})
    yield event
    file.unlink()


def test_a_held_webhook_is_understood_corrected_compared_saved_and_sent(site, mistaken):
    visit = site.visit("/console/")
    page = visit.page
    page.get_by_role("link", name="1 held in mistaken").click()
    page.locator("a.row").first.click()
    expect(page.locator("main")).to_contain_text("not enough customer information")
    expect(page.locator(".way")).to_contain_text("tried mial: absent")
    assert visit.faults() == []

    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("link", name="Fix the mapping").click()
    page.locator(".cm-lintRange-error", has_text="mial").hover()
    page.locator(".cm-diagnosticAction", has_text="Write mail").click()
    expect(page.locator("#result pre").first).to_contain_text('"em"')
    assert "maria" not in page.content()

    page.get_by_role("button", name="Compare with what came").click()
    expect(page.locator("#outcome")).to_contain_text("1 would change", timeout=20_000)
    expect(page.locator("#outcome")).to_contain_text("held → ready")
    assert visit.faults() == []

    page.locator("input[name=code]").fill("TEST42")
    page.get_by_role("button", name="Send as a test").click()
    expect(page.locator("#outcome")).to_contain_text("accepted")

    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".done")).to_have_text("Saved, and active.")
    assert "email: mail" in site.mapping("mistaken").read_text()

    visit.go(f"/console/events/{mistaken}")
    page.get_by_role("button", name="Map again and send").click()
    expect(page.locator(".done")).to_have_text("1 mapped again, and will be sent.")

    def is_sent() -> bool:
        page.reload()
        return page.locator(".summary .status.sent").count() == 1

    site.wait_until(is_sent)
    expect(page.locator(".way")).to_contain_text("m•••@g•••.com")
    assert visit.faults() == []


def test_two_people_who_save_the_same_mapping_see_both(site, mistaken):
    first = site.visit("/console/playground?mapping=mistaken").page
    second = site.visit("/console/playground?mapping=mistaken").page
    for page, text in ((first, "# the first\n"), (second, "# the second\n")):
        page.locator(".cm-content").click()
        page.keyboard.press("Control+End")
        page.keyboard.insert_text(text)
        page.get_by_role("button", name="Save", exact=True).click()
    expect(first.locator(".done")).to_have_text("Saved, and active.")
    expect(second.get_by_role("alert")).to_contain_text("Somebody else saved this mapping")
    expect(second.locator(".diff")).to_contain_text("# the first")
    assert "# the first" in site.mapping("mistaken").read_text()
    second.get_by_role("button", name="Save what is under Yours").click()
    expect(second.locator(".done")).to_have_text("Saved, and active.")
    assert "# the second" in site.mapping("mistaken").read_text()


def test_a_webhook_becomes_a_test_without_its_person(site):
    page = site.visit(f"/console/events/{site.events['sent']}").page
    with page.expect_response(
        lambda answer: answer.request.method == "POST" and "test-case" not in answer.url
    ):
        page.get_by_role("button", name="Make a test of it").click()
    expect(page.locator(".done")).to_contain_text("A test was added")
    assert "jane.doe@example.com" in page.locator("textarea[name=mapping]").input_value()
    expect(page.locator("#result")).to_contain_text("made of a webhook")
    expect(page.locator("#result li.error")).to_have_count(0)


def test_an_unknown_sender_is_captured_and_becomes_a_mapping_that_is_connected(site):
    visit = site.visit("/console/connect")
    page = visit.page
    page.locator("input[name=name]").fill("new-crm")
    page.get_by_role("button", name="Open the URL").click()
    expect(page.locator("#captured")).to_contain_text("Waiting for the first webhook")
    webhook = {"id": 90, "email": "maria.huber@gmail.com"}
    assert site.bridge.post("/hooks/new-crm", webhook).body["status"] == "captured"
    expect(page.locator("#captured")).to_contain_text("1 webhook came", timeout=20_000)
    assert "maria" not in page.content()
    assert visit.faults() == []

    with page.expect_response(
        lambda answer: answer.request.method == "POST" and not answer.url.endswith("/new")
    ):
        page.get_by_role("button", name="Make a mapping of this").click()
    expect(page.locator("#result pre").first).to_contain_text('"em"')
    assert "maria" not in page.content()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".done")).to_have_text("Saved, and active.")

    visit.go("/console/connect?mapping=new-crm")
    expect(page.locator("#arrived")).to_contain_text("Waiting for the first webhook")
    assert site.bridge.post("/hooks/new-crm", webhook).body["status"] == "queued"
    expect(page.locator("#arrived")).to_contain_text("connected", timeout=20_000)
    assert visit.faults() == []
    site.mapping("new-crm").unlink()
