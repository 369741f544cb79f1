"""The process that delivers beside the web workers: started, looked after and stopped by the master."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from bridge.delivery.signals import asked_to_stop
from bridge.monitoring.log import flush

STOP_SECONDS = 30
_IN_A_HURRY_SECONDS = 2


class DeliveryProcess:
    """A child of the master that runs `work` until it is asked to stop."""

    def __init__(self, work: Callable[[threading.Event], None] | None, master: Any) -> None:
        self._work = work
        self._master = master
        self._pid = 0
        self._started_at = 0.0
        self._insist_at = float("inf")

    def replace(self, work: Callable[[threading.Event], None] | None) -> None:
        """Have it settle its batches and end; the next one does other work. Does not wait for that."""
        self._work = work
        self._insist_at = time.monotonic() + STOP_SECONDS
        self._signal(signal.SIGTERM)

    def keep_running(self) -> None:
        """Start the process if it is not running, at most once a second."""
        if self._is_running():
            self._insist()
            return
        if self._work is None or time.monotonic() - self._started_at < 1:
            return
        if self._pid and self._insist_at == float("inf"):
            self._master.log.error("Delivery (pid:%s) ended and is started again.", self._pid)
        self._started_at, self._insist_at = time.monotonic(), float("inf")
        master = os.getpid()
        self._pid = os.fork() or self._run(self._work, master)

    def _insist(self) -> None:
        if time.monotonic() > self._insist_at:
            self._signal(signal.SIGKILL)

    def stop(self, *, graceful: bool) -> None:
        """Ask it to finish its batches; insist after half a minute, or at once when in a hurry."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + (STOP_SECONDS if graceful else _IN_A_HURRY_SECONDS)
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

    def _run(self, work: Callable[[threading.Event], None], master: int) -> int:
        """Be the child: never returns into the master's code."""
        code = 1
        try:
            for number in (*self._master.SIGNALS, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            for listener in self._master.LISTENERS:
                listener.sock.close()
            work(_until_stopped_or_orphaned(master))
            code = 0
        finally:
            flush()
            os._exit(code)


def _until_stopped_or_orphaned(master: int) -> threading.Event:
    """Return what is set when this process is asked to stop, or the one that started it is gone already."""
    stop = asked_to_stop()

    def watch() -> None:
        while os.getppid() == master and not stop.wait(1):
            pass
        stop.set()

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()
    return stop
