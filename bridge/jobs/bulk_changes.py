"""Replay and discard of all events that a filter means, oldest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bridge.errors import WrongUse
from bridge.ingest.event_filters import filters_of, query_of, require_filter
from bridge.ingest.replay import due_times, planned, remapping
from bridge.jobs.job_kind import Asked, JobContext, flag_of, rate_of
from bridge.outbox import Job, JobStep, NewJob, Query
from bridge.plurals import counted

MOST = 10_000_000
HOW = frozenset({"per_second", "because", "fetch_again", "matching"})  # what says how, and not which events
_PAGE = 100  # how many events share a transaction: webhooks wait for it to be committed
_LONGEST_REASON = 500
_DRIFT = 0.1  # a filter that means this share more or fewer events than were shown is asked about again
_MOST_DIGITS = 12


def read_replay(context: JobContext, asked: Asked) -> NewJob:
    """Check what is to be sent again, and how fast."""
    rate, again = rate_of(asked), flag_of(asked, "fetch_again")
    own = {**({"per_second": rate} if rate else {}), **({"fetch_again": True} if again else {})}
    return _new_job("replay", context, asked, own)


def read_discard(context: JobContext, asked: Asked) -> NewJob:
    """Check what is to be given up, and why."""
    reason = asked.get("because")
    if not isinstance(reason, str) or not reason.strip():
        raise WrongUse("nothing says why", fix="give `because`; it is kept with each event")
    return _new_job("discard", context, asked, {"because": reason[:_LONGEST_REASON]})


def _new_job(kind: str, context: JobContext, asked: Asked, own: Asked) -> NewJob:
    filters = {name: value for name, value in asked.items() if name not in HOW}
    require_filter(filters)
    query = query_of(filters, context.clock(), most=MOST)
    number = context.outbox.count(query)
    if "matching" in asked:
        refuse_when_changed(number, asked["matching"])
    total = min(query.limit, number)
    return NewJob(kind, {**filters_of(query), **own}, total=total)


def refuse_when_changed(number: int, shown: object) -> None:
    """Raise WrongUse when a filter means many more or fewer events than somebody was shown."""
    text = str(shown)
    if not text.isascii() or not text.isdigit() or len(text) > _MOST_DIGITS:
        raise WrongUse("the number that was shown is missing", fix="look again how many there are")
    if abs(number - int(text)) > _DRIFT * int(text):
        raise WrongUse(
            f"the filter means {counted(number, 'event')} now, and {int(text):,} were shown",
            fix="look again, and then decide",
        )


def replay_steps(context: JobContext, job: Job) -> Iterator[Job]:
    """Send the events again, page by page; held ones are mapped with the mapping that is active now."""
    again = bool(job.request.get("fetch_again"))
    remap = remapping(context.settings, context.spec, context.mappings, context.clock, fetch_again=again)
    rate = job.request.get("per_second")
    while job.is_open:
        ids = _next_ids(context, job)
        page, untouched = planned(context.outbox, due_times(ids, job.created_at, job.done, rate), remap)
        step = _step(job, ids, untouched)
        job = context.outbox.jobs.replay(job, step, page, context.clock())
        yield job


def discard_steps(context: JobContext, job: Job) -> Iterator[Job]:
    """Give the events up, page by page; what was sent, or is being sent, is left alone."""
    while job.is_open:
        ids = _next_ids(context, job)
        reason = job.request["because"]
        job = context.outbox.jobs.discard(job, _step(job, ids, {}), ids, reason, context.clock())
        yield job


def _next_ids(context: JobContext, job: Job) -> list[str]:
    """Return the events behind those that are done; those that came after the job are not meant."""
    query = _query(context, job)
    before = min(query.before or job.id, job.id)
    left = min(_PAGE, query.limit - job.done)
    return context.outbox.ids(replace(query, before=before, after=job.position or None, limit=left))


def _query(context: JobContext, job: Job) -> Query:
    filters = {name: value for name, value in job.request.items() if name not in HOW}
    return query_of(filters, context.clock(), most=MOST)


def _step(job: Job, ids: list[str], counts: Asked) -> JobStep:
    is_last = len(ids) < _PAGE
    return JobStep(ids[-1] if ids else job.position, len(ids), counts, is_last=is_last)
