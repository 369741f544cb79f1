"""Export of all events that a filter means, newest first, as JSON lines or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import IO, Any

import orjson

from bridge.ingest.event_filters import filters_of, query_of
from bridge.jobs.job_kind import Asked, JobContext, choice_of, flag_of
from bridge.outbox import EventRecord, Job, JobStep, NewJob, Outbox
from bridge.serialization import encode

MOST = 100_000
FORMATS = ("jsonl", "csv")
_PAGE = 250
_OWN = ("format", "bodies")
# OWASP ASVS 5.0, 1.2.10; a line feed and the wide signs are taken for the same by some spreadsheets
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0", "\n", "＝", "＋", "－", "＠")


def read_export(context: JobContext, asked: Asked) -> NewJob:
    """Check which events are wanted, and how."""
    query = query_of(_filters(asked), context.clock(), most=MOST)
    own = {"format": choice_of(asked, "format", FORMATS), "bodies": flag_of(asked, "bodies")}
    total = min(query.limit, context.outbox.count(query))
    return NewJob("export", {**filters_of(query), **own}, total=total)


def export_steps(context: JobContext, job: Job) -> Iterator[Job]:
    """Write the events, page by page."""
    query = query_of(_filters(job.request), context.clock(), most=MOST)
    while job.is_open:
        before = min(job.position or query.before or job.id, job.id)
        left = min(_PAGE, query.limit - job.done)
        found = context.outbox.find(replace(query, before=before, limit=left)) if left else []
        output = written(exported(context.outbox, found, bodies=job.request["bodies"]), job)
        position = found[-1].id if found else job.position
        step = JobStep(position, len(found), output=output, is_last=len(found) < _PAGE)
        job = context.outbox.jobs.note(job, step, context.clock())
        yield job


def exported(outbox: Outbox, found: Iterable[EventRecord], *, bodies: bool) -> Iterator[dict[str, Any]]:
    """Return each event as it is exported, with the body that is sent for it where that is wanted."""
    for event in found:
        record = {**event.as_json(), "event_at": _moment(event.event_time)}
        if bodies:
            detail = outbox.show(event.id)
            record["body"] = orjson.loads(detail.body) if detail and detail.body else None
        yield record


def written(records: Iterable[Mapping[str, Any]], job: Job) -> bytes:
    """Return records in the format that was asked for; a CSV file begins with the names of its columns."""
    if job.request["format"] == "jsonl":
        return b"".join(encode(record) + b"\n" for record in records)
    text = io.StringIO()
    write_csv(records, text, columns_of(bodies=job.request["bodies"]), has_header=job.step == 0)
    return text.getvalue().encode("utf-8", "replace")


def columns_of(*, bodies: bool) -> tuple[str, ...]:
    """Return the columns of a CSV file."""
    return (*EventRecord.__slots__, "event_at", *(("body",) if bodies else ()))


def write_csv(
    records: Iterable[Mapping[str, Any]], to: IO[str], columns: Sequence[str], *, has_header: bool
) -> None:
    """Write records as CSV; the names of the columns are the first row, unless that was written before."""
    writer = csv.DictWriter(to, columns)
    if has_header:
        writer.writeheader()
    for record in records:
        writer.writerow({name: _cell(value) for name, value in record.items()})


def _moment(seconds: int) -> str | None:
    """Return a Unix time as a spreadsheet reads it; an event without data has none."""
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds else None


def _cell(value: Any) -> Any:
    """Return a value as a cell; one that a spreadsheet would take for a formula is kept from being one."""
    text = json.dumps(value) if isinstance(value, dict | list) else value
    return f"'{text}" if isinstance(text, str) and text.startswith(_FORMULA) else text


def _filters(asked: Asked) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if name not in _OWN}
