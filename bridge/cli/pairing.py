"""`capi-bridge pairing`: whether browsers and servers send the same ids, and what earlier visits add."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from bridge.bootstrap import open_mappings, open_meta_spec
from bridge.cli.opened_store import prepared_store
from bridge.cli.options import config_option, json_option, moment_of, settings_of
from bridge.cli.output import table
from bridge.mapping import MappingFolder
from bridge.monitoring.clock import utc_now
from bridge.monitoring.pairing_check import (
    USUALLY,
    browser_mappings,
    count_pairs,
    pairs_as_json,
    visit_mappings,
)
from bridge.outbox.pairing import REASONS, JoinedMapping, PairedName, PairingCount
from bridge.serialization import encode_readable
from bridge.settings import process_environment

_PAIRS = ("EVENT", "FROM BROWSERS", "PAIRED", "WHAT TO LOOK AT")
_JOINS = ("MAPPING", "EVENTS", "WITH A VISIT", "THEIR MATCH STRENGTH", "THAT OF ALL")


@click.command(
    help="Check that events of browsers and servers have the same ids, and what earlier visits add."
)
@click.option("--since", help="Count events that came since then, such as 7d (the default).")
@config_option
@json_option
def pairing(since: str | None, config: Path | None, as_json: bool) -> None:
    """Print how many events of browsers found the server's event with the same id; exit 1 if one did not."""
    settings = settings_of(config)
    now = utc_now()
    start = moment_of(since, "--since") or now - USUALLY
    mappings = open_mappings(settings, process_environment())
    with prepared_store(settings) as outbox:
        counted = count_pairs(outbox, mappings, open_meta_spec(settings), start, now)
    if as_json:
        click.echo(encode_readable(pairs_as_json(counted, mappings, start)))
    else:
        click.echo("\n\n".join([_pairs(counted, mappings), *_joins(counted, mappings)]))
        if counted.since > start:
            click.echo(
                f"\nOnly the newest events were counted: those since {counted.since:%Y-%m-%d %H:%M} UTC."
            )
    if any(pair.reasons.keys() - {"may_come", "page_first"} for pair in counted.names):
        raise SystemExit(1)


def _pairs(counted: PairingCount, mappings: MappingFolder) -> str:
    if counted.names:
        return table(_PAIRS, [row for pair in counted.names for row in _pair_rows(pair)])
    if browser_mappings(mappings):
        return "no browser has sent an event since then"
    return "no mapping is for browsers; see docs/visits.md"


def _pair_rows(pair: PairedName) -> list[tuple[object, ...]]:
    """Return one row for the name, with its first reason, and one for each further reason."""
    whys = [
        f"{number}: {REASONS[reason]} (for example {pair.examples[reason][0]})"
        for reason, number in pair.reasons.items()
    ]
    share = _share(pair.paired, pair.browser_events)
    rows = ((pair.event_name, pair.browser_events, share), *((("", "", ""),) * len(whys[1:])))
    return [(*row, why) for row, why in zip(rows, whys or [""], strict=True)]


def _joins(counted: PairingCount, mappings: MappingFolder) -> Iterator[str]:
    """Yield what visits add, where a mapping asks for them at all."""
    if counted.mappings:
        yield table(_JOINS, map(_join_row, counted.mappings))
    elif visit_mappings(mappings):
        yield "no event has come to a mapping with visit since then"


def _join_row(one: JoinedMapping) -> tuple[object, ...]:
    theirs = f"{one.joined_without} -> {one.joined_with}" if one.joined else ""
    of_all = f"{one.all_without} -> {one.all_with}"
    return (one.mapping, one.events, _share(one.joined, one.events), theirs, of_all)


def _share(number: int, total: int) -> str:
    return f"{number} ({round(100 * number / total)} %)"
