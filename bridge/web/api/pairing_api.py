"""Whether browsers and servers send the same ids, by event name; what earlier visits add, by mapping."""

from __future__ import annotations

from bridge.coerce.moments import moment_in
from bridge.jobs.job_kind import require_known
from bridge.monitoring.pairing_check import USUALLY, count_pairs, pairs_as_json
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, query
from bridge.web.responses import Response

FILTERS = ("since",)


def show_pairing(context: AppContext, request: HttpRequest) -> Response:
    """Count the events of browsers that found the server's event, and those that found an earlier visit."""
    asked, now = query(request), context.now()
    require_known(asked, FILTERS)
    since = moment_in(asked, "since", now) or now - USUALLY
    counted = count_pairs(context.outbox(), context.mappings, context.spec, since, now)
    return Response(200, pairs_as_json(counted, context.mappings, since))
