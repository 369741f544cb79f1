"""The webhooks whose records are still to be fetched, and what was fetched for them, encrypted.

A webhook waits here as a whole: its events are `fetching` until all answers that they need are there, and
are then replaced by what they have become, in one transaction. A process that fetches holds a claim with a
lease, as one that sends does; when it dies, another one begins again, and nothing was written twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, exists, func, insert, or_, select, update

from bridge.crypto import Cipher
from bridge.errors import CannotDecrypt, LeaseLost
from bridge.models import Request
from bridge.outbox.admin_actions import Correction, Corrector, HeldEvent
from bridge.outbox.call_rates import CallRate, take_turn
from bridge.outbox.claims import Lease
from bridge.outbox.database import dialect_insert
from bridge.outbox.ids import new_id
from bridge.outbox.inserts import Statements
from bridge.outbox.lanes import LaneOf
from bridge.outbox.pauses import source_scope
from bridge.outbox.raw_webhooks import decrypt_if_possible
from bridge.outbox.records import from_ms, raw_id, to_ms
from bridge.outbox.tables import claims, events, fetched, fetches, pauses, raw_webhooks, webhooks
from bridge.outbox.visits import JoinedVisit, learn

Read = Callable[[Callable[[Connection], Any]], Any]
Write = Callable[[str, Callable[[Connection], Any]], Any]


@dataclass(frozen=True, slots=True)
class FetchingWebhook:
    """A webhook in the hands of a process that fetches for it.

    `request` is None when it cannot be decrypted. `kept` is what was fetched for it so far, `events` are
    those that wait for the rest. `anew`: no answer that is still in memory will do.
    """

    id: bytes
    source: str
    mapping: str
    revision: str
    request: Request | None = field(repr=False)
    kept: bytes | None = field(repr=False)
    attempts: int
    give_up_at: datetime
    anew: bool
    events: tuple[HeldEvent, ...]


@dataclass(frozen=True, slots=True)
class FetchClaim:
    """Some webhooks that wait for one source, which one process may fetch for until the lease ends."""

    id: bytes
    source: str
    lease: Lease
    webhooks: tuple[FetchingWebhook, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """What a webhook has become, what was fetched for it (`kept`), and the visits it was joined with."""

    correction: Correction
    kept: bytes | None = field(repr=False)
    joined: tuple[JoinedVisit, ...] = ()


@dataclass(frozen=True, slots=True)
class PutOff:
    """When a webhook is tried again, which source it waits for, why, and what was fetched for it so far."""

    source: str
    due_at: datetime
    give_up_at: datetime
    reason: str
    kept: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class FetchDepth:
    """How many webhooks wait for a source, and how old the oldest is (seconds)."""

    source: str
    webhooks: int
    oldest_seconds: float


class FetchQueue:
    """Everything about fetching that is stored. `read` and `write` are the outbox's."""

    def __init__(
        self,
        read: Read,
        write: Write,
        cipher: Cipher,
        run: Statements,
        lane_of: Callable[[Connection], LaneOf],
    ) -> None:
        self._read, self._write, self._cipher = read, write, cipher
        self._run, self._lane_of = run, lane_of

    def take_turn(
        self, source: str, rate: CallRate, now: datetime, patience: timedelta
    ) -> tuple[bool, timedelta]:
        """Take the turn to call a source; return whether it was given, and how long to wait either way."""
        turn: tuple[bool, timedelta] = self._write(
            "turn", lambda connection: take_turn(connection, source, rate, now, patience)
        )
        return turn

    def claim(self, lease: Lease, now: datetime, limit: int, busy: Collection[str]) -> FetchClaim | None:
        """Take up to `limit` webhooks that are due and wait for one source, the longest due first.

        Sources that are `busy` (paused, waited for, called enough) are left out, but for what is to be given
        up now.
        """
        at = to_ms(now)
        due = or_(
            fetches.c.source.not_in(sorted(busy)) & (fetches.c.due_at <= at), fetches.c.give_up_at <= at
        )
        first = select(fetches.c.source).where(due, fetches.c.claim_id.is_(None)).order_by(fetches.c.due_at)
        source = self._read(lambda connection: connection.execute(first.limit(1)).scalar())
        if source is None:
            return None
        return self._claim(lease, source, due & (fetches.c.source == source), limit)

    def claim_these(self, event_ids: Sequence[str], lease: Lease) -> list[FetchClaim]:
        """Take the webhooks of certain events, due or not; those that another process holds are left out."""
        rows = [row for row in map(raw_id, event_ids) if row]
        mine = fetches.c.webhook_id.in_(select(events.c.webhook_id).where(events.c.id.in_(rows)))
        chosen = select(fetches.c.source).where(mine).distinct()
        sources = self._read(lambda connection: connection.execute(chosen).scalars().all())
        found = [self._claim(lease, source, mine & (fetches.c.source == source), 100) for source in sources]
        return [claim for claim in found if claim]

    def _claim(self, lease: Lease, source: str, due: ColumnElement[bool], limit: int) -> FetchClaim | None:
        wanted = (
            select(fetches.c.webhook_id)
            .where(due, fetches.c.claim_id.is_(None))
            .order_by(fetches.c.due_at, fetches.c.webhook_id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )

        def work(connection: Connection) -> FetchClaim | None:
            claim_id = new_id(lease.until)
            taken = connection.execute(
                update(fetches)
                .where(fetches.c.webhook_id.in_(wanted), fetches.c.claim_id.is_(None))
                .values(claim_id=claim_id)
            )
            if not taken.rowcount:
                return None
            connection.execute(
                insert(claims).values(id=claim_id, worker=lease.worker, lease_until=lease.until)
            )
            return FetchClaim(claim_id, source, lease, self._claimed(connection, claim_id))

        claim: FetchClaim | None = self._write("claim fetch", work)
        return claim

    def _claimed(self, connection: Connection, claim_id: bytes) -> tuple[FetchingWebhook, ...]:
        rows = connection.execute(_webhooks().where(fetches.c.claim_id == claim_id)).all()
        return tuple(
            FetchingWebhook(
                id=row.webhook_id,
                source=row.source,
                mapping=row.mapping,
                revision=row.revision,
                request=decrypt_if_possible(row.request, self._cipher, row.webhook_id),
                kept=self.opened(row.kept, row.webhook_id),
                attempts=row.attempts,
                give_up_at=from_ms(row.give_up_at),
                anew=bool(row.anew),
                events=_fetching_events(connection, row.webhook_id),
            )
            for row in rows
        )

    def opened(self, sealed: bytes | None, webhook_id: bytes) -> bytes | None:
        """Decrypt what was fetched for a webhook; None when there is nothing, or it cannot be decrypted."""
        try:
            return None if sealed is None else self._cipher.decrypt(sealed, webhook_id)
        except CannotDecrypt:
            return None

    def text_of(self, request: bytes, records: bytes | None, webhook_id: bytes) -> bytes:
        """Return what can be searched of an encrypted webhook: body, URL and what was fetched for it."""
        found = decrypt_if_possible(request, self._cipher, webhook_id)
        if found is None:
            return b""
        url = found.url.encode("utf-8", "replace")
        return b"\n".join((found.body, url, self.opened(records, webhook_id) or b""))

    def kept(self, webhook_id: str) -> bytes | None:
        """Return what was fetched for a webhook, while it is kept."""
        row_id = raw_id(webhook_id) or b""
        chosen = select(fetched.c.sealed).where(fetched.c.webhook_id == row_id)
        return self.opened(self._read(lambda connection: connection.execute(chosen).scalar()), row_id)

    def settle(self, claim: FetchClaim, webhook: FetchingWebhook, decided: Decided, now: datetime) -> None:
        """Replace the fetching events of a webhook by what they have become, and keep what was fetched.

        Raises LeaseLost when the claim is not ours any more; nothing is written then.
        """

        def work(connection: Connection) -> None:
            _require_mine(connection, claim, webhook)
            corrector = Corrector(connection, self._run, self._lane_of(connection), to_ms(now), "fetching")
            corrector.correct(webhook.id, decided.correction)
            connection.execute(delete(fetches).where(fetches.c.webhook_id == webhook.id))
            self._keep(connection, webhook.id, decided.kept)
            if decided.joined:
                learn(connection, self._run.visits, self._cipher, decided.joined, webhook.id, to_ms(now))
            _end_if_empty(connection, claim)

        self._write("settle fetch", work)

    def put_off(self, claim: FetchClaim, webhook: FetchingWebhook, until: PutOff, now: datetime) -> None:
        """Try a webhook again later; its events say why. Raises LeaseLost as `settle` does."""

        def work(connection: Connection) -> None:
            _require_mine(connection, claim, webhook)
            later = {
                "source": until.source,
                "due_at": to_ms(until.due_at),
                "give_up_at": to_ms(until.give_up_at),
                "attempts": fetches.c.attempts + 1,
                "reason": until.reason,
                "claim_id": None,
            }
            connection.execute(update(fetches).where(fetches.c.webhook_id == webhook.id).values(later))
            connection.execute(
                update(events)
                .where(events.c.webhook_id == webhook.id, events.c.status == "fetching")
                .values(reason=f"waits for {until.source}: {until.reason}", changed_at=to_ms(now))
            )
            self._keep(connection, webhook.id, until.kept)
            _end_if_empty(connection, claim)

        self._write("put off", work)

    def _keep(self, connection: Connection, webhook_id: bytes, kept: bytes | None) -> None:
        """Keep what was fetched beside the raw webhook; what was kept before is replaced."""
        if kept is None:
            return
        row = {"webhook_id": webhook_id, "sealed": self._cipher.encrypt(kept, webhook_id)}
        upsert = dialect_insert(connection.dialect.name)(fetched).values(row)
        connection.execute(
            upsert.on_conflict_do_update(
                index_elements=[fetched.c.webhook_id], set_={"sealed": upsert.excluded.sealed}
            )
        )

    def release(self, claim: FetchClaim) -> None:
        """Give back what is left of a claim untouched: nobody was asked for it."""

        def work(connection: Connection) -> None:
            connection.execute(update(fetches).where(fetches.c.claim_id == claim.id).values(claim_id=None))
            connection.execute(delete(claims).where(claims.c.id == claim.id))

        self._write("release", work)

    def resume(self, source: str, now: datetime) -> bool:
        """End the pause of a source, and try all that waits for it now; return whether it was paused."""

        def work(connection: Connection) -> bool:
            ended = connection.execute(delete(pauses).where(pauses.c.scope == source_scope(source)))
            mine = (fetches.c.source == source) & fetches.c.claim_id.is_(None)
            connection.execute(update(fetches).where(mine).values(due_at=to_ms(now)))
            return ended.rowcount == 1

        was_paused: bool = self._write("resume", work)
        return was_paused

    def depths(self, now: datetime) -> list[FetchDepth]:
        """Return how many webhooks wait for each source."""
        grouped = (
            select(fetches.c.source, func.count(), func.min(fetches.c.received_at))
            .group_by(fetches.c.source)
            .order_by(fetches.c.source)
        )
        rows = self._read(lambda connection: connection.execute(grouped).all())
        return [FetchDepth(source, number, (to_ms(now) - oldest) / 1000) for source, number, oldest in rows]


def _webhooks() -> Select[Any]:
    return (
        select(
            fetches.c.webhook_id,
            fetches.c.source,
            webhooks.c.mapping,
            webhooks.c.revision,
            raw_webhooks.c.sealed.label("request"),
            fetched.c.sealed.label("kept"),
            fetches.c.attempts,
            fetches.c.give_up_at,
            fetches.c.anew,
        )
        .join_from(fetches, webhooks, webhooks.c.id == fetches.c.webhook_id)
        .outerjoin(raw_webhooks, raw_webhooks.c.webhook_id == fetches.c.webhook_id)
        .outerjoin(fetched, fetched.c.webhook_id == fetches.c.webhook_id)
        .order_by(fetches.c.due_at, fetches.c.webhook_id)
    )


def _fetching_events(connection: Connection, webhook_id: bytes) -> tuple[HeldEvent, ...]:
    columns = (events.c.destination, events.c.dataset_id, events.c.test_event_code)
    mine = (events.c.webhook_id == webhook_id) & (events.c.status == "fetching")
    return tuple(
        HeldEvent(*row) for row in connection.execute(select(*columns).where(mine).order_by(events.c.id))
    )


def _require_mine(connection: Connection, claim: FetchClaim, webhook: FetchingWebhook) -> None:
    """Make sure the webhook is still in our hands, and stays so until we commit."""
    mine = (fetches.c.webhook_id == webhook.id) & (fetches.c.claim_id == claim.id)
    if connection.execute(select(fetches.c.webhook_id).where(mine).with_for_update()).first() is None:
        raise LeaseLost("the lease ran out before the records were stored; another process has the webhook")


def _end_if_empty(connection: Connection, claim: FetchClaim) -> None:
    left = exists().where(fetches.c.claim_id == claim.id)
    connection.execute(delete(claims).where(claims.c.id == claim.id, ~left))
