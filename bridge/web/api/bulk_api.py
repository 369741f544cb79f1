"""Everything that a filter means, at once: sent again or discarded, and counted before that.

The query itself is acted upon, never a page of it. `dry_run: true` says how many events it means. With that
number as `matching`, the change is refused when the filter means many more or fewer by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bridge.ingest.event_filters import LARGEST_PAGE, USUAL_PAGE, query_of, require_filter
from bridge.ingest.replay import remapping, replay
from bridge.jobs.bulk_changes import HOW, MOST, refuse_when_changed
from bridge.outbox import Query
from bridge.web.api.jobs_api import start_job
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, json_object
from bridge.web.responses import Response

_OLDEST_SHOWN = 5


def replay_many(context: AppContext, request: HttpRequest) -> Response:
    """Send many events again; more than 1,000, or with `per_second`, by a job."""
    asked = dict(json_object(request))
    if asked.pop("dry_run", None) is True:
        return _counted(context, asked)
    wanted = _query(context, asked)
    if "per_second" in asked or wanted.limit > LARGEST_PAGE:
        return start_job(context, "replay", {**asked, "limit": wanted.limit})
    if "matching" in asked:
        refuse_when_changed(context.outbox().count(wanted), asked["matching"])
    again = asked.get("fetch_again") is True
    return Response(200, replayed(context, wanted, fetch_again=again))


def discard_many(context: AppContext, request: HttpRequest) -> Response:
    """Discard many events by a job, with a reason; `dry_run: true` counts them."""
    asked = dict(json_object(request))
    if asked.pop("dry_run", None) is True:
        return _counted(context, asked)
    return start_job(context, "discard", asked)


def replayed(context: AppContext, asked: Query, *, fetch_again: bool) -> dict[str, Any]:
    """Send events again now, held ones mapped anew; return how many became what."""
    outbox = context.outbox()
    mapped_anew = remapping(
        context.settings, context.spec, context.mappings, context.now, fetch_again=fetch_again
    )
    return dict(replay(outbox, asked, mapped_anew, context.now()))


def _counted(context: AppContext, asked: Mapping[str, Any]) -> Response:
    outbox, wanted = context.outbox(), _query(context, asked)
    oldest = outbox.ids(replace(wanted, limit=_OLDEST_SHOWN))
    shown = outbox.find(Query(ids=tuple(oldest), limit=_OLDEST_SHOWN)) if oldest else []
    body = {"dry_run": True, "matching": outbox.count(wanted)}
    return Response(200, {**body, "oldest": [event.as_json() for event in reversed(shown)]})


def _query(context: AppContext, asked: Mapping[str, Any]) -> Query:
    filters = {name: value for name, value in asked.items() if name not in HOW}
    require_filter(filters)
    return query_of(filters, context.now(), most=MOST, limit=USUAL_PAGE)
