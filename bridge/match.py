"""Match strength: our own estimate, before sending, of how well Meta could match an event. It is not Meta's EMQ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.catalog import Catalog, MatchWeights
from bridge.values import MatchStrength


def match_strength(event: Mapping[str, Any], catalog: Catalog) -> MatchStrength:
    """Add up the weights of the identifiers present, at most 100; say what is missing and what to add next.

    The weights are ours and stand in `schemas/meta/match.yaml`.
    """
    table = catalog.match
    people = event.get("user_data")
    keys = people if isinstance(people, Mapping) else {}
    present = tuple(name for name in table.weights if keys.get(name))
    missing = tuple(name for name in table.weights if name not in present and name in _REACHABLE)
    score = min(100, sum(table.weights[name] for name in present) - _counted_twice(present, table))
    return MatchStrength(score, present, missing, _advice(score, missing, table))


# What nearly every business could send; ids of messages, apps and lead ads exist only where there is such a thing.
_REACHABLE = frozenset(
    {"em", "ph", "fbc", "fbp", "external_id", "client_ip_address", "client_user_agent", "fn", "ln", "db"}
    | {"zp", "ct", "st", "country", "ge"}
)


def _counted_twice(present: tuple[str, ...], table: MatchWeights) -> int:
    """Return what to take off for identifiers that prove the same thing: only the heaviest one counts."""
    surplus = 0
    for group in table.groups:
        weights = [table.weights[name] for name in present if name in group]
        surplus += sum(weights) - max(weights, default=0)
    return surplus


def _advice(score: int, missing: tuple[str, ...], table: MatchWeights) -> str:
    if score >= table.good_from or not missing:
        return "Good; nothing important is missing."
    best = sorted(missing, key=lambda name: -table.weights[name])[:2]
    return f"Add {' or '.join(table.advice[name] for name in best)}."
