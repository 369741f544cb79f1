"""Every page of the console: a table, added to the one of all endpoints."""

from __future__ import annotations

from bridge.web.console import (
    capture_mode,
    connect,
    destination_actions,
    destinations,
    event,
    events,
    home,
    imports,
    jobs,
    mappings,
    overview,
    pairing,
    person,
    person_actions,
    playground,
    playground_actions,
    sample_saving,
    saving,
    sign_in,
    static_files,
)
from bridge.web.console.pages import Screen, screen
from bridge.web.openapi import Route


def _page(method: str, rule: str, show: Screen, *, admin_only: bool = False) -> Route:
    return Route(method, rule, screen(show, admin_only=admin_only))


def _admin(method: str, rule: str, show: Screen) -> Route:
    return _page(method, rule, show, admin_only=True)


PAGES = (
    Route("GET", "/", home.show),
    Route("GET", "/console/static/<file>", static_files.serve),
    Route("GET", "/console/sign-in", sign_in.ask),
    Route("POST", "/console/session", sign_in.start),
    _page("GET", "/console/session", sign_in.tell),
    Route("POST", "/console/sign-out", sign_in.end),
    _page("GET", "/console/", overview.show),
    _page("GET", "/console/events", events.show),
    _admin("GET", "/console/events/all", events.ask_before),
    _admin("POST", "/console/events/all", events.do_all),
    _admin("POST", "/console/events/export", events.export),
    _page("GET", "/console/events/reasons", events.show_reasons),
    _page("GET", "/console/events/<event_id>", event.show),
    _admin("POST", "/console/events/<event_id>/reveal", event.reveal),
    _admin("POST", "/console/events/<event_id>/replay", event.send_again),
    _admin("POST", "/console/events/<event_id>/discard", event.give_up),
    _admin("GET", "/console/jobs/<job_id>", jobs.show),
    _admin("POST", "/console/jobs/<job_id>/cancel", jobs.cancel),
    _admin("GET", "/console/jobs/<job_id>/result", jobs.download),
    _admin("GET", "/console/mappings", mappings.show_all),
    _admin("GET", "/console/mappings/<path:name>", mappings.show_one),
    _admin("GET", "/console/playground", playground.show),
    _admin("POST", "/console/playground", playground.run),
    _admin("POST", "/console/playground/reveal", playground.reveal),
    _admin("POST", "/console/playground/new", playground.begin),
    _admin("POST", "/console/playground/download", playground.download),
    _admin("POST", "/console/playground/compare", playground_actions.compare),
    _admin("POST", "/console/playground/test-event", playground_actions.send_test),
    _admin("POST", "/console/playground/test-case", playground.add_test_case),
    _admin("POST", "/console/playground/save", saving.save),
    _admin("POST", "/console/playground/undo", saving.undo),
    _admin("POST", "/console/playground/sample", sample_saving.save_sample),
    _admin("GET", "/console/language.json", playground.language),
    _admin("GET", "/console/connect", connect.show),
    _admin("POST", "/console/connect", connect.show_token),
    _admin("GET", "/console/connect/file", connect.download),
    _admin("POST", "/console/connect/capture", capture_mode.open_name),
    _admin("GET", "/console/connect/capture/<name>", capture_mode.show),
    _admin("POST", "/console/connect/capture/<name>/close", capture_mode.close),
    _admin("GET", "/console/import", imports.ask),
    _admin("POST", "/console/import", imports.upload),
    _admin("GET", "/console/import/<job_id>", imports.show),
    _admin("GET", "/console/import/<job_id>/report.csv", imports.download_report),
    _admin("POST", "/console/import/<job_id>/start", imports.start),
    _admin("POST", "/console/import/<job_id>/stop", imports.give_up),
    _page("GET", "/console/person", person.ask),
    _page("POST", "/console/person", person.look),
    _page("GET", "/console/person/<job_id>", person.show),
    _admin("POST", "/console/person/<job_id>/reveal", person.reveal),
    _admin("POST", "/console/person/<job_id>/export", person_actions.export),
    _admin("GET", "/console/person/<job_id>/erase", person_actions.ask_before_erasing),
    _admin("POST", "/console/person/<job_id>/erase", person_actions.erase),
    _admin("GET", "/console/pairing", pairing.show),
    _page("GET", "/console/destinations", destinations.show),
    _admin("POST", "/console/destinations/resume", destinations.resume),
    _admin("GET", "/console/destinations/<name>/meta", destination_actions.show_meta),
    _admin("POST", "/console/destinations/<name>/test", destination_actions.send_test),
    _admin("POST", "/console/destinations/<name>/pause", destination_actions.pause),
    _admin("POST", "/console/sources/resume", destinations.resume_source),
)
