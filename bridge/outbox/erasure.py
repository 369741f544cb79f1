"""Erasing one person: events with a hash of theirs, and webhooks that mention them, or whose records do.

This scans. An index of everybody's hashes would be quicker to ask, but every webhook would pay for three or
more random writes, and it would be one more store of personal data; and it could not find the webhooks that
never became an event. Erasing is rare, reading a million events takes seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import orjson
from sqlalchemy import Connection, Select, delete, func, select, update

from bridge.outbox.database import in_portions
from bridge.outbox.deletion import delete_event_parts, delete_events, lock_fetches
from bridge.outbox.hourly_counts import changes_in
from bridge.outbox.records import text_id
from bridge.outbox.tables import events, fetched, fetches, payloads, raw_webhooks, webhooks

# An encrypted webhook, what was fetched for it, and its id -> the text to search; empty when none decrypts.
Searchable = Callable[[bytes, bytes | None, bytes], bytes]
BEGINNING = "events:"
_PAGE = 1000
_SEPARATORS = r"[\s().\-/]{0,3}"
_ESCAPE = re.compile(rb"\\u([0-9a-fA-F]{4})")
_COMPARED_DIGITS = 8
_FEWEST_DIGITS = 6
_SHORTEST_ID = 6
_IDENTIFIERS = ("em", "ph", "external_id")


@dataclass(frozen=True, slots=True)
class Person:
    """Whom to erase: what is sent to Meta of them, and the plain identifiers that raw webhooks hold.

    `hashes` are values as they are sent, so an id that is sent unhashed is one too. `order_ids` name what the
    person bought. With a `destination`, what is kept for other destinations stays.
    """

    hashes: frozenset[str] = frozenset()
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    external_ids: tuple[str, ...] = ()
    order_ids: tuple[str, ...] = ()
    destination: str | None = None


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
class Page:
    """What a look at some rows found, and the position of the next page; None when there is none."""

    rows: int
    traces: Traces
    following: str | None


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was erased."""

    events: int
    raw_webhooks: int
    visits: int = 0


def is_in_body(person: Person) -> Callable[[bytes], bool]:
    """Return what finds the person, or an order of theirs, in the JSON of an event."""
    sent = person.hashes | _named(person.external_ids)
    orders = _named(person.order_ids)
    texts = [text.encode() for text in sorted(sent | orders)]
    return lambda body: any(text in body for text in texts) and _is_about(orjson.loads(body), sent, orders)


def _named(ids: tuple[str, ...]) -> frozenset[str]:
    return frozenset(text.strip() for text in ids if text.strip())


def _is_about(event: Mapping[str, Any], sent: frozenset[str], orders: frozenset[str]) -> bool:
    """Look into the fields themselves: the id of a person may be the price of a product."""
    order = str((event.get("custom_data") or {}).get("order_id", ""))
    return order in orders or not sent.isdisjoint(sent_identifiers(event))


def sent_identifiers(event: Mapping[str, Any]) -> frozenset[str]:
    """Return what an event says of who it is about, as it is sent."""
    user_data = event.get("user_data") or {}
    return frozenset(text for key in _IDENTIFIERS for text in _texts(user_data.get(key)))


def _texts(value: Any) -> list[str]:
    return [str(entry) for entry in (value if isinstance(value, list) else [value]) if entry]


def is_in_raw(person: Person) -> Callable[[bytes], bool]:
    """Return what finds the person in a webhook as it came, however it was escaped.

    An empty identifier, a phone number of a few digits or a short id finds nobody: it would be found in every
    webhook. What a short id names is found by its events, whose webhooks are deleted with them.
    """
    mails = [mail.strip().lower() for mail in person.emails]
    ids = sorted(_named(person.external_ids) | _named(person.order_ids))
    own_ids = [text.lower() for text in ids if len(text) >= _SHORTEST_ID]
    patterns = [re.compile(rf"(?<![\w.+-]){re.escape(mail)}(?![\w-])") for mail in mails if mail]
    patterns += [_phone(digits) for digits in map(_digits, person.phones) if len(digits) >= _FEWEST_DIGITS]
    patterns += [re.compile(rf"(?<!\w){re.escape(text)}(?!\w)") for text in own_ids]
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


def find(connection: Connection, person: Person, text_of: Searchable) -> Traces:
    """Find everything that is kept about the person, without deleting it."""
    found = [page.traces for page in pages(connection, person, text_of)]
    event_ids = {row for traces in found for row in traces.event_ids}
    webhook_ids = {row for traces in found for row in traces.webhook_ids}
    return Traces(tuple(sorted(event_ids)), tuple(sorted(webhook_ids)))


def pages(connection: Connection, person: Person, text_of: Searchable) -> Iterator[Page]:
    """Look through everything that is kept, page by page."""
    following: str | None = BEGINNING
    while following is not None:
        page = look(connection, person, text_of, following)
        yield page
        following = page.following


def look(connection: Connection, person: Person, text_of: Searchable, position: str) -> Page:
    """Look through the page that begins at a position, and return where the next one does."""
    table, _, last = position.partition(":")
    return _LOOKS[table](connection, person, text_of, bytes.fromhex(last))


def _look_at_events(connection: Connection, person: Person, _text_of: Searchable, last: bytes) -> Page:
    column = payloads.c.event_id
    rows = connection.execute(_after(last, column, payloads.c.body)).all()
    matches = is_in_body(person)
    found = [row_id for row_id, body in rows if matches(body)]
    chosen = _in(connection, _kept_for(person.destination, found))
    webhook_ids = _in(connection, (_kept_raw_of(ids) for ids in in_portions(chosen)))
    following = f"events:{rows[-1][0].hex()}" if len(rows) == _PAGE else "webhooks:"
    return Page(len(rows), _only_of(connection, person, chosen, webhook_ids), following)


def _look_at_webhooks(connection: Connection, person: Person, text_of: Searchable, last: bytes) -> Page:
    """Look through raw webhooks and what was fetched for them; one that cannot be decrypted is skipped."""
    column = raw_webhooks.c.webhook_id
    chosen = _after(last, column, raw_webhooks.c.sealed, fetched.c.sealed)
    rows = connection.execute(chosen.outerjoin(fetched, fetched.c.webhook_id == column)).all()
    matches = is_in_raw(person)
    found = [row.webhook_id for row in rows if matches(text_of(row[1], row[2], row.webhook_id))]
    without_body = _in(connection, (_without_body(ids) for ids in in_portions(found)))
    event_ids = _in(connection, _kept_for(person.destination, without_body))
    following = f"webhooks:{rows[-1][0].hex()}" if len(rows) == _PAGE else None
    return Page(len(rows), _only_of(connection, person, event_ids, found), following)


_LOOKS = {"events": _look_at_events, "webhooks": _look_at_webhooks}


def _after(last: bytes, key: Any, *contents: Any) -> Select[Any]:
    return select(key, *contents).select_from(key.table).where(key > last).order_by(key).limit(_PAGE)


def _in(connection: Connection, selections: Iterable[Select[Any]]) -> list[bytes]:
    return [row_id for chosen in selections for row_id in connection.execute(chosen).scalars()]


def _kept_for(destination: str | None, event_ids: Sequence[bytes]) -> Iterator[Select[Any]]:
    """Select those of some events that are for a destination; without one, all of them."""
    for ids in in_portions(event_ids):
        chosen = select(events.c.id).where(events.c.id.in_(ids))
        yield chosen if destination is None else chosen.where(events.c.destination == destination)


def _only_of(
    connection: Connection, person: Person, event_ids: Sequence[bytes], webhook_ids: Sequence[bytes]
) -> Traces:
    """Leave out the webhooks that gave an event for another destination as well."""
    shared: set[bytes] = set()
    if person.destination is not None:
        others = (
            select(events.c.webhook_id).where(
                events.c.webhook_id.in_(ids), events.c.destination != person.destination
            )
            for ids in in_portions(webhook_ids)
        )
        shared = set(_in(connection, others))
    return Traces(tuple(event_ids), tuple(row_id for row_id in webhook_ids if row_id not in shared))


def _without_body(webhook_ids: Sequence[bytes]) -> Select[Any]:
    """Select the events of these webhooks that have no body yet: nothing but their webhook tells of whom."""
    return select(events.c.id).where(
        events.c.webhook_id.in_(webhook_ids),
        events.c.id.not_in(select(payloads.c.event_id).where(payloads.c.event_id == events.c.id)),
    )


def _kept_raw_of(event_ids: Sequence[bytes]) -> Select[Any]:
    parents = select(events.c.webhook_id).where(events.c.id.in_(event_ids))
    return select(raw_webhooks.c.webhook_id).where(raw_webhooks.c.webhook_id.in_(parents))


def erase(connection: Connection, traces: Traces) -> Erased:
    """Delete events and raw webhooks, and what could not be repaired without them.

    The webhook's row stays, without its events: it holds no personal data, and its repeat key keeps the
    same webhook from coming back by a sender's retry.
    """
    erased = [_erase_some(connection, ids, ()) for ids in in_portions(traces.event_ids)]
    erased += [_erase_some(connection, (), ids) for ids in in_portions(traces.webhook_ids)]
    return Erased(sum(one.events for one in erased), sum(one.raw_webhooks for one in erased))


def _erase_some(connection: Connection, event_ids: Sequence[bytes], webhook_ids: Sequence[bytes]) -> Erased:
    parents = select(events.c.webhook_id).where(events.c.id.in_(event_ids))
    affected = {*webhook_ids, *connection.execute(parents).scalars()}
    erased = sorted({*event_ids, *connection.execute(_without_body(webhook_ids)).scalars()})
    lock_fetches(connection, sorted(affected))
    delete_event_parts(connection, erased)
    gone = delete_events(connection, events.c.id.in_(erased))
    for row in gone:
        changes_in(connection).add_received(row.webhook_id, row.mapping, -1)
    of_webhook = select(func.count()).where(events.c.webhook_id == webhooks.c.id).scalar_subquery()
    connection.execute(update(webhooks).where(webhooks.c.id.in_(affected)).values(event_count=of_webhook))
    return Erased(len(gone), delete_raw(connection, webhook_ids))


def delete_raw(connection: Connection, webhook_ids: Sequence[bytes]) -> int:
    """Delete raw webhooks alone, and what was fetched for them; return how many were kept."""
    for table in (fetches, fetched):
        connection.execute(delete(table).where(table.c.webhook_id.in_(webhook_ids)))
    return connection.execute(delete(raw_webhooks).where(raw_webhooks.c.webhook_id.in_(webhook_ids))).rowcount
