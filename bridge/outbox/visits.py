"""Visits of the website: keeping them, finding the one before an event, learning who a visitor is.

Which visit is found depends on the question and on what is stored, and on nothing else: the keys are tried
in their order, the first that finds a visit wins, and of several visits it is the latest one with a click
that began before the event. An IP address or a user agent finds nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Row, bindparam, case, delete, exists, func, or_, select, tuple_, update

from bridge.crypto import Cipher
from bridge.errors import CannotDecrypt
from bridge.outbox.admin_actions import withdraw
from bridge.outbox.database import Read, Write
from bridge.outbox.packed import PackedWebhook
from bridge.outbox.records import Receipt, from_ms, raw_id, to_ms
from bridge.outbox.retention import PORTION, delete_all
from bridge.outbox.tables import visit_keys, visits
from bridge.outbox.visit_rows import (
    OF_WEBHOOK,
    PackedVisit,
    VisitStatements,
    key_text,
    visitor_of,
)
from bridge.outbox.withdrawals import (
    end_withdrawal,
    last_withdrawal,
    purge_withdrawals,
    remember_withdrawal,
)

VISITOR_ID: Final = "visitor_id"
EVENT_ID: Final = "event_id"
LEARNT: Final = frozenset({"email", "phone", "external_id"})  # from senders that prove who they are, alone
_NO_WEBHOOK: Final = Receipt(duplicate=False, webhook_id="", events=())
WITHDRAWN: Final = "consent was withdrawn"
_MOST_VISITORS = 200  # behind one key; the rest is no person

# Written once: making them anew for every event would take longer than asking.
_VISITORS = (
    select(visit_keys.c.visitor)
    .where(
        visit_keys.c.kind == bindparam("kind"),
        visit_keys.c.digest.in_(bindparam("digests", expanding=True)),
    )
    .order_by(visit_keys.c.seen_at.desc(), visit_keys.c.visitor)
    .limit(_MOST_VISITORS)
)
_BEST = (
    select(visits)
    .where(
        visits.c.visitor.in_(bindparam("visitors", expanding=True)),
        visits.c.began_at <= bindparam("before"),
        visits.c.began_at >= bindparam("after"),
    )
    .order_by(case((visits.c.fbc.is_not(None), 1), else_=0).desc(), visits.c.began_at.desc(), visits.c.touch)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class VisitSearch:
    """Whose visit is looked for: keys (kind and text), the strongest first, and when it may have begun."""

    keys: Sequence[tuple[str, str]] = field(repr=False)
    before: datetime
    within: timedelta


@dataclass(frozen=True, slots=True)
class JoinedVisit:
    """A visitor whose visit an event was joined with, and the keys (kind and text) that are learnt of him."""

    visitor: bytes = field(repr=False)
    learnt: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class FoundVisit:
    """The visit before an event, and the kind of key that found it. Times are aware and in UTC.

    The IP address and the user agent are those of `address_at`; None once they are no longer kept.
    """

    visitor: bytes = field(repr=False)
    by: str
    began_at: datetime
    seen_at: datetime
    fbc: str | None = field(repr=False)
    fbp: str | None = field(repr=False)
    first: Mapping[str, str] = field(repr=False)
    last: Mapping[str, str] = field(repr=False)
    consent: str
    consent_source: str
    consent_at: datetime
    address_at: datetime
    ip: str | None = field(default=None, repr=False)
    user_agent: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class WithdrawnConsent:
    """The person of a question has withdrawn consent, and no visit is known in which they agreed since."""

    at: datetime


class Visits:
    """Everything about visits but storing them. `read` and `write` are the outbox's."""

    def __init__(
        self,
        read: Read,
        write: Write,
        cipher: Cipher,
    ) -> None:
        self._read, self._write, self._cipher = read, write, cipher

    def find(self, question: VisitSearch) -> FoundVisit | WithdrawnConsent | None:
        """Return the visit that a question means, unless its person has withdrawn consent since."""

        def work(connection: Connection) -> FoundVisit | WithdrawnConsent | None:
            found = self._first(connection, question)
            digests = [
                digest
                for kind, text in question.keys
                if kind in LEARNT
                for digest in self._digests(kind, text)
            ]
            withdrawn = last_withdrawal(connection, digests) if digests else None
            if withdrawn is None or (
                found is not None and to_ms(found.consent_at) >= withdrawn // 1000 * 1000
            ):
                return found
            return WithdrawnConsent(from_ms(withdrawn))

        return self._read(work)

    def _first(self, connection: Connection, question: VisitSearch) -> FoundVisit | None:
        for kind, text in question.keys:
            row = self._row(connection, kind, text, question)
            if row is not None:
                return self._found(row, kind)
        return None

    def _row(self, connection: Connection, kind: str, text: str, question: VisitSearch) -> Row[Any] | None:
        visitors = self._visitors(connection, kind, text)
        if not visitors:
            return None
        between = {"before": to_ms(question.before), "after": to_ms(question.before - question.within)}
        return connection.execute(_BEST, {"visitors": visitors, **between}).first()

    def _visitors(self, connection: Connection, kind: str, text: str) -> Sequence[bytes]:
        """Return whom a key names. An event happened once: an id that two visitors claim names nobody."""
        if kind == VISITOR_ID:
            try:
                return [visitor_of(text.lower())]
            except ValueError:
                return []
        visitors = connection.execute(_VISITORS, {"kind": kind, "digests": self._digests(kind, text)})
        found = list(dict.fromkeys(visitors.scalars()))
        return [] if kind == EVENT_ID and len(found) > 1 else found

    def _digests(self, kind: str, text: str) -> list[bytes]:
        return self._cipher.digests(key_text(kind, text))

    def _found(self, row: Row[Any], by: str) -> FoundVisit:
        return FoundVisit(
            visitor=row.visitor,
            by=by,
            began_at=from_ms(row.began_at),
            seen_at=from_ms(row.seen_at),
            fbc=row.fbc,
            fbp=row.fbp,
            first=orjson.loads(row.first),
            last=orjson.loads(row.last),
            consent=row.consent,
            consent_source=row.consent_source,
            consent_at=from_ms(row.consent_at),
            address_at=from_ms(row.sealed_at),
            **self._address(row),
        )

    def _address(self, row: Row[Any]) -> Mapping[str, str | None]:
        try:
            plain = None if row.sealed is None else self._cipher.decrypt(row.sealed, row.visitor + row.touch)
        except CannotDecrypt:
            plain = None
        address: Mapping[str, str | None] = {} if plain is None else orjson.loads(plain)
        return address

    # --- erasure and retention -------------------------------------------------------------------------

    def of_person(self, connection: Connection, sent: Collection[str]) -> list[bytes]:
        """Return the visitors that an erased person is: whoever is known by what is sent of the person."""
        keys = self._learnt_keys(sent)
        chosen = select(visit_keys.c.visitor).where(tuple_(visit_keys.c.kind, visit_keys.c.digest).in_(keys))
        return sorted(set(connection.execute(chosen).scalars())) if keys else []

    def withdrawn_at(self, connection: Connection, sent: Collection[str]) -> datetime | None:
        """Return when the person of whom this is sent last withdrew consent, as far as that is kept."""
        digests = [digest for _, digest in self._learnt_keys(sent)]
        moment = last_withdrawal(connection, digests) if digests else None
        return None if moment is None else from_ms(moment)

    def _learnt_keys(self, sent: Collection[str]) -> list[tuple[str, bytes]]:
        return [
            (kind, digest) for kind in sorted(LEARNT) for text in sent for digest in self._digests(kind, text)
        ]

    def number_of(self, connection: Connection, sent: Collection[str]) -> int:
        """Return how many visits of a person are kept."""
        chosen = select(func.count()).select_from(visits)
        of_person = visits.c.visitor.in_(self.of_person(connection, sent))
        return connection.execute(chosen.where(of_person)).scalar_one()

    def kept_of(self, connection: Connection, sent: Collection[str]) -> list[dict[str, Any]]:
        """Return the visits of a person in the clear: for the person who asks what is known."""
        of_person = visits.c.visitor.in_(self.of_person(connection, sent))
        chosen = select(visits).where(of_person).order_by(visits.c.began_at)
        return [
            {
                **{name: from_ms(getattr(row, name)).isoformat() for name in ("began_at", "seen_at")},
                **{name: getattr(row, name) for name in ("fbc", "fbp", "consent", "consent_source")},
                **{name: orjson.loads(getattr(row, name)) for name in ("first", "last")},
                **self._address(row),
            }
            for row in connection.execute(chosen)
        ]

    def erase(self, connection: Connection, sent: Collection[str]) -> int:
        """Delete the visits of a person, by what is sent of the person; return how many there were."""
        return _delete(connection, self.of_person(connection, sent))

    def purge(self, now: datetime, kept: timedelta, addresses: timedelta) -> int:
        """Delete visits last seen long enough ago, addresses sooner; return how many visits that were."""
        before, addresses_before = to_ms(now - kept), to_ms(now - addresses)
        self._write("purge", lambda connection: _purge_addresses(connection, addresses_before))
        gone = delete_all(self._write, lambda connection: _purge_visits(connection, before))
        delete_all(self._write, lambda connection: _purge_keys(connection, before))
        delete_all(self._write, lambda connection: purge_withdrawals(connection, before))
        return gone


def remember_visits(
    connection: Connection,
    run: VisitStatements,
    group: Sequence[PackedWebhook | PackedVisit],
    of_webhooks: Sequence[Receipt],
) -> list[Receipt]:
    """Store the visits of what is stored, in the order in which they came; who refuses is forgotten.

    `of_webhooks` are the receipts of the webhooks of the group; one for each of the group is returned. A
    webhook that came before is not tied to the visitor who repeats it: another could have guessed its ids.
    """
    left = iter(of_webhooks)
    receipts = [next(left) if isinstance(one, PackedWebhook) else _NO_WEBHOOK for one in group]
    granted: list[tuple[PackedVisit, bytes | None]] = []
    for packed, receipt in zip(group, receipts, strict=True):
        visit = packed.visit if isinstance(packed, PackedWebhook) else packed
        if visit is None:
            continue
        granted.append((visit, None if receipt.duplicate else raw_id(receipt.webhook_id)))
        if visit.visit_row is None:
            run.write(connection, granted)
            granted = []
            _forget(connection, visit.visitor, visit.seen_at)
    run.write(connection, granted)
    return receipts


def still_known(connection: Connection, visitors: Collection[bytes]) -> frozenset[bytes]:
    """Return those of some visitors of whom a visit is kept: the others have withdrawn consent."""
    if not visitors:
        return frozenset()
    chosen = select(visits.c.visitor).where(visits.c.visitor.in_(sorted(visitors))).distinct()
    return frozenset(connection.execute(chosen).scalars())


def learn(
    connection: Connection,
    run: VisitStatements,
    cipher: Cipher,
    joined: Sequence[tuple[bytes, JoinedVisit]],
    now: int,
) -> None:
    """Remember by what else visitors are known, and which webhooks (their ids) are theirs.

    Whoever is known again has agreed again: what was withdrawn before is over.
    """
    end_withdrawal(connection, [digest for _, one in joined for _, digest in _digests_of(one, cipher)])
    run.know(
        connection,
        [
            (kind, digest, one.visitor, now)
            for webhook_id, one in joined
            for kind, digest in (*_digests_of(one, cipher), (OF_WEBHOOK, webhook_id))
        ],
    )


def _digests_of(joined: JoinedVisit, cipher: Cipher) -> Iterator[tuple[str, bytes]]:
    return ((kind, cipher.digest(key_text(kind, text))[1]) for kind, text in joined.learnt)


def _forget(connection: Connection, visitor: bytes, now: int) -> None:
    """Delete all that is known of a visitor who refused; what is not sent yet of theirs never will be."""
    known = _known_by(connection, visitor)
    withdraw(connection, sorted(digest for kind, digest in known if kind == OF_WEBHOOK), WITHDRAWN, now)
    remember_withdrawal(connection, [digest for kind, digest in known if kind in LEARNT], now)
    _delete(connection, [visitor])


def _known_by(connection: Connection, visitor: bytes) -> list[tuple[str, bytes]]:
    """Return the kinds and digests of a visitor's keys."""
    own = select(visit_keys.c.kind, visit_keys.c.digest).where(visit_keys.c.visitor == visitor)
    return [(row.kind, row.digest) for row in connection.execute(own)]


def _delete(connection: Connection, visitors: Sequence[bytes]) -> int:
    """Delete the keys and the visits of visitors; return how many visits there were."""
    connection.execute(delete(visit_keys).where(visit_keys.c.visitor.in_(visitors)))
    return connection.execute(delete(visits).where(visits.c.visitor.in_(visitors))).rowcount


def _purge_visits(connection: Connection, before: int) -> int:
    """Delete one portion of the visits that were last seen before a moment."""
    key = tuple_(visits.c.visitor, visits.c.touch)
    old = select(visits.c.visitor, visits.c.touch).where(visits.c.seen_at < before).limit(PORTION)
    return connection.execute(delete(visits).where(key.in_(old))).rowcount


def _purge_keys(connection: Connection, before: int) -> int:
    """Delete one portion of the old keys; one that names a person lives as long as the visitor's visits."""
    key = tuple_(visit_keys.c.kind, visit_keys.c.digest, visit_keys.c.visitor)
    is_kept = exists().where(visits.c.visitor == visit_keys.c.visitor)
    is_over = or_(visit_keys.c.kind.not_in(sorted(LEARNT)), ~is_kept)
    old = select(visit_keys.c.kind, visit_keys.c.digest, visit_keys.c.visitor)
    portion = old.where(visit_keys.c.seen_at < before, is_over).limit(PORTION)
    return connection.execute(delete(visit_keys).where(key.in_(portion))).rowcount


def _purge_addresses(connection: Connection, before: int) -> int:
    """Delete the IP addresses and user agents that were seen before a moment."""
    old = (visits.c.sealed_at < before) & visits.c.sealed.is_not(None)
    return connection.execute(update(visits).where(old).values(sealed=None)).rowcount
