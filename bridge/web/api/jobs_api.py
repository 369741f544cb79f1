"""Bulk work over HTTP: asked for here, done by the delivery process, followed until it is finished."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.errors import WrongUse
from bridge.jobs.bulk_import import read_import
from bridge.jobs.job_kind import JobContext, choice_of
from bridge.jobs.runner import KINDS
from bridge.outbox import Job, NewJob
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, json_object, query
from bridge.web.responses import NoSuchJob, NotFinished, Response

_JSON_LINES = "application/x-ndjson"
_CSV = "text/csv; charset=utf-8"


def start(context: AppContext, request: HttpRequest) -> Response:
    """Start a job: replay, discard, export, compare, erase, find_person or export_person."""
    asked = dict(json_object(request, context.settings.limits.max_body_bytes))
    if "kind" not in asked:
        raise WrongUse("kind is missing", fix=f"use one of {', '.join(KINDS)}")
    return start_job(context, choice_of({"kind": asked.pop("kind")}, "kind", tuple(KINDS)), asked)


def export(context: AppContext, request: HttpRequest) -> Response:
    """Export the events that filters mean by a job, as JSON lines or CSV."""
    return start_job(context, "export", json_object(request, context.settings.limits.max_body_bytes))


def import_file(context: AppContext, request: HttpRequest) -> Response:
    """Import a file by a job: the body is the file, and each row is mapped as if it had just been posted."""
    asked = {**query(request), "mapping": request.name}
    return _accepted(context, read_import(job_context(context), asked, request.body))


def list_jobs(context: AppContext, request: HttpRequest) -> Response:
    """List the jobs asked for last, newest first."""
    return Response(200, {"jobs": [job.as_json() for job in context.outbox().jobs.newest()]})


def show_job(context: AppContext, request: HttpRequest) -> Response:
    """Show one job: its state, how far it has come, and what became of the rows it did."""
    return Response(200, job_at(context, request).as_json())


def result(context: AppContext, request: HttpRequest) -> Response:
    """Read about 1 MiB of what a finished job has written; the header Link leads to what follows."""
    job = finished_job_at(context, request)
    part = query(request).get("part", "0")
    if not part.isascii() or not part.isdigit() or len(part) > 9:
        raise WrongUse("part is not a number", fix="follow the header Link of the answer before")
    content, following = context.outbox().jobs.output(job.id, int(part))
    is_csv = job.kind == "export" and job.request["format"] == "csv"
    headers = [("Content-Type", _CSV if is_csv else _JSON_LINES)]
    if following is not None:
        headers.append(("Link", f'</api/jobs/{job.id}/result?part={following}>; rel="next"'))
    return Response(200, content.decode(), tuple(headers))


def cancel(context: AppContext, request: HttpRequest) -> Response:
    """End a job that is not finished; the rows that were done stay done."""
    context.outbox().jobs.cancel(job_at(context, request).id, context.now())
    return Response(200, job_at(context, request).as_json())


def start_job(context: AppContext, kind: str, asked: Mapping[str, Any]) -> Response:
    """Put a job in the queue, once what is asked for makes sense."""
    return _accepted(context, KINDS[kind].read(job_context(context), asked))


def _accepted(context: AppContext, wanted: NewJob) -> Response:
    job = context.outbox().jobs.add(wanted, context.now())
    return Response(202, job.as_json(), (("Location", f"/api/jobs/{job.id}"),))


def job_context(context: AppContext) -> JobContext:
    """Return what jobs work with."""
    return JobContext(context.outbox(), context.settings, context.spec, context.mappings, context.now)


def job_at(context: AppContext, request: HttpRequest) -> Job:
    """Return the job whose id is in the path. Raises NoSuchJob."""
    job = context.outbox().jobs.get(request.parameters["job_id"])
    if job is None:
        raise NoSuchJob("there is no job with this id", fix="it may have been kept long enough and removed")
    return job


def finished_job_at(context: AppContext, request: HttpRequest) -> Job:
    """Return the job whose id is in the path, once it writes no more. Raises NoSuchJob and NotFinished."""
    job = job_at(context, request)
    if job.is_open:
        raise NotFinished("the job is not finished", fix="ask again when its state is done")
    return job
