"""`capi-bridge init`: a new mapping from nothing, from a sample webhook, or like one that exists."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from bridge.authoring.findings_output import write_findings
from bridge.authoring.scaffold.copied_mapping import CopiedFile, samples_of, text_like
from bridge.authoring.scaffold.new_mapping import MappingRequest, NewMapping, new_mapping
from bridge.authoring.scaffold.plan import Wishes
from bridge.authoring.scaffold.questions import questions_about
from bridge.cli.mapping_files import file_meant
from bridge.cli.options import config_option, json_option, secrets_of, settings_of
from bridge.errors import CannotOpen, WrongUse
from bridge.finding import Finding
from bridge.lint.check import check_mapping
from bridge.mapping import load_mapping
from bridge.mapping.samples import answers_file, read_sample
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.shipped_files import shipped
from bridge.meta_spec.spec import MetaSpec
from bridge.serialization import encode_readable
from bridge.settings import Settings

_NAME = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_-]{0,63}/){0,3}[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SENDERS = ("server", "automation", "browser")


@dataclass(frozen=True, slots=True)
class _Written:
    """Everything that is written: the mapping's text, and files beside it."""

    text: str
    copies: tuple[CopiedFile, ...]
    new: NewMapping | None = None


@click.command("init", help="Write a new mapping, from a sample webhook if you have one.")
@click.argument("name")
@click.option("--from", "sample", metavar="SAMPLE", help="A file with a real webhook's body, or - for stdin.")
@click.option("--like", metavar="MAPPING", help="Start from a mapping that ships, by its name or file.")
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), help="The folder; else that of the settings."
)
@click.option("--event", "event_name", help="The event's name: Lead, Purchase, …")
@click.option("--action-source", help="Where it happens: website, system_generated, phone_call, …")
@click.option("--sent-by", type=click.Choice(_SENDERS), help="Who posts the webhook.")
@click.option("--send-to", default="main", help="The destination.")
@click.option("--currency", help="The currency of amounts that come without one.")
@click.option("--country", help="The country of phone numbers without a prefix, such as DE.")
@click.option("--timezone", help="The zone of times without one, such as Europe/Berlin.")
@click.option("--date-format", help="How dates are written, such as DD.MM.YYYY HH:mm.")
@click.option("--number-format", help="How numbers are written, as an example such as 1.234,56.")
@config_option
@click.option("--force", is_flag=True, help="Write over a mapping of that name.")
@json_option
def init(  # noqa: PLR0913, PLR0917 - one argument for each option
    name: str,
    sample: str | None,
    like: str | None,
    into: Path | None,
    event_name: str | None,
    action_source: str | None,
    sent_by: str | None,
    send_to: str,
    currency: str | None,
    country: str | None,
    timezone: str | None,
    date_format: str | None,
    number_format: str | None,
    config: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write `NAME.yaml` with comments and a test, and say what to do next."""
    settings = settings_of(config)
    spec = load_meta_spec()
    folder = into or _own_folder(settings)
    file = _file_for(name, folder, force=force)
    if like is None and sample is None and event_name is None and sys.stdin.isatty():
        sample, event_name, sent_by = _ask()
    wishes = Wishes(
        event_name, _known_source(action_source, spec), sent_by or "server", send_to, currency, country,
        timezone, number_format, date_format,
    )  # fmt: skip
    written = _like(name, like, settings, spec) if like else _Written("", ())
    if sample or not like:
        written = _from(file, sample, wishes, written, spec)
    _write(file, written)
    findings = check_mapping(
        file, environment=secrets_of(settings), spec=spec, destinations=settings.destinations
    ).findings
    _report(file, written, findings, as_json=as_json)


def _own_folder(settings: Settings) -> Path:
    """Return where new mappings belong: never among those that ship, unless one works right there."""
    first = settings.mappings[0]
    away = first == shipped("mappings") and not first.is_relative_to(settings.folder)
    return settings.folder / "mappings" if away else first


def _file_for(name: str, folder: Path, *, force: bool) -> Path:
    if not _NAME.fullmatch(name):
        raise WrongUse(
            f"{name!r} cannot be the name of a mapping",
            fix="it becomes part of the URL: use letters, digits, - and _, and / for a folder",
        )
    file = folder / f"{name}.yaml"
    if file.exists() and not force:
        raise WrongUse(f"{file} exists already", fix="choose another name, or add --force to write over it")
    return file


def _known_source(action_source: str | None, spec: MetaSpec) -> str | None:
    if action_source is None or action_source in spec.action_sources:
        return action_source
    known = ", ".join(sorted(spec.action_sources))
    raise WrongUse(f"{action_source!r} is not an action_source", fix=f"use one of {known}")


def _ask() -> tuple[str | None, str | None, str | None]:
    """Ask the person at the terminal what a script says by options."""
    sample = click.prompt("A file with a real webhook (empty: none)", default="", show_default=False) or None
    event_name = click.prompt(
        "Which event should Meta record? (empty: decide from the sample)", default="", show_default=False
    )
    sent_by = click.prompt("Who posts it?", type=click.Choice(_SENDERS), default="server")
    return sample, event_name or (None if sample else "Lead"), sent_by


# --- what is written -------------------------------------------------------------------------------


def _like(name: str, like: str, settings: Settings, spec: MetaSpec) -> _Written:
    in_shipped = shipped("mappings") / f"{like}.yaml"
    source = in_shipped if in_shipped.is_file() else file_meant(like, settings)
    original = load_mapping(source, environment=secrets_of(settings), spec=spec, secrets="optional")
    return _Written(text_like(name, original, source.read_text("utf-8")), tuple(samples_of(original)))


def _from(file: Path, sample: str | None, wishes: Wishes, like: _Written, spec: MetaSpec) -> _Written:
    now = datetime.now(UTC)
    if sample is None:
        new = new_mapping(MappingRequest(file, wishes), spec, now)
        return _Written(new.text, (), new)
    source = _saved_stdin(file) if sample == "-" else Path(sample)
    beside = f"samples/{file.stem}/{source.name}"
    asked = MappingRequest(file, wishes, read_sample(source, now).request, beside, source.name)
    copies = [CopiedFile(source, beside)]
    for side in (source.with_suffix(".headers.json"), answers_file(source)):
        if side.is_file():
            copies.append(CopiedFile(side, f"samples/{file.stem}/{side.name}"))
    if like.text:
        return _Written(_with_sample(like.text, beside), (*like.copies, *copies))
    new = new_mapping(asked, spec, now)
    return _Written(new.text, tuple(copies), new)


def _saved_stdin(file: Path) -> Path:
    """Keep what came by stdin as a sample, named by its kind."""
    body = sys.stdin.buffer.read()
    kind = "json" if body.lstrip()[:1] in (b"{", b"[") else "form"
    saved = file.parent / "samples" / file.stem / f"sample.{kind}"
    saved.parent.mkdir(parents=True, exist_ok=True)
    saved.write_bytes(body)
    return saved


def _with_sample(text: str, sample: str) -> str:
    """Name one more sample in a mapping's text."""
    if re.search(r"^samples:\s*$", text, re.MULTILINE):
        return re.sub(r"^samples:\s*$", f"samples:\n  - {sample}", text, count=1, flags=re.MULTILINE)
    if re.search(r"^samples: *\[", text, re.MULTILINE):
        return re.sub(r"^samples: *\[", f"samples: [{sample}, ", text, count=1, flags=re.MULTILINE)
    return f"{text}\nsamples:\n  - {sample}\n"


def _write(file: Path, written: _Written) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        for copy in written.copies:
            target = file.parent / copy.beside
            if target.resolve() != copy.source.resolve():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(copy.source.read_bytes())
        file.write_text(written.text, encoding="utf-8")
    except OSError as error:
        raise CannotOpen(f"{file}: cannot be written ({error.strerror})", fix="check the folder") from error


# --- the report --------------------------------------------------------------------------------------


def _report(file: Path, written: _Written, findings: Iterable[Finding], *, as_json: bool) -> None:
    findings = list(findings)
    shape = written.new.looks_like if written.new else None
    questions = questions_about(written.new.plan) if written.new and shape is None else ()
    if as_json:
        report = {
            "file": str(file),
            "samples": [copy.beside for copy in written.copies],
            "looks_like": shape.name if shape else None,
            "questions": list(questions),
            "findings": [finding.as_json() for finding in findings],
        }
        click.echo(encode_readable(report))
        return
    click.echo(str(file))
    if shape:
        click.echo(f"The sample looks like {shape.name}: started from the mapping {shape.like}.", err=True)
    if written.copies:
        click.echo(
            "The sample was copied beside it with everything in it: use made-up people only.",
            err=True,
        )
    for question in questions:
        click.echo(f"Not certain: {question}", err=True)
    click.echo(write_findings(findings), nl=False, err=True)
    click.echo(f"Next: read {file}, then capi-bridge check {file} and capi-bridge test {file}", err=True)
