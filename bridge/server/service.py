"""What one `serve` works with: built from the settings at the start, and again at every reload."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from bridge.bootstrap import require_stored_key
from bridge.delivery.process import deliver_until
from bridge.errors import BridgeError, Invalid, WrongUse
from bridge.monitoring.log import configure, get_logger
from bridge.monitoring.metrics import Metrics
from bridge.server.asgi import Application
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
            details = [finding.as_json() for finding in getattr(error, "findings", ())]
            get_logger().error("reload_failed", reason=error.message, fix=error.fix or None, details=details)
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
        _require_same_place(before.settings, settings)
        require_stored_key(settings)
        service = self._plan.build(settings)
        _require_all_mappings(before, service.context)
        return service


def _require_same_place(before: Settings, after: Settings) -> None:
    """Raise WrongUse for what events that are stored already could not follow."""
    for is_same, what in (
        (before.database_url == after.database_url, "database_url"),
        (before.demo == after.demo, "whether a dataset is configured"),
    ):
        if not is_same:
            raise WrongUse(
                f"{what} has changed, which a reload cannot take up", fix="restart `capi-bridge serve`"
            )


def _require_all_mappings(before: AppContext, after: AppContext) -> None:
    """Raise Invalid when a mapping that receives webhooks would stop doing so with the new settings."""
    broken = after.mappings.broken()
    lost = sorted(broken.keys() & set(before.mappings.names()) - set(after.mappings.names()))
    if lost:
        findings = [finding for name in lost for finding in broken[name]]
        raise Invalid(f"with the new settings these mappings would stop: {', '.join(lost)}", findings)
