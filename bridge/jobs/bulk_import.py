"""Import of a file that was handed in: each row as if it had just been posted by a verified sender."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from itertools import dropwhile, islice

import orjson

from bridge.errors import TooLarge, WrongUse
from bridge.ingest.corrected_rows import CorrectedRows
from bridge.ingest.file_encoding import Encoding
from bridge.ingest.import_file import (
    ImportContext,
    RowResult,
    counted_outcomes,
    matchable,
    portions_of,
    report_of,
    translated,
)
from bridge.ingest.import_rows import STYLES, FileReading, FileRow, reading_of
from bridge.jobs.job_kind import Asked, JobContext, choice_of, flag_of, rate_of, require_known
from bridge.outbox import Job, JobStep, NewJob, Replacements

MOST_BYTES = 16 * 1_048_576
_PORTION = 100
_OPTIONS = ("mapping", "format", "encoding", "file_name", "per_second", "dry_run")
_LONGEST_NAME = 255
_SHOWN = 5  # events of the first rows, to a person who looks at a file before it is imported


def read_import(context: JobContext, asked: Asked, content: bytes, *, keeps_file: bool = False) -> NewJob:
    """Check the file and the mapping; every row must at least be found.

    A dry run that `keeps_file` has it ready for the import that follows, for an hour.
    """
    require_known(asked, _OPTIONS)
    if len(content) > MOST_BYTES:
        raise TooLarge(f"the file is larger than {MOST_BYTES} bytes", fix="use `capi-bridge import`")
    mapping = context.mappings.get(str(asked.get("mapping", "")))
    reading = reading_of(BytesIO(content), choice_of(asked, "format", tuple(STYLES)), asked.get("encoding"))
    total = sum(1 for _ in reading.rows(BytesIO(content)))
    if not total:
        raise WrongUse("the file has no rows", fix="send the file itself as the body of the request")
    more = {"per_second": rate_of(asked), "keeps_file": keeps_file}
    request = {
        "mapping": mapping.name,
        "format": reading.style,
        "encoding": reading.encoding.codec,
        "read_as": reading.in_words(BytesIO(content)),
        "file_name": str(asked.get("file_name", ""))[:_LONGEST_NAME],
        "dry_run": flag_of(asked, "dry_run"),
    }
    given = {name: value for name, value in more.items() if value}
    return NewJob("import", {**request, **given}, content, total)


def import_steps(context: JobContext, job: Job) -> Iterator[Job]:
    """Store the rows, portion by portion; those that are held or cannot be read are reported."""
    around = _around(context, job)
    corrected = CorrectedRows.of(context.outbox, around.mapping.name, around.file_name)
    done = int(job.position or 0)
    reading = FileReading(job.request["format"], Encoding(job.request.get("encoding", "utf-8-sig")))
    left = dropwhile(lambda row: row.number <= done, reading.rows(BytesIO(context.outbox.jobs.source(job))))
    for portion in portions_of(left, max(1, min(_PORTION, int(around.per_second or _PORTION)))):
        started = time.monotonic()
        job = _do(context, job, around, portion, corrected)
        yield job
        if around.per_second:
            context.wait(len(portion) / around.per_second - (time.monotonic() - started))
    if job.is_open:
        last = JobStep(job.position, 0, is_last=True, keeps_input=job.request.get("keeps_file", False))
        yield context.outbox.jobs.note(job, last, context.clock())


def _do(
    context: JobContext, job: Job, around: ImportContext, portion: list[FileRow], corrected: CorrectedRows
) -> Job:
    results = [translated(row, around) for row in portion]
    if job.request["dry_run"]:
        most = _SHOWN if job.request.get("keeps_file") else 1
        sample = _samples(results, most) if not job.position else b""
        counts = counted_outcomes(results) + matchable(results)
        return context.outbox.jobs.note(job, _step(results, counts, sample), context.clock())
    step = _step(results, counted_outcomes([result for result in results if result.webhook is None]))
    webhooks = [result.webhook for result in results if result.webhook]
    if not webhooks:
        return context.outbox.jobs.note(job, step, context.clock())
    replacing = Replacements(corrected.replaced_by(webhooks), context.clock())
    return context.outbox.jobs.store(job, step, webhooks, context.clock(), replacing)


def _step(results: list[RowResult], counts: Counter[str], before: bytes = b"") -> JobStep:
    return JobStep(
        position=str(results[-1].row.number),
        done=len(results),
        counts=counts,
        output=before + report_of(results).encode("utf-8", "replace"),
    )


def _samples(results: list[RowResult], most: int) -> bytes:
    """Return a line for each of the first events that would be sent, as Meta would get them."""
    ready = ((result, event) for result in results for event in result.made if event.verdict == "ready")
    return b"".join(
        orjson.dumps({"row": result.row.number, "status": "waiting", "event": event.data}) + b"\n"
        for result, event in islice(ready, most)
    )


def _around(context: JobContext, job: Job) -> ImportContext:
    return ImportContext(
        mapping=context.mappings.get(job.request["mapping"]),
        settings=context.settings,
        spec=context.spec,
        clock=context.clock,
        sleep=lambda _seconds: None,
        per_second=job.request.get("per_second"),
        file_name=job.request.get("file_name", ""),
    )
