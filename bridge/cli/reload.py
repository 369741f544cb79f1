"""`capi-bridge reload`: have a running `serve` take up changed settings, without losing a webhook."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from bridge.cli.options import config_option, json_option
from bridge.errors import CannotOpen
from bridge.server.running import Found, running_servers
from bridge.settings import data_folder_of, process_environment

_PATIENCE_SECONDS = 90


@click.command(
    help="Have `serve` and `worker` take up changed settings: tokens, secrets, destinations, mappings. "
    "With settings that cannot be used it goes on with the old ones."
)
@config_option
@json_option
def reload(config: Path | None, as_json: bool) -> None:
    """Reload what runs here with these settings; exit 1 when something keeps the old ones."""
    servers = _running(data_folder_of(config, process_environment()))
    problems = {server.bind: server.reload(_PATIENCE_SECONDS) for server in servers}
    if as_json:
        shown = [
            {"bind": server.bind, "pid": server.pid, "problem": problems[server.bind]} for server in servers
        ]
        click.echo(json.dumps({"servers": shown}, ensure_ascii=False, indent=2))
    else:
        for server in servers:
            _print(server, problems[server.bind])
    if any(problems.values()):
        raise SystemExit(1)


def _running(data_folder: Path) -> list[Found]:
    """Return what runs on this machine; what runs elsewhere with the same files is named."""
    found = running_servers(data_folder)
    elsewhere = [
        f"{one.bind} runs on {one.host}, another machine or container" for one in found if not one.is_here
    ]
    servers = [one for one in found if one.is_here]
    if not servers:
        nothing = "no `capi-bridge serve` or `worker` runs with these settings here"
        fix = "run `capi-bridge reload` there" if elsewhere else "start one, or pass --config"
        raise CannotOpen("; ".join(elsewhere) or nothing, fix=fix)
    for sentence in elsewhere:
        click.echo(f"{sentence}: run `capi-bridge reload` there", err=True)
    return servers


def _print(server: Found, problem: Mapping[str, Any] | None) -> None:
    if problem is None:
        click.echo(f"{server.bind} has taken up the settings")
        return
    click.echo(f"{server.bind} keeps the old settings: {problem['message']}", err=True)
    for finding in problem["details"]:
        where = f"{finding['file']}:{finding['line']}: " if finding.get("file") else ""
        click.echo(f"  {where}{finding['message']}", err=True)
        if finding.get("fix"):
            click.echo(f"    fix: {finding['fix']}", err=True)
    if problem["fix"]:
        click.echo(f"  fix: {problem['fix']}", err=True)
