"""How far a file has been imported, written in the same transaction as its webhooks: it cannot lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, false, select

from bridge.models import Request
from bridge.outbox.admin_actions import discard
from bridge.outbox.database import Read, dialect_insert, in_portions
from bridge.outbox.records import Receipt, raw_ids, text_id, to_ms
from bridge.outbox.tables import events, imports, raw_webhooks, webhooks

Decrypt = Callable[[bytes | None, bytes], Request | None]
_REPLACED = "a corrected row took its place: {}"


class HeldRow(NamedTuple):
    """A held event of a mapping; `request` is what it came from, for rows of the file asked about."""

    id: str
    destination: str
    dataset_id: str
    test_event_code: str | None
    event_name: str
    event_id: str | None
    request_id: str
    request: Request | None


@dataclass(frozen=True, slots=True)
class Replacements:
    """The held events that each webhook of a portion takes the place of, in the order of the webhooks."""

    of_webhook: Sequence[Sequence[str]]
    at: datetime

    def settle(self, connection: Connection, receipts: Sequence[Receipt]) -> int:
        """Discard the held events whose webhook was stored as a new one; return how many they were."""
        return sum(self._discard(connection, ids, receipt) for receipt, ids in self._fresh(receipts))

    def number(self, receipts: Sequence[Receipt]) -> int:
        """Return how many held events were replaced, by the receipts of the webhooks."""
        return sum(len(ids) for _, ids in self._fresh(receipts))

    def _fresh(self, receipts: Sequence[Receipt]) -> list[tuple[Receipt, Sequence[str]]]:
        pairs = zip(receipts, self.of_webhook, strict=False)  # none at all when nothing is held
        return [
            (receipt, ids) for receipt, ids in pairs if ids and not (receipt.duplicate or receipt.remapped)
        ]

    def _discard(self, connection: Connection, ids: Sequence[str], receipt: Receipt) -> int:
        by = ", ".join(event.id for event in receipt.events) or "it means no event any more"
        return discard(connection, raw_ids(ids), _REPLACED.format(by), to_ms(self.at), of=("held",))


@dataclass(frozen=True, slots=True)
class ImportPosition:
    """The last row of a file that is done with, and when. `id` names the file's content and the mapping."""

    id: str
    row: int
    at: datetime

    def remember(self, connection: Connection) -> None:
        """Write it down."""
        values = {"id": self.id, "position": self.row, "changed_at": to_ms(self.at)}
        statement = dialect_insert(connection.dialect.name)(imports).values(values)
        connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))


class Imports:
    """What the database knows about imported files; `read` and `decrypt` are the outbox's."""

    def __init__(self, read: Read, decrypt: Decrypt) -> None:
        self._read = read
        self._decrypt = decrypt

    def up_to(self, import_id: str) -> int:
        """Return the last row of a file that was imported, 0 when none was."""
        chosen = select(imports.c.position).where(imports.c.id == import_id)
        return self._read(lambda connection: connection.execute(chosen).scalar()) or 0

    def held_rows(self, mapping: str, place: str | None) -> list[HeldRow]:
        """Return the held events of a mapping; requests only of those whose own id begins with `place`."""
        found = self._read(lambda connection: _held_rows(connection, mapping, place))
        return [self._held_row(row) for row in found]

    def _held_row(self, row: Any) -> HeldRow:
        return HeldRow(
            id=text_id(row.id),
            destination=row.destination,
            dataset_id=row.dataset_id,
            test_event_code=row.test_event_code,
            event_name=row.event_name,
            event_id=row.event_id,
            request_id=row.request_id,
            request=self._decrypt(row.sealed, row.webhook_id),
        )


def _held_rows(connection: Connection, mapping: str, place: str | None) -> list[Any]:
    of_mapping = select(events.c.id).where(events.c.status == "held", events.c.mapping == mapping)
    ids = connection.execute(of_mapping.order_by(events.c.id)).scalars().all()
    begins = webhooks.c.request_id.startswith(place, autoescape=True) if place else false()
    chosen = (
        select(events, webhooks.c.request_id, raw_webhooks.c.sealed)
        .join_from(events, webhooks, webhooks.c.id == events.c.webhook_id)
        .outerjoin(raw_webhooks, and_(raw_webhooks.c.webhook_id == webhooks.c.id, begins))
    )
    return [
        row
        for portion in in_portions(ids)
        for row in connection.execute(chosen.where(events.c.id.in_(portion)).order_by(events.c.id)).all()
    ]
