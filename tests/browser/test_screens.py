"""Every screen in a real browser: readable by everybody, in light and dark, on a phone, by keyboard alone."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.browser.conftest import MARKUP_NAME, looked_for

pytestmark = pytest.mark.process

SCREENS = {
    "home": "/",
    "overview": "/console/",
    "events": "/console/events",
    "a filter": "/console/events?status=held",
    "all of a filter": "/console/events/all?status=held&action=replay",
    "events by reason": "/console/events/reasons",
    "an event that was sent": "/console/events/{sent}",
    "an event that is held": "/console/events/{held}",
    "an event with markup in it": "/console/events/{attack}",
    "mappings": "/console/mappings",
    "a mapping": "/console/mappings/lead",
    "a mapping with markup in its name": f"/console/mappings/{quote(MARKUP_NAME)}",
    "playground": "/console/playground",
    "playground with a mapping": "/console/playground?mapping=lead",
    "playground with a webhook": "/console/playground?event={held}",
    "destinations": "/console/destinations",
    "pairing": "/console/pairing",
    "connect": "/console/connect",
    "connect a mapping": "/console/connect?mapping=lead&with=make",
    "connect a mapping with markup in its name": f"/console/connect?mapping={quote(MARKUP_NAME)}",
    "captured webhooks": "/console/connect/capture/unknown-crm",
    "import": "/console/import",
    "the trial of a file": "/console/import/{trial}",
    "what Meta says of a destination": "/console/destinations/main/meta",
    "the search for a person": "/console/person",
    "a person": "/console/person/{person}",
    "before a person is erased": "/console/person/{person}/erase",
    "nothing": "/console/events/00000000-0000-7000-8000-000000000000",
}


@pytest.fixture
def opened(site, screen):
    path = SCREENS[screen]
    person = looked_for(site.bridge, {"email": "jane.doe@example.com"}) if "{person}" in path else ""
    return site.visit(path.format(**site.events, person=person))


@pytest.mark.parametrize("screen", SCREENS)
def test_axe_the_console_and_the_policy_find_nothing_in_light_and_in_dark(opened, screen):
    faults = {}
    for scheme in ("light", "dark"):
        opened.page.emulate_media(color_scheme=scheme)
        faults[scheme] = [fault for fault in opened.faults() if "status of 404" not in fault]
    assert faults == {"light": [], "dark": []}


@pytest.mark.parametrize("screen", SCREENS)
def test_nothing_scrolls_sideways_on_a_phone_or_at_200_percent(opened, screen):
    wide = {}
    for size in ((360, 740), (640, 512)):  # a phone; a window of 1280 by 1024 at 200 percent
        opened.page.set_viewport_size({"width": size[0], "height": size[1]})
        wide[size] = opened.scrolls_sideways()
    assert wide == {(360, 740): False, (640, 512): False}
