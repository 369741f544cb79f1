"""Import of a file that was handed in: each row as if it had just been posted by a verified sender."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import BytesIO
from itertools import dropwhile

from bridge.errors import TooLarge, WrongUse
from bridge.ingest.import_file import (
    ImportContext,
    counted_outcomes,
    portions_of,
    report_of,
    translated,
)
from bridge.ingest.import_rows import READERS, FileRow
from bridge.jobs.job_kind import Asked, JobContext, choice_of, flag_of, rate_of, require_known
from bridge.outbox import Job, JobStep, NewJob

MOST_BYTES = 16 * 1_048_576
_PORTION = 100
_OPTIONS = ("mapping", "format", "per_second", "dry_run")


def read_import(context: JobContext, asked: Asked, content: bytes) -> NewJob:
    """Check the file and the mapping; every row must at least be found."""
    require_known(asked, _OPTIONS)
    if len(content) > MOST_BYTES:
        raise TooLarge(f"the file is larger than {MOST_BYTES} bytes", fix="use `capi-bridge import`")
    mapping = context.mappings.get(str(asked.get("mapping", "")))
    style = choice_of(asked, "format", tuple(READERS))
    total = sum(1 for _ in READERS[style](BytesIO(content)))
    if not total:
        raise WrongUse("the file has no rows", fix="send the file itself as the body of the request")
    rate = rate_of(asked)
    request = {"mapping": mapping.name, "format": style, "dry_run": flag_of(asked, "dry_run")}
    return NewJob("import", {**request, **({"per_second": rate} if rate else {})}, content, total)


def import_steps(context: JobContext, job: Job) -> Iterator[Job]:
    """Store the rows, portion by portion; those that are held or cannot be read are reported."""
    around = _around(context, job)
    done = int(job.position or 0)
    rows: Iterator[FileRow] = READERS[job.request["format"]](BytesIO(context.outbox.jobs.source(job)))
    left = dropwhile(lambda row: row.number <= done, rows)
    for portion in portions_of(left, max(1, min(_PORTION, int(around.per_second or _PORTION)))):
        started = time.monotonic()
        job = _store(context, job, around, portion)
        yield job
        if around.per_second:
            context.wait(len(portion) / around.per_second - (time.monotonic() - started))
    if job.is_open:
        yield context.outbox.jobs.note(job, JobStep(job.position, 0, is_last=True), context.clock())


def _store(context: JobContext, job: Job, around: ImportContext, portion: list[FileRow]) -> Job:
    results = [translated(row, around) for row in portion]
    webhooks = [result.webhook for result in results if result.webhook and not job.request["dry_run"]]
    counted = results if job.request["dry_run"] else [row for row in results if row.webhook is None]
    step = JobStep(
        position=str(portion[-1].number),
        done=len(portion),
        counts=counted_outcomes(counted),
        output=report_of(results).encode("utf-8", "replace"),
    )
    if webhooks:
        return context.outbox.jobs.store(job, step, webhooks, context.clock())
    return context.outbox.jobs.note(job, step, context.clock())


def _around(context: JobContext, job: Job) -> ImportContext:
    return ImportContext(
        mapping=context.mappings.get(job.request["mapping"]),
        settings=context.settings,
        spec=context.spec,
        clock=context.clock,
        sleep=lambda _seconds: None,
        per_second=job.request.get("per_second"),
    )
