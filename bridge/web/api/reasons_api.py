"""Why events are where they are: counted by status, mapping and reason."""

from __future__ import annotations

from dataclasses import replace

from bridge.ingest.event_filters import page_of
from bridge.outbox import Query
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, query
from bridge.web.responses import Response

TROUBLE = frozenset({"held", "refused", "expired"})


def list_reasons(context: AppContext, request: HttpRequest) -> Response:
    """Count events by reason; without a status, what is held, refused or expired."""
    wanted = in_trouble(page_of(query(request), context.now()))
    found = context.outbox().overview.reasons(wanted)
    return Response(200, {"reasons": [one.as_json() for one in found]})


def in_trouble(wanted: Query) -> Query:
    """Return the query; where it names no status, for the events that need a person."""
    return wanted if wanted.statuses else replace(wanted, statuses=TROUBLE)
