"""The destinations and sources: what waits for each, whether it is paused and why; a pause is ended here."""

from __future__ import annotations

from bridge.delivery.manual_pauses import resume_destination
from bridge.ingest.retarget import stranded_events
from bridge.monitoring.status import destinations_of, sources_of
from bridge.web.console.destination_actions import HOME, url_of
from bridge.web.console.pages import form, page, see_other, with_query
from bridge.web.console.recent_counts import LENGTHS, events_by_destination
from bridge.web.console.results import sentence_of
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest
from bridge.web.responses import Response


def show(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """List the destinations that the viewer may see."""
    outbox, settings, now = context.outbox(), context.settings, context.now()
    return page(
        context,
        viewer,
        "destinations.html",
        destinations=[
            entry for entry in destinations_of(outbox, settings, now) if viewer.sees(entry["name"])
        ],
        stranded=[one.as_json() for one in stranded_events(outbox, settings)] if viewer.is_admin else [],
        sources=sources_of(outbox, settings, now) if viewer.is_admin else [],
        settings=settings.destinations,
        counts=events_by_destination(context),
        lengths=list(LENGTHS),
        last_success=outbox.overview.last_successes(),
        url_of=url_of,
        done=sentence_of(request),
    )


def resume(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """End the pause of a destination: the next batch shows whether its cause is gone."""
    entry = context.settings.destinations.get(form(request).get("destination", ""))
    if entry is None:
        return see_other(with_query(HOME, {}, done="no_destination"))
    resumed = resume_destination(context.outbox(), entry)
    return see_other(with_query(HOME, {}, done="resumed" if resumed else "not_paused"))


def resume_source(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """End the pause of a source: the next call shows whether its cause is gone."""
    name = form(request).get("source", "")
    if name not in context.settings.sources:
        return see_other(with_query(HOME, {}, done="no_source"))
    resumed = context.outbox().fetches.resume(name, context.now())
    return see_other(with_query(HOME, {}, done="source_resumed" if resumed else "not_paused"))
