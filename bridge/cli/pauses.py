"""`capi-bridge pauses`: what nothing is sent to at the moment, and why; pausing and resuming."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from bridge.cli.opened_store import opened_store
from bridge.cli.options import config_option, json_option, local_time
from bridge.cli.output import table
from bridge.delivery.manual_pauses import (
    entry_named,
    length_of,
    pause_as_json,
    pause_destination,
    resume_destination,
)
from bridge.monitoring.clock import utc_now
from bridge.serialization import encode_readable


@click.group(invoke_without_command=True, help="See what is paused and why; pause and resume destinations.")
@config_option
@json_option
@click.pass_context
def pauses(context: click.Context, config: Path | None, as_json: bool) -> None:
    """List the pauses when no command is given."""
    if not context.invoked_subcommand:
        _list(config, as_json=as_json)


@pauses.command("list", help="List what is paused, why, since when and until when.")
@config_option
@json_option
def list_pauses(config: Path | None, as_json: bool) -> None:
    """Print every pause."""
    _list(config, as_json=as_json)


@pauses.command(help="Send nothing to a destination for a while; its events wait.")
@click.argument("destination")
@click.option("--for", "length", default="1h", show_default=True, help="How long: 30 minutes, 2h, 7 days.")
@click.option("--because", default="", help="Why; it is shown with the waiting events.")
@config_option
@json_option
def add(destination: str, length: str, because: str, config: Path | None, as_json: bool) -> None:
    """Pause a destination."""
    with opened_store(config) as (outbox, settings):
        entry = entry_named("destination", destination, settings.destinations)
        made = pause_as_json(pause_destination(outbox, entry, length_of(length, "--for"), because, utc_now()))
    if as_json:
        click.echo(encode_readable({"pause": made}))
    else:
        click.echo(f"nothing is sent to {destination} until {_local(made['until'])}; its events wait")


@pauses.command(help="End the pause of a destination: the next event shows whether its cause is gone.")
@click.argument("destination")
@config_option
@json_option
def resume(destination: str, config: Path | None, as_json: bool) -> None:
    """Lift a pause, whoever made it."""
    with opened_store(config) as (outbox, settings):
        resumed = resume_destination(outbox, entry_named("destination", destination, settings.destinations))
    if as_json:
        click.echo(encode_readable({"destination": destination, "resumed": resumed}))
    else:
        click.echo(f"events are sent to {destination} again" if resumed else f"{destination} was not paused")


def _list(config: Path | None, *, as_json: bool) -> None:
    with opened_store(config) as (outbox, _):
        found = [pause_as_json(pause) for pause in outbox.pauses().values()]
    if as_json:
        click.echo(encode_readable({"pauses": found}))
    elif found:
        rows = [(_what(one), _local(one["since"]), _local(one["until"]), one["reason"]) for one in found]
        click.echo(table(("PAUSED", "SINCE", "UNTIL", "REASON"), rows))
    else:
        click.echo("nothing is paused")


def _what(pause: Mapping[str, Any]) -> str:
    named = (
        ("destination", pause["destination"]),
        ("source", pause["source"]),
        ("dataset", pause["dataset_id"]),
    )
    return next((f"{kind} {name}" for kind, name in named if name), pause["scope"])


def _local(moment: str) -> str:
    return local_time(datetime.fromisoformat(moment))
