"""Who is signed in to the console: listed, and signed out by the admin, as after a laptop was lost."""

from __future__ import annotations

from bridge.errors import WrongUse
from bridge.jobs.job_kind import require_known
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, json_object
from bridge.web.responses import Response


def list_sessions(context: AppContext, request: HttpRequest) -> Response:
    """List who is signed in: the sessions that have not ended."""
    listed = context.outbox().sessions.listed(context.now())
    return Response(200, {"sessions": [session.as_json() for session in listed]})


def end_sessions(context: AppContext, request: HttpRequest) -> Response:
    """Sign somebody out of the console: one session (`id`), those of a `reader`, or all (`all: true`)."""
    asked = json_object(request)
    require_known(asked, ("id", "reader", "all"))
    if len(asked) != 1 or not all(asked.values()):
        raise WrongUse("nothing says which sessions are meant", fix="give one of id, reader, or all: true")
    listed = context.outbox().sessions.listed(context.now())
    chosen = [one.id for one in listed if "all" in asked or asked in ({"id": one.id}, {"reader": one.viewer})]
    return Response(200, {"ended": context.outbox().sessions.end(chosen, context.now())})
