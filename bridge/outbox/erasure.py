"""Erasing one person: events that carry a hash of theirs, and raw webhooks that mention them.

This scans. An index of everybody's hashes would be quicker to ask, but every webhook would pay for three or
more random writes, and it would be one more store of personal data; and it could not find the webhooks that
never became an event. Erasing is rare, reading a million events takes seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from sqlalchemy import Connection, Select, delete, func, select, update

from bridge.models import Request
from bridge.outbox.database import in_portions
from bridge.outbox.records import text_id
from bridge.outbox.retention import delete_event_parts
from bridge.outbox.tables import events, fetched, fetches, payloads, raw_webhooks, webhooks

_PAGE = 1000
_SEPARATORS = r"[\s().\-/]{0,3}"
_ESCAPE = re.compile(rb"\\u([0-9a-fA-F]{4})")
_COMPARED_DIGITS = 8
_FEWEST_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Person:
    """Whom to erase: the hashes sent to Meta, and the plain identifiers that raw webhooks hold."""

    hashes: frozenset[str] = frozenset()
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    external_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Traces:
    """Where a person was found: the ids of the events and of the raw webhooks that an erasure deletes."""

    event_ids: tuple[bytes, ...]
    webhook_ids: tuple[bytes, ...]

    @property
    def shown_ids(self) -> tuple[str, ...]:
        """The ids of the events as people and programs see them."""
        return tuple(map(text_id, self.event_ids))


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was erased."""

    events: int
    raw_webhooks: int


def is_in_body(person: Person) -> Callable[[bytes], bool]:
    """Return what finds the person in the JSON of an event."""
    texts = [digest.encode() for digest in sorted(person.hashes)]
    texts += [f'"{text}"'.encode() for text in person.external_ids if text.strip()]
    return lambda body: any(text in body for text in texts)


def is_in_raw(person: Person) -> Callable[[bytes], bool]:
    """Return what finds the person in a webhook as it came, however it was escaped.

    An empty identifier, or a phone number of a few digits, finds nobody: it would be found in every webhook.
    """
    mails = [mail.strip().lower() for mail in person.emails]
    own_ids = [text.strip().lower() for text in person.external_ids]
    patterns = [re.compile(rf"(?<![\w.+-]){re.escape(mail)}(?![\w-])") for mail in mails if mail]
    patterns += [_phone(digits) for digits in map(_digits, person.phones) if len(digits) >= _FEWEST_DIGITS]
    patterns += [re.compile(rf"(?<!\w){re.escape(text)}(?!\w)") for text in own_ids if text]
    return lambda raw: any(pattern.search(form) for form in _forms(raw) for pattern in patterns)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text, flags=re.ASCII)[-_COMPARED_DIGITS:]


def _phone(digits: str) -> re.Pattern[str]:
    """Match the end of the number: its beginning is written in many ways (+49 151, 0151, 0049151)."""
    return re.compile(_SEPARATORS.join(digits) + r"(?!\d)")


def _forms(raw: bytes) -> Iterator[str]:
    """Read the bytes as they are, without percent signs, and without JSON's escapes."""
    text = raw.decode("utf-8", "replace").lower()
    yield text
    if "%" in text:
        yield unquote_plus(text)
    if b"\\u" in raw:
        plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)).encode("utf-8", "replace"), raw)
        yield plain.decode("utf-8", "replace").lower()


def find(
    connection: Connection,
    person: Person,
    decrypt: Callable[[bytes, bytes], Request | None],
    opened: Callable[[bytes, bytes], bytes | None],
) -> Traces:
    """Find everything that is kept about the person, without deleting it."""
    bodies = find_bodies(connection, is_in_body(person))
    mentions = find_raw(connection, decrypt, is_in_raw(person))
    mentions = sorted({*mentions, *find_fetched(connection, opened, is_in_raw(person))})
    event_ids, webhook_ids = set(bodies), set(mentions)
    for ids in in_portions(mentions):
        event_ids.update(connection.execute(_without_body(ids)).scalars())
    for ids in in_portions(bodies):
        webhook_ids.update(connection.execute(_kept_raw_of(ids)).scalars())
    return Traces(tuple(sorted(event_ids)), tuple(sorted(webhook_ids)))


def _without_body(webhook_ids: Sequence[bytes]) -> Select[Any]:
    """Select the events of these webhooks that have no body yet: nothing but their webhook tells of whom."""
    return select(events.c.id).where(
        events.c.webhook_id.in_(webhook_ids),
        events.c.id.not_in(select(payloads.c.event_id).where(payloads.c.event_id == events.c.id)),
    )


def _kept_raw_of(event_ids: Sequence[bytes]) -> Select[Any]:
    parents = select(events.c.webhook_id).where(events.c.id.in_(event_ids))
    return select(raw_webhooks.c.webhook_id).where(raw_webhooks.c.webhook_id.in_(parents))


def find_bodies(connection: Connection, matches: Callable[[bytes], bool]) -> list[bytes]:
    """Return the ids of the events whose JSON mentions the person."""
    column = payloads.c.event_id
    pages = _pages(connection, select(column, payloads.c.body), column)
    return [row_id for row_id, body in pages if matches(body)]


def find_raw(
    connection: Connection,
    decrypt: Callable[[bytes, bytes], Request | None],
    matches: Callable[[bytes], bool],
) -> list[bytes]:
    """Return the ids of the webhooks that mention the person; what cannot be decrypted is skipped."""
    column = raw_webhooks.c.webhook_id
    pages = _pages(connection, select(column, raw_webhooks.c.sealed), column)
    return [row_id for row_id, encrypted in pages if matches(_searchable(decrypt(encrypted, row_id)))]


def find_fetched(
    connection: Connection,
    opened: Callable[[bytes, bytes], bytes | None],
    matches: Callable[[bytes], bool],
) -> list[bytes]:
    """Return the ids of the webhooks for which something was fetched that mentions the person."""
    column = fetched.c.webhook_id
    pages = _pages(connection, select(column, fetched.c.sealed), column)
    return [row_id for row_id, encrypted in pages if matches(opened(encrypted, row_id) or b"")]


def _searchable(request: Request | None) -> bytes:
    return request.body + b"\n" + request.url.encode("utf-8", "replace") if request else b""


def _pages(connection: Connection, chosen: Select[Any], column: Any) -> Iterator[Any]:
    """Walk through a table in the order of its key, a page at a time."""
    last = b""
    while rows := connection.execute(chosen.where(column > last).order_by(column).limit(_PAGE)).all():
        yield from rows
        last = rows[-1][0]


def erase(event_ids: Sequence[bytes], webhook_ids: Sequence[bytes], connection: Connection) -> Erased:
    """Delete events and raw webhooks, and what could not be repaired without them.

    The webhook's row stays, without its events: it holds no personal data, and its repeat key keeps the
    same webhook from coming back by a sender's retry.
    """
    parents = select(events.c.webhook_id).where(events.c.id.in_(event_ids))
    affected = {*webhook_ids, *connection.execute(parents).scalars()}
    unfinished = select(events.c.id).where(events.c.webhook_id.in_(affected), events.c.status == "fetching")
    erased = sorted(
        {
            *event_ids,
            *connection.execute(_without_body(webhook_ids)).scalars(),
            *connection.execute(unfinished).scalars(),  # they could not be finished without the webhook
        }
    )
    delete_event_parts(connection, erased)
    gone = connection.execute(delete(events).where(events.c.id.in_(erased))).rowcount
    of_webhook = select(func.count()).where(events.c.webhook_id == webhooks.c.id).scalar_subquery()
    connection.execute(update(webhooks).where(webhooks.c.id.in_(affected)).values(event_count=of_webhook))
    for table in (fetches, fetched):
        connection.execute(delete(table).where(table.c.webhook_id.in_(affected)))
    raw = connection.execute(delete(raw_webhooks).where(raw_webhooks.c.webhook_id.in_(affected))).rowcount
    return Erased(gone, raw)
