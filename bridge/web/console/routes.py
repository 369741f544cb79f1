"""Every page of the console: a table, added to the one of all endpoints."""

from __future__ import annotations

from bridge.web.console import (
    destinations,
    event,
    events,
    home,
    mappings,
    overview,
    playground,
    sign_in,
    static_files,
)
from bridge.web.console.pages import Screen, screen
from bridge.web.dispatch import View

_GET, _POST = ("GET", "HEAD"), ("POST",)


def _admin(show: Screen) -> View:
    return screen(show, admin_only=True)


PAGES: tuple[tuple[str, tuple[str, ...], View], ...] = (
    ("/", _GET, home.show),
    ("/console/static/<file>", _GET, static_files.serve),
    ("/console/sign-in", _GET, sign_in.ask),
    ("/console/session", _POST, sign_in.start),
    ("/console/sign-out", _POST, sign_in.end),
    ("/console/", _GET, screen(overview.show)),
    ("/console/events", _GET, screen(events.show)),
    ("/console/events/all", _GET, _admin(events.ask_before)),
    ("/console/events/all", _POST, _admin(events.do_all)),
    ("/console/events/<event_id>", _GET, screen(event.show)),
    ("/console/events/<event_id>/reveal", _POST, _admin(event.reveal)),
    ("/console/events/<event_id>/replay", _POST, _admin(event.send_again)),
    ("/console/events/<event_id>/discard", _POST, _admin(event.give_up)),
    ("/console/mappings", _GET, _admin(mappings.show_all)),
    ("/console/mappings/<name>", _GET, _admin(mappings.show_one)),
    ("/console/playground", _GET, _admin(playground.show)),
    ("/console/playground", _POST, _admin(playground.run)),
    ("/console/destinations", _GET, screen(destinations.show)),
    ("/console/destinations/resume", _POST, _admin(destinations.resume)),
)
