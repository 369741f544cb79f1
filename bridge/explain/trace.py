"""The record of one explanation: which path supplied a field, how it was cleaned, why it was dropped.

The compiled mapping and the cleaning take a `Trace | None`; with None they write nothing, so that the
live pipeline and the explanation are the same code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import Struct

NOTHING_FOUND: Final = "nothing was found"


class FieldRecord(Struct):
    """All that is known about one destination field of one event (`user_data.em`)."""

    name: str
    supplied_by: str | None = None
    tried: list[dict[str, str]] = []
    steps: list[dict[str, Any]] = []
    dropped: str | None = None
    defaulted: bool = False


@dataclass(slots=True)
class Trace:
    """Collects one record for each destination field of one event, in the order of the mapping.

    `paths_read` are the concrete places of the webhook that supplied values (`line_items.0.sku`, `$ip`); one
    may be there several times.
    """

    records: dict[str, FieldRecord] = field(default_factory=dict)
    conditions: list[dict[str, Any]] = field(default_factory=list)
    paths_read: list[str] = field(default_factory=list)

    def record(self, name: str) -> FieldRecord:
        """Return the record of a field, made when it is new."""
        record = self.records.get(name)
        if record is None:
            record = self.records[name] = FieldRecord(name)
        return record

    def tried(self, name: str, path: str, outcome: str) -> None:
        """Record a source that gave nothing, and what was there (`absent`, `blank`, `wrong type`)."""
        self.record(name).tried.append({"path": path, "outcome": outcome})

    def supplied(self, name: str, path: str, places: Iterable[str] = ()) -> None:
        """Record the source that gave the value, and the places of the webhook that it led to."""
        (self.records.get(name) or self.record(name)).supplied_by = path
        self.paths_read.extend(places)

    def step(self, name: str, step: str, value: Any) -> None:
        """Record one cleaning step and its result."""
        self.record(name).steps.append({"step": step, "value": value})

    def dropped(self, name: str, reason: str) -> None:
        """Record that the field was left out, and by which rule."""
        self.record(name).dropped = reason
