"""Takes the pictures of docs/pictures from a demo: `make screenshots`. Look at them before you commit."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Site
from tests.conftest import COMMAND, free_port

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
WIDE, TALL, PHONE = (1280, 860), (1280, 1400), (390, 844)


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Iterator[str]:
    bind = f"127.0.0.1:{free_port()}"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path_factory.mktemp("home"))}
    command = [COMMAND, "demo", "--bind", bind]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("the console" in line for line in process.stdout), "the demo ended early"
        yield f"http://{bind}"
        process.send_signal(signal.SIGTERM)


def show_event(page: Page) -> None:
    page.goto(page.url.rstrip("/") + "/events?mapping=shopify-orders&status=sent")
    page.locator("a.row").first.click()


def show_completion(page: Page) -> None:
    page.goto(page.url.rstrip("/") + "/playground?mapping=website-lead-form")
    page.wait_for_selector("#result pre")
    line = page.locator(".cm-line", has_text="email:").first
    line.click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type("date")
    page.wait_for_selector(".cm-tooltip-autocomplete")


def show_trial(page: Page) -> None:
    rows = [f"{n};{n * 10},90;customer{n}@example.com;0151 23456{n:02}" for n in range(1, 41)]
    table = "\n".join(["lead_id;value;email;phone", *rows, ";12,00;;", ";25,50;nobody;"])
    page.goto(page.url.rstrip("/") + "/import")
    page.locator("input[type=file]").set_input_files(
        {"name": "november.csv", "mimeType": "text/csv", "buffer": table.encode()}
    )
    page.locator("select[name=mapping]").select_option("make-lead")
    page.get_by_role("button", name="Try the file").click()
    page.get_by_role("button", name="Import 42 rows").wait_for()


def show_connected(page: Page) -> None:
    bridge = page.url.removesuffix("/console/")
    page.request.post(f"{bridge}/hooks/zapier-lead", data={"lead_id": 1})
    page.request.post(f"{bridge}/hooks/zapier-laed", data={"lead_id": 1})
    page.goto(f"{bridge}/console/connect?mapping=zapier-lead")
    page.get_by_text("Did you mean").wait_for()


def show_capture(page: Page) -> None:
    bridge = page.url.removesuffix("/console/")
    page.goto(f"{bridge}/console/connect")
    page.locator("input[name=name]").fill("my-crm")
    page.get_by_role("button", name="Open the URL").click()
    person = {"first_name": "Jane", "email": "jane.doe@example.com", "phone": "+49 151 2345678"}
    deal = {
        "event": "deal.won",
        "deal": {"id": 4711, "value": "1490.00", "currency": "EUR"},
        "contact": person,
    }
    page.request.post(f"{bridge}/hooks/my-crm", data=deal, headers={"X-Crm-Signature": "4f1c"})
    page.get_by_role("button", name="Make a mapping of this").wait_for()


def show_person(page: Page) -> None:
    page.goto(page.url.rstrip("/") + "/person")
    page.get_by_label("E-mail address").fill("jane.doe@example.com")
    page.get_by_role("button", name="Find").click()
    page.wait_for_selector("text=What is kept about one person")


def show_meta(page: Page) -> None:
    page.goto(page.url.rstrip("/") + "/destinations")
    page.get_by_role("link", name="Check the token").first.click()
    page.wait_for_selector(".at-meta table")


def show_comparison(page: Page) -> None:
    page.goto(page.url.rstrip("/") + "/playground?mapping=website-lead-form")
    page.wait_for_selector("#result pre")
    page.locator(".cm-line", has_text="email:").first.click()
    page.keyboard.press("End")
    page.keyboard.press("Shift+Home")
    page.keyboard.insert_text("email: mail")
    page.get_by_role("button", name="Compare with what came").click()
    page.get_by_text("would change").wait_for(timeout=20_000)


def show_what_somebody_else_saved(site: Site) -> Page:
    """Return what the second of two people sees who save one mapping."""
    pages = [site.visit("/console/playground?mapping=lead").page for _ in range(2)]
    for page, line in zip(pages, ("  city: town", "  zip: postcode"), strict=True):
        page.locator(".cm-line", has_text="email:").first.click()
        page.keyboard.press("End")
        page.keyboard.insert_text(f"\n{line}")
        page.get_by_role("button", name="Save", exact=True).click()
        page.wait_for_selector(".done, .diff")
    return pages[1]


PICTURES = {
    "overview": ("", WIDE, "light"),
    "events": ("events", WIDE, "light"),
    "event": (show_event, TALL, "light"),
    "mapping": ("mappings/shopify-orders", WIDE, "light"),
    "playground": (show_completion, TALL, "light"),
    "playground-dark": ("playground?mapping=shopify-orders", TALL, "dark"),
    "compare": (show_comparison, TALL, "light"),
    "connect": (show_connected, TALL, "light"),
    "capture": (show_capture, WIDE, "light"),
    "import": ("import", WIDE, "light"),
    "import-trial": (show_trial, TALL, "light"),
    "person": (show_person, WIDE, "light"),
    "destinations": (show_meta, WIDE, "light"),
    "phone": ("", PHONE, "light"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_taken(demo, chromium, name):
    FOLDER.mkdir(exist_ok=True)
    shown, (width, height), scheme = PICTURES[name]
    page = chromium.new_page(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        locale="en-US",
        timezone_id="Europe/Berlin",
    )
    page.goto(f"{demo}/console/" + (shown if isinstance(shown, str) else ""))
    if not isinstance(shown, str):
        shown(page)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=FOLDER / f"console-{name}.png")
    page.close()


def test_a_picture_of_two_who_save_is_taken(site):
    page = show_what_somebody_else_saved(site)
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    page.screenshot(path=FOLDER / "console-save.png")
