"""`capi-bridge db`: look after the database."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.options import config_option, json_option, settings_of
from bridge.cli.output import progress
from bridge.delivery.worker import utc_now


@click.group(help="Look after the database.")
def db() -> None:
    """Hold the commands about the database."""


@db.command(help="Run the migrations that are missing; safe to run at any time.")
@config_option
def upgrade(config: Path | None) -> None:
    """Run the migrations that are missing."""
    from bridge.outbox import upgrade as migrate

    settings = settings_of(config)
    migrate(settings.database_url)
    click.echo("the database is up to date", err=True)


@db.command(help="Copy everything from one database to another, such as SQLite to PostgreSQL.")
@click.argument("source")
@click.argument("target")
@json_option
def copy(source: str, target: str, as_json: bool) -> None:
    """Make the target equal to the source; stop the bridge first. May be repeated."""
    import json

    from bridge.outbox import copy as copy_database
    from bridge.outbox import upgrade as migrate

    for url in (source, target):
        migrate(url)
    with progress("copy", shown=not as_json) as advance:
        rows = copy_database(source, target, utc_now(), lambda _, done: advance(done, done))
    if as_json:
        click.echo(json.dumps(rows))
    else:
        click.echo(", ".join(f"{number} {table}" for table, number in rows.items()))
