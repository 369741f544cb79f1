"""Erasing one person, page by page: everything that was stored about them when the job comes by."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bridge.errors import WrongUse
from bridge.ingest.persons import erasure_job, identifiers_of, person_from_bytes
from bridge.jobs.job_kind import Asked, JobContext, flag_of, require_known
from bridge.outbox import Job, JobStep, NewJob
from bridge.outbox.erasure import BEGINNING
from bridge.privacy.person_identifiers import KINDS

OPTIONS = (*KINDS, "country", "destination", "never_send")


def read_erasure(context: JobContext, asked: Asked) -> NewJob:
    """Check who is to be erased, and how far that goes."""
    require_known(asked, OPTIONS)
    identifiers = identifiers_of(asked)
    destination = known_destination(asked.get("destination"), context.settings.destinations)
    return erasure_job(identifiers, "API", destination, never_send=flag_of(asked, "never_send"))


def known_destination(name: str | None, known: Collection[str]) -> str | None:
    """Return the one destination that an erasure is for, None for all of them; raises WrongUse."""
    if name is not None and name not in known:
        raise WrongUse("there is no such destination", fix=f"use one of {', '.join(sorted(known))}")
    return name


def erasing_steps(context: JobContext, job: Job) -> Iterator[Job]:
    """Delete what is found, a page in each step; the last one writes the receipt."""
    erasures = context.outbox.erasures
    person = person_from_bytes(context.outbox.jobs.source(job))
    if not job.position:
        job = erasures.begin(job, JobStep(BEGINNING, 0), person, context.clock())
        yield job
    while job.is_open:
        page = erasures.look(person, job.position)
        step = JobStep(page.following or "", page.rows, is_last=page.following is None)
        job = erasures.erase_page(job, step, person, page.traces, context.clock())
        yield job
