"""Export of everything that is kept about one person, in the clear: for the person who asks what is known."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import orjson

from bridge.errors import WrongUse
from bridge.jobs.job_kind import Asked, JobContext, require_known
from bridge.jobs.person_search import FoundPerson, found_person
from bridge.outbox import Job, JobStep, NewJob, Outbox
from bridge.serialization import encode

KIND = "export_person"
_PAGE = 20
_HEADERS = ("content-type", "user-agent")  # the others may hold the sender's secrets


def read_person_export(context: JobContext, asked: Asked) -> NewJob:
    """Check which search is meant."""
    require_known(asked, ("search",))
    search = str(asked.get("search") or "")
    found = _found(context.outbox, search)
    return NewJob(KIND, {"search": search}, total=len(found.event_ids) + len(found.webhook_ids))


def person_export_steps(context: JobContext, job: Job) -> Iterator[Job]:
    """Write the visits first, then the events, then the webhooks with what was fetched for them."""
    outbox = context.outbox
    found = _found(outbox, job.request["search"])
    wanted = [*((_event, one) for one in found.event_ids), *((_webhook, one) for one in found.webhook_ids)]
    while job.is_open:
        head = [] if job.position else list(_head(outbox, found))
        start = int(job.position or 0)
        page = wanted[start : start + _PAGE]
        records = [record for read, row_id in page if (record := read(outbox, row_id))]
        output = b"".join(encode(record) + b"\n" for record in [*head, *records])
        is_last = start + _PAGE >= len(wanted)
        job = outbox.jobs.note(
            job, JobStep(str(start + len(page)), len(page), output=output, is_last=is_last), context.clock()
        )
        yield job


def _found(outbox: Outbox, search: str) -> FoundPerson:
    found = found_person(outbox, search)
    if found is None:
        raise WrongUse("there is no finished search of this id", fix="look for the person again")
    return found


def _head(outbox: Outbox, found: FoundPerson) -> Iterator[dict[str, Any]]:
    visits = outbox.erasures.visits_kept(found.person)
    withdrawn_at = outbox.erasures.consent_withdrawn_at(found.person)
    yield {
        "kind": "person",
        "looked_for": found.looked_for,
        "destination": found.person.destination,
        "never_send": outbox.erasures.is_never_sent(found.person),
        "consent_withdrawn_at": withdrawn_at.isoformat() if withdrawn_at else None,
        "events": len(found.event_ids),
        "webhooks": len(found.webhook_ids),
        "visits": len(visits),
    }
    yield from ({"kind": "visit", **visit} for visit in visits)


def _event(outbox: Outbox, event_id: str) -> dict[str, Any] | None:
    detail = outbox.show(event_id)
    return None if detail is None else {"kind": "event", **detail.as_json()}


def _webhook(outbox: Outbox, webhook_id: str) -> dict[str, Any] | None:
    request = outbox.raw(webhook_id)
    if request is None:
        return None
    kept = outbox.fetches.kept(webhook_id)
    return {
        "kind": "webhook",
        "id": webhook_id,
        "received_at": request.received_at.isoformat(),
        "ip": request.ip,
        "headers": {name: request.headers[name] for name in _HEADERS if name in request.headers},
        **_body(request.body),
        "fetched": orjson.loads(kept)["answers"] if kept else [],
    }


def _body(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}
