"""The list of events: filters in the URL, every row a link, and actions on all that a filter means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bridge.errors import WrongUse
from bridge.ingest.event_filters import query_of
from bridge.jobs.bulk_changes import refuse_when_changed
from bridge.jobs.person_search import found_person
from bridge.jobs.runner import KINDS
from bridge.mode import MODES
from bridge.outbox import STATUSES, NewJob, Query
from bridge.web.api.jobs_api import job_context
from bridge.web.api.reasons_api import in_trouble
from bridge.web.console.jobs import begin
from bridge.web.console.masked_person import masked_persons
from bridge.web.console.pages import form, page, with_query
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, query
from bridge.web.responses import NoSuchJob, Response

PAGE = 50
FILTERS = (
    "person",
    "status",
    "mode",
    "mapping",
    "destination",
    "event_name",
    "event_id",
    "reason",
    "http_status",
    "code",
    "since",
    "until",
)
MOST_AT_ONCE = 10_000
MOST_REASONS = 200
_HOME = "/console/events"
_NO_EVENT = "none"  # an id that no event has: no ids at all would mean every event


def show(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show a page of events, newest first."""
    given = query(request)
    asked = _asked(given)
    chosen = _query(context, viewer, {**asked, "before": given.get("before", "")}, PAGE)
    found = context.outbox().find(chosen)
    return page(
        context,
        viewer,
        "events.html",
        events=found,
        persons=masked_persons(context, found),
        asked=asked,
        filled={name: asked.get(name, "") for name in FILTERS},
        statuses=STATUSES,
        modes=MODES,
        mappings=context.mappings.names(),
        destinations=[name for name in context.settings.destinations if viewer.sees(name)],
        older=with_query(_HOME, asked, before=found[-1].id) if len(found) == PAGE else "",
        is_first=not given.get("before"),
    )


def show_reasons(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show the events of a filter by reason, the most frequent first; of no status: what needs a person."""
    asked = _asked(query(request))
    chosen = in_trouble(_query(context, viewer, asked, MOST_REASONS))
    return page(
        context,
        viewer,
        "events_reasons.html",
        asked=asked,
        statuses=sorted(chosen.statuses),
        reasons=context.outbox().overview.reasons(chosen),
        most=MOST_REASONS,
    )


def ask_before(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show how many events a filter means, and the oldest of them, before something is done with all."""
    asked = _asked(query(request))
    action = query(request).get("action", "replay")
    chosen = _query(context, viewer, asked, MOST_AT_ONCE)
    number = context.outbox().count(chosen)
    oldest = context.outbox().ids(replace(chosen, limit=5))
    return page(
        context,
        viewer,
        "events_all.html",
        asked=asked,
        action=action,
        number=number,
        most=MOST_AT_ONCE,
        fetches=bool(context.settings.sources),
        oldest=context.outbox().find(Query(ids=tuple(oldest))) if oldest else [],
    )


def export(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Write all that the filter means into a file by a job; without one, all events there are."""
    given = form(request)
    filters = {**_filters(context, _asked(given)), "format": given.get("format") or "csv"}
    return begin(context, KINDS["export"].read(job_context(context), filters))


def do_all(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Send again, or discard, what the filter means: the filter itself, not what a page showed of it."""
    given = form(request)
    asked = _asked(given)
    if not asked:
        raise WrongUse("no filter was given", fix="choose a filter first")
    chosen = _query(context, viewer, asked, MOST_AT_ONCE)
    refuse_when_changed(context.outbox().count(chosen), given.get("number", ""))
    return begin(context, _wanted(context, asked, given))


def _wanted(context: AppContext, asked: dict[str, str], given: dict[str, str]) -> NewJob:
    filters = {**_filters(context, asked), "limit": MOST_AT_ONCE}
    if given.get("action") != "discard":
        again = {"fetch_again": True} if given.get("fetch_again") == "yes" else {}
        return KINDS["replay"].read(job_context(context), {**filters, **again})
    because = given.get("because", "").strip() or "discarded by a person"
    return KINDS["discard"].read(job_context(context), {**filters, "because": because})


def _asked(given: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name in FILTERS if (text := given.get(name, "").strip())}


def _filters(context: AppContext, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return the filters as the outbox takes them: a search for a person means the events that it found."""
    if "person" not in asked:
        return dict(asked)
    found = found_person(context.outbox(), asked["person"])
    if found is None:
        raise NoSuchJob("this search is not kept any more", fix="look for the person again")
    ids = sorted(found.event_ids)[-MOST_AT_ONCE:] or [_NO_EVENT]
    return {**{name: text for name, text in asked.items() if name != "person"}, "ids": ids}


def _query(context: AppContext, viewer: Viewer, asked: dict[str, str], limit: int) -> Query:
    filters = _filters(context, asked)
    chosen = query_of({**filters, "limit": limit}, context.now(), most=MOST_AT_ONCE)
    return chosen if viewer.is_admin else replace(chosen, destinations=viewer.destinations)
