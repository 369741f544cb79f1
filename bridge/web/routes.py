"""Which path and method lead to which endpoint: a table, and the few paths that the event loop takes."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

from bridge.web import (
    conversions_api,
    cors,
    dry_run,
    events_api,
    health,
    hooks,
    openapi,
)
from bridge.web.console import routes as console
from bridge.web.dispatch import View
from bridge.web.intake import Endpoint

READ = ("GET", "HEAD")


class Route(NamedTuple):
    """One path, with its parameters in angle brackets, and what answers there."""

    rule: str
    methods: tuple[str, ...]
    answers: View | Endpoint


ROUTES = (
    Route("/hooks/<name>", ("POST", *READ), hooks.ENDPOINT),
    Route("/hooks/<name>", ("OPTIONS",), cors.preflight),
    Route("/dry-run/<name>", ("POST",), dry_run.of_mapping),
    Route("/dry-run", ("POST",), dry_run.of_text),
    Route("/validate", ("POST",), dry_run.of_finished_body),
    Route("/<version>/<dataset_id>/events", ("POST",), conversions_api.ENDPOINT),
    Route("/api/mappings", ("GET",), events_api.mappings),
    Route("/api/mappings/<name>", ("GET",), events_api.show_mapping),
    Route("/api/counts", ("GET",), events_api.counts),
    Route("/api/events", ("GET",), events_api.list_events),
    Route("/api/events/<event_id>", ("GET",), events_api.show_event),
    Route("/api/events/<event_id>/replay", ("POST",), events_api.replay_event),
    Route("/api/events/<event_id>/discard", ("POST",), events_api.discard_event),
    Route("/api/replay", ("POST",), events_api.replay_many),
    Route("/healthz", READ, health.healthz),
    Route("/readyz", READ, health.readyz),
    Route("/metrics", ("GET",), health.metrics),
    Route("/openapi.json", ("GET",), openapi.description),
)
PAGES = tuple(Route(*page) for page in console.PAGES)


class Intake(NamedTuple):
    """An intake endpoint with the parameters of one path."""

    endpoint: Endpoint
    parameters: dict[str, str]


def intake_at(method: str, path: str) -> Intake | None:
    """Return the intake endpoint at a path as sent, percent-encoded; None for every other path.

    The segments are told apart before they are decoded: an encoded slash is part of a name.
    """
    match path.removesuffix("/").split("/"):
        case ["", "hooks", name] if name and method in {"POST", *READ}:
            return Intake(hooks.ENDPOINT, {"name": unquote(name)})
        case ["", version, dataset_id, "events"] if version and dataset_id and method == "POST":
            parameters = {"version": unquote(version), "dataset_id": unquote(dataset_id)}
            return Intake(conversions_api.ENDPOINT, parameters)
        case _:
            return None
