"""Saving a mapping from the playground, and taking that back; only where the settings allow it."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import unified_diff

from bridge.errors import Invalid, WrongUse
from bridge.lint import lint
from bridge.mapping.draft import draft_mapping
from bridge.web.console.active_mappings import active_mapping, text_of_form
from bridge.web.console.mapping_files import (
    ChangedMeanwhile,
    content_of,
    earlier,
    file_to_write,
    revision_of,
    write,
)
from bridge.web.console.pages import form, page, see_other, with_query
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest
from bridge.web.responses import Response

_PLAYGROUND = "/console/playground"


def save(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Write the mapping to its file; ask first when somebody else has changed it meanwhile."""
    given = form(request)
    name = given.get("name", "")
    file = file_to_write(context.settings, name, active_mapping(context, name))
    text = text_of_form(given)
    _refuse_errors(context, name, text)
    try:
        revision = write(file, text.encode("utf-8", "replace"), _began_as(given), context.now())
    except ChangedMeanwhile as changed:
        return _changed(context, viewer, given, changed.content)
    return _saved(context, request, given, revision, "saved")


def undo(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Put the content back that the file had before the last change; that is kept in turn."""
    given = form(request)
    name = given.get("name", "")
    file = file_to_write(context.settings, name, active_mapping(context, name))
    before = next((one for one in earlier(file) if one.revision != given.get("began_as")), None)
    if before is None:
        raise WrongUse("no earlier content of this mapping is kept", fix="reload the page")
    try:
        revision = write(file, content_of(before.file), _began_as(given), context.now())
    except ChangedMeanwhile as changed:
        return _changed(context, viewer, given, changed.content)
    return _saved(context, request, given, revision, "taken_back")


def _began_as(given: Mapping[str, str]) -> str:
    """Return the revision that was edited; under another name than it was opened with, a mapping is new."""
    is_same = given.get("opened", "") == given.get("name", "")
    return given.get("began_as", "") if is_same else ""


def _refuse_errors(context: AppContext, name: str, text: str) -> None:
    """Raise Invalid for a mapping that could not become active."""
    mapping = active_mapping(context, name)
    folder = mapping.file.parent if mapping else context.settings.mappings[0]
    draft = draft_mapping(text, context.spec, context.settings.destinations, name, folder)
    errors = tuple(finding for finding in lint(draft, context.spec) if finding.severity == "error")
    if errors:
        raise Invalid("the mapping has errors and was not saved", errors)


def _saved(
    context: AppContext, request: HttpRequest, given: Mapping[str, str], revision: str, done: str
) -> Response:
    name = given.get("name", "")
    context.log.info(
        "mapping_saved", request_id=request.id, mapping=name, revision=revision, peer=request.peer
    )
    context.mappings.refresh()
    active = active_mapping(context, name)
    is_active = active is not None and active.revision == revision
    shown = done if is_active else f"{done}_not_active"
    return see_other(with_query(_PLAYGROUND, {"mapping": name, "event": given.get("stored")}, done=shown))


def _changed(context: AppContext, viewer: Viewer, given: Mapping[str, str], content: bytes) -> Response:
    """Show both: what is in the file, and what would replace it."""
    mine, now = text_of_form(given), content.decode("utf-8", "replace")
    lines = unified_diff(now.splitlines(), mine.splitlines(), "the file now", "yours", lineterm="")
    return page(
        context,
        viewer,
        "playground_changed.html",
        status=409,
        name=given.get("name", ""),
        mine=mine,
        now=now,
        revision=revision_of(content) if content else "",
        lines=list(lines),
    )
