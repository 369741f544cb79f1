"""What can be done with a destination: asking Meta about it, sending it a test event, pausing it."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import quote

from bridge.delivery.graph_reads import DestinationReport, GraphReader, report_on
from bridge.delivery.http_client import http_sender
from bridge.delivery.send_now import (
    is_accepted,
    made_up_event,
    refuse_test_code_when_live,
    send_body,
    where_tests_show,
)
from bridge.errors import CannotOpen, WrongUse
from bridge.ingest.entries import checked_test_code
from bridge.monitoring.match_quality import MatchQuality, match_quality, our_match_strength
from bridge.serialization import encode_readable
from bridge.settings import Destination
from bridge.web.api.pauses_api import pause_destination
from bridge.web.console.pages import form, page, see_other, with_query
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest
from bridge.web.responses import Response, sentence

HOME = "/console/destinations"
_ANSWERS_WITHIN = timedelta(seconds=4)  # each of the few calls that one look takes
_one_at_a_time = threading.Lock()  # whoever waits for Meta holds a thread that others need


class AtMeta(NamedTuple):
    """What Meta says of a destination, and why it does not say more."""

    report: DestinationReport | None = None
    quality: tuple[MatchQuality, ...] = ()
    problem: str = ""
    no_quality: str = ""


def show_meta(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Ask Meta about the token, the dataset and its match quality: a page, or a part of the list."""
    entry = _destination(context, request)
    return page(context, viewer, "destination_meta.html", name=entry.name, shown=_alone(context, entry))


def _alone(context: AppContext, entry: Destination) -> AtMeta:
    if not _one_at_a_time.acquire(blocking=False):
        return AtMeta(problem="it is being asked already; try again in a few seconds")
    try:
        return _at_meta(context, entry)
    finally:
        _one_at_a_time.release()


def _at_meta(context: AppContext, entry: Destination) -> AtMeta:
    reader = GraphReader(context.settings.graph_url, entry, http_sender(_ANSWERS_WITHIN, 1))
    try:
        report = report_on(reader)
    except CannotOpen as error:
        return AtMeta(problem=sentence(error))
    if report.state == "invalid":
        return AtMeta(report)
    ours = our_match_strength(context.outbox(), entry.name, context.now())
    try:
        return AtMeta(report, tuple(match_quality(reader, ours)))
    except CannotOpen as error:
        return AtMeta(report, no_quality=sentence(error))


def send_test(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Send a made-up event with a test code now; nothing is stored or counted."""
    entry = _destination(context, request)
    now = context.now()
    configured = entry.test_event_code.at(now) if entry.test_event_code else None
    code = checked_test_code(form(request).get("code", "").strip()) or configured
    if not code:
        raise WrongUse("a test needs a code", fix="copy it from Test Events in Meta's Events Manager")
    body = {"data": [made_up_event(now)], "test_event_code": code}
    refuse_test_code_when_live(body, context.settings)
    answer = send_body(body, entry, context.settings)
    context.log.info("test_sent", request_id=request.id, peer=request.peer, answers=1)
    return page(
        context,
        viewer,
        "destination_tested.html",
        name=entry.name,
        code=code,
        shown=where_tests_show(context.settings),
        accepted=is_accepted(answer),
        http_status=answer.status,
        answer=encode_readable(answer.body),
    )


def pause(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Send nothing to a destination for a while."""
    given = form(request)
    asked = {name: given[name] for name in ("for", "because") if given.get(name, "").strip()}
    pause_destination(context, {"destination": request.name, **asked})
    return see_other(with_query(HOME, {}, done="paused"))


def _destination(context: AppContext, request: HttpRequest) -> Destination:
    entry = context.settings.destinations.get(request.name)
    if entry is None:
        raise WrongUse("there is no such destination", fix="see the list of destinations")
    return entry


def url_of(name: str, action: str) -> str:
    """Return the URL of something that is done with a destination."""
    return f"{HOME}/{quote(name, safe='')}/{action}"
