"""What came in the last day and week, as lists show it: by destination and by mapping."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import timedelta

from bridge.web.console.chart import PARTS
from bridge.web.context import AppContext

LENGTHS: Mapping[str, timedelta] = {"24 hours": timedelta(days=1), "7 days": timedelta(days=7)}
SHOWN = ("sent", "held", "rejected")
_PART_OF = {status: part for part in SHOWN for status in PARTS[part]}
Recent = Mapping[str, Mapping[str, int]]  # a length of time -> what was counted


def events_by_destination(context: AppContext) -> Mapping[str, Recent]:
    """Return how many events that came lately are sent, held or rejected now, by destination."""
    found: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for name, length in LENGTHS.items():
        for one in context.outbox().hourly.events(context.now() - length):
            part = _PART_OF.get(one.status)
            if part is not None:
                found[one.destination][name][part] += one.number
    return found


def webhooks_by_mapping(context: AppContext) -> Mapping[str, Mapping[str, int]]:
    """Return how many webhooks came lately, by mapping."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for name, length in LENGTHS.items():
        for one in context.outbox().hourly.webhooks(context.now() - length):
            found[one.mapping][name] += one.webhooks
    return found
