"""The pairing check: whether browsers and servers send the same ids, and what earlier visits add."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from bridge.mapping import MappingFolder
from bridge.meta_spec.spec import MetaSpec
from bridge.outbox import Outbox
from bridge.outbox.pairing import REASONS, PairingCount, PairingQuestion

USUALLY: Final = timedelta(days=7)
# what to do about the reasons of the count
ADVICE: Final = {
    "page_first": "take the name out of the lookup in the page's mapping: the pixel reports it anyway, "
    "and the server's, which knows more of the person, is sent",
    "no_id": "set event_id in the mapping of the page's events",
    "no_server_event": "use the form's field cb_event_id, or your order's id, as event_id of both",
    "other_name": "use one event name for both",
    "other_dataset": "send both to the same destination",
    "too_far_apart": "map event_time of the server's event to when it happened",
    "not_sent": "open the server's event to see why",
}
_FROM_PAGES = frozenset({"browser", "companion"})


def browser_mappings(mappings: MappingFolder) -> tuple[str, ...]:
    """Return the names of the mappings for what browsers send."""
    return tuple(mapping.name for mapping in mappings.mappings() if mapping.receive.sent_by in _FROM_PAGES)


def visit_mappings(mappings: MappingFolder) -> tuple[str, ...]:
    """Return the names of the mappings whose events look for an earlier visit."""
    found = (mapping for mapping in mappings.mappings() if any(event.visit for event in mapping.events))
    return tuple(mapping.name for mapping in found)


def count_pairs(
    outbox: Outbox, mappings: MappingFolder, spec: MetaSpec, since: datetime, now: datetime
) -> PairingCount:
    """Return how many events have a twin, by event name, and found a visit, by mapping, since a moment."""
    within = timedelta(seconds=spec.limits.deduplication_seconds)
    asked = PairingQuestion(browser_mappings(mappings), visit_mappings(mappings), since, now, within)
    return outbox.pairing.count(asked)


def pairs_as_json(counted: PairingCount, mappings: MappingFolder, since: datetime) -> dict[str, Any]:
    """Return the shape of a pairing check in every JSON answer."""
    used = {reason for pair in counted.names for reason in pair.reasons}
    return {
        "since": since.isoformat("T", "seconds"),
        "counted_since": counted.since.isoformat("T", "seconds"),
        "browser_mappings": list(browser_mappings(mappings)),
        "pairs": [pair.as_json() for pair in counted.names],
        "reasons": {reason: says for reason, says in REASONS.items() if reason in used},
        "visit_mappings": list(visit_mappings(mappings)),
        "joins": [mapping.as_json() for mapping in counted.mappings],
    }
