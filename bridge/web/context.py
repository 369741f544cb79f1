"""Everything an endpoint works with: settings, rules, mappings, the outbox, the clock, the counters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bridge.bootstrap import open_mappings, open_meta_spec, open_store
from bridge.delivery.process import new_fetcher, new_reporter, new_worker, report_step
from bridge.delivery.worker import Delivered, Worker
from bridge.errors import CannotStore, UnknownMapping
from bridge.fetch.fetcher import Fetcher
from bridge.mapping import CompiledMapping, MappingFolder
from bridge.meta_spec.spec import MetaSpec
from bridge.monitoring.clock import SteadyClock
from bridge.monitoring.log import Log, get_logger
from bridge.monitoring.metrics import Metrics
from bridge.outbox import Outbox, StoredEvent
from bridge.settings import Settings
from bridge.web.lazy import Lazy
from bridge.web.pool import BoundedPool
from bridge.web.rate_limit import RateLimiter
from bridge.web.refusal_notes import RefusalNotes

Deliver = Callable[[Sequence[StoredEvent]], Mapping[str, Delivered]]
WAITING_FOR_META = 8  # at once; more senders that wait would only keep each other waiting


class OpenedLater(Lazy[Outbox]):
    """An outbox that is opened when it is first needed: connections must not cross a fork."""

    def close(self) -> None:
        """Close the outbox if it was ever opened."""
        if outbox := self.take_back():
            outbox.close()


@dataclass(frozen=True, slots=True)
class AppContext:
    """What the endpoints of one application share.

    `deliver` sends stored events at once, for `?wait=true`; it runs in `delivery_pool`.
    """

    settings: Settings
    spec: MetaSpec
    mappings: MappingFolder
    outbox: OpenedLater
    refusals: RefusalNotes
    now: Callable[[], datetime] = field(default_factory=SteadyClock)
    metrics: Metrics = field(default_factory=Metrics)
    rates: RateLimiter = field(default_factory=RateLimiter)
    log: Log = field(default_factory=get_logger)
    deliver: Deliver = lambda _events: {}
    delivery_pool: BoundedPool = field(default_factory=lambda: BoundedPool(WAITING_FOR_META, 0, "deliver"))

    def mapping(self, name: str) -> CompiledMapping:
        """Return an active mapping.

        A file that exists but never loaded is our fault and not the sender's: it is asked to come
        again, because a 404 makes some senders switch their webhook off.
        """
        try:
            return self.mappings.get(name)
        except UnknownMapping:
            if name in self.mappings.broken():
                raise CannotStore(
                    "this mapping has errors and is not active yet, so nothing was stored",
                    fix="send the webhook again later; on the bridge, `capi-bridge check` lists the errors",
                ) from None
            raise


def open_context(
    settings: Settings,
    metrics: Metrics,
    environment: Mapping[str, str],
    now: Callable[[], datetime] | None = None,
) -> AppContext:
    """Load everything that is shared by the web processes; what must not be shared is opened later.

    `now` is the clock of all of it, in tests; else the machine's, steadied.
    """
    clock = now or SteadyClock(report_step)
    outbox = OpenedLater(lambda: open_store(settings))
    mappings = open_mappings(settings, environment)
    return AppContext(
        settings=settings,
        spec=open_meta_spec(settings),
        mappings=mappings,
        outbox=outbox,
        refusals=RefusalNotes(outbox),
        now=clock,
        metrics=metrics,
        deliver=_delivery(settings, metrics, mappings, outbox, clock),
    )


def _delivery(
    settings: Settings,
    metrics: Metrics,
    mappings: MappingFolder,
    outbox: OpenedLater,
    clock: Callable[[], datetime],
) -> Deliver:
    """Return what `?wait=true` delivers with: a fetcher and a worker, made when they are first needed."""

    def make() -> tuple[Fetcher, Worker]:
        reporter = new_reporter(settings, metrics, mappings)
        worker = new_worker(outbox(), settings, reporter, clock)
        return new_fetcher(outbox(), settings, mappings, reporter, clock), worker

    both = Lazy(make)

    def deliver(events: Sequence[StoredEvent]) -> Mapping[str, Delivered]:
        fetcher, worker = both()
        if fetching := [event.id for event in events if event.status == "fetching"]:
            fetcher.fetch_now(fetching)
        return worker.deliver_now([event.id for event in events])

    return deliver
