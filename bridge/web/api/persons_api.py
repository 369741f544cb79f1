"""One person's events: found, erased, and the receipts. A person is named in the body, never in a URL."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bridge.ingest.event_filters import page_of
from bridge.ingest.persons import identifiers_of, looked_for, person_of
from bridge.jobs.bulk_erasure import OPTIONS, known_destination
from bridge.jobs.job_kind import flag_of, require_known
from bridge.outbox import erasures_as_json
from bridge.privacy.person_identifiers import KINDS
from bridge.web.api.jobs_api import start_job
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, json_object
from bridge.web.responses import Response, listed

_NAMING = (*KINDS, "country")


def search(context: AppContext, request: HttpRequest) -> Response:
    """Find the events of one person, newest first; the filters of the list of events narrow them down."""
    asked = dict(json_object(request))
    identifiers = identifiers_of({name: asked.pop(name, None) for name in _NAMING})
    query = page_of(asked, context.now())
    ids = context.outbox().erasures.find(person_of(identifiers)).shown_ids
    found = context.outbox().find(replace(query, ids=ids)) if ids else []
    return Response(200, {"looked_for": looked_for(identifiers), **listed("events", found, query.limit)})


def erase(context: AppContext, request: HttpRequest) -> Response:
    """Erase one person by a job; `dry_run: true` only says how much that would be."""
    asked = dict(json_object(request))
    is_dry_run = flag_of({"dry_run": asked.pop("dry_run", None)}, "dry_run")
    if not is_dry_run:
        return start_job(context, "erase", asked)
    return Response(200, _would_erase(context, asked))


def _would_erase(context: AppContext, asked: dict[str, Any]) -> dict[str, Any]:
    require_known(asked, OPTIONS)
    identifiers = identifiers_of(asked)
    destination = known_destination(asked.get("destination"), context.settings.destinations)
    erasures, person = context.outbox().erasures, person_of(identifiers, destination)
    found = erasures.find(person)
    counts = {
        "events": len(found.event_ids),
        "raw_webhooks": len(found.webhook_ids),
        "visits": erasures.visits_of(person),
    }
    return {"dry_run": True, "looked_for": looked_for(identifiers), **counts}


def list_erasures(context: AppContext, request: HttpRequest) -> Response:
    """List the receipts of erased persons, and the erasures that are not finished."""
    erasures = context.outbox().erasures
    return Response(200, erasures_as_json(erasures.receipts(), erasures.unfinished()))
