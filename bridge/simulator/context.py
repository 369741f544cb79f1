"""One event before the judge, and the few ways of refusing it that every rule shares.

Texts name keys and places, never values: the simulator's answers end up in logs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.simulator.data import SimulatorData
from bridge.simulator.shapes import SHAPES


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not taken: a name in `simulator_answers.yaml` and Meta's English message."""

    name: str
    message: str | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class EventContext:
    """One event before the judge. Keys whose value is null count as absent: Meta's samples send some."""

    event: Mapping[str, Any]
    path: str
    now: float
    data: SimulatorData

    def part(self, name: str) -> dict[str, Any]:
        """Return one object of the event without its nulls, empty when absent."""
        return present(self.event.get(name) or {})


Rule = Callable[[EventContext], Refusal | None]


def present(found: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the keys whose value is null."""
    return {key: value for key, value in found.items() if value is not None}


def unexpected_key(key: str, path: str) -> Refusal:
    """Refuse a key that a closed object does not have, in the words of a recorded answer."""
    return Refusal("schema", f'Unexpected key "{key}" on param {path}.')


def missing_key(key: str, path: str) -> Refusal:
    """Refuse an object that lacks a required key."""
    return Refusal("schema", f'Missing key "{key}" on param {path}.')


def wrong_shape(path: str, expected: str) -> Refusal:
    """Refuse a value that does not look as it must."""
    return Refusal("schema", f"Param {path} is not a valid {expected}.")


def closed(found: Mapping[str, Any], known: Mapping[str, Any], path: str) -> Refusal | None:
    """Refuse the first key that is not known."""
    return next((unexpected_key(key, path) for key in found if key not in known), None)


def needed(found: Mapping[str, Any], names: Sequence[str], path: str) -> Refusal | None:
    """Refuse the first key that is not there."""
    return next((missing_key(name, path) for name in names if name not in found), None)


def shaped(found: Mapping[str, Any], shapes: Mapping[str, str], path: str) -> Refusal | None:
    """Refuse the first value that does not have its shape; keys without a shape are free."""
    for key, value in found.items():
        shape = shapes.get(key)
        if shape is not None and not SHAPES[shape](value):
            return wrong_shape(f"{path}['{key}']", shape)
    return None


def one_of(found: Mapping[str, Any], key: str, words: Any, path: str) -> Refusal | None:
    """Refuse a word outside its list; an absent key is fine."""
    if key in found and found[key] not in words:
        return Refusal("schema", f"Param {path}['{key}'] must be one of {{{', '.join(map(str, words))}}}.")
    return None
