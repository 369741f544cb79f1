"""The delivery process put together: worker, reports, alarm, callbacks, and in a demo the simulator."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from bridge.bootstrap import codes_in_force, free_disk_bytes, open_store
from bridge.delivery.worker import run_forever, utc_now
from bridge.mapping import MappingFolder
from bridge.monitoring.alerts import Alarm, Situation
from bridge.monitoring.log import failure, get_logger
from bridge.monitoring.metrics import Metrics
from bridge.monitoring.notifier import Notifier, http_post
from bridge.monitoring.reporter import Reporter
from bridge.monitoring.result_webhooks import Callbacks
from bridge.outbox import Outbox
from bridge.settings import Settings

_LOOK_EVERY_SECONDS = 30.0
_FORGET_EVERY = timedelta(hours=1)


def deliver_until(
    stop: threading.Event,
    settings: Settings,
    metrics: Metrics,
    mappings: MappingFolder,
    *,
    with_simulator: bool = False,
) -> None:
    """Deliver what is stored until `stop` is set; batches under way are settled first."""
    outbox = open_store(settings)
    with (
        contextlib.closing(outbox),
        _simulator(settings, wanted=with_simulator),
        reporter(settings, metrics, mappings) as hears,
    ):
        watch = threading.Thread(
            target=_keep_looking, args=(stop, outbox, settings, hears.alarm), daemon=True, name="alarm"
        )
        watch.start()
        run_forever(outbox, settings, stop, observe=hears.observe, tell=hears.notice)


@contextlib.contextmanager
def reporter(settings: Settings, metrics: Metrics, mappings: MappingFolder) -> Iterator[Reporter]:
    """Return what hears of deliveries; at the end what is still to be told is told."""
    hears = new_reporter(settings, metrics, mappings)
    try:
        yield hears
    finally:
        hears.close()


def new_reporter(settings: Settings, metrics: Metrics, mappings: MappingFolder) -> Reporter:
    """Return what hears of deliveries, with a notifier of its own."""
    log = get_logger()
    notifier = Notifier(http_post(), log)
    alarm = Alarm(settings, notifier.tell, log)
    return Reporter(Callbacks(settings, mappings), metrics, alarm, notifier, log=log, now=utc_now)


def situation(outbox: Outbox, settings: Settings, now: datetime) -> Situation:
    """Look at the queue, the disk and the test codes."""
    ages = {depth.destination: depth.oldest_seconds or 0.0 for depth in outbox.depths(now)}
    in_force = tuple(where for where, _ in codes_in_force(settings, now))
    return Situation(ages, free_disk_bytes(settings), in_force)


def forget(outbox: Outbox, settings: Settings, now: datetime) -> None:
    """Let go of what has been kept for its time."""
    kept = settings.retention
    forgotten = outbox.forget(now, raw_webhooks=kept.raw_webhooks, events=kept.events)
    get_logger().info("retention", **{name: getattr(forgotten, name) for name in forgotten.__slots__})


def _keep_looking(stop: threading.Event, outbox: Outbox, settings: Settings, alarm: Alarm) -> None:
    log = get_logger()
    forget_at = utc_now()
    while not stop.wait(_LOOK_EVERY_SECONDS):
        now = utc_now()
        try:
            alarm.look(situation(outbox, settings, now), now)
            if now >= forget_at:
                forget_at = now + _FORGET_EVERY
                forget(outbox, settings, now)
        except Exception as error:  # noqa: BLE001 - the alarm must survive whatever the database does
            log.warning("alarm_could_not_look", **failure(error))


@contextlib.contextmanager
def _simulator(settings: Settings, *, wanted: bool) -> Iterator[None]:
    """Run Meta's stand-in in this process, on the port that the settings name."""
    if not wanted:
        yield
        return
    from bridge.simulator import Simulator

    address = urlsplit(settings.graph_url)
    with Simulator(host=address.hostname or "127.0.0.1", port=address.port or 0):
        yield
