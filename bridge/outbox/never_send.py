"""Erased persons of whom nothing may be sent again: their events are stored as suppressed, without data.

Kept are keyed digests of what is sent of a person: without the secret key, nobody can find out whose they
are, not even by trying every address there is. While there is no digest, storing webhooks asks one short
question for each transaction, and looks at no event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
from sqlalchemy import Connection, select

from bridge.crypto import Cipher
from bridge.outbox.database import dialect_insert, has_row, in_portions
from bridge.outbox.erasure import Person, sent_identifiers
from bridge.outbox.packed import EventRows, PackedWebhook
from bridge.outbox.tables import never_send

_ANY = "SELECT 1 FROM never_send LIMIT 1"
REASON = "this person was erased, and nothing may be sent of them again"
_SUPPRESSED: Mapping[str, Any] = {
    "status": "suppressed",
    "reason": REASON,
    "event_id": "",
    "stands": None,
    "findings": None,
    "match_score": None,
    "score_without_visit": None,
}


class NeverSend:
    """Knows of whom nothing may be sent."""

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher

    def add(self, connection: Connection, person: Person, now: int) -> None:
        """Remember a person; for one destination only when the erasure was for it."""
        made = [self._cipher.digest(_bound(text, person.destination)) for text in sorted(sent_of(person))]
        rows = [{"digest": digest, "key_id": key_id, "created_at": now} for key_id, digest in made]
        if rows:
            insert = dialect_insert(connection.dialect.name)(never_send)
            connection.execute(insert.on_conflict_do_nothing(), rows)

    def knows(self, connection: Connection, person: Person) -> bool:
        """Return whether a person is remembered: everywhere, or for the destination that is meant."""
        scopes = {None, person.destination}
        bound = [_bound(text, scope) for text in sent_of(person) for scope in scopes]
        return bool(_known(connection, [digest for one in bound for digest in self._cipher.digests(one)]))

    def webhooks(self, connection: Connection, packed: Sequence[PackedWebhook]) -> Sequence[PackedWebhook]:
        """Return webhooks as they may be stored; of one that is about such persons alone, no body is kept."""
        if _is_empty(connection):
            return packed
        events = iter(self.events(connection, [rows for webhook in packed for rows in webhook.events]))
        return [_stored(webhook, tuple(next(events) for _ in webhook.events)) for webhook in packed]

    def events(self, connection: Connection, rows: Sequence[EventRows]) -> Sequence[EventRows]:
        """Return events as they may be stored."""
        if not rows or _is_empty(connection):
            return rows
        digests = [frozenset(self._digests(row)) for row in rows]
        known = _known(connection, sorted(frozenset().union(*digests)))
        return [
            row if known.isdisjoint(own) else _suppressed(row) for row, own in zip(rows, digests, strict=True)
        ]

    def _digests(self, row: EventRows) -> Iterator[bytes]:
        """Yield what an event's person would be remembered by, everywhere or for its destination."""
        for text in sent_identifiers(orjson.loads(row.payload[1])) if row.payload else ():
            for destination in (None, row.event["destination"]):
                yield from self._cipher.digests(_bound(text, destination))


def sent_of(person: Person) -> frozenset[str]:
    """Return what is sent of a person; an order does not say whose it is."""
    return person.hashes | frozenset(text.strip() for text in person.external_ids if text.strip())


def has_unknown_key(connection: Connection, key_ids: frozenset[bytes]) -> bool:
    """Return whether a digest was made with a key that is not ours: it would suppress nothing."""
    foreign = select(never_send.c.digest).where(never_send.c.key_id.not_in(sorted(key_ids))).limit(1)
    return connection.execute(foreign).first() is not None


def _bound(text: str, destination: str | None) -> bytes:
    return b"never send\x00%b\x00%b" % ((destination or "").encode(), text.encode("utf-8", "surrogatepass"))


def _is_empty(connection: Connection) -> bool:
    return not has_row(connection, _ANY)


def _known(connection: Connection, digests: Sequence[bytes]) -> frozenset[bytes]:
    column = never_send.c.digest
    chosen = (select(column).where(column.in_(some)) for some in in_portions(digests))
    return frozenset(row for one in chosen for row in connection.execute(one).scalars())


def _suppressed(row: EventRows) -> EventRows:
    return replace(row, event={**row.event, **_SUPPRESSED}, payload=None, lane=None)


def _stored(webhook: PackedWebhook, events: tuple[EventRows, ...]) -> PackedWebhook:
    is_unwanted = bool(events) and all(row.event["reason"] == REASON for row in events)
    return webhook._replace(events=events, raw_row=None if is_unwanted else webhook.raw_row)
