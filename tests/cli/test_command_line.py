"""The command line as a program: exit codes, errors for people and for programs, the commands meant."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator

import click
import pytest
import urllib3
from click.testing import CliRunner

from bridge.cli import commands
from bridge.cli.mapping_files import file_meant
from bridge.errors import CannotOpen
from bridge.settings import load_settings
from tests.conftest import COMMAND, free_port, wait_until


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        pytest.param(("chek",), 2, "No such command 'chek'. Did you mean 'check'?", id="mistyped command"),
        pytest.param(("frobnicate",), 2, "No such command 'frobnicate'.", id="no command at all"),
        pytest.param(("events", "lst"), 2, "No such command 'lst'", id="mistyped command of a group"),
        pytest.param(("check", "--confg", "x"), 2, "--config", id="mistyped option"),
        pytest.param(("events", "list", "--since", "soon"), 2, "--since is not a time", id="no time"),
        pytest.param(("check", "no-such-mapping"), 3, "no-such-mapping", id="no such mapping"),
    ],
)
def test_an_error_is_a_sentence_with_its_exit_code(arguments, code, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("names", "given", "fix"),
    [
        pytest.param(
            [],
            "contact",
            "there are no mappings in mappings; `capi-bridge init NAME --from body.json` makes one",
            id="there is none yet",
        ),
        pytest.param(
            ["lead", "order"],
            "newsletter",
            "name a file, a folder or one of the mappings in mappings: lead, order",
            id="another name",
        ),
        pytest.param(["lead", "order"], "laed", "did you mean lead?", id="a slip of the keys"),
    ],
)
def test_a_mapping_that_is_not_there_is_answered_with_those_that_are(
    names, given, fix, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mappings").mkdir()
    for name in names:
        (tmp_path / "mappings" / f"{name}.yaml").write_text("version: 1\n")
    with pytest.raises(CannotOpen, match=given) as refused:
        file_meant(given, load_settings(None, {}))
    assert refused.value.fix == fix


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        pytest.param(("events", "list", "--since", "soon"), 2, "wrong_use", id="an error of ours"),
        pytest.param(("events", "list", "--status", "lost"), 2, "wrong_use", id="a wrong choice"),
        pytest.param(("check", "no-such-mapping"), 3, "cannot_open", id="a file that is not there"),
    ],
)
def test_with_json_an_error_is_json_too(arguments, code, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(*arguments, "--json")
    assert (done.returncode, done.stdout) == (code, "")
    error = json.loads(done.stderr)["error"]
    assert (error["code"], sorted(error)) == (expected, ["code", "details", "fix", "message"])


def every_command(group: click.Group = commands, names: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*names, name)
        if isinstance(command, click.Group):
            yield from every_command(command, (*names, name))


@pytest.mark.parametrize("command", list(every_command()), ids=" ".join)
def test_every_command_explains_itself_and_names_an_option_that_it_does_not_have(command):
    explained = CliRunner().invoke(commands, [*command, "--help"])
    assert (explained.exit_code, "Usage:" in explained.stdout) == (0, True)
    wrong = CliRunner().invoke(commands, [*command, "--no-such-option"])
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert re.search("No such option:? '?--no-such-option", wrong.stderr)


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("events", "--help")])
def test_help_is_no_error(arguments):
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_the_demo_ends_with_its_terminal(number, tmp_path):
    port = free_port()
    demo = subprocess.Popen(
        [COMMAND, "demo", "--bind", f"127.0.0.1:{port}"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        http = urllib3.PoolManager(retries=False, timeout=2)
        wait_until(lambda: _answers(http, port))
        demo.send_signal(number)
        assert demo.wait(60) == 128 + number
        assert not _answers(http, port)
    finally:
        demo.kill()


def _answers(http: urllib3.PoolManager, port: int) -> bool:
    try:
        return http.request("GET", f"http://127.0.0.1:{port}/healthz").status == 200
    except urllib3.exceptions.HTTPError:
        time.sleep(0.05)
        return False
