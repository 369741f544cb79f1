"""`capi-bridge diff`: what a changed mapping would change, for its samples and for stored webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from bridge.authoring.diff import (
    EventChange,
    FieldChange,
    TriedWebhook,
    WebhookChange,
    changes,
    sample_requests,
)
from bridge.bootstrap import open_meta_spec
from bridge.cli.mapping_files import file_meant
from bridge.cli.opened_store import prepared_store
from bridge.cli.options import config_option, json_option, reveal_option, secrets_of, settings_of
from bridge.mapping import CompiledMapping, load_mapping, name_of
from bridge.plurals import counted
from bridge.serialization import encode_readable
from bridge.settings import Settings


@click.command("diff", help="Show what a changed mapping would change.")
@click.argument("old")
@click.argument("new")
@click.option("--stored", is_flag=True, help="Also compare with the webhooks stored for the mapping NEW.")
@reveal_option
@config_option
@json_option
def diff(old: str, new: str, stored: bool, reveal: bool, config: Path | None, as_json: bool) -> None:  # noqa: PLR0913, PLR0917
    """Compare two mappings event by event; exit 1 when an event that was sent would no longer be sent."""
    settings = settings_of(config)
    before, after = (_load(name, settings) for name in (old, new))
    requests = _requests(before, after, settings, stored=stored)
    found = tuple(changes(before, after, requests, open_meta_spec(settings), reveal=reveal))
    if as_json:
        click.echo(encode_readable({"webhooks": [change.as_json() for change in found]}))
    else:
        for change in found:
            _print(change)
    changed = sum(bool(change.events) for change in found)
    click.echo(f"{counted(len(found), 'webhook')} compared, {changed} with a different result", err=True)
    if any(event.is_worse for change in found for event in change.events):
        raise SystemExit(1)


def _load(name: str, settings: Settings) -> CompiledMapping:
    file = file_meant(name, settings)
    return load_mapping(
        file,
        name=name_of(file, settings.mappings),
        environment=secrets_of(settings),
        spec=open_meta_spec(settings),
        destinations=settings.destinations,
        secrets="optional",
    )


def _requests(
    old: CompiledMapping, new: CompiledMapping, settings: Settings, *, stored: bool
) -> Iterator[TriedWebhook]:
    yield from sample_requests((new, old), datetime.now(UTC))
    if not stored:
        return
    from bridge.monitoring.line_counts import last_webhooks

    with prepared_store(settings) as outbox:
        for number, request in enumerate(last_webhooks(outbox, new.name), 1):
            name = f"stored webhook {number}, of {request.received_at:%Y-%m-%d %H:%M:%S}"
            yield TriedWebhook(name, request)


def _print(change: WebhookChange) -> None:
    if not change.events:
        return
    click.echo(change.webhook)
    for event in change.events:
        click.echo(f"  {_heading(event)}")
        for field in event.fields:
            click.echo(f"    {field.field}: {_side(field)}")


def _heading(event: EventChange) -> str:
    if event.before is None:
        return f"+ {event.event} (new, {event.after})"
    if event.after is None:
        return f"- {event.event} (gone; it was {event.before})"
    if event.before != event.after:
        why = f": {event.reason}" if event.reason else ""
        return f"! {event.event}: {event.before} becomes {event.after}{why}"
    return f"  {event.event}"


def _side(field: FieldChange) -> str:
    read = f"   [{field.read_before} → {field.read_after}]" if field.read_before != field.read_after else ""
    return f"{field.before} → {field.after}{read}"
