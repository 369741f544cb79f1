"""Takes the pictures of docs/pictures: `make screenshots`. Look at them before they are committed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.test_screens import SCREENS

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
PICTURES = {
    "overview": "overview",
    "events": "events",
    "event": "an event that is held",
    "mappings": "mappings",
    "mapping": "a mapping",
    "playground": "playground with a mapping",
    "destinations": "destinations",
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_taken(site, name):
    FOLDER.mkdir(exist_ok=True)
    visit = site.visit(SCREENS[PICTURES[name]].format(**site.events), viewport={"width": 1280, "height": 860})
    visit.page.screenshot(path=FOLDER / f"console-{name}.png")
