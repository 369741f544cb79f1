"""The first screen: what needs a person, what runs, and whether the totals reconcile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from bridge.mapping.runtime.erase_requests import NEEDS_A_PERSON
from bridge.monitoring.status import totals_of
from bridge.monitoring.time_series import LENGTHS, Step, beginning_of, time_series
from bridge.web import health
from bridge.web.console.chart import PARTS, Chart, chart_of
from bridge.web.console.pages import page
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, query
from bridge.web.responses import Response

# what the page and the lists of what is held and paused say of their own accord
_SHOWN_ELSEWHERE = frozenset({"demo", "test_mode", "paused", "held_share", NEEDS_A_PERSON})
_SHOWN: Mapping[Step, int] = {"hour": 24, "day": 30}  # as many bars


class Need(NamedTuple):
    """Something that waits for a person, and the page where it can be dealt with."""

    level: str
    text: str
    url: str


def show(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show the overview; a reader sees what belongs to their destinations."""
    status = totals_of(context.outbox(), context.settings, context.mappings, context.now())
    step: Step = "day" if query(request).get("by") == "day" else "hour"
    destinations = [entry for entry in status["destinations"] if viewer.sees(entry["name"])]
    return page(
        context,
        viewer,
        "overview.html",
        needs=list(_needs(context, viewer, status, destinations)),
        destinations=destinations,
        chart=_chart(context, viewer, step),
        parts_of_chart=list(PARTS),
        step=step,
        totals=status if viewer.is_admin else None,
        mappings=status["mappings"] if viewer.is_admin else [],
        database=status["database"],
        disk=status["disk"],
    )


def _chart(context: AppContext, viewer: Viewer, step: Step) -> Chart:
    until = beginning_of(context.now(), step) + LENGTHS[step]
    since = until - _SHOWN[step] * LENGTHS[step]
    events = context.outbox().hourly.events(since, until, destinations=viewer.destinations)
    return chart_of(time_series(events, None, since, until, step))


def _needs(
    context: AppContext, viewer: Viewer, status: Mapping[str, Any], destinations: list[Mapping[str, Any]]
) -> Iterator[Need]:
    for entry in destinations:
        if entry["paused"]:
            text = f"{entry['name']} is paused: {entry['reason']}"
            yield Need("error", text, "/console/destinations")
        if entry["test_event_code"]:
            text = f"{entry['name']} sends with the test code {entry['test_event_code']}"
            yield Need("warning", text, "/console/destinations")
    if not viewer.is_admin:
        return
    for one in status["held"]:
        asked = {"status": "held", "mapping": one["mapping"], "reason": one["reason"] or ""}
        text = f"{one['events']:,} held in {one['mapping']}: {one['reason'] or 'no reason is kept'}"
        yield Need("warning", text, f"/console/events?{urlencode(asked)}")
    for reason in health.check(context):
        if reason.code not in _SHOWN_ELSEWHERE:
            level = {"blocks": "error", "degrades": "warning"}.get(reason.level, "info")
            yield Need(level, reason.message, "/console/mappings" if "mapping" in reason.code else "")
