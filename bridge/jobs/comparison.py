"""What a changed mapping would change: stored webhooks through the active mapping and through a new text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from bridge.errors import WrongUse
from bridge.jobs.job_kind import Asked, JobContext, require_known
from bridge.mapping import CompiledMapping
from bridge.mapping.draft import draft_mapping
from bridge.models import Request
from bridge.outbox import Job, JobStep, NewJob
from bridge.serialization import encode

MOST = 10_000
_PAGE = 50
_OPTIONS = ("mapping", "text", "limit")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def read_comparison(context: JobContext, asked: Asked) -> NewJob:
    """Check the new mapping, and how many of the newest webhooks it is to be tried with."""
    require_known(asked, _OPTIONS)
    mapping = context.mappings.get(str(asked.get("mapping", "")))
    text = asked.get("text")
    if not isinstance(text, str):
        raise WrongUse("text is missing", fix="give the text of the changed mapping file as `text`")
    limit = asked.get("limit", MOST)
    if not isinstance(limit, int) or not 1 <= limit <= MOST:
        raise WrongUse(f"limit is not a number from 1 to {MOST}")
    draft_mapping(text, context.spec, context.settings.destinations)
    total = min(limit, context.outbox.recent.count(mapping.name, _BEGINNING, context.clock()))
    request = {"mapping": mapping.name, "limit": limit}
    return NewJob("compare", request, text.encode("utf-8", "replace"), total)


def comparison_steps(context: JobContext, job: Job) -> Iterator[Job]:
    """Compare page by page, newest first; a line is written for each webhook that would change."""
    old = context.mappings.get(job.request["mapping"])
    text = context.outbox.jobs.source(job).decode()
    new = draft_mapping(text, context.spec, context.settings.destinations, old.name)
    while job.is_open:
        left = min(_PAGE, job.request["limit"] - job.done)
        ids = context.outbox.recent.ids(old.name, left, job.position or job.id) if left else []
        kept = [(row_id, request) for row_id in ids if (request := context.outbox.raw(row_id))]
        step = _compared(context, old, new, kept, job, ids)
        job = context.outbox.jobs.note(job, step, context.clock())
        yield job


def _compared(  # noqa: PLR0913, PLR0917 - both mappings, and what they are tried with
    context: JobContext,
    old: CompiledMapping,
    new: CompiledMapping,
    kept: Sequence[tuple[str, Request]],
    job: Job,
    ids: Sequence[str],
) -> JobStep:
    from bridge.authoring.diff import TriedWebhook, changes

    tried = (TriedWebhook(row_id, request) for row_id, request in kept)
    changed = [change for change in changes(old, new, tried, context.spec) if change.events]
    worse = sum(any(event.is_worse for event in change.events) for change in changed)
    counts = Counter(compared=len(kept), changed=len(changed), worse=worse, raw_gone=len(ids) - len(kept))
    return JobStep(
        position=ids[-1] if ids else job.position,
        done=len(ids),
        counts=counts,
        output=b"".join(encode(change.as_json()) + b"\n" for change in changed),
        is_last=len(ids) < _PAGE,
    )
