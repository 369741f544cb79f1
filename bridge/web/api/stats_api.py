"""How many events came in each hour or day, and what became of them: kept counts, nothing is scanned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from bridge.coerce.moments import moment_in
from bridge.errors import WrongUse
from bridge.ingest.event_filters import one_of
from bridge.jobs.job_kind import choice_of, require_known
from bridge.mode import MODES
from bridge.monitoring.time_series import LENGTHS, Step, beginning_of, time_series, totals_of
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, query
from bridge.web.responses import Response

FILTERS = ("by", "since", "until", "mapping", "destination", "mode")
_USUAL: Mapping[Step, timedelta] = {"hour": timedelta(days=1), "day": timedelta(days=30)}
_MOST = 1_000


def show_stats(context: AppContext, request: HttpRequest) -> Response:
    """Count what came in each hour or day, by the present status of the events.

    Webhooks are counted by mapping alone, so they are null where a destination or a mode is asked for.
    """
    asked = query(request)
    require_known(asked, FILTERS)
    step: Step = "day" if choice_of(asked, "by", tuple(LENGTHS)) == "day" else "hour"
    since, until = _span(asked, step, context.now())
    mapping, destination = asked.get("mapping") or None, asked.get("destination") or None
    mode = one_of("mode", asked["mode"], MODES) if asked.get("mode") else None
    hourly = context.outbox().hourly
    destinations = frozenset({destination}) if destination else None
    events = hourly.events(since, until, mapping=mapping, destinations=destinations, mode=mode)
    webhooks = None if destination or mode else hourly.webhooks(since, until, mapping=mapping)
    series = time_series(events, webhooks, since, until, step)
    totals = totals_of(events)
    body = {
        "by": step,
        "since": since.isoformat(),
        "until": until.isoformat(),
        "series": [moment.as_json() for moment in series],
        "totals": {"received": totals.total(), **totals},
    }
    return Response(200, body)


def _span(asked: Mapping[str, str], step: Step, now: datetime) -> tuple[datetime, datetime]:
    until = moment_in(asked, "until", now) or _end_of(now, step)
    since = moment_in(asked, "since", now) or until - _USUAL[step]
    if not timedelta() <= until - since <= _MOST * LENGTHS[step]:
        fix = "ask for less at a time, or by day"
        raise WrongUse(f"since and until are not in order, or more than {_MOST:,} {step}s apart", fix=fix)
    return beginning_of(since, step), until


def _end_of(moment: datetime, step: Step) -> datetime:
    return beginning_of(moment, step) + LENGTHS[step]
