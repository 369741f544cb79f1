"""Meta's figures on the events of a dataset, beside our own estimate of how well they can be matched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from bridge.delivery.graph_reads import GraphReader, dataset_quality
from bridge.outbox import Outbox, Query

_LOOKED_BACK = timedelta(days=7)
_MOST_EVENTS = 2_000  # the newest


@dataclass(frozen=True, slots=True)
class MatchQuality:
    """Meta's figures on the website events of one name, in percent but for the match quality (0 to 10).

    `our_match_strength` is from 0 to 100. None is what Meta does not say, or what we have not seen.
    """

    destination: str
    event_name: str
    meta_match_quality: float | None
    our_match_strength: float | None
    server_events_with_event_id: float | None
    browser_events_deduplicated: float | None
    coverage: float | None
    identifiers: Mapping[str, float | None]

    def as_json(self) -> dict[str, Any]:
        """Return the figures for programs."""
        return asdict(self)


def match_quality(reader: GraphReader, ours: Mapping[str, float]) -> Iterator[MatchQuality]:
    """Ask Meta for its figures on a destination; raises CannotOpen when it does not give them."""
    for row in dataset_quality(reader):
        match = row.get("event_match_quality") or {}
        keys = row.get("dedupe_key_feedback") or [{}]
        by_id = next((key for key in keys if key.get("dedupe_key") == "event_id"), keys[0])
        name = str(row.get("event_name"))
        yield MatchQuality(
            reader.destination.name,
            name,
            match.get("composite_score"),
            ours.get(name),
            _percentage(by_id, "server_events_with_dedupe_key"),
            _percentage(by_id, "overall_browser_coverage_from_dedupe_key"),
            _percentage(row, "event_coverage"),
            {
                str(entry.get("identifier")): _percentage(entry, "coverage")
                for entry in match.get("match_key_feedback") or ()
            },
        )


def our_match_strength(outbox: Outbox, destination: str, now: datetime) -> dict[str, float]:
    """Return the mean of our own estimate for each event name, over what was stored lately."""
    scores: dict[str, list[int]] = defaultdict(list)
    wanted = Query(destination=destination, since=now - _LOOKED_BACK, limit=_MOST_EVENTS)
    for event in outbox.find(wanted):
        if event.match_score is not None and event.event_name:
            scores[event.event_name].append(event.match_score)
    return {name: round(sum(found) / len(found), 1) for name, found in scores.items()}


def _percentage(row: Mapping[str, Any], name: str) -> Any:
    return (row.get(name) or {}).get("percentage")
