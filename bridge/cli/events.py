"""`capi-bridge events`: look at stored events, and replay, discard, export or erase them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from bridge.bootstrap import open_mappings, open_meta_spec
from bridge.cli.erase import erase, erasures
from bridge.cli.event_table import events_table
from bridge.cli.opened_store import opened_store
from bridge.cli.options import config_option, json_option, local_now, moment_of
from bridge.cli.output import progress, terminal_width
from bridge.cli.person import person_options
from bridge.cli.retarget import retarget
from bridge.errors import WrongUse
from bridge.ingest.persons import looked_for, person_of
from bridge.models import Identifier
from bridge.monitoring.clock import utc_now
from bridge.outbox import STATUSES, EventDetail, EventRecord, Outbox, Query
from bridge.plurals import counted
from bridge.serialization import encode, encode_readable
from bridge.settings import process_environment

ALL = 10_000_000
# what a replay counts -> what to say about so many webhooks
_NOT_REPLAYED = {
    "raw_gone": "cannot be mapped again: past retention.raw_webhooks",
    "unknown_mapping": "cannot be mapped again: no mapping has the name they came in under; "
    "give the file its old name, replay, then rename it",
    "cannot_open": "cannot be decrypted: add the old key to CAPI_BRIDGE_SECRET_KEY, after the new one",
}
_SEE_THE_LIST = "see the first column of `capi-bridge events list`"
_FILTERS = (
    click.option("--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="Only these."),
    click.option("--mapping", help="Only from this mapping."),
    click.option("--destination", help="Only for this destination."),
    click.option("--event-name", help="Only with this event_name."),
    click.option("--event-id", help="Only with this event_id."),
    click.option("--reason", help="Only those whose reason or findings contain this text."),
    click.option("--since", help="Only received since then: 2026-11-21T12:00:00Z, 1h, yesterday, 2026-11."),
    click.option("--until", help="Only received before this time."),
    click.option(
        "--by",
        type=click.Choice(["received", "event"]),
        default="received",
        help="What --since and --until mean: when it was received, or when it happened.",
    ),
)


@click.group(help="Look at stored events; replay, discard, export or erase them.")
def events() -> None:
    """Hold the commands about stored events."""


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which events are meant, as one `query`."""

    @wraps(command)
    def with_query(**options: Any) -> None:
        given = {
            name: options.pop(name)
            for name in ("mapping", "destination", "event_name", "event_id", "reason", "by")
        }
        query = Query(
            ids=tuple(options.pop("ids", ())),
            statuses=frozenset(options.pop("statuses")),
            since=moment_of(options.pop("since"), "--since"),
            until=moment_of(options.pop("until"), "--until"),
            **given,
        )
        command(query=query, **options)

    for option in reversed(_FILTERS):
        with_query = option(with_query)
    return with_query


@events.command("list", help="List events, newest first.")
@config_option
@_filters
@person_options
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most this many."
)
@json_option
def list_events(
    config: Path | None, query: Query, identifiers: tuple[Identifier, ...], limit: int, as_json: bool
) -> None:
    """Print the events that the filters select."""
    with opened_store(config) as (outbox, _):
        found = _found(outbox, _with_limit(query, limit), identifiers)
        counts = outbox.counts()
    if as_json:
        click.echo(encode_readable({"events": [event.as_json() for event in found]}))
        return
    click.echo(events_table(found, terminal_width()))
    click.echo(f"times are in {local_now():%Z} (UTC{local_now():%z})", err=True)
    if identifiers:
        click.echo(f"{looked_for(identifiers)}: {counted(len(found), 'event')}", err=True)
    totals = ", ".join(f"{number} {status}" for status, number in counts.by_status.items() if number)
    click.echo(f"{counts.received} received: {totals or 'nothing yet'}", err=True)


def _found(outbox: Outbox, query: Query, identifiers: tuple[Identifier, ...]) -> list[EventRecord]:
    """Return the events a query means, of one person where somebody is named."""
    from bridge.ingest.replay import each

    if not identifiers:
        return list(each(outbox, query))
    ids = outbox.erasures.find(person_of(identifiers)).shown_ids
    return list(each(outbox, replace(query, ids=ids))) if ids else []


@events.command(help="Show one event with its body, its attempts and its findings.")
@click.argument("event_id")
@config_option
@json_option
def show(event_id: str, config: Path | None, as_json: bool) -> None:
    """Print everything that is kept about one event."""
    with opened_store(config) as (outbox, _):
        detail = outbox.show(event_id)
    if detail is None:
        raise WrongUse(f"there is no event with the id {event_id}", fix=_SEE_THE_LIST)
    record = {**detail.as_json(), "request_id": detail.request_id}
    if as_json:
        click.echo(encode_readable(record))
    else:
        _print_detail(detail, record)


@events.command(help="Send events again; held ones are mapped again first.")
@click.argument("ids", nargs=-1)
@config_option
@_filters
@click.option("--dry-run", is_flag=True, help="Only say how many events are selected.")
@click.option("--rate", type=click.FloatRange(0.01), help="At most this many events a second.")
@click.option("--fetch-again", is_flag=True, help="Fetch records anew instead of using what is kept of them.")
@json_option
def replay(  # noqa: PLR0913 - one argument for each option
    *,
    config: Path | None,
    query: Query,
    dry_run: bool,
    rate: float | None,
    fetch_again: bool,
    as_json: bool,
) -> None:
    """Make the selected events due again, with the same ids."""
    from bridge.ingest.replay import Pace, remapping
    from bridge.ingest.replay import replay as replay_events

    _must_say_which(query)
    with opened_store(config) as (outbox, settings):
        _require_events(outbox, query.ids)
        if dry_run:
            _print_counts({"matching": outbox.count(query)}, as_json=as_json)
            return
        mappings = open_mappings(settings, process_environment())
        with progress("replay", shown=not as_json) as advance:
            counts = replay_events(
                outbox,
                _with_limit(query, ALL),
                remapping(settings, open_meta_spec(settings), mappings, utc_now, fetch_again=fetch_again),
                utc_now(),
                Pace(per_second=rate, progress=advance),
            )
    _print_counts(counts, as_json=as_json)
    for name, hint in _NOT_REPLAYED.items():
        if counts.get(name):
            click.echo(f"{counted(counts[name], 'webhook')} {hint}", err=True)
    if counts.keys() & {"still_held", *_NOT_REPLAYED}:
        raise SystemExit(1)


@events.command(help="Give up on events, with a reason.")
@click.argument("ids", nargs=-1)
@config_option
@_filters
@click.option("--because", required=True, help="Why; it is kept with each event.")
@click.option("--dry-run", is_flag=True, help="Only say how many events are selected.")
@json_option
def discard(config: Path | None, query: Query, because: str, dry_run: bool, as_json: bool) -> None:
    """Discard the selected events; what was sent, or is being sent, is left alone."""
    from bridge.ingest.replay import discard as discard_events

    _must_say_which(query)
    with opened_store(config) as (outbox, _):
        _require_events(outbox, query.ids)
        if dry_run:
            _print_counts({"matching": outbox.count(query)}, as_json=as_json)
            return
        number = discard_events(outbox, _with_limit(query, ALL), because, utc_now())
    _print_counts({"discarded": number}, as_json=as_json)


@events.command(help="Write events as JSON lines or CSV to stdout.")
@config_option
@_filters
@click.option("--format", "style", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option("--bodies", is_flag=True, help="With the body that is sent for each (hashed data).")
@click.option("--json", "as_json", is_flag=True, help="The same as --format jsonl.")
def export(config: Path | None, query: Query, style: str, bodies: bool, as_json: bool) -> None:
    """Write the selected events, however many there are."""
    from bridge.ingest.replay import each
    from bridge.jobs.bulk_export import columns_of, exported, write_csv

    with opened_store(config) as (outbox, _):
        records = exported(outbox, each(outbox, _with_limit(query, ALL)), bodies=bodies)
        if style == "csv" and not as_json:
            write_csv(records, sys.stdout, columns_of(bodies=bodies), has_header=True)
        else:
            for record in records:
                click.echo(encode(record).decode())


@events.command(help="Check that the totals reconcile: every event received is accounted for.")
@config_option
@json_option
def check(config: Path | None, as_json: bool) -> None:
    """Print where the totals do not reconcile; exit 1 when they do not."""
    with opened_store(config) as (outbox, _):
        wrong = outbox.discrepancies()
        counts = outbox.counts()
    if as_json:
        totals = {"balanced": not wrong, "problems": wrong, "received": counts.received}
        click.echo(encode_readable({**totals, "by_status": counts.by_status}))
    else:
        for sentence in wrong:
            click.echo(sentence)
        accounted = " + ".join(f"{number} {status}" for status, number in counts.by_status.items())
        click.echo(f"{counts.received} received = {accounted}")
    if wrong:
        raise SystemExit(1)


def _with_limit(query: Query, limit: int) -> Query:
    return replace(query, limit=limit)


def _must_say_which(query: Query) -> None:
    if query == Query():
        raise WrongUse("no filter was given", fix="give ids, or --status, --mapping, --since …")


def _require_events(outbox: Outbox, ids: Sequence[str]) -> None:
    """Raise WrongUse for ids that no event has: what is mistyped must not look as if it were done."""
    known = outbox.statuses(ids)
    for given in ids:
        if given not in known and not outbox.statuses((given,)):  # it may be written in capitals
            raise WrongUse(f"there is no event with the id {given}", fix=_SEE_THE_LIST)


def _print_counts(counts: Mapping[str, int], *, as_json: bool) -> None:
    if as_json:
        click.echo(encode_readable(dict(counts)))
    else:
        click.echo(
            ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in counts.items()) or "nothing"
        )


def _print_detail(detail: EventDetail, record: Mapping[str, Any]) -> None:
    for name in record:
        if name not in {"body", "attempts", "findings"}:
            click.echo(f"{name}: {'' if record[name] is None else record[name]}")
    for finding in detail.event.findings:
        where = f"{finding['file']}:{finding['line']}: " if finding.get("file") else ""
        click.echo(f"finding: {where}{finding['severity']}[{finding['code']}] {finding['message']}")
    for attempt in record["attempts"]:
        words = f"{attempt['outcome']}, HTTP {attempt['http_status']}, {attempt['duration_ms']} ms"
        click.echo(f"attempt: {attempt['started_at']} {words}, fbtrace {attempt['fbtrace_id']}")
        if attempt["answer"]:
            click.echo(f"  Meta says: {attempt['answer']}")
    click.echo(encode_readable(record["body"]))


for command in (retarget, erase, erasures):
    events.add_command(command)
