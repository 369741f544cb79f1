"""`capi-bridge import`: feed a CSV or JSON-lines file through a mapping."""

from __future__ import annotations

import json
import sys
import time
from contextlib import closing
from pathlib import Path

import click

from bridge.bootstrap import open_mappings, open_store, prepare
from bridge.cli.options import config_option, json_option, settings_of
from bridge.cli.output import progress
from bridge.delivery.worker import utc_now
from bridge.ingest.import_file import ImportContext, ImportSummary, dry_run
from bridge.ingest.import_file import import_file as import_rows
from bridge.ingest.import_rows import count_lines
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.plurals import counted
from bridge.settings import Settings, process_environment

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    help="Feed every row of a CSV or JSON-lines FILE through a mapping, as if it had been posted. May be "
    "interrupted and started again. Rows that do not become events are listed in a report, one line each."
)
@click.argument("file", type=_FILE)
@click.option("--mapping", "name", required=True, help="The name of the mapping.")
@click.option("--dry-run", "only_try", is_flag=True, help="Store nothing; count and report.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="At most this many rows a second.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Where the report goes.")
@json_option
@config_option
def import_file(  # noqa: PLR0913 - one argument for each option
    *,
    file: Path,
    name: str,
    only_try: bool,
    rate: float | None,
    report: Path | None,
    as_json: bool,
    config: Path | None,
) -> None:
    """Import one file; exit 1 when a row is held or cannot be read."""
    settings = settings_of(config)
    report = report or file.with_name(f"{file.name}.report.jsonl")
    summary = _run(file, name, settings, rate, report, only_try=only_try)
    counts, broken = summary.counts, summary.rows_with_broken_ids
    problems = counts["held"] + counts["unreadable"]
    if as_json:
        shown = {"counts": counts, "rows_with_broken_ids": broken, "report": str(report)}
        click.echo(json.dumps(shown))
    else:
        totals = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items()))
        click.echo(totals or "no rows")
    if broken:
        met = f"{counted(broken, 'row')} with an id that lost digits (1.2E+17) or was never filled in"
        click.echo(f"{met}: it identifies nothing and was left out; see {report}", err=True)
    if problems:
        click.echo(f"{counted(problems, 'row')} held or not readable; see {report}", err=True)
        sys.exit(1)


def _run(  # noqa: PLR0913
    file: Path, name: str, settings: Settings, rate: float | None, report: Path, *, only_try: bool
) -> ImportSummary:
    mapping = open_mappings(settings, process_environment()).get(name)
    rows = count_lines(file)
    with progress(file.name) as advance:
        around = ImportContext(
            mapping=mapping,
            settings=settings,
            spec=load_meta_spec(),
            clock=utc_now,
            sleep=time.sleep,
            per_second=rate,
            progress=lambda row: advance(row, rows),
        )
        if only_try:
            return dry_run(file, around, report)
        prepare(settings)
        with closing(open_store(settings)) as outbox:
            return import_rows(file, outbox, around, report)
