"""`capi-bridge sources`: the APIs that records are fetched from, what waits for them, and ending a pause."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.opened_store import opened_store
from bridge.cli.options import config_option, json_option
from bridge.cli.status import sources_table
from bridge.errors import WrongUse
from bridge.monitoring.clock import utc_now
from bridge.monitoring.status import sources_of
from bridge.serialization import encode_readable
from bridge.settings import Settings
from bridge.spelling import closest


@click.group(invoke_without_command=True, help="See the APIs that records are fetched from.")
@config_option
@json_option
@click.pass_context
def sources(context: click.Context, config: Path | None, as_json: bool) -> None:
    """List the sources when no command is given."""
    if context.invoked_subcommand:
        return
    with opened_store(config) as (outbox, settings):
        found = sources_of(outbox, settings, utc_now())
    if as_json:
        click.echo(encode_readable({"sources": found}))
    elif found:
        click.echo(sources_table(found))
    else:
        click.echo("no sources are configured; see docs/fetch.md")


@sources.command(help="End the pause of a source: the next call shows whether its cause is gone.")
@click.argument("name")
@config_option
@json_option
def resume(name: str, config: Path | None, as_json: bool) -> None:
    """Lift the pause."""
    with opened_store(config) as (outbox, settings):
        if name not in settings.sources:
            raise WrongUse(f"there is no source {name}", fix=_meant(name, settings))
        resumed = outbox.fetches.resume(name, utc_now())
    if as_json:
        click.echo(encode_readable({"source": name, "resumed": resumed}))
    else:
        click.echo(f"records are fetched from {name} again" if resumed else f"{name} was not paused")


def _meant(name: str, settings: Settings) -> str:
    meant = closest(name, settings.sources)
    return f"did you mean {meant}?" if meant else "see `capi-bridge sources`"
