"""Every endpoint: path, method, what answers, who may ask, and what the OpenAPI description says of it."""

from __future__ import annotations

from functools import partial
from typing import Any

from bridge.ingest import event_filters
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
    HOOK_ERRORS,
    META_ERRORS,
    NOT_READY,
    Route,
    document,
)
from bridge.web.request import HttpRequest
from bridge.web.responses import Response


def description(context: AppContext, request: HttpRequest) -> Response:
    """Describe every endpoint, as OpenAPI."""
    return Response(200, document((*ROUTES, *companion_routes(context.settings.companion))))


def _schema(name: str) -> Route:
    """Return the endpoint of one schema that ships, for editors and other programs."""
    response = Response(200, schema_text(name), (("Content-Type", "application/schema+json"),))
    of_what = {"event": "a finished event", "mapping": "a mapping", "settings": "the settings"}[name]
    summary = f"The JSON Schema of {of_what}"
    return Route("GET", f"/schemas/{name}.json", lambda _context, _request: response, summary, "text")


def _open(method: str, rule: str, view: View, schema: str = "Any", **others: Any) -> Route:
    """Return the endpoint of a view, which is described by the first line of its docstring."""
    summary = (view.__doc__ or "").partition("\n")[0].removesuffix(".")
    return Route(method, rule, view, summary, schema, **others)


def _admin(method: str, rule: str, view: View, schema: str = "Any", **others: Any) -> Route:
    """Return an endpoint for the holder of the admin token."""
    return _open(method, rule, view, schema, **{"access": require_admin, "errors": ADMIN_ERRORS, **others})


_tried_out = partial(_admin, "POST", access=require_admin_unless_demo)
_job = partial(_admin, schema="Job")
_started = partial(_job, "POST", success=202)

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
    _open(
        "POST", "/dry-run/<path:name>", dry_run.of_mapping, "Preview", errors=HOOK_ERRORS, query=("reveal",)
    ),
    _tried_out("/dry-run", dry_run.of_text, "Preview"),
    _tried_out("/validate", dry_run.of_finished_body, "Findings"),
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
    _admin("GET", "/api/mappings", events_api.mappings),
    _admin("GET", "/api/mappings/<path:name>/revisions", revisions_api.list_revisions, "Revisions"),
    _admin("GET", "/api/mappings/<path:name>/revisions/<revision>", revisions_api.show_revision, "text"),
    _admin("GET", "/api/mappings/<path:name>", events_api.show_mapping),
    _admin("GET", "/api/counts", events_api.counts),
    _admin("GET", "/api/status", events_api.status, "Status"),
    _admin("GET", "/api/pauses", pauses_api.list_pauses, "Pauses"),
    _admin("POST", "/api/pauses", pauses_api.pause, "Pause"),
    _admin("POST", "/api/pauses/resume", pauses_api.resume),
    _admin("GET", "/api/events", events_api.list_events, query=event_filters.FILTERS),
    _admin("POST", "/api/events/search", persons_api.search, "Found"),
    _admin("GET", "/api/events/<event_id>", events_api.show_event, "Event"),
    _admin("POST", "/api/events/<event_id>/replay", events_api.replay_event),
    _admin("POST", "/api/events/<event_id>/discard", events_api.discard_event),
    _admin("GET", "/api/stats", stats_api.show_stats, "Stats", query=stats_api.FILTERS),
    _admin("GET", "/api/reasons", reasons_api.list_reasons, "Reasons", query=event_filters.FILTERS),
    _admin("GET", "/api/webhooks", webhooks_api.list_webhooks, "Webhooks", query=webhooks_api.FILTERS),
    _admin("GET", "/api/pairing", pairing_api.show_pairing, "Pairing", query=pairing_api.FILTERS),
    _admin("POST", "/api/replay", bulk_api.replay_many),
    _started("/api/discard", bulk_api.discard_many),
    _started("/api/export", jobs_api.export),
    _started("/api/erase", persons_api.erase),
    _admin("GET", "/api/erasures", persons_api.list_erasures, "Erasures"),
    _started(
        "/api/import/<path:name>",
        jobs_api.import_file,
        query=("format", "encoding", "file_name", "per_second", "dry_run"),
        takes="text/csv",
    ),
    _started("/api/jobs", jobs_api.start),
    _admin("GET", "/api/jobs", jobs_api.list_jobs, "Jobs"),
    _job("GET", "/api/jobs/<job_id>", jobs_api.show_job),
    _admin("GET", "/api/jobs/<job_id>/result", jobs_api.result, "text", query=("part",)),
    _job("POST", "/api/jobs/<job_id>/cancel", jobs_api.cancel),
    _admin("GET", "/api/sessions", sessions_api.list_sessions, "Sessions"),
    _admin("POST", "/api/sessions/end", sessions_api.end_sessions),
    _open("GET", "/healthz", health.healthz),
    _open("GET", "/readyz", health.readyz, errors=NOT_READY),
    _open("GET", "/metrics", health.metrics, "text"),
    _open("GET", "/openapi.json", description),
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
