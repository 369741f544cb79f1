"""`capi-bridge check`: everything that is wrong with settings and mappings, in one run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from bridge.authoring.code_listing import code_listing
from bridge.authoring.findings_output import write_findings
from bridge.bootstrap import key_problem, open_mappings, open_meta_spec, open_store, version_notes
from bridge.cli.mapping_files import files_meant
from bridge.cli.opened_store import prepared_store
from bridge.cli.options import config_option, secrets_of
from bridge.delivery.graph_reads import DestinationReport
from bridge.errors import CannotOpen, CannotStore, Invalid
from bridge.finding import Finding
from bridge.lint.check import Checked, check_mapping
from bridge.lint.companion_lint import mapping_of_companion
from bridge.mapping import name_of
from bridge.mapping.store import twin_finding
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.shipped_files import shipped
from bridge.plurals import counted
from bridge.positioned_yaml import Block, read_yaml
from bridge.settings import Settings, load_settings, process_environment

_EXPIRES_SOON = timedelta(days=14)
_OF_A_MAPPING = frozenset({"version", "event_name", "events", "user_data", "action_source"})
_OF_SETTINGS = frozenset({"destinations", "database_url", "graph_url", "mappings", "keys", "retention"})


@click.command("check", help="List everything that is wrong with settings and mappings.")
@click.argument("paths", nargs=-1, metavar="[PATH…]")
@config_option
@click.option(
    "--format", "output_format", type=click.Choice(["text", "json", "github"]), default="text",
    help="How findings are written: for people, for programs, or for code review on GitHub.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--live", is_flag=True, help="Ask Meta about tokens; ask for every secret; find silent lines.")
@click.option(
    "--show-code", is_flag=True, help="Print the Python written for each mapping; findings go to stderr."
)
def check(  # noqa: PLR0913, PLR0917 - one argument for each option
    paths: tuple[str, ...],
    config: Path | None,
    output_format: str,
    as_json: bool,
    live: bool,
    show_code: bool,
) -> None:
    """Check the settings and every mapping, or the files and folders named; exit 1 when there are errors."""
    output_format = "json" if as_json else output_format
    mappings = [path for path in paths if not _is_settings_file(path)]
    of_settings = [Path(path) for path in paths if _is_settings_file(path)]
    findings: list[Finding] = []
    settings = None
    settings_files: list[Path | None] = [*of_settings] or [config]
    for file in settings_files:
        settings, wrong = _check_settings(file, asked_for=bool(of_settings) or not paths)
        findings += wrong
    files = files_meant(mappings, settings or _without_settings(config)) if mappings or not paths else []
    own = [file for file in files if not _ships(file)]
    quietly = [] if paths else [file for file in files if _ships(file)]
    for file in files:
        twin = twin_finding(file)
        checked = Checked(file, None, (twin,)) if twin else _check_mapping(file, settings, live=live)
        findings += [one for one in checked.findings if one.severity == "error" or file not in quietly]
        if show_code and checked.mapping is not None:
            click.echo(code_listing(checked.mapping))
    if live and settings is not None:
        findings += [*_silent(settings), *_stranded(settings), *_tokens(settings)]
    click.echo(write_findings(findings, output_format), nl=False, err=show_code)
    _summarise(findings, len(files), quiet=bool(files) and not own and not paths)
    if any(finding.severity == "error" for finding in findings):
        raise SystemExit(1)


def _is_settings_file(path: str) -> bool:
    """Say whether a file holds settings and no mapping, by the keys at its top."""
    file = Path(path)
    if not file.is_file():
        return False
    try:
        root, _ = read_yaml(file.read_bytes(), path)
    except OSError as error:
        raise CannotOpen(f"{path}: cannot be read ({error.strerror})", fix="check the path") from error
    keys = {key.text for key, _ in root.entries} if isinstance(root, Block) else set()
    return file.name == "bridge.yaml" or bool(keys & _OF_SETTINGS and not keys & _OF_A_MAPPING)


def _check_settings(file: Path | None, *, asked_for: bool) -> tuple[Settings | None, list[Finding]]:
    try:
        settings = load_settings(file, process_environment())
    except Invalid as invalid:
        return None, list(invalid.findings)
    notes = (finding for _, finding in version_notes(settings, datetime.now(UTC).date()))
    if not asked_for:
        return settings, []
    return settings, [*settings.warnings, *notes, *_key_findings(settings), *_companion_findings(settings)]


def _companion_findings(settings: Settings) -> list[Finding]:
    """Look whether there is a mapping for what pages report."""
    if settings.companion is None:
        return []
    found = mapping_of_companion(settings.companion, open_mappings(settings, process_environment()))
    return [found] if found else []


def _key_findings(settings: Settings) -> list[Finding]:
    """Look whether the key fits what an existing database file holds; a server is not asked."""
    file = settings.database_url.removeprefix("sqlite:///")
    if file == settings.database_url or not Path(file).is_file():
        return []
    try:
        problem = key_problem(settings)
    except CannotStore:  # not migrated yet, or not a database: `serve` says what is wrong
        return []
    return [problem] if problem else []


def _without_settings(config: Path | None) -> Settings:
    """Return what stands in for settings with errors: the usual ones, and the mappings beside the file."""
    beside = (config.parent if config else Path.cwd()) / "mappings"
    usual = load_settings(None, {}, folder=Path("/nonexistent"))
    return replace(usual, mappings=(beside,)) if beside.is_dir() else usual


def _check_mapping(file: Path, settings: Settings | None, *, live: bool) -> Checked:
    return check_mapping(
        file,
        name=name_of(file, settings.mappings) if settings else None,
        environment=secrets_of(settings),
        spec=open_meta_spec(settings) if settings else load_meta_spec(),
        destinations=settings.destinations if settings else None,
        sources=settings.sources if settings else None,
        secrets="optional" if _ships(file) and not live else "required",
    )


def _ships(file: Path) -> bool:
    """Say whether a mapping is one of those that ship: nobody needs all of them, nor their secrets.

    They are in the shipped folder and have recorded samples; mappings of one's own may be beside them.
    """
    folder = file.resolve().parent
    recorded = (folder / "samples" / file.stem).glob("*.headers.json")
    return folder == shipped("mappings").resolve() and any(recorded)


def _silent(settings: Settings) -> list[Finding]:
    from bridge.monitoring.line_counts import last_webhooks, silent_lines

    with prepared_store(settings) as outbox:
        return [
            finding
            for mapping in open_mappings(settings, process_environment()).mappings()
            for finding in silent_lines(mapping, last_webhooks(outbox, mapping.name))
        ]


def _stranded(settings: Settings) -> list[Finding]:
    """Return an error for each dataset that events are kept for and that is not configured any more."""
    from bridge.ingest.retarget import describe, stranded_events

    with closing(open_store(settings)) as outbox:
        found = stranded_events(outbox, settings)
    fix = "move them with capi-bridge events retarget, or discard them"
    return [Finding("error", "dataset_not_configured", describe(entry), fix) for entry in found]


def _tokens(settings: Settings) -> Iterator[Finding]:
    """Ask Meta about every token; a demo has none."""
    if settings.demo:
        return
    from bridge.cli.destinations import reports_of

    try:
        reports = reports_of(settings)
    except CannotOpen as error:
        message = f"the access tokens were not checked: {error.message}"
        yield Finding("warning", "tokens_not_checked", message, error.fix)
        return
    yield from (finding for report in reports if (finding := _token_finding(report)))


def _token_finding(report: DestinationReport) -> Finding | None:
    """Return what has to be done about a token, if anything."""
    path = f"$.destinations.{report.destination}.access_token"
    if report.state == "invalid":
        message = f"destination {report.destination}: Meta does not accept the token: {report.message}"
        return Finding("error", "token_invalid", message, "make a new token in Events Manager", path)
    if report.expires_at and report.expires_at < datetime.now(UTC) + _EXPIRES_SOON:
        message = f"destination {report.destination}: the token expires on {report.expires_at:%Y-%m-%d}"
        return Finding("warning", "token_expires", message, "make a new token before that day", path)
    return None


def _summarise(findings: list[Finding], checked: int, *, quiet: bool) -> None:
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = len(findings) - errors
    found = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
    own = "no mapping of your own yet (`capi-bridge init` makes one); for errors alone, " if quiet else ""
    click.echo(f"{own}{counted(checked, 'mapping')} checked: {found}", err=True)
