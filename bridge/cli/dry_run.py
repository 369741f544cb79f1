"""`capi-bridge dry-run`: what a webhook would become. Nothing is stored or sent."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import click

from bridge.bootstrap import open_meta_spec
from bridge.cli.explanation import explanation_text, not_shared_text
from bridge.cli.mapping_files import file_meant
from bridge.cli.opened_store import prepared_store
from bridge.cli.options import config_option, json_option, moment_of, pairs_of, secrets_of, settings_of
from bridge.errors import CannotOpen, UnknownMapping
from bridge.ingest.preview import preview
from bridge.mapping import CompiledMapping, load_mapping, name_of
from bridge.mapping.language.visit_words import VISIT_SOURCE
from bridge.mapping.samples import LOCAL_URL, Sample, answers_file, read_sample, request_of_body
from bridge.meta_spec.spec import MetaSpec
from bridge.models import AnswerLookup, Request, Translation, Verified
from bridge.monitoring.clock import SteadyClock
from bridge.pipeline import translate
from bridge.plurals import counted
from bridge.serialization import encode_readable
from bridge.settings import Settings

_VISITOR_IP = "203.0.113.7"  # of a range kept for documentation (RFC 5737)


@click.command("dry-run", help="Show what a webhook would become; nothing is stored or sent.")
@click.argument("mapping_name", metavar="MAPPING")
@click.argument("payload", default="-")
@config_option
@click.option("--header", "headers", multiple=True, metavar="K:V", help="A header of the webhook.")
@click.option("--query", "queries", multiple=True, metavar="K=V", help="A query parameter of the webhook.")
@click.option("--url", help="The public URL it was posted to, where a signature covers it.")
@click.option("--content-type", help="The content type of the webhook.")
@click.option("--now", "arrival", help="When it arrives, such as 2026-11-21T12:00:00Z.")
@click.option("--explain", is_flag=True, help="Show where the value of each field came from.")
@click.option("--reveal", is_flag=True, help="Show personal data in the explanation.")
@click.option("--verify", "verifies", is_flag=True, help="Check the signature or token too.")
@click.option(
    "--fetch", "fetches", is_flag=True, help="Really ask for records and visits; else recorded answers."
)
@json_option
def dry_run(  # noqa: PLR0913, PLR0917 - one argument for each option
    mapping_name: str,
    payload: str,
    config: Path | None,
    headers: tuple[str, ...],
    queries: tuple[str, ...],
    url: str | None,
    content_type: str | None,
    arrival: str | None,
    explain: bool,
    reveal: bool,
    verifies: bool,
    fetches: bool,
    as_json: bool,
) -> None:
    """Translate one payload and print what would be sent; exit 1 when an event is held or lacks an answer."""
    settings = settings_of(config)
    spec = open_meta_spec(settings)
    sample = _sample(payload, mapping_name)
    file = _mapping_file(mapping_name, settings)
    mapping = load_mapping(
        file,
        name=name_of(file, settings.mappings),
        environment=secrets_of(settings, sample.secrets),
        spec=spec,
        destinations=settings.destinations,
        sources=settings.sources,
        secrets="required" if verifies else "optional",
    )
    given = {**pairs_of(headers, ":", "--header"), **({"content-type": content_type} if content_type else {})}
    request = _as_given(sample.request, given, pairs_of(queries, "=", "--query"), moment_of(arrival, "--now"))
    request = _at_its_url(request, url, mapping.name, settings)
    given_request = request if verifies else Verified(request)
    translated = partial(translate, given_request, mapping, spec, explain=True, reveal=reveal)
    fetched = _live(mapping, settings, translated) if fetches else mapping.recorded(sample.fetched)
    translation = translated(fetched=fetched)
    shown = preview(translation, settings, request.received_at)
    if as_json:
        click.echo(encode_readable(shown if explain or reveal else {**shown, "explain": []}))
    else:
        _print(shown, mapping, spec, explains=explain or reveal)
        if shown["fetching"]:
            click.echo(_how_to_fetch(sample.file, mapping), err=True)
    if shown["held"] or shown["fetching"]:
        raise SystemExit(1)


def _how_to_fetch(sample: Path, mapping: CompiledMapping) -> str:
    """Say where an answer that is missing may be recorded, and in which form."""
    steps = ", ".join(f'"{step.name}": {{...}}' for step in mapping.fetch if step.source != VISIT_SOURCE)
    where = f"in {answers_file(sample).name}" if sample.suffix else "beside the webhook, saved as a file,"
    return f"An answer is missing: record what the API says {where} as {{{steps}}}, or ask it with --fetch."


def _mapping_file(name: str, settings: Settings) -> Path:
    """Return the mapping's file; a name that is none is answered as the endpoint would answer it."""
    try:
        return file_meant(name, settings)
    except CannotOpen as error:
        if "/" in name or Path(name).suffix in {".yaml", ".yml"}:
            raise
        raise UnknownMapping(f"there is no mapping {name}", fix=error.fix) from error


def _sample(payload: str, name: str) -> Sample:
    """Read the payload from a file, with what the file beside it says, or from standard input."""
    now = datetime.now(UTC)
    if payload == "-":
        return Sample(Path("-"), request_of_body(sys.stdin.buffer.read(), name, now))
    return read_sample(Path(payload), now)


def _as_given(
    request: Request, headers: Mapping[str, str], query: Mapping[str, str], arrival: datetime | None
) -> Request:
    """Return the webhook with what the options say about it."""
    lowered = {name.lower(): text for name, text in headers.items()}
    return replace(
        request,
        headers={**request.headers, **lowered, "content-length": str(len(request.body))},
        query={**request.query, **query},
        ip=request.ip or _VISITOR_IP,
        received_at=arrival or request.received_at,
    )


def _live(
    mapping: CompiledMapping, settings: Settings, translated: Callable[..., Translation]
) -> AnswerLookup:
    from bridge.cli.live_answers import live_answers
    from bridge.fetch.client import open_client
    from bridge.fetch.visit_lookup import VisitLookup

    def answers(visits: VisitLookup | None) -> AnswerLookup:
        return live_answers(mapping, open_client(settings), visits, lambda found: translated(fetched=found))

    if all(step.source != VISIT_SOURCE for step in mapping.fetch):
        return answers(None)
    with prepared_store(settings) as outbox:
        return answers(VisitLookup(outbox.visits, SteadyClock()))


def _at_its_url(request: Request, url: str | None, name: str, settings: Settings) -> Request:
    """Return the webhook at the URL its sender signed: the one given, else that of this bridge."""
    if url is None and (settings.public_url is None or not request.url.startswith(LOCAL_URL)):
        return request
    query = f"?{urlencode(request.query)}" if request.query else ""
    at = url or f"{settings.public_url}/hooks/{name}{query}"
    return replace(request, url=at, query={**dict(parse_qsl(urlsplit(at).query)), **request.query})


def _print(shown: Mapping[str, Any], mapping: CompiledMapping, spec: MetaSpec, *, explains: bool) -> None:
    """Write the body to stdout, and everything said about it to stderr."""
    click.echo(encode_readable(shown["request"]))
    for name in ("skipped", "suppressed", "held", "fetching"):
        for entry in shown[name]:
            click.secho(f"{name}: {entry['reason']}", err=True, fg="yellow")
            for finding in entry.get("findings", ()):
                click.echo(f"  {_sentence(finding)}", err=True)
    if shown["erase"]:
        click.secho(_erasure(shown["erase"]), err=True, fg="yellow")
    for finding in shown["findings"]:
        click.echo(_sentence(finding), err=True)
    for finding in mapping.warnings:
        if finding.code == "unknown_source":
            click.echo(
                f"{_sentence(finding.as_json())}\n    until then the mapping takes no webhooks", err=True
            )
    for destination in shown["sent_to"]:
        click.echo(f"would be sent to {destination.get('url') or destination['problem']}", err=True)
    click.echo(explanation_text(shown, spec) if explains else not_shared_text(shown), err=True, nl=explains)
    events = counted(len(shown["events"]), "event")
    click.echo(f"{mapping.name}: {events}; nothing was stored or sent", err=True)


def _erasure(erasure: Mapping[str, Any]) -> str:
    """Say whom the webhook would erase, masked."""
    named = ", ".join(f"{one['kind'].replace('_', ' ')} {one['value']}" for one in erasure["identifiers"])
    where = f"what is kept for {erasure['destination']}" if erasure["destination"] else "everything"
    again = ", and nothing is sent of this person again" if erasure["never_send"] else ""
    return f"erases {where} about {named}{again}"


def _sentence(finding: Mapping[str, Any]) -> str:
    where = f"{finding['file']}:{finding['line']}:{finding['column']}: " if finding["file"] else ""
    fix = f"\n    fix: {finding['fix']}" if finding["fix"] else ""
    return f"{where}{finding['severity']}[{finding['code']}] {finding['message']}{fix}"
