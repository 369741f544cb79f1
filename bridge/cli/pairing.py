"""`capi-bridge pairing`: whether events of browsers and servers have the same ids, to be counted once."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import click

from bridge.bootstrap import open_mappings, open_meta_spec, open_store, prepare
from bridge.cli.options import config_option, json_option, moment_of, settings_of
from bridge.cli.output import table
from bridge.delivery.worker import utc_now
from bridge.monitoring.pairing_check import browser_mappings, count_pairs, pairs_as_json
from bridge.outbox.pairing import REASONS, PairedName
from bridge.serialization import encode_readable
from bridge.settings import process_environment

_USUALLY = timedelta(days=7)


@click.command(help="Check that events of browsers and servers have the same ids.")
@click.option("--since", help="Count events that came since then, such as 7d (the default).")
@config_option
@json_option
def pairing(since: str | None, config: Path | None, as_json: bool) -> None:
    """Print how many events of browsers found the server's event with the same id; exit 1 if one did not."""
    settings = settings_of(config)
    prepare(settings)
    now = utc_now()
    start = moment_of(since, "--since") or now - _USUALLY
    mappings = open_mappings(settings, process_environment())
    with closing(open_store(settings)) as outbox:
        pairs = count_pairs(outbox, mappings, open_meta_spec(settings), start, now)
    if as_json:
        click.echo(encode_readable(pairs_as_json(pairs, mappings, start)))
    elif pairs:
        rows = [row for pair in pairs for row in _rows(pair)]
        click.echo(table(("EVENT", "FROM BROWSERS", "PAIRED", "WHY THE OTHERS ARE NOT"), rows))
    elif browser_mappings(mappings):
        click.echo("no browser has sent an event since then")
    else:
        click.echo("no mapping is for browsers; see docs/visits.md")
    if any(pair.reasons.keys() - {"may_come"} for pair in pairs):
        raise SystemExit(1)


def _rows(pair: PairedName) -> list[tuple[object, ...]]:
    """Return one row for the name, with its first reason, and one for each further reason."""
    whys = [f"{number}: {REASONS[reason]}" for reason, number in pair.reasons.items()] or [""]
    share = f"{pair.paired} ({round(100 * pair.paired / pair.browser_events)} %)"
    return [(pair.event_name, pair.browser_events, share, whys[0]), *(("", "", "", why) for why in whys[1:])]
