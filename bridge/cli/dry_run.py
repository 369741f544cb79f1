"""`capi-bridge dry-run`: what a webhook would become. Nothing is stored or sent."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bridge.bootstrap import open_meta_spec
from bridge.coerce.dates import read_time
from bridge.errors import CannotOpen, UnknownMapping, WrongUse
from bridge.ingest.preview import content_type_of, preview
from bridge.mapping import CompiledMapping, load_mapping
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Request, Verified
from bridge.pipeline import translate
from bridge.serialization import encode_readable
from bridge.settings import Settings, load_settings, process_environment
from bridge.spelling import closest

_TYPES = {".json": "application/json", ".form": "application/x-www-form-urlencoded", ".txt": "text/plain"}


@dataclass(frozen=True, slots=True)
class Sample:
    """A payload and what stands beside it in `<name>.headers.json`: how it really came."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    now: str | None = None


@click.command("dry-run", help="Show what a webhook would become; nothing is stored or sent.")
@click.argument("mapping_name", metavar="MAPPING")
@click.argument("payload", default="-")
@click.option("--config", type=click.Path(path_type=Path), help="The settings file (bridge.yaml).")
@click.option("--header", "headers", multiple=True, metavar="K:V", help="A header of the webhook.")
@click.option("--query", "queries", multiple=True, metavar="K=V", help="A query parameter of the webhook.")
@click.option("--content-type", help="The webhook's content type.")
@click.option("--now", help="The moment it arrived, such as 2026-11-21T12:00:00Z.")
@click.option("--explain", is_flag=True, help="Say for every field where its value came from.")
@click.option("--reveal", is_flag=True, help="Show personal data in the explanation.")
@click.option("--verify", "verifies", is_flag=True, help="Check the signature or token too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def dry_run(  # noqa: PLR0913, PLR0917 - one argument for each option
    mapping_name: str,
    payload: str,
    config: Path | None,
    headers: tuple[str, ...],
    queries: tuple[str, ...],
    content_type: str | None,
    now: str | None,
    explain: bool,
    reveal: bool,
    verifies: bool,
    as_json: bool,
) -> None:
    """Translate one payload and print exactly what would be sent; exit 1 when an event is held."""
    settings = load_settings(config, process_environment())
    spec = open_meta_spec(settings)
    sample = read_sample(payload)
    mapping = open_mapping(mapping_name, settings, spec, {**sample.secrets, **process_environment()})
    given = {**_pairs(headers, ":", "--header"), **({"content-type": content_type} if content_type else {})}
    request = as_request(sample, given, _pairs(queries, "=", "--query"), _moment(now or sample.now))
    translation = translate(
        request if verifies else Verified(request), mapping, spec, explain=explain or reveal, reveal=reveal
    )
    told = preview(translation, settings, request.received_at)
    if as_json:
        click.echo(encode_readable(told))
    else:
        _print(told, mapping, explains=explain or reveal)
    if told["held"]:
        raise SystemExit(1)


def open_mapping(
    name: str, settings: Settings, spec: MetaSpec, environment: Mapping[str, str]
) -> CompiledMapping:
    """Load a mapping by its name or from a file. Its secrets need not be set: nothing is verified."""
    return load_mapping(
        mapping_file(name, settings),
        environment=UnsetIsFine(environment),
        spec=spec,
        destinations=settings.destinations,
    )


def mapping_file(name: str, settings: Settings) -> Path:
    """Return the file that a name, or a path, means."""
    as_path = Path(name)
    if as_path.suffix in {".yaml", ".yml"} or "/" in name:
        if not as_path.is_file():
            raise CannotOpen(f"{name}: there is no such file")
        return as_path
    for folder in settings.mappings:
        if (folder / f"{name}.yaml").is_file():
            return folder / f"{name}.yaml"
    known = [file.stem for folder in settings.mappings for file in sorted(folder.glob("*.yaml"))]
    meant = closest(name, known)
    fix = f"did you mean {meant}?" if meant else "see the folder of mappings"
    raise UnknownMapping(f"there is no mapping {name}", fix=fix)


class UnsetIsFine(dict[str, str]):
    """An environment in which every `${NAME}` has some value; the command line trusts its user."""

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value, or a text that is no secret."""
        return self[name]

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return "unset"


def read_sample(payload: str) -> Sample:
    """Read a payload from a file or stdin, with the headers that stand beside a sample."""
    if payload == "-":
        return Sample(sys.stdin.buffer.read())
    file = Path(payload)
    try:
        body = file.read_bytes()
    except OSError as error:
        raise CannotOpen(f"{payload}: cannot be read ({error.strerror})") from error
    beside = file.with_name(f"{file.stem}.headers.json")
    told: dict[str, Any] = json.loads(beside.read_text("utf-8")) if beside.is_file() else {}
    headers = told.get("headers") or {}
    if not any(name.lower() == "content-type" for name in headers) and file.suffix in _TYPES:
        headers = {**headers, "Content-Type": _TYPES[file.suffix]}
    return Sample(
        body, headers, told.get("query") or {}, told.get("url"), told.get("secrets") or {}, told.get("now")
    )


def as_request(
    sample: Sample, headers: Mapping[str, str], query: Mapping[str, str], now: datetime
) -> Request:
    """Return the webhook as it would have arrived."""
    merged = {name.lower(): text for name, text in {**sample.headers, **headers}.items()}
    merged.setdefault("content-type", content_type_of(sample.body))
    return Request(
        method="POST",
        url=sample.url or "https://example.test/hooks/mapping",
        headers={**merged, "content-length": str(len(sample.body))},
        query={**sample.query, **query},
        body=sample.body,
        ip="203.0.113.7",
        received_at=now,
    )


def _pairs(given: Iterable[str], sign: str, option: str) -> dict[str, str]:
    pairs = {}
    for text in given:
        name, found, value = text.partition(sign)
        if not found or not name.strip():
            raise WrongUse(f"{option} needs NAME{sign}VALUE", fix=f"write {option} 'name{sign}value'")
        pairs[name.strip()] = value.strip()
    return {name.lower(): text for name, text in pairs.items()} if sign == ":" else pairs


def _moment(given: str | None) -> datetime:
    if not given:
        return datetime.now(UTC)
    seconds = read_time(given)
    if seconds is None:
        raise WrongUse("--now is not a time", fix="write it as 2026-11-21T12:00:00Z")
    return datetime.fromtimestamp(seconds, UTC)


def _print(told: Mapping[str, Any], mapping: CompiledMapping, *, explains: bool) -> None:
    """Write the body to stdout, and everything said about it to stderr."""
    click.echo(encode_readable(told["request"]))
    for name in ("skipped", "suppressed", "held"):
        for entry in told[name]:
            click.secho(f"{name}: {entry['reason']}", err=True, fg="yellow")
            for finding in entry.get("findings", ()):
                click.echo(f"  {_sentence(finding)}", err=True)
    for finding in told["findings"]:
        click.echo(_sentence(finding), err=True)
    for destination in told["sent_to"]:
        click.echo(f"would be sent to {destination.get('url') or destination['problem']}", err=True)
    if explains:
        from bridge.explain.render import render_explanation

        click.echo(render_explanation(told["explain"]), err=True)
    click.echo(f"{mapping.name}: {len(told['events'])} events; nothing was stored or sent", err=True)


def _sentence(finding: Mapping[str, Any]) -> str:
    where = f"{finding['file']}:{finding['line']}:{finding['column']}: " if finding["file"] else ""
    fix = f"\n    fix: {finding['fix']}" if finding["fix"] else ""
    return f"{where}{finding['severity']}[{finding['code']}] {finding['message']}{fix}"
