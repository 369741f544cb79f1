"""`capi-bridge db`: look after the database."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.output import progress
from bridge.delivery.worker import utc_now
from bridge.settings import load_settings, process_environment

_CONFIG = click.option("--config", type=click.Path(path_type=Path), help="The settings file (bridge.yaml).")


@click.group(help="Look after the database.")
def db() -> None:
    """Hold the commands about the database."""


@db.command(help="Bring the database to the newest form; safe to run at any time.")
@_CONFIG
def upgrade(config: Path | None) -> None:
    """Run the migrations that are missing."""
    from bridge.outbox import upgrade as migrate

    settings = load_settings(config, process_environment())
    migrate(settings.database_url)
    click.echo("the database is in its newest form", err=True)


@db.command(help="Copy everything from one database to another, such as SQLite to PostgreSQL.")
@click.argument("source")
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="Print the number of rows as JSON.")
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
