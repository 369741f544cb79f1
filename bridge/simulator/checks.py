"""One event to be checked, and the few ways of rejecting it that every check shares.

Texts name keys and paths, never values: the simulator's responses end up in logs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.simulator.data import SimulatorData
from bridge.simulator.shapes import SHAPES


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a request is rejected: a name in `simulator_answers.yaml` and Meta's English message."""

    name: str
    message: str | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class CheckedEvent:
    """One event to be checked. Keys whose value is null count as absent: Meta's samples send some."""

    event: Mapping[str, Any]
    path: str
    now: float
    data: SimulatorData

    def part(self, name: str) -> dict[str, Any]:
        """Return one object of the event without its nulls, empty when absent."""
        return present(self.event.get(name) or {})


Check = Callable[[CheckedEvent], Rejection | None]


def present(found: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the keys whose value is null."""
    return {key: value for key, value in found.items() if value is not None}


def unexpected_key(key: str, path: str) -> Rejection:
    """Reject a key that a closed object does not have, worded as a recorded response."""
    return Rejection("schema", f'Unexpected key "{key}" on param {path}.')


def missing_key(key: str, path: str) -> Rejection:
    """Reject an object that lacks a required key."""
    return Rejection("schema", f'Missing key "{key}" on param {path}.')


def wrong_shape(path: str, expected: str) -> Rejection:
    """Reject a value that does not look as it must."""
    return Rejection("schema", f"Param {path} is not a valid {expected}.")


def closed(found: Mapping[str, Any], known: Mapping[str, Any], path: str) -> Rejection | None:
    """Reject the first key that is not known."""
    return next((unexpected_key(key, path) for key in found if key not in known), None)


def needed(found: Mapping[str, Any], names: Sequence[str], path: str) -> Rejection | None:
    """Reject the first key that is not there."""
    return next((missing_key(name, path) for name in names if name not in found), None)


def shaped(found: Mapping[str, Any], shapes: Mapping[str, str], path: str) -> Rejection | None:
    """Reject the first value that does not have its shape; keys without a shape are free."""
    for key, value in found.items():
        shape = shapes.get(key)
        if shape is not None and not SHAPES[shape](value):
            return wrong_shape(f"{path}['{key}']", shape)
    return None


def one_of(found: Mapping[str, Any], key: str, allowed: Any, path: str) -> Rejection | None:
    """Reject a value outside its list; an absent key is fine."""
    if key in found and found[key] not in allowed:
        return Rejection(
            "schema", f"Param {path}['{key}'] must be one of {{{', '.join(map(str, allowed))}}}."
        )
    return None
