"""The playground: a sample, a mapping and what comes of them, side by side. Nothing is stored or sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bridge.errors import BridgeError, Invalid
from bridge.ingest.preview import preview
from bridge.mapping.draft import draft_mapping
from bridge.mapping.samples import answers_file
from bridge.models import Finding, Verified
from bridge.outbox import EventDetail
from bridge.pipeline import translate
from bridge.serialization import encode_readable
from bridge.web.console.active_mappings import active_mapping, text_of_file
from bridge.web.console.pages import form, page
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.dry_run import made_up_request, recorded_in
from bridge.web.request import HttpRequest, query
from bridge.web.responses import Response


class Tried(NamedTuple):
    """What the panes hold: a mapping, a webhook, and the recorded answers of what the mapping fetches."""

    source: str
    payload: str = ""
    answers: str = ""


class TrialRun(NamedTuple):
    """What a mapping made of a sample, or what is wrong with one of them."""

    result: Mapping[str, Any] | None = None
    events: tuple[str, ...] = ()
    findings: Sequence[Finding] = ()
    warnings: Sequence[Finding] = ()
    problem: str = ""
    fix: str = ""


def show(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show the panes, filled with a mapping that exists and a sample of it, or with a webhook that came."""
    given = query(request)
    stored = _stored(context, viewer, given.get("event", ""))
    mapping = active_mapping(context, stored.event.mapping if stored else given.get("mapping", ""))
    source = text_of_file(mapping.file) if mapping else ""
    if stored is not None:
        context.log.info("revealed", request_id=request.id, stored_event=stored.event.id, peer=request.peer)
        raw = context.outbox().raw(stored.event.webhook_id)
        return _page(context, viewer, Tried(source, raw.body.decode("utf-8", "replace") if raw else ""))
    samples = mapping.samples if mapping else ()
    if not samples:
        return _page(context, viewer, Tried(source))
    answers = text_of_file(answers_file(samples[0])) if answers_file(samples[0]).is_file() else ""
    return _page(context, viewer, Tried(source, text_of_file(samples[0]), answers))


def run(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Run the mapping over the sample."""
    given = form(request)
    tried = Tried(given.get("mapping", ""), given.get("payload", ""), given.get("answers", ""))
    outcome = _outcome(context, tried)
    if request.headers.get("hx-request"):
        return page(context, viewer, "playground_result.html", outcome=outcome)
    return _page(context, viewer, tried, outcome)


def _page(context: AppContext, viewer: Viewer, tried: Tried, outcome: TrialRun | None = None) -> Response:
    if outcome is None:
        outcome = _outcome(context, tried) if tried.source and tried.payload else TrialRun()
    return page(
        context,
        viewer,
        "playground.html",
        tried=tried,
        outcome=outcome,
        mappings=context.mappings.names(),
    )


def _outcome(context: AppContext, tried: Tried) -> TrialRun:
    try:
        text = tried.source.replace("\r\n", "\n")
        mapping = draft_mapping(text, context.spec, context.settings.destinations)
        webhook = made_up_request({"payload": tried.payload}, context.now())
        fetched = mapping.recorded(recorded_in(tried.answers))
        translation = translate(Verified(webhook), mapping, context.spec, fetched=fetched, explain=True)
    except Invalid as invalid:
        return TrialRun(findings=invalid.findings)
    except BridgeError as error:
        return TrialRun(problem=error.message, fix=error.fix)
    result = preview(translation, context.settings, webhook.received_at)
    events = tuple(encode_readable(event) for event in result["events"])
    return TrialRun(result, events, warnings=mapping.warnings)


def _stored(context: AppContext, viewer: Viewer, event_id: str) -> EventDetail | None:
    """Return a stored event to take the webhook of, if this viewer may see it."""
    detail = context.outbox().show(event_id) if event_id else None
    return detail if detail and viewer.sees(detail.event.destination) else None
