"""What the playground does beyond showing: comparing with the webhooks that came, and sending as a test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from bridge.delivery.send_now import is_accepted, refuse_test_code_when_live, send_body, where_tests_show
from bridge.errors import WrongUse
from bridge.ingest.entries import checked_test_code
from bridge.ingest.preview import preview
from bridge.jobs.runner import KINDS
from bridge.mapping.draft import draft_mapping
from bridge.models import Event, Verified
from bridge.pipeline import translate
from bridge.serialization import encode_readable
from bridge.web.api.dry_run import recorded_in
from bridge.web.api.jobs_api import job_context
from bridge.web.console.active_mappings import text_of_form
from bridge.web.console.pages import form, page, rendered, see_other, wants_json
from bridge.web.console.sample_choice import answers_of, webhook_of
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest
from bridge.web.responses import Response

COMPARED = 500  # of the newest webhooks

_NOT_SENT = ("held", "skipped", "suppressed", "fetching")


class MetaAnswer(NamedTuple):
    """What Meta answered to a test, and where it was sent."""

    destination: str
    accepted: bool
    status: int | None
    body: str


def compare(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Start the job that says what the mapping as it is written would change for the newest webhooks."""
    given = form(request)
    asked = {"mapping": given.get("name", ""), "text": text_of_form(given), "limit": COMPARED}
    job = context.outbox().jobs.add(KINDS["compare"].read(job_context(context), asked), context.now())
    if wants_json(request):
        return Response(202, {"job": f"/console/jobs/{job.id}"})
    return see_other(f"/console/jobs/{job.id}")


def send_test(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Send what the webhook becomes to Meta now, as a test; nothing is stored or counted."""
    given = form(request)
    code = checked_test_code(given.get("code", "").strip())
    if not code:
        raise WrongUse("a test needs a code", fix="copy it from Test Events in Meta's Events Manager")
    answers = list(_answers(context, given, code))
    context.log.info("test_sent", request_id=request.id, peer=request.peer, answers=len(answers))
    shown: dict[str, Any] = {"answers": answers, "code": code, "shown": where_tests_show(context.settings)}
    if wants_json(request):
        return Response(200, {"outcome": rendered("playground_test.html", **shown)})
    return page(context, viewer, "playground_sent.html", **shown)


def _answers(context: AppContext, given: Mapping[str, str], code: str) -> Iterator[MetaAnswer]:
    for name, events in _by_destination(_ready_events(context, given)).items():
        destination = context.settings.destinations.get(name)
        if destination is None:
            raise WrongUse(f"there is no destination {name}", fix="name another one under send_to")
        body = {"data": [event.data for event in events], "test_event_code": code}
        refuse_test_code_when_live(body, context.settings)
        response = send_body(body, destination, context.settings)
        yield MetaAnswer(name, is_accepted(response), response.status, encode_readable(response.body))


def _ready_events(context: AppContext, given: Mapping[str, str]) -> list[Event]:
    webhook = webhook_of(context, given)
    if webhook is None:
        raise WrongUse("there is no webhook to send", fix="paste one, or choose a sample")
    mapping = draft_mapping(text_of_form(given), context.spec, context.settings.destinations)
    answers = mapping.recorded(recorded_in(answers_of(context, given)))
    translation = translate(Verified(webhook), mapping, context.spec, fetched=answers)
    ready = [event for event in translation.events if event.verdict == "ready"]
    if not ready:
        outcome: Any = preview(translation, context.settings, webhook.received_at)
        reasons = [one["reason"] for kind in _NOT_SENT for one in outcome[kind]]
        raise WrongUse(
            f"there is no event to send: {'; '.join(filter(None, reasons)) or 'nothing came of it'}"
        )
    return ready


def _by_destination(events: list[Event]) -> dict[str, list[Event]]:
    names = dict.fromkeys(name for event in events for name in event.send_to)
    return {name: [event for event in events if name in event.send_to] for name in names}
