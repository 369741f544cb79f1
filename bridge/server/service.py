"""What one `serve` works with: built from the settings at the start, and again at every reload."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from bridge.delivery.process import deliver_until
from bridge.errors import BridgeError
from bridge.monitoring.log import configure, get_logger
from bridge.monitoring.metrics import Metrics
from bridge.server.asgi import Application
from bridge.server.reload_rules import report_failed_reload, require_all_mappings, require_same_place
from bridge.server.running import RunningServer
from bridge.settings import Settings
from bridge.web.context import AppContext, open_context


@dataclass(frozen=True, slots=True)
class Service:
    """What the web workers answer with, and what the process beside them does."""

    application: Application
    deliver: Callable[[threading.Event], None] | None
    context: AppContext


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """What stays the same whatever the settings say: where they come from, and how they are served."""

    load: Callable[[], Settings]
    environment: Callable[[], Mapping[str, str]]
    metrics: Metrics
    threads: int
    delivers: bool
    simulates: bool

    def build(self, settings: Settings) -> Service:
        """Return a service; nothing in it is connected to the database yet."""
        configure(settings.log_level, settings.log_format)
        context = open_context(settings, self.metrics, self.environment())
        work = partial(
            deliver_until,
            settings=settings,
            metrics=self.metrics,
            mappings=context.mappings,
            clock=context.now,
            with_simulator=self.simulates,
        )
        return Service(Application(context, self.threads), work if self.delivers else None, context)


class Renewal:
    """Builds the next service when it is asked to; with settings that cannot be used, the old one stays."""

    def __init__(self, plan: ServicePlan, service: Service, running: RunningServer) -> None:
        self._plan = plan
        self._service = service
        self._running = running

    def __call__(self) -> Service | None:
        """Return what to serve with from now on, or None when the new settings cannot be used."""
        try:
            service = self._renewed()
        except BridgeError as error:
            report_failed_reload(error)
            self._running.note_reload(error)
            return None
        self._service = service
        get_logger().info("reloaded", mappings=len(service.context.mappings.names()))
        return service

    def done(self) -> None:
        """Say that the new service has taken over."""
        self._running.note_reload(None)

    def _renewed(self) -> Service:
        before = self._service.context
        settings = self._plan.load()
        require_same_place(before.settings, settings)
        service = self._plan.build(settings)
        require_all_mappings(before.mappings, service.context.mappings)
        return service
