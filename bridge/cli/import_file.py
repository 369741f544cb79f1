"""`capi-bridge import`: feed a CSV or JSON-lines file through a mapping."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import click

from bridge.bootstrap import open_mappings, open_store, prepare
from bridge.cli.output import progress
from bridge.delivery.worker import utc_now
from bridge.ingest.import_file import ImportContext, dry_run
from bridge.ingest.import_file import import_file as import_rows
from bridge.ingest.import_rows import count_lines
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.settings import Settings, load_settings, process_environment

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    help="Feed every row of a CSV or JSON-lines FILE through a mapping, as if it had been posted. May be "
    "interrupted and started again. What is refused is listed in a report, one line for each row."
)
@click.argument("file", type=_FILE)
@click.option("--mapping", "name", required=True, help="The name of the mapping.")
@click.option("--dry-run", "only_try", is_flag=True, help="Store nothing; count and report.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="At most so many rows a second.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Where the report goes.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@click.option("--config", type=click.Path(path_type=Path), help="The settings file (bridge.yaml).")
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
    """Import one file, and exit with 1 when a row was refused."""
    settings = load_settings(config, process_environment())
    report = report or file.with_name(f"{file.name}.report.jsonl")
    counts = _run(file, name, settings, rate, report, only_try=only_try)
    refused = counts["held"] + counts["unreadable"]
    if as_json:
        click.echo(json.dumps({"counts": counts, "report": str(report)}))
    else:
        told = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items())) or "no rows"
        click.echo(told)
    if refused:
        click.echo(f"{refused} refused; see {report}", err=True)
        sys.exit(1)


def _run(  # noqa: PLR0913
    file: Path, name: str, settings: Settings, rate: float | None, report: Path, *, only_try: bool
) -> Counter[str]:
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
