"""The pairing check: whether events of browsers and of servers reach Meta with the same ids, and why not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bridge.mapping import MappingFolder
from bridge.meta_spec.spec import MetaSpec
from bridge.outbox import Outbox
from bridge.outbox.pairing import REASONS, PairedName

_FROM_PAGES = frozenset({"browser", "companion"})


def browser_mappings(mappings: MappingFolder) -> tuple[str, ...]:
    """Return the names of the mappings for what browsers send."""
    return tuple(mapping.name for mapping in mappings.mappings() if mapping.receive.sent_by in _FROM_PAGES)


def count_pairs(
    outbox: Outbox, mappings: MappingFolder, spec: MetaSpec, since: datetime, now: datetime
) -> list[PairedName]:
    """Return how many events of browsers have a twin, by event name, since a moment."""
    within = timedelta(seconds=spec.limits.deduplication_seconds)
    return outbox.pairing.count(browser_mappings(mappings), since, now, within)


def pairs_as_json(pairs: list[PairedName], mappings: MappingFolder, since: datetime) -> dict[str, Any]:
    """Return the shape of a pairing check in every JSON answer."""
    used = {reason for pair in pairs for reason in pair.reasons}
    return {
        "since": since.isoformat("T", "seconds"),
        "browser_mappings": list(browser_mappings(mappings)),
        "pairs": [pair.as_json() for pair in pairs],
        "reasons": {reason: says for reason, says in REASONS.items() if reason in used},
    }
