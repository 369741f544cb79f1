"""How the bridge is doing: alive, ready and why not, and the page that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from bridge.bootstrap import KEY_PROBLEM, codes_in_force, free_disk_bytes
from bridge.errors import CannotStore
from bridge.ingest.retarget import describe, stranded_events
from bridge.mapping.language.visit_words import VISIT_SOURCE
from bridge.monitoring.mapping_health import concerns, unloaded_mappings
from bridge.monitoring.metrics import GaugeSample
from bridge.outbox.pauses import why_not_fetched, why_waiting
from bridge.plurals import counted
from bridge.settings import Settings
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest
from bridge.web.responses import Response, sentence

CHECK_SECONDS = 2.0  # how long a check waits for the write lock
_STEP_SHOWN_FOR = timedelta(hours=1)
_LEFT_TO_OTHERS_SECONDS = 60
_TEXT = (("Content-Type", "text/plain; version=0.0.4; charset=utf-8"),)


class Reason(NamedTuple):
    """Why the bridge is not quite ready. A `blocks` reason means that webhooks cannot be taken."""

    level: Literal["blocks", "degrades", "notice"]
    code: str
    message: str


def healthz(context: AppContext, request: HttpRequest) -> Response:
    """Check that the process is alive, and nothing else."""
    return Response(200, {"status": "ok"})


def readyz(context: AppContext, request: HttpRequest) -> Response:
    """Check whether webhooks can be taken, and say what a person should know."""
    return readiness(context, check(context))


def readiness(context: AppContext, reasons: Sequence[Reason]) -> Response:
    """Answer what a check has found.

    503 only when webhooks cannot be taken: one broken mapping is no reason to take the others out of service.
    """
    levels = {reason.level for reason in reasons}
    status = "not_ready" if "blocks" in levels else "degraded" if "degrades" in levels else "ready"
    test_mode = [
        {"where": where, "test_event_code": code}
        for where, code in codes_in_force(context.settings, context.mappings, context.now())
    ]
    body: dict[str, Any] = {
        "status": status,
        "reasons": [reason._asdict() for reason in reasons],
        "test_mode": test_mode,
        "demo": context.settings.demo,
    }
    return Response(503 if status == "not_ready" else 200, body)


def check(context: AppContext) -> list[Reason]:
    """Find every reason against being ready, trying a write and some reads."""
    return list(_reasons(context, context.now()))


def stuck() -> list[Reason]:
    """Return the reason that can be given while a check does not come back."""
    return [Reason("blocks", "database", "the database does not answer: a check has not returned")]


def _reasons(context: AppContext, now: datetime) -> Iterator[Reason]:
    yield from _database(context)
    yield from _disk(context.settings)
    yield from _broken_mappings(context)
    yield from _clock(context, now)
    for where, code in codes_in_force(context.settings, context.mappings, now):
        yield Reason("notice", "test_mode", f"{where} sends with test_event_code {code}")
    if context.settings.demo:
        yield Reason("notice", "demo", "no dataset is configured: events go to the built-in simulator")


def _database(context: AppContext) -> Iterator[Reason]:
    try:
        outbox = context.outbox()
        outbox.probe(CHECK_SECONDS)
        if outbox.why_not_stored:  # a file that must not grow takes the small row of the probe all the same
            message = f"the last webhook here could not be stored: {outbox.why_not_stored}"
            yield Reason("degrades", "not_stored", message)
        yield from _queue(context)
    except CannotStore as error:
        yield Reason("blocks", "database", sentence(error))
    except Exception as error:  # noqa: BLE001 - whatever the driver raises, we are not ready
        yield Reason("blocks", "database", f"the database does not answer ({type(error).__name__})")


def _queue(context: AppContext) -> Iterator[Reason]:
    depths = context.outbox().depths(context.now())
    waiting = sum(depth.waiting for depth in depths)
    if waiting >= context.settings.limits.queue_events:
        yield Reason("blocks", "queue_full", f"{counted(waiting, 'event')} waiting, which is the limit")
    limit = context.settings.alerts.oldest_waiting.total_seconds()
    for depth in depths:
        if (depth.oldest_seconds or 0) > limit:
            waits = counted(depth.waiting, "waiting event")
            message = f"{depth.destination}: the oldest of {waits} is {depth.oldest_seconds:.0f} s old"
            yield Reason("degrades", "delivery_behind", message)
    for fetching in context.outbox().fetches.depths(context.now()):
        if fetching.oldest_seconds > limit:
            waits = counted(fetching.webhooks, "waiting webhook")
            message = (
                f"source {fetching.source}: the oldest of {waits} is {fetching.oldest_seconds:.0f} s old"
            )
            yield Reason("degrades", "fetching_behind", message)
    if context.outbox().lacks_key():
        yield Reason("degrades", KEY_PROBLEM.code, f"{KEY_PROBLEM.message}: {KEY_PROBLEM.fix}")
    for entry in stranded_events(context.outbox(), context.settings):
        yield Reason("degrades", "dataset_not_configured", describe(entry))
    yield from _pauses(context)
    yield from _unknown_sources(context)
    for concern in concerns(context.outbox(), context.settings, context.mappings.names(), context.now()):
        yield Reason("degrades", concern.kind, concern.text)


def _broken_mappings(context: AppContext) -> Iterator[Reason]:
    unloaded = unloaded_mappings(context.mappings, context.settings.mappings)
    for concern in unloaded:
        yield Reason("degrades", concern.kind, concern.text)
    if not unloaded and not context.mappings.names():
        folders = ", ".join(str(folder) for folder in context.settings.mappings)
        yield Reason("degrades", "no_mappings", f"there are no mappings in {folders}: no webhook is taken")


def _clock(context: AppContext, now: datetime) -> Iterator[Reason]:
    step = getattr(context.now, "last_step", None)
    if step is not None and now - step.at < _STEP_SHOWN_FOR:
        which = "forward" if step.seconds > 0 else "back"
        message = f"the clock of the machine was set {abs(round(step.seconds))} s {which}"
        yield Reason("notice", "clock_stepped", f"{message} at {step.at.isoformat(timespec='seconds')}")


def _pauses(context: AppContext) -> Iterator[Reason]:
    pauses, settings = context.outbox().pauses(), context.settings
    of_destinations = (
        why_waiting(pauses, one.name, one.dataset_id) for one in settings.destinations.values()
    )
    of_sources = (why_not_fetched(pauses, name) for name in settings.sources)
    for why in filter(None, (*of_destinations, *of_sources)):
        yield Reason("degrades", "paused", why)


def _unknown_sources(context: AppContext) -> Iterator[Reason]:
    """Report webhooks that wait for a source that was renamed or removed, and that no other node has."""
    for depth in context.outbox().fetches.depths(context.now()):
        is_known = depth.source in context.settings.sources or depth.source == VISIT_SOURCE
        if not is_known and depth.oldest_seconds > _LEFT_TO_OTHERS_SECONDS:
            waits = f"{counted(depth.webhooks, 'webhook')} cannot be finished: bridge.yaml has no source"
            fix = "add it below sources, or discard the events that wait for it"
            yield Reason("degrades", "no_source", f"{waits} {depth.source}; {fix}")


def _disk(settings: Settings) -> Iterator[Reason]:
    free = free_disk_bytes(settings)
    if free is not None and free < settings.limits.free_disk_bytes:
        yield Reason("blocks", "disk_full", f"only {free // 1_048_576} MiB of disk are free")


def metrics(context: AppContext, request: HttpRequest) -> Response:
    """Give Prometheus the counters of all processes and the gauges of this moment."""
    return Response(200, context.metrics.exposition(lambda: samples(context)).decode(), _TEXT)


def samples(context: AppContext) -> Iterator[GaugeSample]:
    """Read the gauges: the queue, the totals, the disk, what is broken, what is in test mode."""
    now = context.now()
    outbox = context.outbox()
    for depth in outbox.depths(now):
        labels = {"destination": depth.destination}
        yield "bridge_waiting_events", "Events that wait.", labels, depth.waiting
        yield "bridge_sending_events", "Events under way.", labels, depth.sending
        oldest = depth.oldest_seconds or 0.0
        yield "bridge_oldest_waiting_seconds", "Age of the oldest waiting event.", labels, oldest
    for fetching in outbox.fetches.depths(now):
        labels = {"source": fetching.source}
        yield "bridge_fetching_webhooks", "Webhooks to fetch for.", labels, fetching.webhooks
        age = fetching.oldest_seconds
        yield "bridge_oldest_fetching_seconds", "Age of the oldest webhook to fetch for.", labels, age
    for status, number in outbox.counts().by_status.items():
        yield "bridge_events", "Events that are kept, by status.", {"status": status}, number
    broken = set(context.mappings.broken())
    for name in sorted({*context.mappings.names(), *broken}):
        value = float(name in broken)
        yield "bridge_mapping_broken", "1 when the file does not load.", {"mapping": name}, value
    in_force = {where for where, _ in codes_in_force(context.settings, context.mappings, now)}
    for name in context.settings.destinations:
        used = float(f"destination {name}" in in_force)
        yield "bridge_test_mode", "1 while a test_event_code is used.", {"destination": name}, used
    for name in context.mappings.names():
        used = float(f"mapping {name}" in in_force)
        yield "bridge_mapping_test_mode", "1 while it has a test_event_code.", {"mapping": name}, used
    for scope, pause in outbox.pauses().items():
        yield "bridge_paused", "1 while it is paused.", {"scope": scope, "kind": pause.kind}, 1.0
    free = free_disk_bytes(context.settings)
    if free is not None:
        yield "bridge_free_disk_bytes", "Free disk beside the database.", {}, float(free)
