"""Erasing one person, page by page: everything that was stored about them when the job comes by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bridge.errors import WrongUse
from bridge.ingest.persons import (
    KINDS,
    Identifier,
    counted_kinds,
    identifiers_of,
    person_as_bytes,
    person_from_bytes,
    person_of,
)
from bridge.jobs.job_kind import Asked, JobContext, flag_of, require_known
from bridge.outbox import ErasureRequest, Job, JobStep, NewJob
from bridge.outbox.erasure import BEGINNING

OPTIONS = (*KINDS, "country", "destination", "never_send")


def read_erasure(context: JobContext, asked: Asked) -> NewJob:
    """Check who is to be erased, and how far that goes."""
    require_known(asked, OPTIONS)
    identifiers = identifiers_of(asked)
    destination = destination_of(context.settings.destinations, asked)
    return erasure_job(identifiers, "API", destination, never_send=flag_of(asked, "never_send"))


def destination_of(destinations: Any, asked: Asked) -> str | None:
    """Return the one destination that an erasure is for; None: all of them."""
    name = asked.get("destination")
    if name is not None and name not in destinations:
        raise WrongUse("there is no such destination", fix=f"use one of {', '.join(sorted(destinations))}")
    return name


def erasure_job(
    identifiers: tuple[Identifier, ...], asked_by: str, destination: str | None, *, never_send: bool
) -> NewJob:
    """Return the job that erases a person; what it is asked for shows nobody."""
    request = ErasureRequest(asked_by, counted_kinds(identifiers), destination, never_send)
    return NewJob("erase", request.as_json(), person_as_bytes(person_of(identifiers, destination)))


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
        job = erasures.erase_page(job, step, page.traces, context.clock())
        yield job
