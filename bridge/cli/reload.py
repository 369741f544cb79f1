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
    help="Have a running `serve` take up changed settings: tokens, secrets, destinations, mappings. "
    "With settings that cannot be used it goes on with the old ones."
)
@config_option
@json_option
def reload(config: Path | None, as_json: bool) -> None:
    """Reload every server that runs with these settings; exit 1 when one of them keeps the old ones."""
    servers = running_servers(data_folder_of(config, process_environment()))
    if not servers:
        raise CannotOpen(
            "no `capi-bridge serve` runs with these settings here", fix="start one, or pass --config"
        )
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
