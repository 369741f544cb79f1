"""Importing a file: chosen, tried without storing anything, looked at, and started as a job."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import PurePath
from typing import Any, NamedTuple

import orjson

from bridge.errors import BridgeError, WrongUse
from bridge.ingest.file_encoding import UTF_8
from bridge.ingest.import_rows import STYLES
from bridge.jobs.bulk_import import MOST_BYTES, read_import
from bridge.jobs.job_output import parts_of
from bridge.outbox import Job
from bridge.web.api.jobs_api import job_at, job_context
from bridge.web.console.jobs import WORDS
from bridge.web.console.pages import attachment, form, page, see_other, with_query
from bridge.web.console.results import sentence_of
from bridge.web.console.uploads import upload_of
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, query
from bridge.web.responses import NoSuchJob, Response, error_response

_HOME = "/console/import"
_RECENT = 10
_MOST_LINES = 100
_IN_WORDS = {
    "em": "e-mail",
    "ph": "phone",
    "fn": "first name",
    "ln": "last name",
    "external_id": "external id",
    "fbc": "click id",
}
ENCODINGS = ("utf-8", "cp1252", "cp1250", "cp1251", "cp1254", "utf-16", "shift_jis")
_OF_TRIAL = {
    "waiting": "would be sent",
    "held": "would be held",
    "unreadable": "cannot be read",
    "skipped": "would be skipped on purpose",
    "suppressed": "have no consent and would not be sent",
    "fetching": "would wait for what is fetched for them",
}
_OF_IMPORT = {
    **WORDS,
    "waiting": "taken, and sent in turn",
    "held": "held: correct the rows or the mapping, and import the file again",
    "unreadable": "rows that cannot be read",
    "duplicate": "were here already",
    "replaced": "held events of an earlier import replaced by corrected rows",
}


class MappedRow(NamedTuple):
    """One of the first rows that would become an event, and what it would say."""

    row: int
    event_name: str
    event_time: int
    person: str
    value: str


def ask(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show the form, and the imports of late."""
    return _asked(context, viewer, query(request), done=sentence_of(request))


def upload(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Take the file, and try it without storing any event."""
    given = upload_of(request, "file")
    asked: dict[str, Any] = {
        "mapping": given.fields.get("mapping", ""),
        "encoding": given.fields.get("encoding") or None,
        "file_name": PurePath(given.file_name.replace("\\", "/")).name,
        "dry_run": "yes",
    }
    try:
        asked["format"] = _style(given.file_name)
        wanted = read_import(job_context(context), asked, given.content, keeps_file=True)
    except BridgeError as error:
        return _asked(context, viewer, given.fields, error=error)
    job = context.outbox().jobs.add(wanted, context.now())
    return see_other(f"{_HOME}/{job.id}")


def show(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show how far an import or its trial has come, and what becomes of the rows."""
    job = _import_at(context, request)
    is_trial = bool(job.request.get("dry_run"))
    rows = _first_rows(context, job)
    words = _OF_TRIAL if is_trial else _OF_IMPORT
    return page(
        context,
        viewer,
        "import_job.html",
        job=job,
        is_trial=is_trial,
        counts=[(words[name], number) for name, number in job.counts.items() if name in words],
        shares=_shares(job.counts),
        mapped=[_mapped(row) for row in rows if "event" in row],
        problems=[row for row in rows if "event" not in row][:_MOST_LINES],
        most_lines=_MOST_LINES,
        can_start=is_trial and job.state == "done" and context.outbox().jobs.has_input(job.id),
    )


def start(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Import the file that was tried; it is handed on, so that a second click imports nothing twice."""
    trial = _import_at(context, request)
    jobs = context.outbox().jobs
    asked = {name: trial.request.get(name) for name in ("mapping", "format", "file_name")}
    rate = form(request).get("per_second", "").strip()
    if not (content := jobs.source(trial)):
        raise _no_longer_kept()
    wanted = read_import(
        job_context(context),
        {**asked, "encoding": _encoding(trial), **({"per_second": rate} if rate else {})},
        content,
    )
    if not jobs.forget_input(trial.id):
        raise _no_longer_kept()
    return see_other(f"{_HOME}/{jobs.add(wanted, context.now()).id}")


def give_up(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """End an import, and delete the file."""
    job = _import_at(context, request)
    context.outbox().jobs.cancel(job.id, context.now())
    context.outbox().jobs.forget_input(job.id)
    is_trial = bool(job.request.get("dry_run"))
    return see_other(with_query(_HOME, {}, done="file_deleted") if is_trial else f"{_HOME}/{job.id}")


def download_report(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Answer every row that is held or cannot be read as a table for a spreadsheet."""
    job = _import_at(context, request)
    table = StringIO()
    writer = csv.writer(table)
    writer.writerow(["row", "status", "reason", "what to do"])
    writer.writerows(_cells(line) for line in _lines(context, job) if "event" not in line)
    content = f"\ufeff{table.getvalue()}"  # the mark tells Excel that it is UTF-8
    return attachment(f"import-{job.id}.csv", "text/csv; charset=utf-8", content)


def _no_longer_kept() -> WrongUse:
    return WrongUse("the file is no longer kept", fix="choose it again")


def _asked(
    context: AppContext,
    viewer: Viewer,
    given: Mapping[str, str],
    *,
    error: BridgeError | None = None,
    done: str = "",
) -> Response:
    newest = [job for job in context.outbox().jobs.newest() if job.kind == "import"]
    return page(
        context,
        viewer,
        "import.html",
        status=error_response(error).status if error else 200,
        mappings=context.mappings.names(),
        encodings=ENCODINGS,
        chosen={name: given.get(name, "") for name in ("mapping", "encoding")},
        error=error,
        done=done,
        most_bytes=MOST_BYTES,
        styles=[f".{name}" for name in STYLES],
        recent=newest[:_RECENT],
    )


def _style(file_name: str) -> str:
    """Return the kind of a file by the end of its name. Raises WrongUse."""
    if not file_name:
        raise WrongUse("no file was chosen", fix="choose one, or drop it on the field")
    style = PurePath(file_name).suffix.lower().removeprefix(".")
    if style not in STYLES:
        known = ", ".join(f".{name}" for name in STYLES)
        raise WrongUse("this kind of file cannot be imported", fix=f"save it as one of {known}")
    return style


def _encoding(trial: Job) -> str | None:
    """Return how the trial read a text file: the import must not read it in another way."""
    if not STYLES[trial.request["format"]].is_text:
        return None
    codec: str = trial.request["encoding"]
    return "utf-8" if codec == UTF_8.codec else codec


def _import_at(context: AppContext, request: HttpRequest) -> Job:
    job = job_at(context, request)
    if job.kind != "import":
        raise NoSuchJob("there is no import with this id", fix="see the list of imports")
    return job


def _shares(counts: Mapping[str, int]) -> tuple[int, int, int] | None:
    """Return the number of events, and how many percent of them have an e-mail address and a phone number."""
    events = counts.get("events", 0)
    if not events:
        return None
    email, phone = (round(100 * counts.get(name, 0) / events) for name in ("with_email", "with_phone"))
    return events, email, phone


def _first_rows(context: AppContext, job: Job) -> list[Mapping[str, Any]]:
    """Return the first lines of what the import has written, one for each row."""
    content, _ = context.outbox().jobs.output(job.id, 0)
    return [orjson.loads(line) for line in content.splitlines()[: _MOST_LINES * 2]]


def _mapped(line: Mapping[str, Any]) -> MappedRow:
    event = line["event"]
    person, money = event.get("user_data", {}), event.get("custom_data", {})
    known = ", ".join(word for key, word in _IN_WORDS.items() if person.get(key))
    value = f"{money['value']} {money.get('currency', '')}".strip() if "value" in money else ""
    return MappedRow(line["row"], event["event_name"], event["event_time"], known, value)


def _lines(context: AppContext, job: Job) -> Iterator[Mapping[str, Any]]:
    for part in parts_of(context.outbox(), job.id):
        yield from map(orjson.loads, part.splitlines())


def _cells(line: Mapping[str, Any]) -> tuple[Any, ...]:
    messages = [finding["message"] for finding in line["findings"]]
    fixes = [finding["fix"] for finding in line["findings"] if finding["fix"]]
    return line["row"], line["status"], line["reason"] or "; ".join(messages), "; ".join(fixes)
