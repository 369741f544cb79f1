"""What the admin may do with what is kept about a person: export it as a file, and erase it."""

from __future__ import annotations

from bridge.errors import WrongUse
from bridge.jobs.person_export import read_person_export
from bridge.web.api.jobs_api import job_context
from bridge.web.console.jobs import begin
from bridge.web.console.pages import form, page
from bridge.web.console.person import found_here
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest
from bridge.web.responses import Response


def export(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Write everything that is kept into a file, in the clear, and log that somebody asked for it."""
    search = request.parameters["job_id"]
    wanted = read_person_export(job_context(context), {"search": search})
    context.log.info("revealed", request_id=request.id, search=search, peer=request.peer, export=True)
    return begin(context, wanted)


def ask_before_erasing(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show how much would be erased, before anything is."""
    search = request.parameters["job_id"]
    found = found_here(context, request)
    visits = context.outbox().erasures.visits_of(found.person)
    return page(context, viewer, "person_erase.html", search=search, found=found, visits=visits)


def erase(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Erase the person by a job, once that is confirmed; its page shows the receipt."""
    given = form(request)
    if given.get("confirmed") != "yes":
        raise WrongUse("the erasure was not confirmed", fix="go back, and tick the box above the button")
    never_send = given.get("never_send") == "yes"
    return begin(context, found_here(context, request).erasure("console", never_send=never_send))
