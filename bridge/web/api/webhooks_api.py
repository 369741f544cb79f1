"""The webhooks themselves, newest first: those too that became nothing, which no event tells of."""

from __future__ import annotations

from bridge.coerce.moments import moment_in
from bridge.ingest.event_filters import LARGEST_PAGE, USUAL_PAGE, limit_of, one_of
from bridge.jobs.job_kind import require_known
from bridge.outbox import WebhookQuery
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, query
from bridge.web.responses import Response, listed

FILTERS = ("mapping", "became", "since", "until", "before", "limit")
_BECAME = ("anything", "nothing")


def list_webhooks(context: AppContext, request: HttpRequest) -> Response:
    """List webhooks; `became=nothing` are those of which nothing was or will be sent."""
    asked = query(request)
    require_known(asked, FILTERS)
    became = one_of("became", asked.get("became") or "anything", _BECAME)
    now = context.now()
    wanted = WebhookQuery(
        mapping=asked.get("mapping") or None,
        became_nothing=became == "nothing",
        since=moment_in(asked, "since", now),
        until=moment_in(asked, "until", now),
        before=asked.get("before") or None,
        limit=limit_of(asked.get("limit") or USUAL_PAGE, LARGEST_PAGE),
    )
    return Response(200, listed("webhooks", context.outbox().webhooks.find(wanted), wanted.limit))
