"""The delivery process: worker, reports, alerts, result webhooks, and in a demo the simulator."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from bridge.bootstrap import codes_in_force, free_disk_bytes, open_meta_spec, open_store
from bridge.delivery.worker import Worker, delivery_context
from bridge.fetch.fetcher import Fetcher, fetch_context
from bridge.jobs.job_kind import JobContext
from bridge.jobs.runner import run_jobs
from bridge.mapping import MappingFolder
from bridge.monitoring.alerts import AlertMonitor, Snapshot
from bridge.monitoring.channels import open_post
from bridge.monitoring.clock import SteadyClock, Step, utc_now
from bridge.monitoring.log import failure, get_logger
from bridge.monitoring.mapping_health import concerns, unloaded_mappings
from bridge.monitoring.metrics import Metrics
from bridge.monitoring.notifier import Notifier
from bridge.monitoring.reporter import Reporter
from bridge.monitoring.result_webhooks import ResultWebhooks
from bridge.outbox import Outbox
from bridge.settings import Settings

_MONITOR_EVERY_SECONDS = 30.0
_PURGE_EVERY = timedelta(hours=1)
_PURGE_AFTER = timedelta(minutes=5)
_LAST_STEP_SECONDS = 10.0


def deliver_until(  # noqa: PLR0913 - the last two are named
    stop: threading.Event,
    settings: Settings,
    metrics: Metrics,
    mappings: MappingFolder,
    *,
    clock: Callable[[], datetime] | None = None,
    with_simulator: bool = False,
) -> None:
    """Deliver what is stored until `stop` is set; batches under way are settled first.

    A `clock` that is older than this process knows the right time even while that of the machine is wrong.
    """
    metrics.reserve_room()
    outbox = open_store(settings)
    clock = clock or SteadyClock(report_step)
    with (
        contextlib.closing(outbox),
        _simulator(settings, mappings, wanted=with_simulator),
        open_reporter(settings, metrics, mappings) as reporter,
    ):
        context = JobContext(outbox, settings, open_meta_spec(settings), mappings, clock, stop.wait)
        fetcher = new_fetcher(outbox, settings, mappings, reporter, clock)
        _started("monitor", _monitor, stop, context, reporter.alerts)
        with (
            outbox.arrivals.listening(stop),
            _beside("jobs", run_jobs, context, stop, get_logger()),
            _beside("fetcher", fetcher.run_forever, stop),
        ):
            new_worker(outbox, settings, reporter, clock).run_forever(stop)


@contextlib.contextmanager
def _beside(name: str, work: Callable[..., None], *given: object) -> Iterator[None]:
    """Do other work beside delivering; at the end its step under way is finished."""
    thread = _started(name, work, *given)
    yield
    thread.join(_LAST_STEP_SECONDS)


def _started(name: str, work: Callable[..., None], *given: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=given, daemon=True, name=name)
    thread.start()
    return thread


def new_worker(
    outbox: Outbox, settings: Settings, reporter: Reporter, clock: Callable[[], datetime]
) -> Worker:
    """Return a worker whose batches and troubles are reported."""
    observe, notify = reporter.observe, reporter.notify
    return Worker(delivery_context(outbox, settings, clock=clock, observe=observe, notify=notify))


def new_fetcher(
    outbox: Outbox,
    settings: Settings,
    mappings: MappingFolder,
    reporter: Reporter,
    clock: Callable[[], datetime],
) -> Fetcher:
    """Return a fetcher whose calls and troubles are reported as deliveries are."""
    observe, notify = reporter.observe_call, reporter.notify
    return Fetcher(fetch_context(outbox, settings, mappings, clock=clock, observe=observe, notify=notify))


@contextlib.contextmanager
def open_reporter(settings: Settings, metrics: Metrics, mappings: MappingFolder) -> Iterator[Reporter]:
    """Return the reporter of deliveries; at the end, messages still in its queue are sent."""
    reporter = new_reporter(settings, metrics, mappings)
    try:
        yield reporter
    finally:
        reporter.close()


def new_reporter(settings: Settings, metrics: Metrics, mappings: MappingFolder) -> Reporter:
    """Return a reporter of deliveries with a notifier of its own."""
    log = get_logger()
    notifier = Notifier(open_post(settings.alerts), log)
    alerts = AlertMonitor(settings, notifier.send, log)
    return Reporter(ResultWebhooks(settings, mappings), metrics, alerts, notifier, log=log, now=utc_now)


def snapshot(outbox: Outbox, settings: Settings, mappings: MappingFolder, now: datetime) -> Snapshot:
    """Return the present state of the queue, the disk, the test codes and the sources."""
    ages = {depth.destination: depth.oldest_seconds or 0.0 for depth in outbox.depths(now)}
    ages |= {f"source {depth.source}": depth.oldest_seconds for depth in outbox.fetches.depths(now)}
    test_modes = tuple(where for where, _ in codes_in_force(settings, mappings, now))
    unusual = concerns(outbox, settings, mappings.names(), now)
    unloaded = unloaded_mappings(mappings, settings.mappings)
    return Snapshot(ages, free_disk_bytes(settings), test_modes, (*unloaded, *unusual))


def keep_revisions(
    outbox: Outbox, mappings: MappingFolder, kept: Collection[tuple[str, str]], now: datetime
) -> frozenset[tuple[str, str]]:
    """Keep the text of every active mapping that is not among those kept; return all that are.

    A file that was saved again a moment ago is kept with the next look, under its own revision.
    """
    active = {(mapping.name, mapping.revision): mapping for mapping in mappings.mappings()}
    for (name, revision), mapping in active.items():
        if (name, revision) not in kept and (text := mapping.saved_text()) is not None:
            outbox.revisions.keep(name, revision, text, now)
    return frozenset(active)


def purge(outbox: Outbox, settings: Settings, now: datetime) -> None:
    """Delete what is older than its retention time."""
    kept = settings.retention
    purged = outbox.purge(now, raw_webhooks=kept.raw_webhooks, events=kept.events)
    visits = outbox.visits.purge(now, kept.visits, kept.visit_addresses)
    get_logger().info("retention", **asdict(purged), visits=visits)


def report_step(step: Step) -> None:
    """Log that the clock of the machine was set."""
    get_logger().warning("clock_stepped", seconds=round(step.seconds))


def _monitor(stop: threading.Event, context: JobContext, alerts: AlertMonitor) -> None:
    """Look after queue, disk and retention now and then.

    Nothing is deleted soon after the start, when a clock that is wrong could not be told from a right one.
    """
    outbox, settings, mappings, clock = context.outbox, context.settings, context.mappings, context.clock
    purge_at = clock() + _PURGE_AFTER
    kept: frozenset[tuple[str, str]] = frozenset()
    while not stop.is_set():
        now = clock()
        try:
            outbox.jobs.forget_old_inputs(now)
            outbox.captures.purge(now)
            kept = keep_revisions(outbox, mappings, kept, now)
            alerts.check(snapshot(outbox, settings, mappings, now), now)
            if now >= purge_at:
                purge_at = now + _PURGE_EVERY
                purge(outbox, settings, now)
        except Exception as error:  # noqa: BLE001 - monitoring must survive whatever the database does
            get_logger().warning("alarm_could_not_look", **failure(error))
        stop.wait(_MONITOR_EVERY_SECONDS)


@contextlib.contextmanager
def _simulator(settings: Settings, mappings: MappingFolder, *, wanted: bool) -> Iterator[None]:
    """Run the simulator in this process, on the host and port of `graph_url`.

    It also stands in for the APIs that the mappings fetch from, with what is recorded beside their samples.
    """
    if not wanted:
        yield
        return
    from bridge.simulator import Simulator
    from bridge.simulator.recorded_calls import recorded_calls

    url = urlsplit(settings.graph_url)
    recorded = recorded_calls(mappings.mappings(), utc_now())
    with Simulator(host=url.hostname or "127.0.0.1", port=url.port or 0, recorded=recorded):
        yield
