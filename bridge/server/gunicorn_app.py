"""gunicorn with our settings: its own asynchronous workers, and one process that delivers beside them."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from bridge.errors import BridgeError
from bridge.server.asgi import Application
from bridge.server.delivery_process import STOP_SECONDS, DeliveryProcess
from bridge.server.guard import Limits, limit_connections, most_connections
from bridge.server.process_memory import settle_memory
from bridge.server.running import RunningServer
from bridge.server.service import Service, ServicePlan
from bridge.server.terminal import watched_terminal

with suppress(ImportError):  # plain asyncio where it cannot be built
    import uvloop  # noqa: F401 - before the workers are forked, which would each load it for itself

_MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - gunicorn's heartbeat file, as its manual advises
_SWITCH_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen, with how many processes, and how long a body may take to arrive."""

    bind: str = "127.0.0.1:8000"
    workers: int = 2
    body_seconds: float = 30.0


class Master(Arbiter):  # type: ignore[misc]
    """gunicorn's master, which also looks after the process that delivers.

    No hook of gunicorn's can do that. What is relied on here is held by a test, which fails first when a
    new version changes it.
    """

    def __init__(self, app: BridgeServer) -> None:
        super().__init__(app)
        self.delivery = DeliveryProcess(app.service.deliver, self)
        self._terminal_was_closed = watched_terminal()

    def manage_workers(self) -> None:
        """Keep the web workers, and the delivery beside them, running."""
        super().manage_workers()
        self.delivery.keep_running()

    def spawn_workers(self) -> None:
        """Start what is missing, without the pauses meant for applications that load slowly."""
        for _ in range(self.num_workers - len(self.WORKERS)):
            self.spawn_worker()

    def wait_for_signals(self, timeout: float | None = 1.0) -> list[int]:
        """Return the signals that came. Reloads asked for together are one: a stop would wait for each."""
        signals = super().wait_for_signals(timeout)
        reloads = [place for place, number in enumerate(signals) if number == signal.SIGHUP]
        return [number for place, number in enumerate(signals) if place not in reloads[:-1]]

    def handle_hup(self) -> None:
        """Take up the settings anew. A demo ends, and so does a server whose terminal was closed.

        The sockets stay open, new workers are started, and then the old ones finish what they have begun.
        """
        if self.app.service.context.settings.demo or self._terminal_was_closed():
            raise StopIteration  # gunicorn's own way to end
        if self.app.renew():
            super().handle_hup()
            self.delivery.replace(self.app.service.deliver)
            self.app.note_renewal()

    def stop(self, graceful: bool = True) -> None:
        """Let requests be answered first, then batches be settled."""
        super().stop(graceful)
        self.delivery.stop(graceful=graceful)


class BridgeServer(BaseApplication):  # type: ignore[misc]
    """gunicorn with our settings; `plan` makes the next service when the settings are to be read again."""

    def __init__(
        self, service: Service, listening: Listening, plan: ServicePlan, running: RunningServer
    ) -> None:
        self.service = service
        self._listening = listening
        self._plan = plan
        self._running = running
        super().__init__()

    def renew(self) -> bool:
        """Serve with the settings as they are now; with those that cannot be used, the old service stays."""
        try:
            self.service, self.callable = self._plan.renewed(self.service), None
        except BridgeError as error:
            self._running.reload_failed(error)
            return False
        return True

    def note_renewal(self) -> None:
        """Say that the new service has taken over."""
        self._running.reloaded(len(self.service.context.mappings.names()))

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        values = {
            "bind": self._listening.bind,
            "workers": self._listening.workers,
            "worker_class": "asgi",
            "asgi_lifespan": "on",
            "preload_app": True,
            "graceful_timeout": STOP_SECONDS,
            "timeout": 60,
            "keepalive": 5,
            "loglevel": "warning",
            "control_socket_disable": True,
            "secure_scheme_headers": {},  # which proxies are believed is decided in bridge.web.request
            "limit_request_line": 8190,
            "worker_tmp_dir": str(_MEMORY_FOLDER) if _MEMORY_FOLDER.is_dir() else None,
            "pre_fork": lambda _server, _worker: settle_memory(),
            "post_worker_init": self._set_up,
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def _set_up(self, worker: Any) -> None:
        """Prepare a worker whose loop is about to start.

        The writer lets go of the interpreter at every statement of a commit. While the loop is busy it would
        wait the usual 5 ms to get it back, and with it everybody who waits for the write lock.
        """
        sys.setswitchinterval(_SWITCH_SECONDS)
        self.service.context.metrics.reserve_room()
        limits = Limits(body=self._listening.body_seconds, connections=most_connections())
        limit_connections(worker.loop, limits, is_stopping=lambda: not worker.alive)

    def load(self) -> Application:
        """Return the application, which is loaded already."""
        return self.service.application

    def run(self) -> None:
        """Serve until told to stop."""
        Master(self).run()
