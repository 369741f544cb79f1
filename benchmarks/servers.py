"""Starts and ends the real processes that are measured: `capi-bridge serve`, bare Flask, the mock of Meta."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

import bridge as package
from benchmarks import purchase

HERE = Path(__file__).parent
MEASURED = Path(package.__file__).parent.parent
BIN = Path(sys.executable).parent
HTTP = urllib3.PoolManager(retries=False, timeout=30)
DATASET = "1000000000000001"


@dataclass(frozen=True, slots=True)
class Running:
    """A process group that listens on a port."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> Any:
        return HTTP.request("GET", self.url + path).json()

    def memory_mb(self) -> float:
        """Return the memory (PSS) of the process and its descendants, in MB."""
        return sum(map(_pss_kb, _family(self.process.pid))) / 1024

    def processor_seconds(self) -> float:
        """Return the processor time that the process and its descendants have used so far."""
        return sum(map(_processor_seconds, _family(self.process.pid)))


@contextlib.contextmanager
def bridge(
    folder: Path,
    *arguments: str,
    graph_url: str = "http://127.0.0.1:9",
    database_url: str | None = None,
    environment: Mapping[str, str] | None = None,
    command: Sequence[str] = (str(BIN / "capi-bridge"),),
    more: str = "",
) -> Iterator[Running]:
    """Run `capi-bridge serve` in a separate folder, with the mapping for the order, plain and signed.

    `more` is added to its settings.
    """
    prepare(folder, graph_url, database_url=database_url, more=more)
    port = free_port()
    full = [*command, "serve", "--bind", f"127.0.0.1:{port}", *arguments]
    with running(full, port, folder, {"BENCH_SECRET": purchase.SECRET, **(environment or {})}) as started:
        wait_for(f"{started.url}/healthz", started)
        yield started


def prepare(folder: Path, graph_url: str, *, database_url: str | None = None, more: str = "") -> None:
    """Write the settings and mappings of the benchmark, unless they exist."""
    folder.mkdir(parents=True, exist_ok=True)
    purchase.write_mapping(folder / "mappings")
    purchase.write_mapping(folder / "mappings", name=purchase.NAME + "-signed", signed=True)
    (folder / "bridge.yaml").write_text(
        f"database_url: {database_url or f'sqlite:///{folder}/bridge.db'}\n"
        f"graph_url: {graph_url}\n"
        f"mappings: {folder}/mappings\n"
        f'destinations:\n  main:\n    dataset_id: "{DATASET}"\n    access_token: bench-token\n'
        "limits: {queue_events: 10000000}\n"
        f"{more}"
    )


@contextlib.contextmanager
def bare_flask(folder: Path, *, workers: int, threads: int = 8) -> Iterator[Running]:
    """Run bare Flask under the gunicorn settings that the bridge uses."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    settings = ["--worker-class", "gthread", "--keep-alive", "5", "--preload", "--log-level", "warning"]
    if Path("/dev/shm").is_dir():
        settings += ["--worker-tmp-dir", "/dev/shm"]
    numbers = ["--workers", str(workers), "--threads", str(threads), "--bind", f"127.0.0.1:{port}"]
    command = [
        str(BIN / "gunicorn"),
        *settings,
        *numbers,
        "--chdir",
        str(HERE.parent),
        "benchmarks.bare_flask:app",
    ]
    with running(command, port, folder, {}) as started:
        wait_for_port(port, started)
        yield started


@contextlib.contextmanager
def mock_meta(folder: Path, *, latency_seconds: float = 0.0) -> Iterator[Running]:
    """Run the fast mock of Meta."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [sys.executable, str(HERE / "mock_meta.py"), str(port), str(latency_seconds)]
    with running(command, port, folder, {}) as started:
        wait_for_port(port, started)
        yield started


@contextlib.contextmanager
def running(
    command: Sequence[str], port: int, folder: Path, environment: Mapping[str, str]
) -> Iterator[Running]:
    """Run a command in its own session; end the whole session afterwards."""
    log = folder / f"{Path(command[0]).name}-{port}.log"
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            env={**kept, "PYTHONPATH": f"{MEASURED}{os.pathsep}{HERE.parent}", **environment},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield Running(process, port, log)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(15)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, started: Running, seconds: float = 60.0) -> None:
    """Wait until something listens."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        _must_live(started)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.005)
    raise RuntimeError(f"nothing listens: {started.log.read_text()[-2000:]}")


def wait_for(url: str, started: Running, seconds: float = 60.0) -> None:
    """Wait until a page answers 200."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        _must_live(started)
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            if HTTP.request("GET", url).status == 200:
                return
        time.sleep(0.005)
    raise RuntimeError(f"{url} does not answer: {started.log.read_text()[-2000:]}")


def _must_live(started: Running) -> None:
    if started.process.poll() is not None:
        raise RuntimeError(f"it ended: {started.log.read_text()[-3000:]}")


def _family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _family(int(child)))]


def _processor_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _pss_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0
