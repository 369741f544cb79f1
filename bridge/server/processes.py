"""gunicorn's master with our settings, and the process it looks after beside the web workers."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from bridge.monitoring.log import flush
from bridge.server.worker import WebWorker

_MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - gunicorn's heartbeat file, as its manual advises
_STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen and with how many."""

    bind: str = "127.0.0.1:8000"
    workers: int = 2
    threads: int = 8
    read_timeout_seconds: float = 30.0


class Master(Arbiter):  # type: ignore[misc]
    """gunicorn's master, which also looks after the process that delivers."""

    def __init__(self, app: BridgeServer) -> None:
        super().__init__(app)
        self.delivery = Delivery(app.deliver, self)

    def manage_workers(self) -> None:
        """Keep the web workers, and the delivery beside them, running."""
        super().manage_workers()
        self.delivery.keep_running()

    def spawn_workers(self) -> None:
        """Start what is missing, without the pauses meant for applications that load slowly."""
        for _ in range(self.num_workers - len(self.WORKERS)):
            self.spawn_worker()

    def stop(self, graceful: bool = True) -> None:
        """Let requests be answered first, then batches be settled."""
        super().stop(graceful)
        self.delivery.stop(graceful=graceful)


class Delivery:
    """The child process that delivers: started, looked after, and stopped by the master."""

    def __init__(self, work: Callable[[threading.Event], None] | None, master: Master) -> None:
        self._work = work
        self._master = master
        self._pid = 0
        self._started_at = 0.0

    def keep_running(self) -> None:
        """Start the process if it is not running, at most once a second."""
        if self._work is None or self._is_running() or time.monotonic() - self._started_at < 1:
            return
        if self._pid:
            self._master.log.error("Delivery (pid:%s) ended and is started again.", self._pid)
        self._started_at = time.monotonic()
        self._pid = os.fork() or self._run(self._work)

    def stop(self, *, graceful: bool) -> None:
        """Ask it to finish its batches; insist after half a minute, or at once when in a hurry."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + (_STOP_SECONDS if graceful else 2)
        while self._is_running() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._signal(signal.SIGKILL)
        self._is_running()

    def _is_running(self) -> bool:
        """Tell whether it lives. gunicorn reaps every child it sees, so "no such child" means ended."""
        if not self._pid:
            return False
        try:
            return os.waitpid(self._pid, os.WNOHANG)[0] == 0
        except ChildProcessError:
            return False

    def _signal(self, number: int) -> None:
        if self._is_running():
            os.kill(self._pid, number)

    def _run(self, work: Callable[[threading.Event], None]) -> int:
        """Be the child: never returns into the master's code."""
        code = 1
        try:
            for number in self._master.SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for listener in self._master.LISTENERS:
                listener.sock.close()
            deliver_until_stopped(work)
            code = 0
        finally:
            flush()
            os._exit(code)


def deliver_until_stopped(work: Callable[[threading.Event], None]) -> None:
    """Deliver until asked to stop, or until the process that started us is gone."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda *_: stop.set())
    parent = os.getppid()

    def watch() -> None:
        while not stop.wait(1):
            if os.getppid() != parent:
                stop.set()

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()
    work(stop)


def settle_memory() -> None:
    """Leave what is loaded to all children alone, and look for garbage less often than Python would.

    A webhook makes many small objects and hardly a cycle among them; at the usual 700 the collector runs
    for every one.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


class BridgeServer(BaseApplication):  # type: ignore[misc]
    """gunicorn with our settings; `deliver` is what the child beside the web workers does."""

    def __init__(
        self,
        application: Flask,
        listening: Listening,
        deliver: Callable[[threading.Event], None] | None,
    ) -> None:
        self._application = application
        self._listening = listening
        self.deliver = deliver
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        listening = self._listening
        seconds = listening.read_timeout_seconds
        door = self._application.extensions["door"]
        values = {
            "bind": listening.bind,
            "workers": listening.workers,
            "threads": listening.threads,
            "preload_app": True,
            "worker_class": type("Worker", (WebWorker,), {"read_timeout_seconds": seconds, "door": door}),
            "graceful_timeout": _STOP_SECONDS,
            "timeout": 60,
            "keepalive": 5,
            "loglevel": "warning",
            "control_socket_disable": True,
            "secure_scheme_headers": {},  # which proxies are believed is decided in bridge.web.arrival
            "limit_request_line": 8190,
            "worker_tmp_dir": str(_MEMORY_FOLDER) if _MEMORY_FOLDER.is_dir() else None,
            "pre_fork": lambda _server, _worker: settle_memory(),
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return the application, which is loaded already."""
        return self._application

    def run(self) -> None:
        """Serve until told to stop."""
        Master(self).run()
