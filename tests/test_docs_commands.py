"""Every command that the documentation shows runs, exactly as it is written there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bridge.cli import commands
from bridge.simulator import Simulator

TOP = Path(__file__).parent.parent
PAGES = (TOP / "README.md", TOP / "CONTRIBUTING.md", *sorted((TOP / "docs").glob("*.md")))
PROGRAM = Path(sys.executable).with_name("capi-bridge")
HASH = "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"

# these run until somebody stops them, or need another machine: only their arguments are checked
NOT_STARTED = re.compile(
    r"capi-bridge (serve|reload|worker|simulator|demo|alerts|destinations)\b|postgresql://"
)

# what a reader replaces with something else
PLACEHOLDERS = {
    "--email … --phone … --external-id …": "--email jane@example.com",
    "FIELD VALUE": "email jane@example.com",
    "<name>": "acme",
    "NAME": "acme",
}


def blocks_of(page: Path, *languages: str) -> list[str]:
    text = page.read_text("utf-8")
    return re.findall(rf"^```(?:{'|'.join(languages)})\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def lines_of(page: Path) -> Iterator[str]:
    """Yield the commands of a page: lines of its shell blocks, and code in a sentence with arguments."""
    for block in blocks_of(page, "bash", "console", "sh"):
        prompt = r"^\$ (.+)$" if re.search(r"^\$ ", block, re.MULTILINE) else r"^ *(.+)$"
        yield from re.findall(prompt, block.replace("\\\n", " "), re.MULTILINE)
    prose = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`(capi-bridge [a-z-]+ [^`\n]+)`", prose)


def as_typed(line: str) -> str:
    """Return a line without its comment, with something in the place of what a reader replaces."""
    line = re.sub(r"\s+# .*$", "", line)
    for placeholder, value in PLACEHOLDERS.items():
        line = line.replace(placeholder, value)
    return line.strip()


def is_ours(line: str) -> bool:
    return bool(re.match(r"capi-bridge |echo .*\| capi-bridge ", line))


SHOWN = {page.name: [line for line in map(as_typed, lines_of(page)) if is_ours(line)] for page in PAGES}


NOT_RUN = sorted({line for lines in SHOWN.values() for line in lines if NOT_STARTED.search(line)})


@pytest.mark.parametrize("line", NOT_RUN)
def test_the_arguments_of_a_command_that_is_not_started_are_right(line):
    name, *arguments = shlex.split(line)[1:]
    command = commands.get_command(click.Context(commands), name)
    if isinstance(command, click.Group):
        name, *arguments = arguments
        command = command.commands.get(name)
    assert command is not None
    assert command.make_context(name, arguments).params


# --- a folder in which every one of them can run ---------------------------------------------------


@pytest.fixture(scope="module")
def meta() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def run(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    path = f"{PROGRAM.parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "PYTHONPATH": str(TOP), "HOME": str(folder), "LANG": "C.UTF-8"}
    return subprocess.run(
        ["bash", "-c", line],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, meta) -> Path:
    """A folder as the pages suppose it: settings, mappings, sample bodies, and a few stored events."""
    folder = tmp_path_factory.mktemp("docs")
    learn = TOP / "docs" / "learn.md"
    contact, full = blocks_of(learn, "yaml")[:2]
    till = contact.replace("E-Mail", "mail").replace("Name", "name") + "event_id: till-{id}\n"
    files = {
        "bridge.yaml": (
            f"graph_url: {meta.url}\n"
            'destinations: {main: {dataset_id: "1234567890", access_token: a-token-of-the-docs}}\n'
            "sources: {acme: {url: https://api.example.com}}\n"
            "companion: {origins: [https://www.example.com]}\n"
        ),
        "mappings/contact.yaml": contact,
        "mappings/till-receipts.yaml": till,
        "mappings/website-lead-form.yaml": till,
        "contact-new.yaml": full,
        "webhook.json": blocks_of(learn, "json")[0],
        "body.json": blocks_of(TOP / "README.md", "json")[0],
        "capi-body.json": json.dumps({"data": [lead()]}),
        "till.csv": "id,mail,name\n1,jane@example.com,Jane Doe\n",
        "stored.csv": (
            "id,mail,other_mail,name\n"
            "7,jane@example.com,,Jane Doe\n"
            "8,dana@example.com,,Dana Doe\n"
            "9,,joe@example.com,\n"
        ),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    stored = run(folder, "capi-bridge import stored.csv --mapping website-lead-form")
    assert stored.returncode == 1, stored.stderr  # one row has its e-mail in another column
    return folder


def lead() -> dict[str, object]:
    now = int(time.time())
    return {
        "event_name": "Lead",
        "event_time": now,
        "event_id": "lead-1",
        "action_source": "system_generated",
        "user_data": {"em": [HASH]},
    }


@pytest.mark.process
@pytest.mark.parametrize("page", [name for name, lines in SHOWN.items() if lines])
def test_the_commands_of_a_page_run(page, prepared, tmp_path):
    folder = tmp_path / "folder"
    failed = []
    for line in SHOWN[page]:
        if NOT_STARTED.search(line):
            continue
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(prepared, folder, ignore=shutil.ignore_patterns(".*.arrivals"))  # a named pipe
        result = run(folder, ready_for(folder, line))
        if result.returncode != 0 or "Traceback" in result.stderr:
            failed.append(
                f"{line}\n  exit code {result.returncode}: {result.stdout[-500:]}{result.stderr[-500:]}"
            )
    assert not failed, "\n".join(failed)


def ready_for(folder: Path, line: str) -> str:
    """Prepare the folder as the reader of a line has it: an id, a finished body, a new or a fixed mapping."""
    if " ID" in line:
        listed = json.loads(run(folder, "capi-bridge events list --json").stdout)
        line = line.replace(" ID", f" {listed['events'][0]['id']}")
    if re.match(r"capi-bridge (validate|send) ", line):
        line = line.replace("body.json", "capi-body.json")
    if "init contact" in line:
        (folder / "mappings" / "contact.yaml").unlink()
    if "replay --status held" in line:
        mapping = folder / "mappings" / "website-lead-form.yaml"
        mapping.write_text(
            mapping.read_text("utf-8").replace("email: mail", "email: [mail, other_mail]"), "utf-8"
        )
    return line


# --- the calls of curl -----------------------------------------------------------------------------

CURL = [
    (page.name, line) for page in PAGES for line in map(as_typed, lines_of(page)) if line.startswith("curl ")
]
TOKENS = {"MAKE_TOKEN": "a-token", "N8N_TOKEN": "a-token", "ZAPIER_TOKEN": "a-token"}


@pytest.mark.process
def test_every_call_of_curl_that_a_page_shows_is_accepted(start_bridge, meta, tmp_path):
    assert shutil.which("curl"), "curl is not installed. On Debian and Ubuntu: apt-get install curl"
    mappings = tmp_path / "mappings"
    mappings.mkdir()
    for page in ("make", "n8n", "zapier"):
        (mappings / f"{page}-lead.yaml").write_text(
            blocks_of(TOP / "docs" / f"{page}.md", "yaml")[0], "utf-8"
        )
    bridge = start_bridge(environment=TOKENS)
    exports = "".join(f"export {name}={value}; " for name, value in TOKENS.items())
    failed = []
    for page, line in CURL:
        called = line.replace("https://bridge.example.com", bridge.url).replace(
            "http://127.0.0.1:8990", meta.url
        )
        result = run(
            tmp_path, exports + called.replace("curl ", "curl --silent --show-error --fail-with-body ", 1)
        )
        if result.returncode or ("/hooks/" in line and '"status": "queued"' not in result.stdout):
            failed.append(f"{page}: {line}\n  {result.stdout}{result.stderr}")
    assert not failed, "\n".join(failed)
    assert {page for page, _ in CURL} == {"make.md", "n8n.md", "zapier.md", "simulator.md"}


def test_the_page_of_commands_lists_them_all():
    page = (TOP / "docs" / "commands.md").read_text("utf-8")
    listed = re.findall(r"^\| `capi-bridge ([a-z-]+)` \|", page, re.MULTILINE)
    assert sorted(listed) == sorted(commands.list_commands(click.Context(commands)))
