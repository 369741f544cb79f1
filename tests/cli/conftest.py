"""A folder with settings, mappings and a few stored events, and a way to run commands on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bridge.cli import commands, exit_code_of
from bridge.errors import BridgeError
from tests.fetch.conftest import authority, start_api
from tests.web.conftest import start

__all__ = ["authority", "start", "start_api"]

SETTINGS = """\
graph_url: {graph_url}
destinations: {{main: {{dataset_id: 1234567890123456, access_token: meta-token}}}}
keys: {{secret: a-secret-for-the-tests}}
"""


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Folder:
    """A folder in which the bridge was set up."""

    path: Path

    def settings(self, text: str) -> None:
        (self.path / "bridge.yaml").write_text(text)

    def run(self, *arguments: str, stdin: str | bytes | None = None) -> Ran:
        """Run a command as `main` would: our exceptions become exit codes."""
        where = ("--config", str(self.path / "bridge.yaml")) if "--help" not in arguments else ()
        result = CliRunner().invoke(commands, [*arguments, *where], input=stdin)
        error = result.exception
        if isinstance(error, BridgeError):
            return Ran(exit_code_of(error), result.stdout, result.stderr + error.message)
        if error is not None and not isinstance(error, SystemExit):
            raise error
        return Ran(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder with settings whose Meta cannot be reached."""
    made = Folder(tmp_path)
    made.settings(SETTINGS.format(graph_url="http://127.0.0.1:9"))
    return made


@pytest.fixture
def stored(folder: Folder, start: Callable[..., Any]) -> Folder:
    """The folder with three events stored: one waiting, one skipped, one held."""
    web = start(settings=(folder.path / "bridge.yaml").read_text(), environment={"LEAD_SECRET": "s"})
    web.clock[0] = datetime.now(UTC)  # the commands read the real clock
    for path, body in (
        ("/hooks/lead", {"id": 1, "mail": "jane@example.com"}),
        ("/hooks/paid", {"id": 2, "mail": "jane@example.com", "status": "open"}),
        ("/hooks/lead", {"id": 3}),
    ):
        assert web.post(path, body).status_code == 200
    web.context.outbox.close()
    return folder
