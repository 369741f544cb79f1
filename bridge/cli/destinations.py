"""`capi-bridge destinations`: what Meta says of the tokens and datasets that events are sent to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import click
import orjson

from bridge.cli.options import config_option, json_option, settings_of
from bridge.cli.output import table
from bridge.delivery.graph_reads import (
    DestinationReport,
    GraphReader,
    datasets_seen,
    report_on,
)
from bridge.delivery.http_client import http_sender
from bridge.errors import CannotOpen, WrongUse
from bridge.serialization import encode_readable
from bridge.settings import Settings

_name_option = click.option("--destination", "name", help="Only this destination of the settings.")


@click.group(invoke_without_command=True, help="See what Meta says about your tokens and datasets.")
@config_option
@json_option
@click.pass_context
def destinations(context: click.Context, config: Path | None, as_json: bool) -> None:
    """List the configured destinations when no command is given."""
    if context.invoked_subcommand:
        return
    settings = settings_of(config)
    now = datetime.now(UTC)
    rows = [
        {
            "destination": name,
            "dataset_id": entry.dataset_id,
            "api_version": entry.api_version,
            "test_event_code": entry.test_event_code.at(now) if entry.test_event_code else None,
        }
        for name, entry in settings.destinations.items()
    ]
    _print_rows(rows, as_json=as_json)


@destinations.command(help="Ask Meta whether each token is valid, what it may do and when it expires.")
@config_option
@_name_option
@json_option
def check(config: Path | None, name: str | None, as_json: bool) -> None:
    """Report on each destination; exit 1 when Meta says that a token is invalid."""
    settings = settings_of(config)
    reports = [report_on(reader) for reader in _readers(settings, name)]
    if as_json:
        click.echo(encode_readable({"destinations": [report.as_json() for report in reports]}))
    else:
        for report in reports:
            click.echo("\n".join(_described(report)))
    if any(report.state == "invalid" for report in reports):
        raise SystemExit(1)


@destinations.command(help="List every dataset that the tokens can see, with its last event and counts.")
@config_option
@_name_option
@json_option
def datasets(config: Path | None, name: str | None, as_json: bool) -> None:
    """Print the datasets by destination."""
    now = datetime.now(UTC)
    found = _read_of_each(_readers(settings_of(config), name), lambda reader: _datasets(reader, now))
    _print_found(found, as_json=as_json)


def _datasets(reader: GraphReader, now: datetime) -> list[Mapping[str, Any]]:
    return [
        {
            "destination": reader.destination.name,
            "dataset_id": node.get("id"),
            "name": node.get("name"),
            "ad_accounts": ", ".join(map(str, node["ad_accounts"])),
            "last_event": node.get("last_fired_time"),
            "events_of_7_days": node["events"],
        }
        for node in datasets_seen(reader, now)
    ]


@destinations.command(help="Show Meta's match quality and deduplication of website events beside ours.")
@config_option
@_name_option
@json_option
def quality(config: Path | None, name: str | None, as_json: bool) -> None:
    """Print Meta's figures by event name, and the mean of our own estimate over the last seven days."""
    from bridge.cli.opened_store import prepared_store
    from bridge.monitoring.match_quality import match_quality, our_match_strength

    settings = settings_of(config)
    now = datetime.now(UTC)
    with prepared_store(settings) as outbox:

        def figures_of(reader: GraphReader) -> list[Mapping[str, Any]]:
            ours = our_match_strength(outbox, reader.destination.name, now)
            return [figures.as_json() for figures in match_quality(reader, ours)]

        found = _read_of_each(_readers(settings, name), figures_of)
    _print_found(found, as_json=as_json)


@destinations.command(help="Send one test event to a destination; Meta shows it under Test Events.")
@config_option
@click.option("--destination", "name", help="The destination of the settings; else the only one, or main.")
@click.option("--test-event-code", "code", help="The code that Events Manager shows under Test Events.")
@json_option
def test(config: Path | None, name: str | None, code: str | None, as_json: bool) -> None:
    """Send a made-up Lead with a test code; exit 1 when Meta rejects it."""
    from bridge.cli.send import chosen, print_response
    from bridge.delivery.send_now import made_up_event, refuse_test_code_when_live, send_body

    settings = settings_of(config)
    entry = chosen(settings, name)
    now = datetime.now(UTC)
    used = code or (entry.test_event_code.at(now) if entry.test_event_code else None)
    if not used:
        fix = "copy the code from Events Manager, Test Events, and add --test-event-code"
        raise WrongUse("a test event needs a test_event_code", fix=fix)
    body = {"data": [made_up_event(now)], "test_event_code": used}
    refuse_test_code_when_live(body, settings)
    print_response(send_body(body, entry, settings), as_json=as_json)


def _readers(settings: Settings, name: str | None) -> Iterator[GraphReader]:
    """Yield a reader for each destination that is asked for."""
    if name is not None and name not in settings.destinations:
        known = ", ".join(settings.destinations)
        raise WrongUse(f"there is no destination {name}", fix=f"use one of {known}")
    send = http_sender(settings.delivery.timeout, 1)
    for entry in settings.destinations.values():
        if name in {None, entry.name}:
            yield GraphReader(settings.graph_url, entry, send)


def reports_of(settings: Settings) -> list[DestinationReport]:
    """Return what Meta says of every destination; raises CannotOpen when it does not answer."""
    return [report_on(reader) for reader in _readers(settings, None)]


def _described(report: DestinationReport) -> Iterator[str]:
    name = f" ({report.dataset_name})" if report.dataset_name else ""
    yield f"{report.destination}: dataset {report.dataset_id}{name}"
    yield f"  token: {report.state}"
    if report.state == "valid" and report.permissions is not None:
        yield (
            f"  expires: {report.expires_at:%Y-%m-%d %H:%M} UTC" if report.expires_at else "  expires: never"
        )
        yield f"  permissions: {', '.join(report.permissions) or 'none'}"
    if report.last_event:
        yield f"  last event at Meta: {report.last_event}"
    if report.message:
        yield f"  Meta says: {report.message}"
    if report.state == "cannot tell":
        yield "  the token may send and yet not read; `capi-bridge destinations test` shows whether it sends"


class _Found(NamedTuple):
    """What Meta shows of some destinations, and why it shows nothing of the others."""

    rows: list[Mapping[str, Any]]
    refusals: list[CannotOpen]


def _read_of_each(
    readers: Iterable[GraphReader], read: Callable[[GraphReader], Sequence[Mapping[str, Any]]]
) -> _Found:
    """Ask about each destination; one that cannot be read leaves the others alone."""
    found = _Found([], [])
    for reader in readers:
        try:
            found.rows.extend(read(reader))
        except CannotOpen as error:
            found.refusals.append(CannotOpen(f"{reader.destination.name}: {error.message}", fix=error.fix))
    return found


def _print_found(found: _Found, *, as_json: bool) -> None:
    """Print the rows; raise CannotOpen when a destination could not be read."""
    if found.rows or not found.refusals:
        _print_rows(found.rows, as_json=as_json)
    for refusal in found.refusals[:-1]:
        click.echo(f"error: {refusal.message}", err=True)
    for refusal in found.refusals[-1:]:
        raise refusal


def _print_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(encode_readable({"rows": rows}))
    elif rows:
        click.echo(table(tuple(rows[0]), [[_cell(value) for value in row.values()] for row in rows]))
    else:
        click.echo("nothing to show", err=True)


def _cell(value: Any) -> object:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {number}" for name, number in value.items())
    return value if not isinstance(value, list) else orjson.dumps(value).decode()
