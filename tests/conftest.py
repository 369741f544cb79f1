"""What every test may use: a free port, and a real bridge process that is stopped by its process id."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import urllib3

REPOSITORY = Path(__file__).parent.parent
COMMAND = Path(sys.executable).parent / "capi-bridge"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(claim: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Return the first truthy answer of `claim`; fail when none comes within a generous limit."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := claim():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"nothing happened within {seconds} s: {claim}")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass
class RunningBridge:
    """A `capi-bridge serve` of its own, in a folder of its own, listening on loopback."""

    folder: Path
    environment: Mapping[str, str]
    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, timeout=30))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> RunningBridge:
        self.process = subprocess.Popen(
            [COMMAND, "serve", "--bind", f"127.0.0.1:{self.port}", *self.arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.environment},
            stdout=(self.folder / "stdout.log").open("ab"),
            stderr=(self.folder / "stderr.log").open("ab"),
            start_new_session=True,
        )
        wait_until(self._is_up)
        return self

    def _is_up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the bridge ended: {self.log()}"
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            return self.get("/healthz").status == 200
        return False

    def log(self) -> str:
        return (self.folder / "stdout.log").read_text() + (self.folder / "stderr.log").read_text()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.send("GET", path, None, headers)

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        if not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})}
        return self.send("POST", path, body, headers)

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None) -> Answer:
        answer = self.http.request(method, self.url + path, body=body, headers=dict(headers or {}))
        text = answer.data.decode("utf-8", "replace")
        is_json = "json" in answer.headers.get("Content-Type", "")
        return Answer(answer.status, answer.headers, json.loads(text) if is_json else text)

    def kill(self) -> None:
        """End the server and everything it started at once, as a power cut would."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def stop(self) -> int:
        """Ask it to end, as an init system would; return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., Any]:
    """Wait for something that another process does."""
    return wait_until


@pytest.fixture
def start_bridge(tmp_path: Path) -> Iterator[Callable[..., RunningBridge]]:
    """Start real bridges; whatever still runs at the end of the test is killed by its process id."""
    started: list[RunningBridge] = []

    def start(
        *arguments: str, folder: Path = tmp_path, environment: Mapping[str, str] | None = None
    ) -> RunningBridge:
        bridge = RunningBridge(folder, environment or {}, arguments)
        started.append(bridge)
        return bridge.start()

    yield start
    for bridge in started:
        if bridge.process is not None:
            bridge.kill()
        bridge.http.clear()
