"""One job of the delivery process: how far it has come, and what became of the events it did."""

from __future__ import annotations

from typing import Any

import orjson

from bridge.errors import TooLarge
from bridge.jobs.job_output import parts_of
from bridge.outbox import Job, NewJob
from bridge.web.api.jobs_api import finished_job_at, job_at
from bridge.web.console.pages import attachment, page, see_other
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest
from bridge.web.responses import NoSuchJob, Response

WORDS = {
    "replayed": "will be sent again",
    "remapped": "mapped again, and will be sent",
    "fetching": "wait for what is fetched for them",
    "still_held": "still held",
    "unknown_mapping": "held: there is no mapping of that name now",
    "raw_gone": "held: the webhook is no longer kept, so it cannot be mapped again",
    "cannot_open": "held: no key that is set decrypts the webhook",
    "other_dataset": "held for a dataset that is no longer configured",
    "too_old": "too old for Meta",
    "no_body": "have nothing to send",
    "duplicate": "are duplicates",
    "sending": "are being sent right now",
    "skipped": "were skipped on purpose",
    "suppressed": "have no consent",
    "discarded": "discarded",
}

_OF_COMPARISON = {
    "compared": "webhooks compared",
    "changed": "would change",
    "worse": "events that were ready would no longer be sent",
    "raw_gone": "not compared: the webhook is no longer kept",
}
_OF_PERSON = {"events": "events", "raw_webhooks": "stored webhooks"}
_WORDS_OF = {"compare": _OF_COMPARISON, "erase": _OF_PERSON, "find_person": _OF_PERSON}
_MOST_CHANGES = 50
_MOST_BYTES = 67_108_864
_DOWNLOADED = frozenset({"export", "export_person"})
_FILES = {"csv": ("csv", "text/csv; charset=utf-8"), "jsonl": ("jsonl", "application/x-ndjson")}


def begin(context: AppContext, wanted: NewJob) -> Response:
    """Put a job in the queue, and lead to its page."""
    job = context.outbox().jobs.add(wanted, context.now())
    return see_other(f"/console/jobs/{job.id}")


def show(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show a job; the page refreshes itself while it is not finished."""
    job = job_at(context, request)
    words = {**WORDS, **_WORDS_OF.get(job.kind, {})}
    counts = [(words.get(word, word.replace("_", " ")), number) for word, number in job.counts.items()]
    return page(
        context,
        viewer,
        "job.html",
        job=job,
        counts=counts,
        changes=_changes(context, job),
        receipt=context.outbox().erasures.receipt(job.id) if job.kind == "erase" else None,
        can_download=job.has_result and not job.is_open and job.kind in _DOWNLOADED,
    )


def download(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Answer with the file that a job has written; its name says when the job did not come to its end."""
    job = finished_job_at(context, request)
    if job.kind not in _DOWNLOADED:
        raise NoSuchJob("this job writes no file")
    extension, content_type = _FILES[job.request.get("format", "jsonl")]
    part = "" if job.state == "done" else "-incomplete"
    name = f"{job.kind.replace('_', '-')}-{job.created_at:%Y-%m-%d-%H%M}{part}.{extension}"
    return attachment(name, content_type, _written(context, job))


def _written(context: AppContext, job: Job) -> str:
    parts: list[bytes] = []
    for part in parts_of(context.outbox(), job.id):
        parts.append(part)
        if sum(map(len, parts)) > _MOST_BYTES:
            fix = f"read it part by part: GET /api/jobs/{job.id}/result, and follow the header Link"
            raise TooLarge("the file is too large for a browser", fix=fix)
    return b"".join(parts).decode()


def _changes(context: AppContext, job: Job) -> list[Any]:
    """Return the first webhooks that would change, of a comparison that is finished."""
    if job.kind != "compare" or job.is_open:
        return []
    output, _ = context.outbox().jobs.output(job.id, 0)
    return [orjson.loads(line) for line in output.splitlines()[:_MOST_CHANGES]]


def cancel(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """End a job; what is done stays done."""
    job = job_at(context, request)
    context.outbox().jobs.cancel(job.id, context.now())
    return see_other(f"/console/jobs/{job.id}")
