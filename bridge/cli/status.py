"""`capi-bridge status`: what runs, what waits, what is held and what is paused, in one look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from bridge.bootstrap import open_mappings
from bridge.cli.opened_store import prepared_store
from bridge.cli.options import config_option, json_option, local_time
from bridge.cli.output import table
from bridge.ingest.retarget import kinds
from bridge.monitoring.clock import utc_now
from bridge.monitoring.status import status_of
from bridge.serialization import encode_readable
from bridge.settings import load_settings, process_environment


@click.command("status", help="Show in one look what runs, waits, is held or paused.")
@config_option
@json_option
def status(*, config: Path | None, as_json: bool) -> None:
    """Print the status; nothing is asked of Meta."""
    environment = process_environment()
    settings = load_settings(config, environment)
    with prepared_store(settings) as outbox:
        found = status_of(outbox, settings, open_mappings(settings, environment), utc_now())
    click.echo(encode_readable(found) if as_json else "\n".join(_lines(found)))


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    if found["mode"] == "demo":
        yield "DEMO: no dataset is configured; nothing reaches Meta\n"
    yield _destinations(found)
    if found["sources"]:
        yield "\n" + sources_table(found["sources"])
    yield from _warnings(found)
    if found["held"]:
        held = [(one["events"], one["mapping"], one["reason"]) for one in found["held"]]
        yield "\n" + table(("HELD", "MAPPING", "REASON"), held, (8, 40, 120))
    rows = [(one["name"], _local(one["last_webhook_at"]), _activity(one)) for one in found["mappings"]]
    yield "\n" + table(("MAPPING", "LAST WEBHOOK", ""), rows)
    counted = ", ".join(f"{number} {name}" for name, number in found["events"].items() if number)
    yield f"\nevents: {counted or 'none yet'}"
    yield f"database: {found['database']['kind']}{_size(found['database']['bytes'])}"
    if found["disk"]["free_bytes"] is not None:
        yield f"disk:{_size(found['disk']['free_bytes'])} free"


def _destinations(found: Mapping[str, Any]) -> str:
    rows = [
        (
            one["name"],
            one["dataset_id"],
            one["waiting"] + one["sending"],
            _age(one["oldest_seconds"]),
            _state(one),
        )
        for one in found["destinations"]
    ]
    return table(("DESTINATION", "DATASET", "WAITING", "OLDEST", "STATE"), rows)


def sources_table(sources: Sequence[Mapping[str, Any]]) -> str:
    """Return the sources that records are fetched from, what waits for each and whether it is paused."""
    rows = [
        (one["name"], one["rate"] or "", one["webhooks"], _age(one["oldest_seconds"]), _source_state(one))
        for one in sources
    ]
    return table(("SOURCE", "RATE", "WAITING", "OLDEST", "STATE"), rows)


def _source_state(one: Mapping[str, Any]) -> str:
    if not one["configured"]:
        return "NOT CONFIGURED: there is no such source in the settings"
    return f"PAUSED since {one['paused_since']}: {one['reason']}" if one["paused"] else "is fetched from"


def _warnings(found: Mapping[str, Any]) -> Iterator[str]:
    for left in found["not_configured"]:
        yield (
            f"\nNOT CONFIGURED: {kinds(left)} of "
            f"{left['destination']} for dataset {left['dataset_id']}; see `capi-bridge events retarget`"
        )
    for one in found["destinations"]:
        if one["paused"]:
            yield f"\nPAUSED: {one['name']}: {one['reason']}"
    for one in found["unusual"]:
        yield f"\nUNUSUAL: {one['message']}"
    for one in found["test_codes"]:
        yield f"\nTEST MODE: {one['where']} sends with test_event_code {one['test_event_code']}"


def _state(one: Mapping[str, Any]) -> str:
    if one["paused"]:
        return f"PAUSED since {_local(one['paused_since'])}"
    return "sends as a test" if one["test_event_code"] else "sends"


def _local(moment: str | None) -> str:
    return "never" if moment is None else local_time(datetime.fromisoformat(moment))


def _activity(one: Mapping[str, Any]) -> str:
    """Return why a mapping takes no webhooks, or still does so by its last good version."""
    if one["problem"]:
        return f"{'CHANGED, AND BROKEN' if one['active'] else 'BROKEN'}: {one['problem']}"
    return "" if one["active"] else "not active: there is no such file"


def _age(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes = int(seconds // 60)
    return f"{int(seconds)} s" if minutes < 2 else f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def _size(size: int | None) -> str:
    return "" if size is None else f" {size / 1_048_576:,.1f} MiB"
