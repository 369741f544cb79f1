"""The outbox itself: what the endpoints, the worker and the command line may ask of the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import chain, repeat
from typing import TypeVar

from sqlalchemy import Connection, select

from bridge.crypto import Cipher
from bridge.errors import CannotStore
from bridge.failpoints import Failpoint, no_failpoint
from bridge.models import Request
from bridge.outbox import admin_actions, claims, corrections, pauses, queries, retention, settlements
from bridge.outbox.arrivals import open_arrivals
from bridge.outbox.backpressure import UNBOUNDED, Backpressure, Bounds
from bridge.outbox.captures import Captures
from bridge.outbox.database import Database
from bridge.outbox.database_errors import translated_errors
from bridge.outbox.erasures import Erasures
from bridge.outbox.fetch_queue import FetchQueue
from bridge.outbox.group_commit import CommitQueue, Submitted, together_or_alone, wait
from bridge.outbox.hourly_counts import CountChanges, HourlyCounts, forget_changes
from bridge.outbox.import_positions import ImportPosition, Imports, Replacements
from bridge.outbox.inserts import Statements, pack, probe, store, store_again
from bridge.outbox.job_queue import Alongside, JobQueue
from bridge.outbox.lanes import Lane, LaneOf, Lanes, all_lanes, number
from bridge.outbox.mapping_revisions import MappingRevisions
from bridge.outbox.never_send import has_unknown_key
from bridge.outbox.overview import Overview
from bridge.outbox.packed import Packed, PackedWebhook
from bridge.outbox.pairing import Pairing
from bridge.outbox.pauses import Pause
from bridge.outbox.raw_webhooks import accept_key, accepted_key, decrypt_if_possible, oldest_and_newest
from bridge.outbox.recent import Recent
from bridge.outbox.records import (
    Attempt,
    Counts,
    Depth,
    EventDetail,
    EventRecord,
    NewVisit,
    NewWebhook,
    Query,
    Receipt,
    raw_id,
    raw_ids,
    text_id,
    to_ms,
)
from bridge.outbox.refusals import Refusals
from bridge.outbox.repeats import map_held_again
from bridge.outbox.sessions import Sessions
from bridge.outbox.stranded import StrandedEvents
from bridge.outbox.tables import raw_webhooks
from bridge.outbox.visit_rows import PackedVisit, pack_visit
from bridge.outbox.visits import Visits, remember_visits
from bridge.outbox.webhook_list import WebhookList
from bridge.outbox.write_lock import PATIENCE_SECONDS

Result = TypeVar("Result")


class Outbox:
    """Everything that is stored, on SQLite or PostgreSQL. Safe to use from many threads."""

    def __init__(
        self,
        database: Database,
        cipher: Cipher,
        bounds: Bounds = UNBOUNDED,
        failpoint: Failpoint = no_failpoint,
    ) -> None:
        self._database = database
        self._backpressure = Backpressure(bounds, self._queued, database.file)
        self._failpoint = failpoint
        self._cipher = cipher
        self._statements = Statements(database.engine, cipher)
        self._lanes = Lanes(database.write_locked)
        self.revisions = MappingRevisions(self._read, self._write)
        self.imports = Imports(self._read, self._opened)
        self.overview = Overview(self._read)
        self.recent = Recent(self._read)
        self.pairing = Pairing(self._read)
        self.hourly = HourlyCounts(self._read)
        self._count_changes = CountChanges(database.engine)
        self.arrivals = open_arrivals(database)
        self.webhooks = WebhookList(self._read)
        self.sessions = Sessions(self._read, self._write)
        self.captures = Captures(self._read, self._write, cipher)
        self.refusals = Refusals(self._read, self._write)
        self.stranded = StrandedEvents(self._read, self._write)
        self.jobs = JobQueue(self._read, self._write, cipher, self._statements, _lanes_in, self._add_together)
        self.visits = Visits(self._read, self._write, cipher)
        self.fetches = FetchQueue(self._read, self._write, cipher, self._statements, _lanes_in)
        self.erasures = Erasures(
            self._read, self._write, self.fetches.text_of, self._statements.never_send, self.jobs, self.visits
        )
        self._commits: CommitQueue[Packed, Receipt] = CommitQueue(
            self._store_group, lambda: database.write_lock(None), before=self._measure
        )
        self.why_not_stored: str | None = None  # why the last webhook of this process could not be stored

    # --- storing -----------------------------------------------------------------------------------

    def add(self, webhook: NewWebhook) -> Receipt:
        """Store a webhook and its events; returns only when they are on disk.

        Raises CannotStore when they are not, and the sender should try again.
        """
        with translated_errors():
            self._backpressure.check()
            packed = pack(webhook, self._cipher)
        stored = wait(self.submit([packed]), may_give_up=packed.is_recognised_again)
        if isinstance(stored, Exception):
            with translated_errors():
                raise stored
        return stored

    def pack(self, webhook: NewWebhook) -> PackedWebhook:
        """Make a webhook ready for `submit`; never waits. Raises CannotStore while a bound is passed."""
        if self._backpressure.is_due():
            self._commits.wake()
        self._backpressure.refuse()
        return pack(webhook, self._cipher)

    def pack_visit(self, visit: NewVisit) -> PackedVisit:
        """Make a visit without an event ready for `submit`; never waits."""
        return pack_visit(visit, self._cipher)

    def submit(self, packed: Sequence[Packed]) -> Submitted[Receipt]:
        """Have packed webhooks and visits stored with the next transaction. Never waits."""
        return self._commits.submit(packed)

    def probe(self, patience_seconds: float) -> None:
        """Write something, to find out whether that works. Raises CannotStore."""
        with translated_errors():
            self._database.write(probe, patience_seconds)

    def add_all(
        self,
        webhooks: Sequence[NewWebhook],
        position: ImportPosition | None = None,
        replacing: Replacements | None = None,
    ) -> list[Receipt]:
        """Store many webhooks in one transaction: all of them, or none.

        `position` says how far an import has come with them, and is stored with them; `replacing` names the
        held events they take the place of.
        """

        def alongside(connection: Connection, receipts: Sequence[Receipt]) -> None:
            if replacing:
                replacing.settle(connection, receipts)
            if position:
                position.remember(connection)

        return self._add_together(webhooks, alongside)

    def _add_together(self, webhooks: Sequence[NewWebhook], alongside: Alongside | None) -> list[Receipt]:
        with translated_errors():
            self._backpressure.check()
            packed = [pack(webhook, self._cipher) for webhook in webhooks]
            with self._database.write_lock(PATIENCE_SECONDS):
                return self._store(packed, alongside)

    def _queued(self) -> int:
        return self._database.read(queries.queued)

    def _measure(self) -> None:
        with suppress(CannotStore), translated_errors():  # storing will meet the same, and say so
            self._backpressure.measure_when_due()

    def _store_group(self, group: Sequence[Packed]) -> Sequence[Receipt | CannotStore]:
        """Store webhooks together, and remember why the last of them could not be stored."""
        try:
            results = together_or_alone(self._store, group)
        except CannotStore as error:
            self.why_not_stored = error.message
            raise
        last = results[-1]
        self.why_not_stored = last.message if isinstance(last, CannotStore) else None
        return results

    def _store(self, group: Sequence[Packed], alongside: Alongside | None = None) -> list[Receipt]:
        packed = [one for one in group if isinstance(one, PackedWebhook)]
        with translated_errors():
            lane_of = self._lanes.numbered(lane for webhook in packed for lane in webhook.lanes())
        ways = chain([store], repeat(store_again))

        def work(connection: Connection) -> list[Receipt]:
            receipts = next(ways)(connection, self._statements, packed, lane_of)
            receipts = map_held_again(connection, self._statements, _lanes_in(connection), packed, receipts)
            if alongside is not None:
                alongside(connection, receipts)
            return remember_visits(connection, self._statements.visits, group, receipts)

        return self._write("store", work, self._database.write_locked)

    def _read(self, work: Callable[[Connection], Result]) -> Result:
        with translated_errors():
            return self._database.read(work)

    def _write(
        self,
        name: str,
        work: Callable[[Connection], Result],
        write: Callable[[Callable[[Connection], tuple[Result, bool]]], tuple[Result, bool]] | None = None,
    ) -> Result:
        """Run a transaction with its changes of the counts, and say when its commit is near and when done."""

        def watched(connection: Connection) -> tuple[Result, bool]:
            forget_changes(connection)
            result = work(connection)
            more_waits = self._count_changes.store(connection)
            self._failpoint(f"{name}: before the commit")
            return result, more_waits

        with translated_errors():
            result, more_waits = (write or self._database.write)(watched)
        self._failpoint(f"{name}: after the commit")
        if more_waits:
            self.arrivals.notify()
        return result

    # --- queries -----------------------------------------------------------------------------------

    def find(self, query: Query) -> list[EventRecord]:
        """Return the events a query means, newest first."""
        return self._read(lambda connection: queries.find(connection, query))

    def count(self, query: Query) -> int:
        """Return how many events a query means, whatever its limit."""
        return self._read(lambda connection: queries.count(connection, query))

    def show(self, event_id: str) -> EventDetail | None:
        """Return everything that is kept about one event, or None."""
        row_id = raw_id(event_id)
        return (row_id and self._read(lambda connection: queries.show(connection, row_id))) or None

    def raw(self, webhook_id: str) -> Request | None:
        """Return the webhook as it arrived, while it is kept and can be decrypted."""
        row_id = raw_id(webhook_id)
        chosen = select(raw_webhooks.c.sealed).where(raw_webhooks.c.webhook_id == row_id)
        encrypted = self._read(lambda connection: connection.execute(chosen).scalar())
        return self._opened(encrypted, row_id) if row_id else None

    def counts(self) -> Counts:
        """Count events by status, and independently how many were received."""
        return self._read(queries.counts)

    def depths(self, now: datetime) -> list[Depth]:
        """Return how much waits for each destination, and how old the oldest is."""
        return self._read(lambda connection: queries.depths(connection, to_ms(now)))

    def discrepancies(self) -> list[str]:
        """Return every way in which the totals do not reconcile (none, unless something was lost)."""
        return self._read(queries.discrepancies)

    # --- sending -----------------------------------------------------------------------------------

    def lanes(self) -> list[Lane]:
        """Return everything events can be sent by: destination, dataset, test code."""
        return self._read(all_lanes)

    def due_lanes(self, now: datetime) -> set[int]:
        """Return the lanes in which something is due."""
        return self._read(lambda connection: claims.due_lanes(connection, to_ms(now)))

    def claim(
        self, lane: Lane, *, worker: str, now: datetime, lease_until: datetime, limit: int = 1000
    ) -> claims.Claim | None:
        """Take up to `limit` due events of a lane; nobody else can until the lease ends."""
        lease = claims.Lease(worker, to_ms(lease_until))
        return self._write(
            "claim", lambda connection: claims.claim_due(connection, lane, lease, to_ms(now), limit)
        )

    def claim_these(self, ids: Sequence[str], *, worker: str, lease_until: datetime) -> list[claims.Claim]:
        """Take certain events, due or not; those another worker holds are left out."""
        rows = raw_ids(ids)
        lease = claims.Lease(worker, to_ms(lease_until))

        def work(connection: Connection) -> list[claims.Claim]:
            taken = [
                claims.claim_these(connection, lane, lease, its)
                for lane, its in queries.lanes_of(connection, rows)
            ]
            return [claim for claim in taken if claim]

        return self._write("claim", work)

    def prolong(self, claim_ids: Sequence[bytes], lease_until: datetime) -> int:
        """Give claims more time; return how many of them are still held."""
        return self._write(
            "prolong", lambda connection: claims.prolong(connection, claim_ids, to_ms(lease_until))
        )

    def free_lost(self, now: datetime) -> int:
        """Make what crashed workers held claimable again."""
        if not self._read(lambda connection: claims.any_lost(connection, to_ms(now))):
            return 0
        return self._write("free", lambda connection: claims.free_lost(connection, to_ms(now)))

    def settle_span(
        self, span: settlements.Span, settled: settlements.Settled, attempt: Attempt | None, now: datetime
    ) -> None:
        """Store one outcome for a range of a claim; raises LeaseLost when it is not ours any more."""
        self._write(
            "settle",
            lambda connection: settlements.settle_span(connection, span, settled, attempt, to_ms(now)),
        )

    def settle_some(
        self,
        claim: claims.Claim,
        outcomes: Mapping[bytes, settlements.Settled],
        attempt: Attempt | None,
        now: datetime,
    ) -> None:
        """Store what became of some events of a claim; raises LeaseLost when it is not ours any more."""
        self._write(
            "settle",
            lambda connection: settlements.settle_some(connection, claim.id, outcomes, attempt, to_ms(now)),
        )

    def release(self, claim: claims.Claim) -> None:
        """Give a claim back untouched."""
        self._write("release", lambda connection: settlements.release(connection, claim.id))

    def note(self, claim: claims.Claim, attempt: Attempt, now: datetime) -> None:
        """Keep an attempt that settled nothing; raises LeaseLost when the claim is not ours any more."""
        self.settle_some(claim, {}, attempt, now)

    def due_soon(self, before: datetime) -> int:
        """Return how many queued events become too old for Meta until then."""
        return self._read(lambda connection: queries.expiring(connection, int(before.timestamp())))

    def expire(self, now: datetime, settled: settlements.Settled) -> int:
        """Expire queued events that are too old, whatever their destination; return how many."""
        if not self.due_soon(now):
            return 0
        return self._write("expire", lambda connection: settlements.expire(connection, to_ms(now), settled))

    def statuses(self, ids: Sequence[str]) -> dict[str, tuple[str, str | None]]:
        """Return the present status and reason of some events."""
        rows = raw_ids(ids)
        found = self._read(lambda connection: queries.statuses(connection, rows))
        return {text_id(row): known for row, known in found.items()}

    def rows(self, ids: Sequence[bytes]) -> list[EventRecord]:
        """Return the records of some events, oldest first."""
        return self._read(lambda connection: queries.records(connection, ids))

    # --- pauses ------------------------------------------------------------------------------------

    def pauses(self) -> dict[str, Pause]:
        """Return what is paused, by scope ("destination:main:123", "dataset:123")."""
        return self._read(pauses.all_pauses)

    def pause(self, wanted: Pause, length: Callable[[int], timedelta], now: datetime) -> bool:
        """Pause a scope; return True when it was running until now."""
        return self._write("pause", lambda connection: pauses.pause(connection, wanted, length, now))

    def take_probe(self, scope: str, now: datetime, until: datetime) -> bool:
        """Take the right to probe a paused scope with one event."""
        return self._write("probe", lambda connection: pauses.take_probe(connection, scope, now, until))

    def probe_all(self, now: datetime) -> None:
        """Have every paused destination probed with one event now."""
        self._write("probe", lambda connection: pauses.probe_all(connection, now))

    def resume(self, scope: str, trips: int) -> bool:
        """Resume a scope; return whether this call did it."""
        return self._write("resume", lambda connection: pauses.resume(connection, scope, trips))

    # --- admin actions -------------------------------------------------------------------------------------

    def ids(self, query: Query) -> list[str]:
        """Return the ids of the events a query means, oldest first."""
        found = self._read(lambda connection: queries.ids_of(connection, query))
        return [text_id(row) for row in found]

    def replay(self, page: corrections.ReplayPage, now: datetime) -> Counter[str]:
        """Send some events again, with the same ids; count what became of them."""

        def work(connection: Connection) -> Counter[str]:
            lane_of = _lanes_in(connection)
            return corrections.replay_page(connection, self._statements, page, to_ms(now), lane_of)

        return self._write("replay", work)

    def discard(self, event_ids: Sequence[str], reason: str, now: datetime) -> int:
        """Discard events with a reason; what is being sent or was sent is left alone."""
        rows = raw_ids(event_ids)
        return self._write(
            "discard", lambda connection: admin_actions.discard(connection, rows, reason, to_ms(now))
        )

    def held_webhooks(self, event_ids: Sequence[str]) -> list[admin_actions.HeldWebhook]:
        """Return the webhooks that held events came from, decrypted where they are still kept."""
        rows = raw_ids(event_ids)
        opened = self.fetches.opened
        return self._read(lambda c: admin_actions.held_webhooks(c, rows, self._opened, opened))

    def lacks_key(self) -> bool:
        """Return whether stored webhooks or erased persons need a key that is not ours, nor given up."""
        ends = self._read(oldest_and_newest)
        has_all = all(self._cipher.has_key_of(encrypted) for encrypted in ends)
        if has_all and not self._read(lambda connection: has_unknown_key(connection, self._cipher.key_ids)):
            return False
        return self._read(accepted_key) != self._cipher.key_id

    def accept_key(self) -> None:
        """Give up the raw webhooks that need another key than ours: `lacks_key` is false from now on."""
        self._write("key", lambda connection: accept_key(connection, self._cipher.key_id))

    # --- retention -----------------------------------------------------------------------------------------

    def purge(self, now: datetime, *, raw_webhooks: timedelta, events: timedelta) -> retention.Purged:
        """Delete what was kept long enough; what still waits to be sent stays, however old it is."""
        return retention.purge(self._write, to_ms(now), to_ms(now - raw_webhooks), to_ms(now - events))

    def _opened(self, encrypted: bytes | None, webhook_id: bytes) -> Request | None:
        return decrypt_if_possible(encrypted, self._cipher, webhook_id)

    # --- housekeeping ------------------------------------------------------------------------------

    def close(self) -> None:
        """Store what was submitted, and close every connection."""
        self._commits.close()
        self.arrivals.close()
        self._database.close()


def _lanes_in(connection: Connection) -> LaneOf:
    """Number lanes inside a transaction that already holds the write lock."""
    return cache(partial(number, connection))
