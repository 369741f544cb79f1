"""Match strength: our own estimate, before sending, of how well an event can be matched; never Meta's EMQ."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from functools import lru_cache
from typing import Any

from bridge.meta_spec.spec import MatchWeights, MetaSpec
from bridge.models import MatchStrength


def match_strength(event: dict[str, Any], spec: MetaSpec, by_visit: Set[str] | None = None) -> MatchStrength:
    """Add up the weights of the identifiers present, at most 100; say what is missing and what to add next.

    The weights are ours; they are in `schemas/meta/match.yaml`. `by_visit` are the fields that an earlier
    visit filled, None where none was found.
    """
    user_data = event.get("user_data")
    present = [name for name, value in user_data.items() if value] if isinstance(user_data, dict) else []
    strength = _strength_of(tuple(present), spec)
    if by_visit is None:
        return strength
    alone = tuple([name for name in present if name not in by_visit])
    return replace(strength, without_visit=_strength_of(alone, spec).score)


@lru_cache(maxsize=2048)
def _strength_of(names: tuple[str, ...], spec: MetaSpec) -> MatchStrength:
    """Return the strength of identifiers; a mapping fills the same few again and again."""
    table = spec.match
    present = tuple(name for name in table.weights if name in names)
    missing = tuple(name for name in table.expected if name not in names)
    score = min(100, sum(table.weights[name] for name in present) - _counted_twice(present, table))
    return MatchStrength(score, present, missing, _advice(score, missing, table))


def _counted_twice(present: tuple[str, ...], table: MatchWeights) -> int:
    """Return what to take off for identifiers that prove the same thing: only the heaviest one counts."""
    surplus = 0
    for group in table.groups:
        weights = [table.weights[name] for name in present if name in group]
        surplus += sum(weights) - max(weights, default=0)
    return surplus


def _advice(score: int, missing: tuple[str, ...], table: MatchWeights) -> str:
    if not missing:
        return "Good; nothing important is missing."
    if score >= table.good_from:
        return "Good; Meta can match a person by these."
    best = sorted(missing, key=lambda name: -table.weights[name])[:2]
    return f"Add {' or '.join(table.advice[name] for name in best)}."
