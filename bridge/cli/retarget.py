"""`capi-bridge events retarget`: move events from a dataset configured by mistake to the right one."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.opened_store import prepared_store
from bridge.cli.options import config_option, json_option, settings_of
from bridge.ingest.retarget import kinds, planned_move
from bridge.ingest.retarget import retarget as retarget_events
from bridge.monitoring.clock import utc_now
from bridge.outbox.stranded import OPEN
from bridge.plurals import counted
from bridge.serialization import encode_readable


@click.command("retarget", help="Move events from a dataset that is not configured to one that is.")
@click.option("--from-dataset", required=True, metavar="ID", help="The dataset that is no longer configured.")
@click.option("--to", "destination", required=True, help="The destination to whose dataset they are moved.")
@click.option("--across", is_flag=True, help="Also events that were meant for other destinations.")
@click.option("--dry-run", is_flag=True, help="Only say how many events would be moved.")
@config_option
@json_option
def retarget(  # noqa: PLR0913 - one argument for each option
    *,
    from_dataset: str,
    destination: str,
    across: bool,
    dry_run: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Move what waits, what is fetched for and what is held; what was sent stays where it was sent."""
    settings = settings_of(config)
    move = planned_move(settings, from_dataset, destination, across=across)
    with prepared_store(settings) as outbox:
        found = outbox.stranded.movable(move)
        counts = {**{status: found[status] for status in OPEN}, "skipped": 0}
        if not dry_run:
            counts = retarget_events(outbox, move, utc_now())
    counts["left"] = found["left"]
    if as_json:
        ends = {"from_dataset": from_dataset, "to": destination, "to_dataset": move.dataset_id}
        click.echo(encode_readable({**ends, "dry_run": dry_run, **counts}))
    else:
        verb = "would be moved" if dry_run else "moved"
        target = f"{destination} ({move.dataset_id})"
        click.echo(f"{kinds(counts)} {verb} to {target}")
        if counts["skipped"]:
            click.echo(f"skipped, because already stored there: {counted(counts['skipped'], 'event')}")
    if found["left"]:
        left = counted(found["left"], "event")
        click.echo(f"left alone, of other destinations: {left}; --across takes them too", err=True)
