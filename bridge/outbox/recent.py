"""What came lately, by mapping: read in a few bounded looks, to tell whether a source behaves as usual."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, exists, func, select

from bridge.outbox.database import Read, in_portions
from bridge.outbox.ids import first_id, moment_of
from bridge.outbox.records import from_ms, raw_id, text_id, to_ms
from bridge.outbox.tables import events, payloads, webhooks

_MOST_WEBHOOKS = 5_000  # of all mappings together: a look must cost little, however much is kept


@dataclass(frozen=True, slots=True)
class SentBody:
    """The body of a live event, newest first among those of its mapping, and how well it can be matched."""

    mapping: str
    event_name: str
    body: bytes
    match_score: int | None = None


def moment_of_id(row_id: bytes) -> datetime:
    """Return the moment at which a webhook came, by its id."""
    return from_ms(moment_of(row_id))


class Recent:
    """Answers about the newest webhooks; `read` is the outbox's."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def webhooks(self, most: int) -> dict[str, list[bytes]]:
        """Return the ids of up to `most` webhooks of each mapping, newest first."""
        newest = (
            select(webhooks.c.mapping, webhooks.c.id).order_by(webhooks.c.id.desc()).limit(_MOST_WEBHOOKS)
        )
        found: dict[str, list[bytes]] = defaultdict(list)
        for mapping, row_id in self._read(lambda connection: connection.execute(newest).all()):
            if len(found[mapping]) < most:
                found[mapping].append(row_id)
        return dict(found)

    def ids(self, mapping: str, most: int, before: str | None = None) -> list[str]:
        """Return the ids of up to `most` webhooks of a mapping that came before one of them, newest first."""
        chosen = select(webhooks.c.id).where(webhooks.c.mapping == mapping).order_by(webhooks.c.id.desc())
        if before is not None:
            chosen = chosen.where(webhooks.c.id < raw_id(before))
        found = self._read(lambda connection: connection.execute(chosen.limit(most)).scalars().all())
        return [text_id(row_id) for row_id in found]

    def held_among(self, ids: Iterable[bytes]) -> set[bytes]:
        """Return which of these webhooks have an event that is held now."""
        wanted = list(ids)

        def work(connection: Connection) -> set[bytes]:
            held = select(events.c.webhook_id).where(events.c.status == "held")
            return {
                row_id
                for portion in in_portions(wanted)
                for row_id in connection.execute(held.where(events.c.webhook_id.in_(portion))).scalars()
            }

        return self._read(work)

    def bodies(self, ids: Sequence[bytes]) -> list[SentBody]:
        """Return the bodies that these webhooks became, newest first; tests are left out."""

        def work(connection: Connection) -> list[SentBody]:
            chosen = (
                select(
                    events.c.id, events.c.mapping, events.c.event_name, payloads.c.body, events.c.match_score
                )
                .join_from(events, payloads, payloads.c.event_id == events.c.id)
                .where(events.c.test_event_code.is_(None))
            )
            rows = [
                row
                for portion in in_portions(ids)
                for row in connection.execute(chosen.where(events.c.webhook_id.in_(portion)))
            ]
            return [SentBody(*row[1:]) for row in sorted(rows, key=lambda row: row.id, reverse=True)]

        return self._read(work)

    def count(self, mapping: str, since: datetime, until: datetime) -> int:
        """Return how many webhooks of a mapping came from one moment up to another."""
        within = webhooks.c.id.between(first_id(to_ms(since)), first_id(to_ms(until)))
        chosen = select(func.count()).where(within, webhooks.c.mapping == mapping)
        return int(self._read(lambda connection: connection.execute(chosen).scalar_one()))

    def came_before(self, mapping: str, moment: datetime) -> bool:
        """Tell whether a webhook of a mapping that came before a moment is kept."""
        older = and_(webhooks.c.id < first_id(to_ms(moment)), webhooks.c.mapping == mapping)
        chosen = select(exists().where(older))
        return bool(self._read(lambda connection: connection.execute(chosen).scalar()))
