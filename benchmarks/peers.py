"""Part `peers`: the same orders through Node-RED and n8n, against the same mock, in rounds with the bridge.

Both are installed by npm into `.bench/`, pinned, with a Node of their own; what npm cannot install here is
skipped with a sentence. Neither stores a webhook before it answers, checks a signature or a schema, or
batches: each posts one event per request. n8n is measured as it comes, and tuned (executions not kept, the
older expression engine).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import urllib3

from benchmarks import load, purchase, servers
from benchmarks.delivery import end_to_end_once
from benchmarks.figures import Figure, figure
from benchmarks.rounds import in_rounds

PART = "peers"
ROUNDS = 5
SECONDS = 4
CONNECTIONS = 32
BENCH = Path(__file__).parent.parent / ".bench"
NODE = "24"
NODE_RED = "5.0.7"
N8N = "2.41.1"
# n8n asks for versions that some registries lack; none of these packages is on the measured path.
_N8N_OVERRIDES = {
    "cssomnom": "npm:cssom@0.5.0",
    "@langchain/langgraph-checkpoint": "1.1.5",
    "@langchain/protocol": "0.0.19",
}
_EVENT_SCRIPT = (Path(__file__).parent / "peers_files" / "event.js").read_text()
_TUNED = {"N8N_EXPRESSION_ENGINE": "legacy"}


def measure(*, rounds: int = ROUNDS) -> list[Figure]:
    """Return delivered events per second of every peer that could be installed, and the ratios."""
    if not load.is_there() or not _has_node():
        return []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        contestants: dict[str, Callable[[], float]] = {"the bridge": _Bridge(folder).once}
        if _install("node-red", {"node-red": NODE_RED}):
            contestants["Node-RED"] = partial(delivered, folder, node_red)
        if _install("n8n", {"n8n": N8N}, overrides=_N8N_OVERRIDES, rebuild=("sqlite3", "isolated-vm")):
            contestants["n8n, tuned"] = partial(
                delivered, folder, partial(n8n, environment=_TUNED, keep=False)
            )
            contestants["n8n, as it comes"] = partial(
                delivered, folder, partial(n8n, environment={}, keep=True)
            )
        series = in_rounds(contestants, rounds)
    ours = series["the bridge"]
    ratios = {
        "Node-RED": "end to end against Node-RED, 2 workers",
        "n8n, tuned": "end to end against n8n, tuned",
        "n8n, as it comes": "end to end against n8n, as it comes",
    }
    made = [figure(PART, ratios[name], "x", ours.over(series[name])) for name in ratios if name in series]
    return made + [figure(PART, f"delivered by {name}", "events/s", one) for name, one in series.items()]


class _Bridge:
    """The bridge with two web workers and its sender; a fresh store each time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0

    def once(self) -> float:
        self._number += 1
        place = self._folder / f"bridge-{self._number}"
        return end_to_end_once(place, first=self._number * 40_000 + 1, seconds=SECONDS)[1]


def delivered(
    parent: Path, start: Callable[..., contextlib.AbstractContextManager[servers.Running]]
) -> float:
    """Load a peer for a while; return events per second from the first request to the last arrival."""
    with tempfile.TemporaryDirectory(dir=parent) as name:
        folder = Path(name)
        bodies = load.write_bodies(folder / "bodies.txt", 30_000)
        with servers.mock_meta(folder) as mock, start(folder, f"{mock.url}/v25.0/1/events") as peer:
            before = mock.get("/counts")["events"]
            started = time.perf_counter()
            answered = load.wrk(f"{peer.url}{_path(peer)}", bodies, connections=CONNECTIONS, seconds=SECONDS)
            if answered.bad:
                raise RuntimeError(f"{answered.bad} answers were no 200: {peer.log.read_text()[-2000:]}")
            while (
                mock.get("/counts")["events"] - before < answered.requests
                and time.perf_counter() - started < 60
            ):
                time.sleep(0.01)
            return (mock.get("/counts")["events"] - before) / (time.perf_counter() - started)


def _path(peer: servers.Running) -> str:
    return "/webhook/order" if "n8n" in peer.log.name else "/order"


@contextlib.contextmanager
def node_red(folder: Path, target: str) -> Iterator[servers.Running]:
    """Run Node-RED: http in, function, http request over persistent connections, http response."""
    port = servers.free_port()
    code = _EVENT_SCRIPT + (
        "msg.payload = {data: [eventOf(msg.payload, global.get('crypto'))]};\n"
        "msg.headers = {'content-type': 'application/json', authorization: 'Bearer x'};\nreturn msg;"
    )
    flow = [
        {"id": "t", "type": "tab", "label": "bench"},
        {"id": "i", "type": "http in", "z": "t", "url": "/order", "method": "post", "wires": [["f"]]},
        {"id": "f", "type": "function", "z": "t", "func": code, "outputs": 1, "wires": [["r"]]},
        {
            "id": "r",
            "type": "http request",
            "z": "t",
            "method": "POST",
            "ret": "obj",
            "paytoqs": "ignore",
            "url": target,
            "persist": True,
            "wires": [["o"]],
        },
        {"id": "o", "type": "http response", "z": "t", "statusCode": "200", "wires": []},
    ]
    (folder / "flow.json").write_text(json.dumps(flow))
    (folder / "settings.js").write_text(
        f"module.exports = {{uiPort: {port}, uiHost: '127.0.0.1', flowFile: '{folder}/flow.json', "
        f"userDir: '{folder}', httpAdminRoot: false, functionGlobalContext: {{crypto: require('crypto')}}, "
        "logging: {console: {level: 'warn'}}};"
    )
    script = BENCH / "node-red" / "node_modules" / "node-red" / "red.js"
    command = [str(_node()), str(script), "-s", str(folder / "settings.js")]
    with servers.running(command, port, folder, {"NODE_ENV": "production"}) as started:
        servers.wait_for_port(port, started)
        _wait_until_it_delivers(f"{started.url}/order", target, started)
        yield started


@contextlib.contextmanager
def n8n(
    folder: Path, target: str, *, environment: Mapping[str, str], keep: bool
) -> Iterator[servers.Running]:
    """Run n8n: webhook, code, HTTP request, answered by the last node."""
    port = servers.free_port()
    settings = {
        "N8N_USER_FOLDER": str(folder), "N8N_PORT": str(port), "N8N_LISTEN_ADDRESS": "127.0.0.1",
        "N8N_DIAGNOSTICS_ENABLED": "false", "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
        "N8N_TEMPLATES_ENABLED": "false", "NODE_FUNCTION_ALLOW_BUILTIN": "crypto", "NODE_ENV": "production",
        "N8N_RUNNERS_BROKER_PORT": str(servers.free_port()), "N8N_SECURE_COOKIE": "false",
        "PATH": f"{_node().parent}:{os.environ['PATH']}", **environment,
    }  # fmt: skip
    (folder / "workflow.json").write_text(json.dumps([_workflow(target, keep=keep)]))
    command = [str(_node()), str(BENCH / "n8n" / "node_modules" / "n8n" / "bin" / "n8n")]
    for arguments in (
        ["import:workflow", f"--input={folder}/workflow.json"],
        ["publish:workflow", "--id=bench000000001"],
    ):
        subprocess.run(
            [*command, *arguments],
            env={**os.environ, **settings},
            cwd=folder,
            check=True,
            capture_output=True,
        )
    with servers.running([*command, "start"], port, folder, settings) as started:
        named = servers.Running(started.process, port, started.log.rename(folder / "n8n.log"))
        servers.wait_for_port(port, named)
        _wait_until_it_delivers(f"{named.url}/webhook/order", target, named)
        yield named


def _workflow(target: str, *, keep: bool) -> dict[str, object]:
    code = _EVENT_SCRIPT + "return [{json: {data: [eventOf($input.first().json.body, require('crypto'))]}}];"
    kept = "all" if keep else "none"
    nodes = [
        (
            "Order",
            "n8n-nodes-base.webhook",
            2,
            {"httpMethod": "POST", "path": "order", "responseMode": "lastNode"},
        ),
        ("Event", "n8n-nodes-base.code", 2, {"jsCode": code}),
        (
            "Meta",
            "n8n-nodes-base.httpRequest",
            4.2,
            {
                "method": "POST",
                "url": target,
                "sendBody": True,
                "specifyBody": "json",
                "jsonBody": "={{ JSON.stringify($json) }}",
            },
        ),
    ]
    return {
        "id": "bench000000001",
        "name": "bench",
        "active": False,
        "settings": {
            "saveDataSuccessExecution": kept,
            "saveDataErrorExecution": kept,
            "executionOrder": "v1",
        },
        "nodes": [
            {
                "id": name.lower(),
                "name": name,
                "type": kind,
                "typeVersion": version,
                "parameters": parameters,
                "position": [index * 200, 0],
                **({"webhookId": "order"} if name == "Order" else {}),
            }
            for index, (name, kind, version, parameters) in enumerate(nodes)
        ],
        "connections": {
            "Order": {"main": [[{"node": "Event", "type": "main", "index": 0}]]},
            "Event": {"main": [[{"node": "Meta", "type": "main", "index": 0}]]},
        },
    }


def _wait_until_it_delivers(url: str, target: str, started: servers.Running, seconds: float = 120.0) -> None:
    """Wait until an order posted to a peer arrives at the mock; n8n says 200 long before it works."""
    headers = {"Content-Type": "application/json"}
    counts = target.partition("/v25.0")[0] + "/counts"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            servers.HTTP.request("POST", url, body=purchase.BODY, headers=headers)
            if servers.HTTP.request("GET", counts).json()["events"]:
                return
        time.sleep(0.2)
    raise RuntimeError(f"it delivers no order: {started.log.read_text()[-2000:]}")


def _node() -> Path:
    return BENCH / "node" / "node_modules" / "node" / "bin" / "node"


def _has_node() -> bool:
    """Install the version of Node that both peers require; the machine's own may be older."""
    if _install("node", {"node": NODE}, scripts=True) and _node().is_file():
        return True
    print(f"  skipped: npm could not install node@{NODE} here")
    return False


def _install(
    name: str,
    packages: Mapping[str, str],
    *,
    overrides: Mapping[str, str] | None = None,
    rebuild: tuple[str, ...] = (),
    scripts: bool = False,
) -> bool:
    """Install pinned packages into a separate folder, once; report it if npm cannot."""
    folder = BENCH / name
    if (folder / "installed").exists():
        return True
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {
        "name": f"bench-{name}",
        "private": True,
        "dependencies": packages,
        "overrides": overrides or {},
    }
    (folder / "package.json").write_text(json.dumps(manifest))
    quiet = ["--no-audit", "--no-fund", "--silent", "--legacy-peer-deps"]
    steps = [["npm", "install", *quiet, *([] if scripts else ["--ignore-scripts"])]]
    steps += [["npm", "rebuild", *rebuild]] if rebuild else []
    environment = {**os.environ, "PATH": f"{_node().parent}:{os.environ['PATH']}"}
    for step in steps:
        try:
            ran = subprocess.run(
                step, cwd=folder, env=environment, check=False, capture_output=True, text=True
            )
        except FileNotFoundError:
            print(f"  skipped: {name}, because npm is not installed")
            return False
        if ran.returncode:
            print(f"  skipped: {name}, because `{' '.join(step[:2])}` failed: {ran.stderr.strip()[-200:]}")
            return False
    (folder / "installed").touch()
    return True
