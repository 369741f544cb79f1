"""`capi-bridge events erase`: erase one person; `events erasures`: the receipts of those who were erased."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import click

from bridge.cli.opened_store import opened_store, prepared_store
from bridge.cli.options import config_option, json_option, local_time, settings_of
from bridge.cli.output import table
from bridge.cli.person import person_options
from bridge.errors import WrongUse
from bridge.ingest.persons import counted_kinds, looked_for, person_of
from bridge.jobs.bulk_erasure import known_destination
from bridge.models import Identifier
from bridge.monitoring.clock import utc_now
from bridge.outbox import ErasureReceipt, ErasureRequest, Job, erasures_as_json
from bridge.plurals import counted
from bridge.serialization import encode_readable

_STAYS_AT_META = "what was sent already stays at Meta: erase it there too"


@click.command(help="Erase everything about one person: events, and the webhooks they came from.")
@person_options
@click.option("--destination", help="Only what is kept for this destination.")
@click.option("--and-never-send", "never_send", is_flag=True, help="Send nothing of this person again.")
@click.option("--dry-run", is_flag=True, help="Only say how much would be erased.")
@click.option("--yes", is_flag=True, help="Erase without asking.")
@config_option
@json_option
def erase(  # noqa: PLR0913 - one parameter for each option
    *,
    identifiers: tuple[Identifier, ...],
    destination: str | None,
    never_send: bool,
    dry_run: bool,
    yes: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Erase one person, and print the receipt. What was sent stays at Meta."""
    if not identifiers:
        raise WrongUse("no person is named", fix="give --email, --phone, --external-id or --order-id")
    settings = settings_of(config)
    known_destination(destination, settings.destinations)
    person = person_of(identifiers, destination)
    request = ErasureRequest("command line", counted_kinds(identifiers), destination, never_send)
    with prepared_store(settings) as outbox:
        click.echo(looked_for(identifiers), err=True)
        found = outbox.erasures.find(person)
        counts = {
            "events": len(found.event_ids),
            "raw_webhooks": len(found.webhook_ids),
            "visits": outbox.erasures.visits_of(person),
        }
        if dry_run:
            click.echo(encode_readable(counts) if as_json else f"would erase {_sizes(counts)}")
            return
        _ask_before_erasing(counts, yes=yes, as_json=as_json)
        receipt = outbox.erasures.erase(person, request, utc_now())
    click.echo(encode_readable(receipt.as_json()) if as_json else "\n".join(_lines(receipt)))
    click.echo(_STAYS_AT_META, err=True)


def _ask_before_erasing(counts: Mapping[str, int], *, yes: bool, as_json: bool) -> None:
    """Let the person at the terminal confirm; a program has nobody to ask and says --yes."""
    if yes or not any(counts.values()):
        return
    if as_json or not sys.stdin.isatty():
        raise WrongUse(
            "erasing cannot be undone, and there is no terminal to ask for confirmation", fix="add --yes"
        )
    click.confirm(f"erase {_sizes(counts)}? This cannot be undone", abort=True, err=True)


def _sizes(counts: Mapping[str, int]) -> str:
    names = {"events": "event", "raw_webhooks": "stored webhook", "visits": "visit"}
    events, webhooks, visits = (counted(counts[kind], name) for kind, name in names.items())
    return f"{events}, {webhooks} and {visits}" if counts["visits"] else f"{events} and {webhooks}"


def _lines(receipt: ErasureReceipt) -> Iterator[str]:
    request = receipt.request
    yield f"erased {_sizes(asdict(receipt.erased))}"
    yield f"receipt: {receipt.id}, {local_time(receipt.finished_at)}"
    yield f"looked for: {_kinds(request.looked_for)}"
    yield f"destination: {request.destination or 'all'}"
    yield f"never sent again: {'yes' if request.never_send else 'no'}"


def _kinds(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {kind.replace('_', ' ')}" for kind, number in counts.items())


@click.command("erasures", help="List the receipts of erased persons, and erasures that are not finished.")
@config_option
@json_option
def erasures(*, config: Path | None, as_json: bool) -> None:
    """Print who asked for which erasure, and what was deleted; exit 1 when one could not be finished."""
    with opened_store(config) as (outbox, _):
        receipts, unfinished = outbox.erasures.receipts(), outbox.erasures.unfinished()
    if as_json:
        click.echo(encode_readable(erasures_as_json(receipts, unfinished)))
    else:
        rows = [*map(_unfinished_row, unfinished), *map(_row, receipts)]
        click.echo(table(("ID", "STATE", "FINISHED", "ASKED BY", "LOOKED FOR", "EVENTS", "WEBHOOKS"), rows))
    if any(job.state == "failed" for job in unfinished):
        raise SystemExit(1)


def _row(receipt: ErasureReceipt) -> tuple[object, ...]:
    request, erased = receipt.request, receipt.erased
    return (
        receipt.id,
        "done",
        local_time(receipt.finished_at),
        request.asked_by,
        _kinds(request.looked_for),
        erased.events,
        erased.raw_webhooks,
    )


def _unfinished_row(job: Job) -> tuple[object, ...]:
    found = (job.counts.get("events", 0), job.counts.get("raw_webhooks", 0))
    return (job.id, job.state, "", job.request["asked_by"], _kinds(job.request["looked_for"]), *found)
