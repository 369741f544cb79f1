"""Withdrawn consent: keyed digests of what those who withdrew it were known by, and nothing else.

The visits of a person who withdraws are deleted with all their keys. What a CRM reports of the person later
would find nothing and go out as if nobody had objected; these digests are what stops it. They lead to no
visit and no visitor, and nobody can try addresses against them without the server's key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, delete, func, select

from bridge.outbox.database import dialect_insert
from bridge.outbox.retention import PORTION
from bridge.outbox.tables import withdrawals

_LAST = select(func.max(withdrawals.c.withdrawn_at)).where(
    withdrawals.c.digest.in_(bindparam("digests", expanding=True))
)


def remember_withdrawal(connection: Connection, digests: Iterable[bytes], now: int) -> None:
    """Remember that the person with these digests has withdrawn consent."""
    rows = [{"digest": digest, "withdrawn_at": now} for digest in sorted(set(digests))]
    if rows:
        insert = dialect_insert(connection.dialect.name)(withdrawals)
        again = {"withdrawn_at": insert.excluded.withdrawn_at}
        connection.execute(insert.on_conflict_do_update(index_elements=["digest"], set_=again), rows)


def last_withdrawal(connection: Connection, digests: Sequence[bytes]) -> int | None:
    """Return when somebody with one of these digests last withdrew consent (Unix ms); None if nobody did."""
    found: int | None = connection.execute(_LAST, {"digests": digests}).scalar()
    return found


def end_withdrawal(connection: Connection, digests: Iterable[bytes]) -> None:
    """Forget a withdrawal: the person has agreed again."""
    if of_person := sorted(set(digests)):
        connection.execute(delete(withdrawals).where(withdrawals.c.digest.in_(of_person)))


def purge_withdrawals(connection: Connection, before: int) -> int:
    """Delete one portion of the withdrawals before a moment."""
    old = select(withdrawals.c.digest).where(withdrawals.c.withdrawn_at < before).limit(PORTION)
    return connection.execute(delete(withdrawals).where(withdrawals.c.digest.in_(old))).rowcount
