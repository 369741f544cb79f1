"""`capi-bridge db`: look after the database."""

from __future__ import annotations

from pathlib import Path

import click

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
