"""Whether events of browsers and servers have the same ids, by event name."""

from __future__ import annotations

from datetime import timedelta

from bridge.coerce.moments import read_moment
from bridge.jobs.job_kind import require_known
from bridge.monitoring.pairing_check import count_pairs, pairs_as_json
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, query
from bridge.web.responses import Response

FILTERS = ("since",)
_USUALLY = timedelta(days=7)


def show_pairing(context: AppContext, request: HttpRequest) -> Response:
    """Count the events of browsers that found the server's event with the same id, and why others did not."""
    asked, now = query(request), context.now()
    require_known(asked, FILTERS)
    since = read_moment(asked["since"], "since", now) if asked.get("since") else now - _USUALLY
    pairs = count_pairs(context.outbox(), context.mappings, context.spec, since, now)
    return Response(200, pairs_as_json(pairs, context.mappings, since))
