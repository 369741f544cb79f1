"""One person: looked for by what they are known by, and everything that is kept about them.

A search is a job; its id is what stands in the URL. Who was looked for is kept encrypted, and forgotten
with the job.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from bridge.body.parse import parse
from bridge.errors import BridgeError
from bridge.explain.masking import mask
from bridge.jobs.person_search import KIND, FoundPerson, found_person, search_for
from bridge.models import Request, Verified
from bridge.outbox import EventRecord, Job, Query, WebhookQuery, WebhookRecord
from bridge.serialization import encode_readable
from bridge.settings.models import Rate
from bridge.web.api.jobs_api import job_context
from bridge.web.console.pages import form, page, see_other
from bridge.web.console.sample_choice import ANY_BODY
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest
from bridge.web.responses import NoSuchJob, Response

FIELDS = ("email", "phone", "external_id", "order_id", "event_id", "country", "destination")
MOST_SHOWN = 100
_MOST_RECEIPTS = 50
_SEARCHES = Rate(20, 60.0)  # of one viewer: each reads through everything that is kept


@dataclass(frozen=True, slots=True)
class StoredWebhook:
    """One webhook about the person: its body, and what was fetched for it, as far as they may be shown."""

    record: WebhookRecord
    events: Sequence[EventRecord]
    body: str
    fetched: str


@dataclass(frozen=True, slots=True)
class KeptAboutPerson:
    """What a viewer may see of what is kept about one person; the numbers count more than is shown."""

    number_of_events: int
    number_of_webhooks: int
    events: Sequence[EventRecord]
    webhooks: Sequence[StoredWebhook]


def ask(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Ask who is meant, and list the receipts of those who were erased."""
    return _form(context, viewer, {})


def look(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Begin to look for a person; the URL of the result shows nobody."""
    given = {name: text for name, text in form(request).items() if name in FIELDS and text.strip()}
    if viewer.destinations is not None:
        given.pop("destination", None)
    context.rates.admit(f"person {viewer.name}", _SEARCHES, "searches")
    try:
        wanted = search_for(job_context(context), given, viewer.destinations)
    except BridgeError as error:
        return _form(context, viewer, given, error)
    job = context.outbox().jobs.add(wanted, context.now())
    return see_other(f"/console/person/{job.id}")


def show(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show what was found, masked; or how far the search has come."""
    return _shown(context, request, viewer, reveal=False)


def reveal(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show what was found in the clear, and log that somebody looked."""
    search = request.parameters["job_id"]
    context.log.info("revealed", request_id=request.id, search=search, peer=request.peer)
    return _shown(context, request, viewer, reveal=True)


def found_here(context: AppContext, request: HttpRequest) -> FoundPerson:
    """Return what the search in the path has found; raises NoSuchJob when that is forgotten."""
    found = found_person(context.outbox(), request.parameters["job_id"])
    if found is None:
        raise NoSuchJob("this search is not kept any more", fix="look for the person again")
    return found


def _form(
    context: AppContext, viewer: Viewer, given: Mapping[str, str], error: BridgeError | None = None
) -> Response:
    erasures = context.outbox().erasures
    return page(
        context,
        viewer,
        "person_search.html",
        status=400 if error else 200,
        filled={name: given.get(name, "") for name in FIELDS},
        error=error,
        destinations=list(context.settings.destinations),
        receipts=erasures.receipts(_MOST_RECEIPTS) if viewer.is_admin else [],
        unfinished=erasures.unfinished() if viewer.is_admin else [],
    )


def _shown(context: AppContext, request: HttpRequest, viewer: Viewer, *, reveal: bool) -> Response:
    job = _search(context, request)
    if job.state != "done":
        return page(context, viewer, "person_wait.html", job=job)
    found = found_here(context, request)
    return page(
        context,
        viewer,
        "person.html",
        search=job,
        found=found,
        kept=_kept_about(context, viewer, found, reveal=reveal),
        visits=context.outbox().erasures.visits_of(found.person) if viewer.is_admin else 0,
        never_send=context.outbox().erasures.is_never_sent(found.person),
        withdrawn_at=context.outbox().erasures.consent_withdrawn_at(found.person)
        if viewer.is_admin
        else None,
        revealed=reveal,
        most=MOST_SHOWN,
    )


def _search(context: AppContext, request: HttpRequest) -> Job:
    job = context.outbox().jobs.get(request.parameters["job_id"])
    if job is None or job.kind != KIND:
        raise NoSuchJob("there is no search of this id", fix="look for the person again")
    return job


def _kept_about(
    context: AppContext, viewer: Viewer, found: FoundPerson, *, reveal: bool = False
) -> KeptAboutPerson:
    """Return what is kept, as far as the viewer may see it: a reader only what is of their destinations."""
    events = _events(context, Query(ids=found.event_ids, destinations=viewer.destinations))
    webhooks = [one for one in _webhooks(context, found) if _sees(context, viewer, one)]
    shown = [_stored(context, one, events, reveal=reveal) for one in webhooks[:MOST_SHOWN]]
    return KeptAboutPerson(len(events), len(webhooks), events[:MOST_SHOWN], shown)


def _events(context: AppContext, query: Query) -> list[EventRecord]:
    return context.outbox().find(replace(query, limit=len(query.ids))) if query.ids else []


def _webhooks(context: AppContext, found: FoundPerson) -> list[WebhookRecord]:
    ids = found.webhook_ids
    return context.outbox().webhooks.find(WebhookQuery(ids=ids, limit=len(ids))) if ids else []


def _sees(context: AppContext, viewer: Viewer, webhook: WebhookRecord) -> bool:
    """Tell whether all that a webhook became is the viewer's; one that became nothing is no reader's."""
    if viewer.is_admin:
        return True
    became = context.outbox().find(Query(webhook_id=webhook.id))
    return bool(became) and all(viewer.sees(event.destination) for event in became)


def _stored(
    context: AppContext, webhook: WebhookRecord, events: Sequence[EventRecord], *, reveal: bool
) -> StoredWebhook:
    request = context.outbox().raw(webhook.id)
    kept = context.outbox().fetches.kept(webhook.id)
    answers = orjson.loads(kept)["answers"] if kept else None
    return StoredWebhook(
        webhook,
        [event for event in events if event.webhook_id == webhook.id],
        _text(request, reveal=reveal) if request else "",
        encode_readable(answers if reveal else mask(answers)) if answers else "",
    )


def _text(request: Request, *, reveal: bool) -> str:
    if reveal:
        return request.body.decode("utf-8", "replace")
    try:
        data: Any = parse(Verified(request), ANY_BODY).data
    except BridgeError:
        return "This webhook cannot be read, so it cannot be masked either."
    return encode_readable(mask(data))
