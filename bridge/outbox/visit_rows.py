"""Writing visits: packed where the beacon is read, stored in the transaction of the webhook that it is.

A visit is one touch of one visitor: the click and the campaign that led to the page. The same touch again
only moves the moment when it was last seen; another one is a visit of its own, so that an event finds the
visit that came before it, whatever came since. What is kept to find a visit by are keyed digests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Engine, case, delete, func, select, tuple_

from bridge.crypto import Cipher
from bridge.outbox.database import PreparedStatement, dialect_insert
from bridge.outbox.records import NewVisit, to_ms
from bridge.outbox.tables import visit_keys, visits

Row = tuple[Any, ...]

MOST_TOUCHES = 20  # of one visitor; whoever sends more has no use for the oldest
OF_WEBHOOK = "webhook"  # the kind of key that tells which webhooks a visitor's events came with
VISIT_COLUMNS = tuple(column.name for column in visits.columns)
KEY_COLUMNS = tuple(column.name for column in visit_keys.columns)
_REPEATED = ("seen_at", "consent", "consent_source", "consent_at")
_FILLED_IN = ("fbp", "sealed")


class PackedVisit(NamedTuple):
    """One visit as rows; `visit_row` is None when the visitor refused, and everything is deleted."""

    visitor: bytes
    visit_row: Row | None
    key_rows: tuple[Row, ...]
    seen_at: int

    @property
    def is_recognised_again(self) -> bool:
        """Whether a second try does no harm: the same visit again is the same rows."""
        return True


def visitor_of(visitor_id: str) -> bytes:
    """Return the visitor of an id; raises ValueError when it is not 32 hexadecimal digits."""
    visitor = bytes.fromhex(visitor_id)
    if len(visitor) != 16 or len(visitor_id) != 32:
        raise ValueError("a visitor id has 32 hexadecimal digits")
    return visitor


def key_text(kind: str, text: str) -> bytes:
    """Return what the digest of a key is made of: the same text of another kind is another key."""
    return b"visit\x00%b\x00%b" % (kind.encode(), text.encode("utf-8", "surrogatepass"))


def pack_visit(visit: NewVisit, cipher: Cipher) -> PackedVisit:
    """Turn a visit into rows; all the work that needs no database is done here."""
    visitor, seen_at = visitor_of(visit.visitor_id), to_ms(visit.seen_at)
    if visit.consent == "denied":
        return PackedVisit(visitor, None, (), seen_at)
    touch = _touch(visit)
    address = {"ip": visit.ip, "user_agent": visit.user_agent}
    sealed = cipher.encrypt(orjson.dumps(address), visitor + touch) if any(address.values()) else None
    row = {
        "visitor": visitor,
        "touch": touch,
        "began_at": seen_at,
        "seen_at": seen_at,
        "fbc": _storable(visit.fbc),
        "fbp": _storable(visit.fbp),
        "first": _as_json(visit.first),
        "last": _as_json(visit.last),
        "consent": visit.consent,
        "consent_source": visit.consent_source,
        "consent_at": to_ms(visit.consent_at),
        "sealed": sealed,
        "sealed_at": seen_at,
    }
    known_by = {"event_id": visit.event_id, "fbp": visit.fbp}
    keys = [(kind, cipher.digest(key_text(kind, text))[1]) for kind, text in known_by.items() if text]
    return PackedVisit(
        visitor,
        tuple(row[name] for name in VISIT_COLUMNS),
        tuple((kind, digest, visitor, seen_at) for kind, digest in keys),
        seen_at,
    )


def _touch(visit: NewVisit) -> bytes:
    came_by = [visit.fbc, sorted(visit.last.items())]
    return hashlib.sha256(orjson.dumps(came_by)).digest()[:16]


def _storable(text: str | None) -> str | None:
    return None if text is None else text.replace("\x00", "")


def _as_json(texts: Any) -> str:
    """Return texts as JSON, which holds a NUL as six plain signs."""
    return orjson.dumps(dict(texts)).decode()


class VisitStatements:
    """The inserts of visits, compiled for one database."""

    def __init__(self, engine: Engine) -> None:
        insert = dialect_insert(engine.dialect.name)
        self.visits = PreparedStatement(_upsert_visit(insert), engine, VISIT_COLUMNS)
        self.keys = PreparedStatement(_upsert_key(insert), engine, KEY_COLUMNS)

    def write(self, connection: Connection, packed: Sequence[tuple[PackedVisit, bytes | None]]) -> None:
        """Store visits, each with the id of the webhook that it is, if it is one.

        Rows are written once each and in order, so that two processes never wait for each other.
        """
        if not packed:
            return
        for rows in _each_once([visit.visit_row for visit, _ in packed if visit.visit_row]):
            self.visits.many(connection, rows)
        self.know(connection, [row for visit, webhook_id in packed for row in _keys(visit, webhook_id)])
        _leave_out_the_oldest(connection, sorted({visit.visitor for visit, _ in packed}))

    def know(self, connection: Connection, keys: Sequence[Row]) -> None:
        """Remember what a visitor is known by: rows of kind, digest, visitor and moment."""
        rows = {row[:3]: row for row in keys}
        self.keys.many(connection, [rows[key] for key in sorted(rows)])


def _each_once(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Part rows so that none of a part is for the same touch: no statement may write one row twice."""
    while rows:
        part = {row[:2]: row for row in reversed(rows)}
        yield [part[key] for key in sorted(part)]
        written = set(map(id, part.values()))
        rows = [row for row in rows if id(row) not in written]


def _keys(visit: PackedVisit, webhook_id: bytes | None) -> Iterator[Row]:
    yield from visit.key_rows
    if webhook_id is not None:
        yield (OF_WEBHOOK, webhook_id, visit.visitor, visit.seen_at)


def _upsert_visit(insert: Any) -> Any:
    statement = insert(visits)
    new = statement.excluded
    repeated = {name: new[name] for name in _REPEATED}
    filled_in = {name: func.coalesce(new[name], visits.c[name]) for name in _FILLED_IN}
    of_address = case((new.sealed.is_(None), visits.c.sealed_at), else_=new.sealed_at)
    return statement.on_conflict_do_update(
        index_elements=["visitor", "touch"], set_={**repeated, **filled_in, "sealed_at": of_address}
    )


def _upsert_key(insert: Any) -> Any:
    statement = insert(visit_keys)
    return statement.on_conflict_do_update(
        index_elements=["kind", "digest", "visitor"], set_={"seen_at": statement.excluded.seen_at}
    )


def _leave_out_the_oldest(connection: Connection, visitors: Sequence[bytes]) -> None:
    newest_first = func.row_number().over(partition_by=visits.c.visitor, order_by=visits.c.began_at.desc())
    numbered = (
        select(visits.c.visitor, visits.c.touch, newest_first.label("number"))
        .where(visits.c.visitor.in_(visitors))
        .subquery()
    )
    old = select(numbered.c.visitor, numbered.c.touch).where(numbered.c.number > MOST_TOUCHES)
    connection.execute(delete(visits).where(tuple_(visits.c.visitor, visits.c.touch).in_(old)))
