"""Real automation tools send to a real bridge, with the files the documentation ships: `make test-tools`."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3

from bridge.simulator import Simulator

pytestmark = pytest.mark.process

DOCS = Path(__file__).parent.parent.parent / "docs"
CACHE = Path.home() / ".cache" / "capi-bridge" / "tools"
NODE, NODE_RED = "24.21.0", "5.0.7"
NODE_RED_NEEDS = (22, 9)
N8N = os.environ.get("N8N", "")
SECRET = "a secret for tests"
HTTP = urllib3.PoolManager(retries=False, timeout=30)
SETTINGS = {"META_DATASET_ID": "1234567890123456", "META_ACCESS_TOKEN": "a-token-for-tests"}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# What must arrive, whichever tool sent it; the time of the event is the tool's own.
EVENT = {
    "event_name": "Lead",
    "event_id": "lead-1001",
    "action_source": "system_generated",
    "user_data": {
        "em": [sha256("jane@example.com")],
        "ph": [sha256("491512345678")],
        "fn": [sha256("jane")],
        "ln": [sha256("doe")],
    },
}

Start = Callable[..., "Tool"]


@dataclass(frozen=True)
class Tool:
    """One automation tool that runs, and everything it printed so far."""

    process: subprocess.Popen[bytes]
    printed: Path

    def log(self) -> str:
        return self.printed.read_text("utf-8", "replace")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], folder: Path, environment: Mapping[str, str]) -> Iterator[Tool]:
    """Run a program in a process group of its own; whatever is left of the group at the end is killed."""
    printed = folder / "printed.log"
    with printed.open("ab") as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield Tool(process, printed)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


# --- Node-RED --------------------------------------------------------------------------------------


def npm_install(name: str, package: str, *options: str) -> Path:
    """Install one exact version into a folder of the cache; quick when it is there already."""
    folder = CACHE / f"{name}-{package.rpartition('@')[2]}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "installing.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            npm = shutil.which("npm")
            assert npm, "this test needs Node.js and npm (https://nodejs.org); install them and run it again"
            command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), *options, package]
            done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
            assert done.returncode == 0, f"npm could not install {package}:\n{done.stderr}"
            (folder / "installed").touch()
    return folder / "node_modules"


def node() -> Path:
    """Return a Node new enough for Node-RED: the one of this machine, or one from npm."""
    found = shutil.which("node")
    if found:
        version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
        if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) >= NODE_RED_NEEDS:
            return Path(found)
    return npm_install("node", f"node@{NODE}") / "node" / "bin" / "node"


@contextmanager
def node_red(folder: Path, bridge_url: str, token: str, port: int) -> Iterator[Tool]:
    """Run Node-RED with the flow exactly as it ships; it sends its lead as soon as it runs."""
    program = npm_install("node-red", f"node-red@{NODE_RED}", "--ignore-scripts") / "node-red" / "red.js"
    shutil.copy(DOCS / "files" / "node-red-flow.json", folder / "flow.json")
    settings = {"uiHost": "127.0.0.1", "uiPort": port, "httpAdminRoot": False, "flowFile": "flow.json"}
    (folder / "settings.js").write_text(f"module.exports = {json.dumps(settings)};")
    command = [str(node()), str(program), "--userDir", str(folder), "--settings", str(folder / "settings.js")]
    with running(command, folder, {"BRIDGE_URL": bridge_url, "BRIDGE_TOKEN": token}) as tool:
        yield tool


# --- n8n -------------------------------------------------------------------------------------------


def n8n_workflow(bridge_url: str, token: str) -> dict[str, Any]:
    """Return the workflow as it ships, filled in as the page tells its reader to."""
    text = (DOCS / "files" / "n8n-workflow.json").read_text("utf-8")
    for placeholder, value in (
        ("https://bridge.example.com", bridge_url),
        ("the secret of N8N_TOKEN", token),
    ):
        assert text.count(placeholder) == 1
        text = text.replace(placeholder, value)
    return {"id": "capibridge000001", **json.loads(text)}


@contextmanager
def n8n(folder: Path, bridge_url: str, token: str, port: int) -> Iterator[Tool]:
    """Run n8n with the workflow published, and post a lead to its Webhook node once it listens."""
    environment = {
        "N8N_USER_FOLDER": str(folder),
        "N8N_PORT": str(port),
        "N8N_LISTEN_ADDRESS": "127.0.0.1",
        "N8N_RUNNERS_BROKER_PORT": str(free_port()),
        "N8N_DIAGNOSTICS_ENABLED": "false",
        "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
        "N8N_TEMPLATES_ENABLED": "false",
    }
    workflow = n8n_workflow(bridge_url, token)
    (folder / "workflow.json").write_text(json.dumps([workflow]))
    for step in (
        ["import:workflow", "--input=workflow.json"],
        ["publish:workflow", f"--id={workflow['id']}"],
    ):
        own = {"PATH": os.environ["PATH"], "HOME": str(folder), **environment}
        done = subprocess.run(
            [N8N, *step], cwd=folder, env=own, capture_output=True, text=True, timeout=200, check=False
        )
        assert done.returncode == 0, f"n8n {step[0]}: {done.stdout}{done.stderr}"
    with running([N8N, "start"], folder, environment) as tool:
        post_when_it_listens(f"http://127.0.0.1:{port}/webhook/lead", tool)
        yield tool


def post_when_it_listens(url: str, tool: Tool, seconds: float = 120.0) -> None:
    """Post the lead until n8n takes it: while it still starts, it answers 200 and drops what came."""
    lead = {
        "lead_id": "1001",
        "created": datetime.now(UTC).isoformat(),
        "email": " Jane@Example.com",
        "phone": "+49 151 2345678",
        "name": "Jane Doe",
        "fbclid": "",
    }
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and tool.process.poll() is None:
        with suppress(urllib3.exceptions.HTTPError):
            if b"Workflow was started" in HTTP.request("POST", url, json=lead).data:
                return
        time.sleep(0.2)
    raise AssertionError(f"n8n took no lead: {tool.log()[-2000:]}")


# --- the claims ------------------------------------------------------------------------------------

TOOLS = {"node-red": node_red} | ({"n8n": n8n} if N8N else {})


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as started:
        yield started


@pytest.fixture
def start_tool(tmp_path: Path) -> Iterator[Start]:
    """Start tools, each in a folder of its own; all end with the test."""
    with ExitStack() as stack:

        def start(name: str, bridge_url: str, token: str = SECRET) -> Tool:
            (tmp_path / name).mkdir()
            return stack.enter_context(TOOLS[name](tmp_path / name, bridge_url, token, free_port()))

        yield start


@pytest.fixture
def bridge(tmp_path: Path, start_bridge: Callable[..., Any], simulator: Simulator) -> Any:
    """A bridge with the mapping that stands on each tool's page."""
    (tmp_path / "mappings").mkdir()
    secrets = {}
    for name in TOOLS:
        mapping = re.search(r"```yaml\n(.*?)```", (DOCS / f"{name}.md").read_text("utf-8"), re.DOTALL)
        assert mapping
        (tmp_path / "mappings" / f"{name}-lead.yaml").write_text(mapping[1], "utf-8")
        secrets |= dict.fromkeys(re.findall(r"\$\{(\w+)\}", mapping[1]), SECRET)
    return start_bridge(environment={**SETTINGS, **secrets, "CAPI_BRIDGE_GRAPH_URL": simulator.url})


def arrived(simulator: Simulator) -> list[dict[str, Any]]:
    return [{key: event[key] for key in event if key != "event_time"} for event in simulator.events]


@pytest.mark.parametrize("name", TOOLS)
def test_the_shipped_file_sends_a_lead_that_arrives_whole(name, bridge, simulator, start_tool, wait_until):
    before = int(time.time())

    tool = start_tool(name, bridge.url)

    wait_until(lambda: simulator.events or tool.process.poll() is not None, 60.0)
    assert arrived(simulator) == [EVENT], tool.log()
    assert simulator.events[0]["event_time"] >= before


def test_the_flow_tries_again_while_the_bridge_is_away(bridge, simulator, start_tool, wait_until):
    bridge.stop()

    tool = start_tool("node-red", bridge.url)

    wait_until(lambda: "ECONNREFUSED" in tool.log(), 60.0)
    bridge.start()
    wait_until(lambda: simulator.events, 60.0)
    assert arrived(simulator) == [EVENT], tool.log()


def test_the_flow_shows_that_the_bridge_refused(bridge, simulator, start_tool, wait_until):
    tool = start_tool("node-red", bridge.url, token="another secret")

    wait_until(lambda: "not_authentic" in tool.log().partition("[debug:Refused]")[2], 60.0)
    assert simulator.events == []
