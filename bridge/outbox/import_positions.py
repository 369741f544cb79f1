"""How far a file has been imported, written in the same transaction as its webhooks: it cannot lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from bridge.outbox.database import dialect_insert
from bridge.outbox.records import Receipt, to_ms
from bridge.outbox.tables import imports


@dataclass(frozen=True, slots=True)
class ImportPosition:
    """The last row of a file that is done with, and when. `id` names the file's content and the mapping."""

    id: str
    row: int
    at: datetime

    def remember(self, connection: Connection, _receipts: Sequence[Receipt]) -> None:
        """Write it down."""
        values = {"id": self.id, "position": self.row, "changed_at": to_ms(self.at)}
        statement = dialect_insert(connection.dialect.name)(imports).values(values)
        connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))


def position_of(connection: Connection, import_id: str) -> int:
    """Return the last row of a file that was imported, 0 when none was."""
    found = connection.execute(select(imports.c.position).where(imports.c.id == import_id)).scalar()
    return found or 0
