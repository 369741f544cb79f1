"""How the bridge is doing: alive, ready and why not, and the page that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from bridge.bootstrap import KEY_PROBLEM, codes_in_force, free_disk_bytes
from bridge.errors import BridgeError
from bridge.ingest.retarget import describe, stranded_events
from bridge.monitoring.metrics import GaugeSample
from bridge.settings import Settings
from bridge.web.answers import Answer, Line
from bridge.web.arrival import Environ
from bridge.web.door import Door

_TEXT = (("Content-Type", "text/plain; version=0.0.4; charset=utf-8"),)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the bridge is not quite ready. A `blocks` reason means that webhooks cannot be taken."""

    level: Literal["blocks", "degrades", "notice"]
    code: str
    message: str

    def as_json(self) -> dict[str, str]:
        """Return the reason as /readyz shows it."""
        return {"level": self.level, "code": self.code, "message": self.message}


def healthz(door: Door, environ: Environ, request_id: str, line: Line) -> Answer:
    """Tell that the process answers; nothing else is looked at."""
    return Answer(200, {"status": "ok"})


def readyz(door: Door, environ: Environ, request_id: str, line: Line) -> Answer:
    """Tell whether webhooks can be taken, and everything a person should know.

    503 only when they cannot: one broken mapping is no reason to take the others out of service.
    """
    now = door.now()
    reasons = list(reasons_against(door, now))
    levels = {reason.level for reason in reasons}
    status = "not_ready" if "blocks" in levels else "degraded" if "degrades" in levels else "ready"
    test_mode = [
        {"where": where, "test_event_code": code}
        for where, code in codes_in_force(door.settings, door.mappings, now)
    ]
    body: dict[str, Any] = {
        "status": status,
        "reasons": [reason.as_json() for reason in reasons],
        "test_mode": test_mode,
        "demo": door.settings.demo,
    }
    return Answer(503 if status == "not_ready" else 200, body)


def reasons_against(door: Door, now: datetime) -> Iterator[Reason]:
    """Find every reason against being ready."""
    yield from _database(door)
    yield from _disk(door.settings)
    yield from _broken_mappings(door)
    for where, code in codes_in_force(door.settings, door.mappings, now):
        yield Reason("notice", "test_mode", f"{where} sends with test_event_code {code}")
    if door.settings.demo:
        yield Reason("notice", "demo", "no dataset is configured: events go to the built-in simulator")


def _database(door: Door) -> Iterator[Reason]:
    try:
        depths = door.outbox().depths(door.now())
    except (BridgeError, OSError) as error:
        yield Reason("blocks", "database", f"the database does not answer ({type(error).__name__})")
        return
    except Exception as error:  # noqa: BLE001 - whatever the driver raises, we are not ready
        yield Reason("blocks", "database", f"the database does not answer ({type(error).__name__})")
        return
    waiting = sum(depth.waiting for depth in depths)
    if waiting >= door.settings.limits.queue_events:
        yield Reason("blocks", "queue_full", f"{waiting} events wait, the bound is reached")
    limit = door.settings.alerts.oldest_waiting.total_seconds()
    for depth in depths:
        if depth.oldest_seconds is not None and depth.oldest_seconds > limit:
            age = round(depth.oldest_seconds)
            message = f"{depth.destination}: the oldest of {depth.waiting} waiting events is {age} s old"
            yield Reason("degrades", "delivery_behind", message)
    if door.outbox().lacks_key():
        yield Reason("degrades", KEY_PROBLEM.code, f"{KEY_PROBLEM.message}: {KEY_PROBLEM.fix}")
    yield from _pauses(door)
    for entry in stranded_events(door.outbox(), door.settings):
        yield Reason("degrades", "dataset_not_configured", describe(entry))


def _broken_mappings(door: Door) -> Iterator[Reason]:
    in_force = door.mappings.names()
    if not in_force and not door.mappings.problems():
        folders = ", ".join(str(folder) for folder in door.settings.mappings)
        yield Reason("degrades", "no_mappings", f"there are no mappings in {folders}: no webhook is taken")
    for file, findings in door.mappings.problems().items():
        name = Path(file).stem
        first = findings[0].message
        if name in in_force:
            message = f"{Path(file).name} stopped loading, the last good one stays in force: {first}"
            yield Reason("blocks", "mapping_broken", message)
        else:
            message = f"{Path(file).name} does not load, its webhooks are answered 503: {first}"
            yield Reason("degrades", "mapping_not_loaded", message)


def _pauses(door: Door) -> Iterator[Reason]:
    for scope, pause in sorted(door.outbox().pauses().items()):
        if pause.kind == "circuit":
            message = f"{scope} is paused since {pause.since.isoformat(timespec='seconds')}: {pause.reason}"
            yield Reason("degrades", "paused", message)


def _disk(settings: Settings) -> Iterator[Reason]:
    free = free_disk_bytes(settings)
    if free is not None and free < settings.limits.free_disk_bytes:
        yield Reason("blocks", "disk_full", f"only {free // 1_048_576} MiB of disk are free")


def metrics(door: Door, environ: Environ, request_id: str, line: Line) -> Answer:
    """Answer with all counters of all processes and the gauges of this moment."""
    return Answer(200, door.metrics.exposition(lambda: samples(door)).decode(), _TEXT)


def samples(door: Door) -> Iterator[GaugeSample]:
    """Read the gauges: the queue, the books, the disk, what is broken, what is in test mode."""
    now = door.now()
    outbox = door.outbox()
    for depth in outbox.depths(now):
        labels = {"destination": depth.destination}
        yield "bridge_waiting_events", "Events that wait.", labels, depth.waiting
        yield "bridge_sending_events", "Events under way.", labels, depth.sending
        oldest = depth.oldest_seconds or 0.0
        yield "bridge_oldest_waiting_seconds", "Age of the oldest waiting event.", labels, oldest
    for status, number in outbox.counts().by_status.items():
        yield "bridge_events", "Events that are kept, by status.", {"status": status}, number
    broken = {Path(file).stem for file in door.mappings.problems()}
    for name in sorted({*door.mappings.names(), *broken}):
        value = float(name in broken)
        yield "bridge_mapping_broken", "1 when the file does not load.", {"mapping": name}, value
    in_force = {where for where, _ in codes_in_force(door.settings, door.mappings, now)}
    for name in door.settings.destinations:
        used = float(f"destination {name}" in in_force)
        yield "bridge_test_mode", "1 while a test_event_code is used.", {"destination": name}, used
    for name in door.mappings.names():
        used = float(f"mapping {name}" in in_force)
        yield "bridge_mapping_test_mode", "1 while it has a test_event_code.", {"mapping": name}, used
    for scope, pause in outbox.pauses().items():
        yield "bridge_paused", "1 while it rests.", {"scope": scope, "kind": pause.kind}, 1.0
    free = free_disk_bytes(door.settings)
    if free is not None:
        yield "bridge_free_disk_bytes", "Free disk beside the database.", {}, float(free)
