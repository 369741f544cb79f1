"""Finding one person, page by page: the ids of the events and webhooks that are about them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bridge.errors import WrongUse
from bridge.ingest.persons import (
    counted_kinds,
    erasure_of,
    identifiers_of,
    looked_for,
    person_as_json,
    person_from_json,
    person_of,
    person_of_event,
)
from bridge.jobs.bulk_erasure import known_destination
from bridge.jobs.job_kind import Asked, JobContext, require_known
from bridge.jobs.job_output import written_by
from bridge.models import Identifier
from bridge.outbox import Job, JobStep, NewJob, Outbox, Person
from bridge.outbox.erasure import BEGINNING, Page
from bridge.outbox.records import text_id
from bridge.privacy.person_identifiers import KINDS

KIND = "find_person"
_OPTIONS = (*KINDS, "country", "destination", "event_id")


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """Who was looked for, and the ids of the events and webhooks in which they were found.

    `looked_for` counts the identifiers by kind; `shown_as` is how they may be shown.
    """

    person: Person
    looked_for: Mapping[str, int]
    shown_as: str
    event_ids: tuple[str, ...] = ()
    webhook_ids: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return who was looked for, as a job keeps it, encrypted."""
        return {
            "looked_for": self.looked_for,
            "shown_as": self.shown_as,
            "person": person_as_json(self.person),
        }

    def erasure(self, asked_by: str, *, never_send: bool) -> NewJob:
        """Return the job that erases this person."""
        return erasure_of(self.person, self.looked_for, asked_by, never_send=never_send)


def read_person_search(context: JobContext, asked: Asked) -> NewJob:
    """Check who is looked for."""
    return search_for(context, asked)


def search_for(context: JobContext, asked: Asked, visible: Collection[str] | None = None) -> NewJob:
    """Return the job that looks for a person; an event may name them, one of the `visible` destinations."""
    require_known(asked, _OPTIONS)
    destination = known_destination(asked.get("destination") or None, context.settings.destinations)
    wanted = _wanted(context.outbox, asked, destination, visible)
    request = {"looked_for": wanted.looked_for, "destination": destination}
    return NewJob(KIND, request, orjson.dumps(wanted.as_json()))


def _wanted(
    outbox: Outbox, asked: Asked, destination: str | None, visible: Collection[str] | None
) -> FoundPerson:
    event_id = asked.get("event_id")
    if not event_id:
        identifiers = identifiers_of(asked)
        return FoundPerson(
            person_of(identifiers, destination), counted_kinds(identifiers), _shown(identifiers)
        )
    if any(asked.get(kind) for kind in KINDS):
        raise WrongUse(
            "an event and a person are named", fix="give an event id, or what the person is known by"
        )
    person = person_of_event(outbox, str(event_id).strip(), destination, visible)
    return FoundPerson(person, {"event_id": 1}, "the person of one event")


def _shown(identifiers: tuple[Identifier, ...]) -> str:
    return looked_for(identifiers).removeprefix("looking for ")


def person_search_steps(context: JobContext, job: Job) -> Iterator[Job]:
    """Look through a page in each step, and write the ids that were not found before."""
    jobs = context.outbox.jobs
    if not job.position:
        source = jobs.source(job)
        job = jobs.note(job, JobStep(BEGINNING, 0, output=source + b"\n"), context.clock())
        yield job
    found = _read(context.outbox, job.id)
    seen = {*found.event_ids, *found.webhook_ids}
    while job.is_open:
        page = context.outbox.erasures.look(found.person, job.position)
        job = jobs.note(job, _step(page, seen), context.clock())
        yield job


def _step(page: Page, seen: set[str]) -> JobStep:
    """Return the step that a page comes to, and remember what it found."""
    fresh = {
        "event_ids": [text for text in page.traces.shown_ids if text not in seen],
        "webhook_ids": [text for text in map(text_id, page.traces.webhook_ids) if text not in seen],
    }
    seen.update(*fresh.values())
    output = orjson.dumps(fresh) + b"\n" if any(fresh.values()) else b""
    counts = {"events": len(fresh["event_ids"]), "raw_webhooks": len(fresh["webhook_ids"])}
    is_last = page.following is None
    return JobStep(page.following or "", page.rows, counts, output=output, is_last=is_last)


def found_person(outbox: Outbox, job_id: str) -> FoundPerson | None:
    """Return what a finished search has found; None when there is none of this id, or it is forgotten."""
    job = outbox.jobs.get(job_id)
    is_there = job is not None and job.kind == KIND and job.state == "done" and job.has_result
    return _read(outbox, job_id) if is_there else None


def _read(outbox: Outbox, job_id: str) -> FoundPerson:
    head, *pages = map(orjson.loads, written_by(outbox, job_id).splitlines())
    return FoundPerson(
        person_from_json(head["person"]),
        head["looked_for"],
        head["shown_as"],
        tuple(text for page in pages for text in page["event_ids"]),
        tuple(text for page in pages for text in page["webhook_ids"]),
    )
