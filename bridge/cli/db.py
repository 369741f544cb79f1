"""`capi-bridge db`: look after the database."""

from __future__ import annotations

import json
from pathlib import Path

import click

from bridge.cli.options import config_option, json_option, settings_of
from bridge.cli.output import progress
from bridge.monitoring.clock import utc_now
from bridge.outbox import copy as copy_database
from bridge.outbox import upgrade as migrate


@click.group(help="Look after the database.")
def db() -> None:
    """Hold the commands about the database."""


@db.command(help="Run the migrations that are missing; safe to run at any time.")
@config_option
def upgrade(config: Path | None) -> None:
    """Run the migrations that are missing."""
    settings = settings_of(config)
    migrate(settings.live_database_url)
    click.echo("the database is up to date", err=True)


@db.command(help="Copy everything from one database to another, such as SQLite to PostgreSQL.")
@click.argument("source")
@click.argument("target")
@json_option
def copy(source: str, target: str, as_json: bool) -> None:
    """Make the target equal to the source; stop the bridge first. May be repeated."""
    with progress("copy", shown=not as_json) as advance:
        rows = copy_database(source, target, utc_now(), lambda _, done: advance(done, done))
    if as_json:
        click.echo(json.dumps(rows))
    else:
        click.echo(", ".join(f"{number} {table}" for table, number in rows.items()))


@db.command(help="Copy a running SQLite database into a new file.")
@click.argument("file", type=click.Path(path_type=Path))
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the file and its size as JSON.")
def backup(file: Path, config: Path | None, as_json: bool) -> None:
    """Make a backup while the bridge runs; say what else has to be kept beside it."""
    from bridge.outbox.backup import backup as copy_running

    settings = settings_of(config)
    size = copy_running(settings.live_database_url, file)
    if as_json:
        click.echo(json.dumps({"file": str(file), "bytes": size}))
    else:
        click.echo(f"{file}: {size / 1_048_576:,.1f} MiB")
    key = "CAPI_BRIDGE_SECRET_KEY" if settings.secret_keys else str(settings.secret_key_file)
    click.echo(f"keep {key} too: without it the webhooks in the backup cannot be read", err=True)
