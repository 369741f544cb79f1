"""`capi-bridge import`: feed a CSV, Excel or JSON-lines file through a mapping."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from bridge.bootstrap import open_mappings
from bridge.cli.explanation import explanation_text
from bridge.cli.opened_store import prepared_store
from bridge.cli.options import config_option, json_option, settings_of
from bridge.cli.output import progress
from bridge.ingest.import_file import ImportContext, ImportSummary, dry_run, request_of
from bridge.ingest.import_file import import_file as import_rows
from bridge.ingest.import_rows import FileReading, FileRow, count_lines, reading_of, style_of
from bridge.ingest.preview import preview
from bridge.mapping import CompiledMapping
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Verified
from bridge.monitoring.clock import utc_now
from bridge.pipeline import translate
from bridge.plurals import counted
from bridge.serialization import encode_readable
from bridge.settings import Settings, process_environment

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    help="Feed every row of a CSV, Excel or JSON-lines FILE through a mapping, as if it had been posted. "
    "May be interrupted and started again. A report lists the rows that do not become events."
)
@click.argument("file", type=_FILE)
@click.option("--mapping", "name", required=True, help="The name of the mapping.")
@click.option("--dry-run", "only_try", is_flag=True, help="Store nothing; count, report and show one event.")
@click.option("--encoding", help="The encoding of a text file, such as cp1250, where it cannot be detected.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="At most this many rows a second.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Where the report goes.")
@json_option
@config_option
def import_file(  # noqa: PLR0913 - one argument for each option
    *,
    file: Path,
    name: str,
    only_try: bool,
    encoding: str | None,
    rate: float | None,
    report: Path | None,
    as_json: bool,
    config: Path | None,
) -> None:
    """Import one file; exit 1 when a row is held or cannot be read."""
    settings = settings_of(config)
    report = report or file.with_name(f"{file.name}.report.jsonl")
    mapping = open_mappings(settings, process_environment()).get(name)
    with file.open("rb") as stream:
        reading = reading_of(stream, style_of(file), encoding)
        understood = reading.in_words(stream)
    click.echo(f"{file.name}: {understood}", err=True)
    context = _context(mapping, settings, file, rate)
    summary = _run(file, reading, context, report, only_try=only_try)
    sample = _explained(summary.sample, context) if only_try and summary.sample else None
    if as_json:
        click.echo(encode_readable({"read_as": understood, **_as_json(summary, report, sample)}))
    else:
        _print(summary, sample, context, only_try=only_try)
    _print_problems(summary, report)
    if summary.counts["held"] + summary.counts["unreadable"]:
        sys.exit(1)


def _context(mapping: CompiledMapping, settings: Settings, file: Path, rate: float | None) -> ImportContext:
    return ImportContext(
        mapping=mapping,
        settings=settings,
        spec=load_meta_spec(),
        clock=utc_now,
        sleep=time.sleep,
        per_second=rate,
        file_name=file.name,
    )


def _run(
    file: Path, reading: FileReading, context: ImportContext, report: Path, *, only_try: bool
) -> ImportSummary:
    rows = count_lines(file)
    with progress(file.name) as advance:
        around = replace(context, progress=lambda row: advance(row, rows))
        if only_try:
            return dry_run(file, reading, around, report)
        with prepared_store(context.settings) as outbox:
            return import_rows(file, reading, outbox, around, report)


def _explained(row: FileRow, context: ImportContext) -> dict[str, Any]:
    """Return what one row becomes and why, as a dry run of it would."""
    translation = translate(Verified(request_of(row, context)), context.mapping, context.spec, explain=True)
    return {"row": row.number, **preview(translation, context.settings, context.clock())}


def _as_json(summary: ImportSummary, report: Path, sample: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "counts": summary.counts,
        "rows_with_broken_ids": summary.rows_with_broken_ids,
        "replaced": summary.replaced,
        "matchable": summary.matchable,
        "sample": sample and {"row": sample["row"], "events": sample["events"]},
        "report": str(report),
    }


def _print(
    summary: ImportSummary, sample: Mapping[str, Any] | None, context: ImportContext, *, only_try: bool
) -> None:
    if sample:
        click.echo(f"Row {sample['row']}, for example:")
        click.echo(explanation_text(sample, context.spec))
    if only_try and summary.matchable["events"]:
        click.echo(_shares(summary.matchable))
    words = {"waiting": "ready"} if only_try else {}
    totals = ", ".join(
        f"{number} {words.get(outcome, outcome)}" for outcome, number in sorted(summary.counts.items())
    )
    click.echo(totals or "no rows")


def _shares(matchable: Mapping[str, int]) -> str:
    events = matchable["events"]
    email, phone = (round(100 * matchable[name] / events) for name in ("with_email", "with_phone"))
    return f"{counted(events, 'event')}: {email}% with an e-mail address, {phone}% with a phone number"


def _print_problems(summary: ImportSummary, report: Path) -> None:
    broken, problems = summary.rows_with_broken_ids, summary.counts["held"] + summary.counts["unreadable"]
    if summary.replaced:
        held = counted(summary.replaced, "held event")
        click.echo(f"{held} of an earlier import replaced by corrected rows", err=True)
    if broken:
        met = f"{counted(broken, 'row')} with an id that lost digits (1.2E+17) or was never filled in"
        click.echo(f"{met}: it identifies nothing and was left out; see {report}", err=True)
    if problems:
        click.echo(f"{counted(problems, 'row')} held or not readable; see {report}", err=True)
