"""Part `size`: memory after load, time to the first accepted webhook, installed size, import time."""

from __future__ import annotations

import compileall
import itertools
import re
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import urllib3

from benchmarks import load, purchase, servers
from benchmarks.figures import Figure, figure
from benchmarks.rounds import Series, in_rounds

PART = "size"
ROUNDS = 5
_NUMBERS = itertools.count(500_000)


def measure(*, rounds: int = ROUNDS) -> list[Figure]:
    """Return how much space and time the bridge takes."""
    with tempfile.TemporaryDirectory() as folder:
        starts = in_rounds({"start": _Starts(Path(folder)).once}, rounds)["start"]
        made = [figure(PART, "start to the first accepted webhook", "s", starts)]
        if load.is_there():
            made += _memory(Path(folder), 3)
    made.append(
        figure(
            PART,
            "installed size",
            "MB",
            Series((installed_mb(),)),
            "what `pip install capi-bridge` brings; PostgreSQL's driver is 13 MB more",
        )
    )
    imports = {name: partial(_import_ms, statement) for name, statement in _IMPORTS.items()}
    made += [figure(PART, name, "ms", series) for name, series in in_rounds(imports, rounds).items()]
    return made


_IMPORTS = {
    "python that does nothing": "pass",
    "import of the pipeline": "import bridge.pipeline",
    "import of the web application": "import bridge.server",
    "import of the command line": "import bridge.cli",
}


class _Starts:
    """Start in a new folder each time, so that the store is created too."""

    def __init__(self, folder: Path) -> None:
        self._folders = (folder / f"start-{number}" for number in itertools.count())

    def once(self) -> float:
        return seconds_to_first_accepted(next(self._folders))


def seconds_to_first_accepted(folder: Path, *arguments: str) -> float:
    """Start the server with two workers; return seconds until a webhook is answered with 200."""
    servers.prepare(folder, "http://127.0.0.1:9")
    port = servers.free_port()
    command = [str(servers.BIN / "capi-bridge"), "serve", "--bind", f"127.0.0.1:{port}", *arguments]
    secret = {"BENCH_SECRET": purchase.SECRET}
    body = purchase.numbered(next(_NUMBERS))
    started = time.perf_counter()
    with servers.running(command, port, folder, secret) as server, urllib3.PoolManager(retries=False) as http:
        while True:
            try:
                answer = http.request(
                    "POST",
                    f"{server.url}/hooks/{purchase.NAME}",
                    body=body,
                    headers={"Content-Type": "application/json"},
                )
            except urllib3.exceptions.HTTPError:
                if server.process.poll() is not None:
                    raise RuntimeError(server.log.read_text()[-2000:]) from None
                time.sleep(0.002)
                continue
            if answer.status != 200:
                raise RuntimeError(f"answered {answer.status}")
            return time.perf_counter() - started


def _memory(folder: Path, rounds: int) -> list[Figure]:
    bodies = load.write_bodies(folder / "bodies.txt", 30_000)
    numbers = itertools.count()

    def after_load(workers: int) -> float:
        inside = folder / f"memory-{next(numbers)}"
        with servers.mock_meta(inside) as mock:
            settings = ["--workers", str(workers), "--threads", "8"]
            with servers.bridge(inside, *settings, graph_url=mock.url) as server:
                load.wrk(f"{server.url}/hooks/{purchase.NAME}", bodies, connections=32, seconds=4)
                return server.memory_mb()

    series = in_rounds({str(workers): partial(after_load, workers) for workers in (1, 2)}, rounds)
    note = "PSS of all processes after four seconds of load at 32 connections"
    return [
        figure(PART, "memory of 1 web worker and the sender", "MB", series["1"], note),
        figure(PART, "memory of 2 web workers and the sender", "MB", series["2"], note),
    ]


def installed_mb() -> float:
    """Return the size of everything that is installed with the bridge."""
    return sum(map(_distribution_bytes, _closure("capi-bridge"))) / 1e6


def _closure(root: str) -> set[str]:
    """Return a distribution and all its dependencies, without extras."""
    seen: set[str] = set()
    waiting = [root]
    while waiting:
        name = waiting.pop()
        try:
            needs = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        seen.add(name)
        wanted = {_name(need) for need in needs if "extra ==" not in need}
        waiting += wanted - seen
    return seen


def _name(need: str) -> str:
    """Return the distribution that a requirement names, as all spellings of it are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", need)[0]).lower()


def _distribution_bytes(name: str) -> int:
    if name == "capi-bridge":
        return sum(_installed_bytes(servers.MEASURED / part) for part in ("bridge", "mappings", "schemas"))
    files = distribution(name).files or []
    return sum(path.stat().st_size for file in files if (path := Path(file.locate())).is_file())


def _installed_bytes(folder: Path) -> int:
    """Return what a folder takes once it is installed, with the byte code of this Python alone."""
    left_out = shutil.ignore_patterns("__pycache__", "docgen")
    with tempfile.TemporaryDirectory() as place:
        copy = shutil.copytree(folder, Path(place) / folder.name, ignore=left_out)
        compileall.compile_dir(copy, quiet=1)
        return sum(file.stat().st_size for file in copy.rglob("*") if file.is_file())


def _import_ms(statement: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, cwd=Path(__file__).parent.parent)
    return (time.perf_counter() - started) * 1e3
