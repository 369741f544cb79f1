"""Every endpoint: path, method, what answers, who may ask, and what the OpenAPI description says of it."""

from __future__ import annotations

from typing import Any

from bridge.meta_spec.shipped_files import SCHEMAS, schema_text
from bridge.settings.models import CompanionSettings
from bridge.web import cors, health, hooks
from bridge.web.api import (
    bulk_api,
    dry_run,
    events_api,
    jobs_api,
    pairing_api,
    pauses_api,
    persons_api,
    reasons_api,
    revisions_api,
    sessions_api,
    stats_api,
    webhooks_api,
)
from bridge.web.auth import require_admin, require_admin_unless_demo
from bridge.web.companion import beacons, scripts
from bridge.web.console import routes as console
from bridge.web.context import AppContext
from bridge.web.dispatch import View
from bridge.web.drop_in import conversions_api
from bridge.web.openapi import (
    ADMIN_ERRORS,
    BEACON_ERRORS,
    FILTERS,
    HOOK_ERRORS,
    META_ERRORS,
    NOT_READY,
    Route,
    document,
)
from bridge.web.request import HttpRequest
from bridge.web.responses import Response


def description(context: AppContext, request: HttpRequest) -> Response:
    """Answer with the description of every endpoint."""
    return Response(200, document((*ROUTES, *companion_routes(context.settings.companion))))


def _schema(name: str) -> Route:
    """Return the endpoint of one schema that ships, for editors and other programs."""
    response = Response(200, schema_text(name), (("Content-Type", "application/schema+json"),))
    of_what = {"event": "a finished event", "mapping": "a mapping", "settings": "the settings"}[name]
    summary = f"The JSON Schema of {of_what}"
    return Route("GET", f"/schemas/{name}.json", lambda _context, _request: response, summary, "text")


def _admin(method: str, rule: str, view: View, summary: str, **others: Any) -> Route:
    """Return an endpoint for the holder of the admin token."""
    return Route(method, rule, view, summary, **{"access": require_admin, "errors": ADMIN_ERRORS, **others})


ROUTES = (
    Route(
        "POST",
        "/hooks/<path:name>",
        hooks.ENDPOINT,
        "Receive a webhook",
        "Taken",
        HOOK_ERRORS,
        query=("wait", "test_event_code"),
    ),
    Route("GET", "/hooks/<path:name>", hooks.ENDPOINT, "Answer a sender's handshake", "Taken", HOOK_ERRORS),
    Route("OPTIONS", "/hooks/<path:name>", cors.preflight),
    Route(
        "POST",
        "/dry-run/<path:name>",
        dry_run.of_mapping,
        "Show what a webhook would become",
        "Preview",
        HOOK_ERRORS,
        query=("reveal",),
    ),
    _admin(
        "POST",
        "/dry-run",
        dry_run.of_text,
        "Try a mapping that is only text so far",
        schema="Preview",
        access=require_admin_unless_demo,
    ),
    _admin(
        "POST",
        "/validate",
        dry_run.of_finished_body,
        "Check a finished Conversions API body",
        schema="Findings",
        access=require_admin_unless_demo,
    ),
    Route(
        "POST",
        "/capi/<dataset_id>/events",
        conversions_api.GATEWAY,
        "Receive events as a Conversions API Gateway does",
        "MetaAnswer",
        META_ERRORS,
        query=("wait",),
        success=202,
    ),
    Route(
        "POST",
        "/<version>/<dataset_id>/events",
        conversions_api.ENDPOINT,
        "Receive events as Meta does",
        "MetaAnswer",
        META_ERRORS,
        query=("access_token", "wait"),
    ),
    _admin("GET", "/api/mappings", events_api.mappings, "List the mappings"),
    _admin(
        "GET",
        "/api/mappings/<path:name>/revisions",
        revisions_api.list_revisions,
        "List the revisions of a mapping",
        schema="Revisions",
    ),
    _admin(
        "GET",
        "/api/mappings/<path:name>/revisions/<revision>",
        revisions_api.show_revision,
        "Read what a mapping said in one revision",
        schema="text",
    ),
    _admin(
        "GET", "/api/mappings/<path:name>", events_api.show_mapping, "Show one mapping and how its lines fare"
    ),
    _admin("GET", "/api/counts", events_api.counts, "Count what is stored"),
    _admin(
        "GET",
        "/api/status",
        events_api.status,
        "Show in one look what runs, waits, is held or paused",
        schema="Status",
    ),
    _admin("GET", "/api/pauses", pauses_api.list_pauses, "List what is paused, and why", schema="Pauses"),
    _admin("POST", "/api/pauses", pauses_api.pause, "Pause a destination for a while", schema="Pause"),
    _admin("POST", "/api/pauses/resume", pauses_api.resume, "End the pause of a destination or a source"),
    _admin("GET", "/api/events", events_api.list_events, "List events, newest first", query=FILTERS),
    _admin("POST", "/api/events/search", persons_api.search, "Find the events of one person", schema="Found"),
    _admin("GET", "/api/events/<event_id>", events_api.show_event, "Show one event", schema="Event"),
    _admin("POST", "/api/events/<event_id>/replay", events_api.replay_event, "Send one event again"),
    _admin("POST", "/api/events/<event_id>/discard", events_api.discard_event, "Discard one event"),
    _admin(
        "GET",
        "/api/stats",
        stats_api.show_stats,
        "Count what came in each hour or day, and what became of it",
        schema="Stats",
        query=stats_api.FILTERS,
    ),
    _admin(
        "GET",
        "/api/reasons",
        reasons_api.list_reasons,
        "Count events by reason",
        schema="Reasons",
        query=FILTERS,
    ),
    _admin(
        "GET",
        "/api/webhooks",
        webhooks_api.list_webhooks,
        "List webhooks, those too that became nothing",
        schema="Webhooks",
        query=webhooks_api.FILTERS,
    ),
    _admin(
        "GET",
        "/api/pairing",
        pairing_api.show_pairing,
        "Count the events of browsers that found their server event, and what visits add",
        schema="Pairing",
        query=pairing_api.FILTERS,
    ),
    _admin(
        "POST",
        "/api/replay",
        bulk_api.replay_many,
        "Send many events again; more than 1,000 by a job",
    ),
    _admin(
        "POST",
        "/api/discard",
        bulk_api.discard_many,
        "Discard many events by a job; dry_run counts",
        schema="Job",
        success=202,
    ),
    _admin(
        "POST",
        "/api/export",
        jobs_api.export,
        "Export events by a job, as JSON lines or CSV",
        schema="Job",
        success=202,
    ),
    _admin(
        "POST",
        "/api/erase",
        persons_api.erase,
        "Erase one person by a job; dry_run counts",
        schema="Job",
        success=202,
    ),
    _admin(
        "GET", "/api/erasures", persons_api.list_erasures, "List the receipts of erasures", schema="Erasures"
    ),
    _admin(
        "POST",
        "/api/import/<path:name>",
        jobs_api.import_file,
        "Import a file by a job",
        schema="Job",
        query=("format", "encoding", "file_name", "per_second", "dry_run"),
        success=202,
        takes="text/csv",
    ),
    _admin(
        "POST",
        "/api/jobs",
        jobs_api.start,
        "Start a job: replay, discard, export, compare, erase, find_person or export_person",
        schema="Job",
        success=202,
    ),
    _admin("GET", "/api/jobs", jobs_api.list_jobs, "List the jobs, newest first", schema="Jobs"),
    _admin("GET", "/api/jobs/<job_id>", jobs_api.show_job, "Show how far a job has come", schema="Job"),
    _admin(
        "GET",
        "/api/jobs/<job_id>/result",
        jobs_api.result,
        "Read what a job has written",
        schema="text",
        query=("part",),
    ),
    _admin(
        "POST", "/api/jobs/<job_id>/cancel", jobs_api.cancel, "End a job that is not finished", schema="Job"
    ),
    _admin("GET", "/api/sessions", sessions_api.list_sessions, "List who is signed in", schema="Sessions"),
    _admin("POST", "/api/sessions/end", sessions_api.end_sessions, "Sign somebody out of the console"),
    Route("GET", "/healthz", health.healthz, "Check that the process is alive"),
    Route("GET", "/readyz", health.readyz, "Check whether webhooks can be taken", errors=NOT_READY),
    Route("GET", "/metrics", health.metrics, "Counters and gauges for Prometheus", "text"),
    Route("GET", "/openapi.json", description, "This description"),
    *map(_schema, SCHEMAS),
)
PAGES = console.PAGES  # for people, so the description leaves them out


def companion_routes(companion: CompanionSettings | None) -> tuple[Route, ...]:
    """Return the endpoints for the pages of a website, at the paths of the settings."""
    if companion is None:
        return ()
    post = Route(
        "POST",
        companion.path,
        beacons.ENDPOINT,
        "Receive what a page reports",
        "nothing",
        BEACON_ERRORS,
        success=204,
        takes="text/plain",
    )
    texts = {"companion": "The script for pages", "consent": "The script that reads a consent banner"}
    return (
        post,
        *(
            Route("GET", scripts.script_path(companion, name, digest), scripts.serve, summary, "text")
            for name, text in texts.items()
            for digest, summary in ((None, text), ("<digest>", f"{text}, one version for ever"))
        ),
    )


# as documented: at the usual paths
COMPANION = companion_routes(CompanionSettings(frozenset()))
