"""Everything a person wants to know first, in one value: what runs, waits, is held or paused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bridge.bootstrap import codes_in_force, database_bytes, free_disk_bytes
from bridge.finding import Finding
from bridge.ingest.retarget import stranded_events
from bridge.mapping import MappingFolder
from bridge.mapping.language.visit_words import VISIT_SOURCE
from bridge.monitoring.mapping_health import concerns
from bridge.outbox import Depth, Outbox, Pause
from bridge.outbox.fetch_queue import FetchDepth
from bridge.outbox.pauses import destination_scope, source_scope
from bridge.settings import Destination, Settings, Source

_NOTHING_WAITS = Depth("", 0, 0, None)


def status_of(outbox: Outbox, settings: Settings, mappings: MappingFolder, now: datetime) -> dict[str, Any]:
    """Return the status as plain data; ages are in seconds, times in UTC."""
    return {
        **totals_of(outbox, settings, mappings, now),
        "sources": sources_of(outbox, settings, now),
        "not_configured": [entry.as_json() for entry in stranded_events(outbox, settings)],
        "test_codes": [
            {"where": where, "test_event_code": code}
            for where, code in codes_in_force(settings, mappings, now)
        ],
        "unusual": [
            {"kind": one.kind, "about": one.about, "message": one.text}
            for one in concerns(outbox, settings, mappings.names(), now)
        ],
    }


def totals_of(outbox: Outbox, settings: Settings, mappings: MappingFolder, now: datetime) -> dict[str, Any]:
    """Return what the status says without looking for what is unusual, which a check of health does, too."""
    depths = _depths(outbox, now)
    held = outbox.overview.held()
    totals = outbox.counts()
    return {
        "mode": "demo" if settings.demo else "live",
        "destinations": _destinations(outbox, settings, depths, now),
        "queue": _queue(depths),
        "received": totals.received,
        "reconciled": totals.reconciled,
        "events": dict(totals.by_status),
        "held": [{"mapping": one.mapping, "reason": one.reason, "events": one.events} for one in held],
        "mappings": _mappings(mappings, outbox.overview.last_webhooks()),
        "database": {"kind": settings.database_url.partition(":")[0], "bytes": database_bytes(settings)},
        "disk": {"free_bytes": free_disk_bytes(settings)},
    }


def destinations_of(outbox: Outbox, settings: Settings, now: datetime) -> list[dict[str, Any]]:
    """Return each destination that is configured: what waits for it, and its pause."""
    return _destinations(outbox, settings, _depths(outbox, now), now)


def _depths(outbox: Outbox, now: datetime) -> dict[str, Depth]:
    return {depth.destination: depth for depth in outbox.depths(now)}


def _destinations(
    outbox: Outbox, settings: Settings, depths: Mapping[str, Depth], now: datetime
) -> list[dict[str, Any]]:
    pauses = outbox.pauses()
    return [
        _destination(entry, pauses, depths.get(entry.name, _NOTHING_WAITS), now)
        for entry in settings.destinations.values()
    ]


def _destination(
    entry: Destination, pauses: Mapping[str, Pause], depth: Depth, now: datetime
) -> dict[str, Any]:
    pause = pauses.get(destination_scope(entry.name, entry.dataset_id))
    return {
        "name": entry.name,
        "dataset_id": entry.dataset_id,
        "test_event_code": entry.test_event_code.at(now) if entry.test_event_code else None,
        "paused": pause is not None,
        "reason": pause.reason if pause else None,
        "paused_since": pause.since.isoformat(timespec="seconds") if pause else None,
        "waiting": depth.waiting,
        "sending": depth.sending,
        "oldest_seconds": depth.oldest_seconds,
    }


def sources_of(outbox: Outbox, settings: Settings, now: datetime) -> list[dict[str, Any]]:
    """Return each source that records are fetched from: how many webhooks wait for it, and its pause."""
    depths = {depth.source: depth for depth in outbox.fetches.depths(now)}
    pauses = outbox.pauses()
    names = sorted({*settings.sources, *depths} - {VISIT_SOURCE})
    return [
        _source(name, pauses.get(source_scope(name)), depths.get(name), settings.sources.get(name))
        for name in names
    ]


def _source(
    name: str, pause: Pause | None, depth: FetchDepth | None, source: Source | None
) -> dict[str, Any]:
    return {
        "name": name,
        "configured": source is not None,
        "rate": source.rate.as_text if source else None,
        "paused": pause is not None,
        "reason": pause.reason if pause else None,
        "paused_since": pause.since.isoformat(timespec="seconds") if pause else None,
        "webhooks": depth.webhooks if depth else 0,
        "oldest_seconds": depth.oldest_seconds if depth else None,
    }


def _queue(depths: Mapping[str, Depth]) -> dict[str, Any]:
    ages = [depth.oldest_seconds for depth in depths.values() if depth.oldest_seconds is not None]
    return {
        "waiting": sum(depth.waiting for depth in depths.values()),
        "sending": sum(depth.sending for depth in depths.values()),
        "oldest_seconds": max(ages, default=None),
    }


def _first_error(findings: Sequence[Finding]) -> str | None:
    errors = (finding.message for finding in findings if finding.severity == "error")
    return next(errors, None)


def _mappings(mappings: MappingFolder, last: Mapping[str, datetime]) -> list[dict[str, Any]]:
    """Return each mapping, those that cannot be loaded and those that were removed meanwhile too."""
    active, broken = mappings.names(), mappings.broken()
    return [
        {
            "name": name,
            "active": name in active,
            "problem": _first_error(broken.get(name, ())),
            "last_webhook_at": last[name].isoformat(timespec="seconds") if name in last else None,
        }
        for name in sorted({*active, *broken, *last})
    ]
