"""The servers and workers that run here: each keeps a locked file, by which `capi-bridge reload` finds it."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.errors import BridgeError, CannotOpen
from bridge.monitoring.log import get_logger

_POLL_SECONDS = 0.05


@dataclass(slots=True)
class RunningServer:
    """The file of this server: its process, where it listens, and how its last reload went.

    `descriptor` is None where no file can be written: SIGHUP reloads, `capi-bridge reload` finds nothing.
    """

    descriptor: int | None
    bind: str
    is_demo: bool = False
    reloads: int = 0

    def reloaded(self, mappings: int) -> None:
        """Log and write down that the new settings are in use, with so many mappings."""
        get_logger().info("reloaded", mappings=mappings)
        self.reloads += 1
        self.write()

    def reload_failed(self, error: BridgeError) -> None:
        """Log and write down what is wrong with settings that were not taken up."""
        problem = error.as_json()
        details = problem["details"]
        get_logger().error("reload_failed", reason=error.message, fix=problem["fix"], details=details)
        self.reloads += 1
        self.write(problem)

    def write(self, problem: Mapping[str, Any] | None = None) -> None:
        """Write the file in place: another one would not be locked."""
        if self.descriptor is None:
            return
        said = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "bind": self.bind,
            "demo": self.is_demo,
            "reloads": self.reloads,
            "problem": problem,
        }
        content = json.dumps(said).encode()
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, content, 0)


@contextmanager
def announced(data_folder: Path, bind: str, *, is_demo: bool = False) -> Iterator[RunningServer]:
    """Keep the file of a server while it runs; only the process that made it takes it away."""
    owner = os.getpid()
    file = data_folder / f"serve-{re.sub(r'[^0-9A-Za-z.]+', '-', bind)}.json"
    server = RunningServer(_locked(file), bind, is_demo)
    server.write()
    try:
        yield server
    finally:
        if os.getpid() == owner and _read(file).get("pid") == owner:
            file.unlink(missing_ok=True)


def _locked(file: Path) -> int | None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:  # a read-only disk, beside a database on a server
        return None
    with suppress(OSError):  # the server that this one replaces still has it
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


@dataclass(frozen=True, slots=True)
class Found:
    """A server that runs, as its file says."""

    file: Path
    pid: int
    host: str
    bind: str
    reloads: int
    is_demo: bool

    @property
    def is_here(self) -> bool:
        """Return whether it runs on this machine: elsewhere its process id means another process."""
        return self.host == socket.gethostname()

    def reload(self, patience_seconds: float) -> Mapping[str, Any] | None:
        """Have it take up its settings anew; return what was wrong with them, None when all is well.

        Raises CannotOpen when it cannot be asked, or does not answer. A demo is not asked: it would end.
        """
        if self.is_demo:
            message = f"{self.bind} is a demo, which takes up no changed settings"
            raise CannotOpen(message, fix="end it (Ctrl+C) and start it again")
        try:
            os.kill(self.pid, signal.SIGHUP)
        except OSError as error:
            raise CannotOpen(f"{self.bind} cannot be asked ({error.strerror})") from error
        deadline = time.monotonic() + patience_seconds
        while time.monotonic() < deadline:
            said = _read(self.file)
            if said.get("reloads", self.reloads) != self.reloads:
                problem: Mapping[str, Any] | None = said["problem"]
                return problem
            time.sleep(_POLL_SECONDS)
        raise CannotOpen(f"{self.bind} did not reload in time", fix="look into its log")


def running_servers(data_folder: Path) -> list[Found]:
    """Return the servers and workers that run and keep their data in a folder, on other machines too."""
    found = []
    for file in sorted(data_folder.glob("serve-*.json")):
        said = _read(file)
        if said and _is_locked(file):
            found.append(
                Found(file, said["pid"], said["host"], said["bind"], said["reloads"], said.get("demo", False))
            )
    return found


def _is_locked(file: Path) -> bool:
    with file.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _read(file: Path) -> Mapping[str, Any]:
    """Return what a file says; nothing when it is gone, or is just being written."""
    try:
        said: Mapping[str, Any] = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return said
