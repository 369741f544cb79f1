"""Lanes: one destination, dataset and test code, numbered; events of one lane may share a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, select

from bridge.outbox.database import dialect_insert
from bridge.outbox.tables import lanes

LaneKey = tuple[str, str, str]  # destination, dataset, test code or nothing
LaneOf = Callable[[LaneKey], int]


@dataclass(frozen=True, slots=True)
class Lane:
    """Events that may share a batch."""

    id: int
    destination: str
    dataset_id: str
    test_event_code: str | None


class Lanes:
    """Numbers lanes; what was looked up once is remembered, for lanes are never changed or deleted.

    `write` runs a transaction of its own.
    """

    def __init__(self, write: Callable[[Callable[[Connection], int]], int]) -> None:
        self._write = write
        self._known: dict[LaneKey, int] = {}

    def numbered(self, keys: Iterable[LaneKey]) -> LaneOf:
        """Return what tells the numbers of these lanes; new ones are given theirs first."""
        for key in keys:
            if key not in self._known:
                self._known[key] = self._write(partial(number, key=key))
        return self._known.__getitem__


def all_lanes(connection: Connection) -> list[Lane]:
    """Return every lane ever used; there are few."""
    rows = connection.execute(
        select(lanes.c.id, lanes.c.destination, lanes.c.dataset_id, lanes.c.test_event_code).order_by(
            lanes.c.id
        )
    )
    return [Lane(row.id, row.destination, row.dataset_id, row.test_event_code or None) for row in rows]


def lane_key(destination: str, dataset_id: str, test_event_code: str | None) -> LaneKey:
    """Return what makes a lane the same as another."""
    return destination, dataset_id, test_event_code or ""


def number(connection: Connection, key: LaneKey) -> int:
    """Return the number of a lane in the transaction at hand, given a new one if need be."""
    values = dict(zip(("destination", "dataset_id", "test_event_code"), key, strict=True))
    known = select(lanes.c.id).filter_by(**values)
    found: int | None = connection.execute(known).scalar()
    if found is None:
        insert = dialect_insert(connection.dialect.name)
        connection.execute(insert(lanes).values(values).on_conflict_do_nothing())
        found = connection.execute(known).scalar_one()
    return found
