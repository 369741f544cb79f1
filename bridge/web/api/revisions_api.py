"""What each mapping said before: its revisions, and the text of one of them."""

from __future__ import annotations

from bridge.web.context import AppContext
from bridge.web.request import HttpRequest
from bridge.web.responses import NoSuchRevision, Response

_YAML = ("Content-Type", "application/yaml; charset=utf-8")


def list_revisions(context: AppContext, request: HttpRequest) -> Response:
    """List the revisions of a mapping that are kept, newest first, and the one that is active."""
    active = {mapping.name: mapping.revision for mapping in context.mappings.mappings()}.get(request.name)
    kept = context.outbox().revisions.of(request.name)
    if active is None and not kept:
        raise NoSuchRevision("nothing is kept of a mapping of this name", fix="see GET /api/mappings")
    revisions = [
        {
            "revision": one.revision,
            "first_seen_at": one.first_seen_at.isoformat("T", "milliseconds"),
            "active": one.revision == active,
        }
        for one in kept
    ]
    return Response(200, {"mapping": request.name, "active": active, "revisions": revisions})


def show_revision(context: AppContext, request: HttpRequest) -> Response:
    """Read what a mapping said in one revision."""
    text = context.outbox().revisions.text(request.name, request.parameters["revision"])
    if text is None:
        raise NoSuchRevision("the text of this revision is not kept", fix="see the list of revisions")
    return Response(200, text, (_YAML,))
