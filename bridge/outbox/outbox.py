"""The outbox itself: what the doors, the worker and the command line may ask of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from bridge.crypto import Cipher
from bridge.errors import CannotStore
from bridge.outbox import claims, find, settle
from bridge.outbox.database import Database
from bridge.outbox.group import GroupCommit
from bridge.outbox.intake import Parcel, Statements, pack, store
from bridge.outbox.lanes import Lane, Lanes, all_lanes
from bridge.outbox.records import (
    Attempt,
    Counts,
    Depth,
    EventDetail,
    EventRecord,
    NewWebhook,
    Query,
    Receipt,
    raw_id,
    to_ms,
)
from bridge.outbox.sealing import unseal_request
from bridge.outbox.tables import raw_webhooks
from bridge.values import Request

Result = TypeVar("Result")


class Outbox:
    """Everything that is stored, on SQLite or PostgreSQL. Safe to use from many threads."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher
        self._statements = Statements(database.engine)
        self._lanes = Lanes(database)
        self._group: GroupCommit[Parcel, Receipt] = GroupCommit(self._write_group, database.turn)

    # --- storing -------------------------------------------------------------------------------------------

    def add(self, webhook: NewWebhook) -> Receipt:
        """Store a webhook and its events; returns only when they are on disk.

        Raises CannotStore when they are not, and the sender should try again.
        """
        try:
            parcel = pack(webhook, self._cipher, self._lanes)
            return self._group.submit(parcel)
        except (SQLAlchemyError, OSError) as error:
            raise _cannot_store(error) from error

    def add_all(self, webhooks: Sequence[NewWebhook]) -> list[Receipt]:
        """Store many webhooks in one transaction: all of them, or none."""
        try:
            parcels = [pack(webhook, self._cipher, self._lanes) for webhook in webhooks]
            with self._database.turn():
                return self._store(parcels)
        except (SQLAlchemyError, OSError) as error:
            raise _cannot_store(error) from error

    def _write_group(self, parcels: list[Parcel]) -> Sequence[Receipt | Exception]:
        """Write together; if that fails, one by one, so that nobody suffers for another's webhook."""
        try:
            return self._store(parcels)
        except SQLAlchemyError:
            if len(parcels) == 1:
                raise
        return [self._store_alone(parcel) for parcel in parcels]

    def _store_alone(self, parcel: Parcel) -> Receipt | Exception:
        try:
            return self._store([parcel])[0]
        except SQLAlchemyError as error:
            return error

    def _store(self, parcels: Sequence[Parcel]) -> list[Receipt]:
        return self._database.write_in_turn(lambda connection: store(connection, self._statements, parcels))

    # --- looking -------------------------------------------------------------------------------------------

    def find(self, query: Query) -> list[EventRecord]:
        """Return the events a query means, newest first."""
        return self._database.read(lambda connection: find.find(connection, query))

    def count(self, query: Query) -> int:
        """Return how many events a query means, whatever its limit."""
        return self._database.read(lambda connection: find.count(connection, query))

    def show(self, event_id: str) -> EventDetail | None:
        """Return everything that is kept about one event, or None."""
        row_id = raw_id(event_id)
        return (row_id and self._database.read(lambda connection: find.show(connection, row_id))) or None

    def raw(self, webhook_id: str) -> Request | None:
        """Return the webhook as it arrived, while it is kept."""
        row_id = raw_id(webhook_id)
        chosen = select(raw_webhooks.c.sealed).where(raw_webhooks.c.webhook_id == row_id)
        sealed = self._database.read(lambda connection: connection.execute(chosen).scalar())
        return unseal_request(sealed, self._cipher, row_id) if sealed and row_id else None

    def counts(self) -> Counts:
        """Count events by status, and independently how many were received."""
        return self._database.read(find.counts)

    def counts_by_mapping(self) -> dict[tuple[str, str], int]:
        """Count events by (mapping, status)."""
        return self._database.read(find.counts_by_mapping)

    def depths(self, now: datetime) -> list[Depth]:
        """Return how much waits for each destination, and how old the oldest is."""
        return self._database.read(lambda connection: find.depths(connection, to_ms(now)))

    def imbalances(self) -> list[str]:
        """Return every way in which the books do not balance (none, unless something was lost)."""
        return self._database.read(find.imbalances)

    # --- sending -------------------------------------------------------------------------------------------

    def lanes(self) -> list[Lane]:
        """Return everything events can be sent by: destination, dataset, test code."""
        return self._database.read(all_lanes)

    def due_lanes(self, now: datetime) -> set[int]:
        """Return the lanes in which something is due."""
        return self._database.read(lambda connection: claims.due_lanes(connection, to_ms(now)))

    def claim(
        self, lane: Lane, *, worker: str, now: datetime, lease_until: datetime, limit: int = 1000
    ) -> claims.Claim | None:
        """Take up to `limit` due events of a lane; nobody else can until the lease ends."""
        return self._database.write(
            lambda connection: claims.claim_due(
                connection, lane, worker=worker, now=to_ms(now), lease_until=to_ms(lease_until), limit=limit
            )
        )

    def claim_these(self, ids: Sequence[str], *, worker: str, lease_until: datetime) -> list[claims.Claim]:
        """Take certain events, due or not; those another worker holds are left out."""
        rows = [row for row in map(raw_id, ids) if row]

        def work(connection: Connection) -> list[claims.Claim]:
            taken = [
                claims.claim_these(connection, lane, its, worker=worker, lease_until=to_ms(lease_until))
                for lane, its in find.lanes_of(connection, rows)
            ]
            return [claim for claim in taken if claim]

        return self._database.write(work)

    def prolong(self, claim_ids: Sequence[bytes], lease_until: datetime) -> int:
        """Give claims more time; return how many of them are still held."""
        return self._database.write(
            lambda connection: claims.prolong(connection, claim_ids, to_ms(lease_until))
        )

    def free_lost(self, now: datetime) -> int:
        """Make what dead workers held claimable again."""
        if not self._database.read(lambda connection: claims.any_lost(connection, to_ms(now))):
            return 0
        return self._database.write(lambda connection: claims.free_lost(connection, to_ms(now)))

    def settle_all(
        self, claim: claims.Claim, settled: settle.Settled, attempt: Attempt | None, now: datetime
    ) -> None:
        """Write down what became of a whole claim; raises LeaseLost when it is not ours any more."""
        self._database.write(
            lambda connection: settle.settle_all(connection, claim.id, settled, attempt, to_ms(now))
        )

    def settle_some(
        self,
        claim: claims.Claim,
        outcomes: Mapping[bytes, settle.Settled],
        attempt: Attempt | None,
        now: datetime,
    ) -> None:
        """Write down what became of some events of a claim; raises LeaseLost when it is not ours any more."""
        self._database.write(
            lambda connection: settle.settle_some(connection, claim.id, outcomes, attempt, to_ms(now))
        )

    def release(self, claim: claims.Claim) -> None:
        """Give a claim back untouched."""
        self._database.write(lambda connection: settle.release(connection, claim.id))

    # --- housekeeping --------------------------------------------------------------------------------------

    def ping(self) -> None:
        """Raise CannotStore unless the database answers."""
        try:
            self._database.read(lambda connection: connection.execute(select(1)).scalar())
        except (SQLAlchemyError, OSError) as error:
            raise _cannot_store(error) from error

    def close(self) -> None:
        """Close every connection."""
        self._database.close()


def _cannot_store(error: Exception) -> CannotStore:
    """Say what kind of thing went wrong; the driver's own text may quote what was being stored."""
    return CannotStore(
        f"the webhook could not be stored ({type(error).__name__})",
        fix="check the disk, the owner of the database file, and whether the database server answers",
    )
