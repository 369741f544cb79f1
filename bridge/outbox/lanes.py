"""Lanes: one destination, dataset and test code, numbered; events of one lane may share a batch."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from bridge.outbox.database import Database, dialect_insert
from bridge.outbox.tables import lanes


@dataclass(frozen=True, slots=True)
class Lane:
    """Events that may share a batch."""

    id: int
    destination: str
    dataset_id: str
    test_event_code: str | None


class Lanes:
    """Numbers lanes; what was looked up once is remembered, for lanes are never changed or deleted."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[tuple[str, str, str], int] = {}

    def __call__(self, destination: str, dataset_id: str, test_event_code: str | None) -> int:
        """Return the number of a lane, given a new one if need be."""
        key = (destination, dataset_id, test_event_code or "")
        known = self._known.get(key)
        if known is None:
            known = self._database.write(lambda connection: number(connection, *key))
            self._known[key] = known
        return known


def all_lanes(connection: Connection) -> list[Lane]:
    """Return every lane ever used; there are few."""
    rows = connection.execute(
        select(lanes.c.id, lanes.c.destination, lanes.c.dataset_id, lanes.c.test_event_code).order_by(
            lanes.c.id
        )
    )
    return [Lane(row.id, row.destination, row.dataset_id, row.test_event_code or None) for row in rows]


def number(connection: Connection, destination: str, dataset_id: str, test_event_code: str | None) -> int:
    """Return the number of a lane in the transaction at hand, given a new one if need be."""
    insert = dialect_insert(connection.dialect.name)
    values = {"destination": destination, "dataset_id": dataset_id, "test_event_code": test_event_code or ""}
    connection.execute(insert(lanes).values(values).on_conflict_do_nothing())
    found: int = connection.execute(select(lanes.c.id).filter_by(**values)).scalar_one()
    return found
