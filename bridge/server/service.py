"""What one `serve` works with: built from the settings at the start, and again at every reload."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from bridge.delivery.process import deliver_until
from bridge.monitoring.log import configure
from bridge.monitoring.metrics import Metrics
from bridge.server.asgi import Application
from bridge.server.reload_rules import require_all_mappings, require_same_place
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

    def renewed(self, before: Service) -> Service:
        """Return the service with the settings as they are now. Raises BridgeError if they are not usable."""
        settings = self.load()
        require_same_place(before.context.settings, settings)
        service = self.build(settings)
        require_all_mappings(before.context.mappings, service.context.mappings)
        return service
