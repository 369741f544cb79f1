"""What each mapping said, revision by revision, so that an old event can be explained by its own mapping."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from bridge.outbox.database import Read, Write, dialect_insert
from bridge.outbox.records import from_ms, to_ms
from bridge.outbox.tables import mapping_revisions

MOST_OF_A_MAPPING = 200


class MappingRevision(NamedTuple):
    """One revision of a mapping, and when it was first in use here."""

    revision: str
    first_seen_at: datetime


class MappingRevisions:
    """Keeps and finds the texts of mappings; `read` and `write` are the outbox's."""

    def __init__(self, read: Read, write: Write) -> None:
        self._read = read
        self._write = write

    def keep(self, mapping: str, revision: str, text: bytes, now: datetime) -> None:
        """Keep the text of a revision that is in use; the oldest of more than 200 are removed."""
        self._write("revision", lambda connection: _keep(connection, mapping, revision, text, to_ms(now)))

    def text(self, mapping: str, revision: str) -> str | None:
        """Return what a mapping said; None when that is not kept."""
        chosen = select(mapping_revisions.c.text).where(
            mapping_revisions.c.mapping == mapping, mapping_revisions.c.revision == revision
        )
        found = self._read(lambda connection: connection.execute(chosen).scalar())
        return None if found is None else bytes(found).decode("utf-8", "replace")

    def of(self, mapping: str) -> list[MappingRevision]:
        """Return the revisions of a mapping, newest first."""
        chosen = (
            select(mapping_revisions.c.revision, mapping_revisions.c.first_seen_at)
            .where(mapping_revisions.c.mapping == mapping)
            .order_by(mapping_revisions.c.first_seen_at.desc(), mapping_revisions.c.revision)
        )
        found = self._read(lambda connection: connection.execute(chosen).all())
        return [MappingRevision(row.revision, from_ms(row.first_seen_at)) for row in found]


def _keep(connection: Connection, mapping: str, revision: str, text: bytes, now: int) -> None:
    row = {"mapping": mapping, "revision": revision, "text": text, "first_seen_at": now}
    statement = dialect_insert(connection.dialect.name)(mapping_revisions).values(row)
    connection.execute(statement.on_conflict_do_nothing())
    of_mapping = mapping_revisions.c.mapping == mapping
    newest = (
        select(mapping_revisions.c.revision)
        .where(of_mapping)
        .order_by(mapping_revisions.c.first_seen_at.desc())
        .limit(MOST_OF_A_MAPPING)
    )
    connection.execute(
        delete(mapping_revisions).where(of_mapping, mapping_revisions.c.revision.not_in(newest))
    )
