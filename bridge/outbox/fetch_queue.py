"""The webhooks whose records are still to be fetched, and what was fetched for them, encrypted.

A webhook waits here as a whole: its events are `fetching` until all answers that they need are there, and
are then replaced by what they have become, in one transaction with the others of its claim: on SQLite,
whoever stores webhooks waits for each transaction. A process that fetches holds a claim with a lease, as one
that sends does; when it dies, another one begins again, and nothing was written twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from bridge.crypto import Cipher
from bridge.errors import CannotDecrypt, CannotStore
from bridge.models import Request
from bridge.outbox.admin_actions import HeldEvent
from bridge.outbox.call_rates import CallRate, Turns, take_turns
from bridge.outbox.claims import Lease
from bridge.outbox.corrections import Correction, Corrector
from bridge.outbox.database import Read, Write
from bridge.outbox.group_commit import together_or_alone
from bridge.outbox.ids import new_id
from bridge.outbox.inserts import Statements
from bridge.outbox.lanes import LaneOf
from bridge.outbox.pauses import source_scope
from bridge.outbox.raw_webhooks import decrypt_if_possible
from bridge.outbox.records import from_ms, raw_id, raw_ids, to_ms
from bridge.outbox.tables import claims, events, fetched, fetches, pauses, raw_webhooks, webhooks
from bridge.outbox.visits import JoinedVisit, learn, still_known

Result = TypeVar("Result")


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

    @property
    def visitors(self) -> frozenset[bytes]:
        """Whose visits the webhook was joined with."""
        return frozenset(one.visitor for one in self.joined)


@dataclass(frozen=True, slots=True)
class PutOff:
    """When a webhook is tried again, which source it waits for, why, and what was fetched for it so far."""

    source: str
    due_at: datetime
    give_up_at: datetime
    reason: str
    kept: bytes | None = field(repr=False)


_LEFT_TO_OTHERS_MS = 60_000
_PUT_OFF = ("source", "due_at", "give_up_at", "reason")
Settlement = tuple[FetchingWebhook, Decided | PutOff]


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

    def take_turns(
        self, source: str, rate: CallRate, now: datetime, patience: timedelta, wanted: int = 1
    ) -> Turns:
        """Take turns to call a source, up to `wanted` of them."""
        return self._write(
            "turn", lambda connection: take_turns(connection, source, rate, now, patience, wanted)
        )

    def claim(
        self, lease: Lease, now: datetime, limit: int, busy: Collection[str], own: Collection[str]
    ) -> FetchClaim | None:
        """Take up to `limit` webhooks that are due and wait for one source, the longest due first.

        Sources that are `busy` (paused, waited for, called enough) are left out, but for what is to be given
        up now. What waits for another source than those that are our `own` is left to other nodes at first.
        """
        at = to_ms(now)
        is_due = fetches.c.source.in_(sorted(own)) & (fetches.c.due_at <= at)
        is_left = fetches.c.due_at <= at - _LEFT_TO_OTHERS_MS
        due = or_((is_due | is_left) & fetches.c.source.not_in(sorted(busy)), fetches.c.give_up_at <= at)
        first = select(fetches.c.source).where(due, fetches.c.claim_id.is_(None)).order_by(fetches.c.due_at)
        source = self._read(lambda connection: connection.execute(first.limit(1)).scalar())
        if source is None:
            return None
        return self._claim(lease, source, due & (fetches.c.source == source), limit)

    def claim_these(self, event_ids: Sequence[str], lease: Lease) -> list[FetchClaim]:
        """Take the webhooks of certain events, due or not; those that another process holds are left out."""
        rows = raw_ids(event_ids)
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

        def work(connection: Connection) -> tuple[bytes, Sequence[Any], Mapping[bytes, list[HeldEvent]]]:
            claim_id = new_id(lease.until)
            taken = connection.execute(
                update(fetches)
                .where(fetches.c.webhook_id.in_(wanted), fetches.c.claim_id.is_(None))
                .values(claim_id=claim_id)
            )
            if not taken.rowcount:
                return claim_id, (), {}
            row = {"id": claim_id, "worker": lease.worker, "lease_until": lease.until}
            connection.execute(insert(claims).values(row))
            rows = connection.execute(_webhooks().where(fetches.c.claim_id == claim_id)).all()
            return claim_id, rows, _fetching_events(connection, [row.webhook_id for row in rows])

        claim_id, rows, of_webhooks = self._write("claim fetch", work)
        claimed = tuple(self._claimed(row, of_webhooks[row.webhook_id]) for row in rows)
        return FetchClaim(claim_id, source, lease, claimed) if claimed else None

    def _claimed(self, row: Any, fetching: Iterable[HeldEvent]) -> FetchingWebhook:
        return FetchingWebhook(
            id=row.webhook_id,
            source=row.source,
            mapping=row.mapping,
            revision=row.revision,
            request=decrypt_if_possible(row.request, self._cipher, row.webhook_id),
            kept=self.opened(row.kept, row.webhook_id),
            attempts=row.attempts,
            give_up_at=from_ms(row.give_up_at),
            anew=bool(row.anew),
            events=tuple(fetching),
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

    def settle(self, claim: FetchClaim, settlements: Sequence[Settlement], now: datetime) -> int:
        """Store what has become of webhooks of a claim, together; return how many of them are decided.

        What is not in our hands any more (the lease ran out, it was erased or discarded) is left out. Raises
        CannotStore when one cannot be stored even alone; the others are stored all the same.
        """
        results = together_or_alone(lambda some: self._settle(claim, some, now), settlements)
        failed = next((result for result in results if isinstance(result, CannotStore)), None)
        if failed:
            raise failed
        return results.count(True)

    def _settle(self, claim: FetchClaim, settlements: Sequence[Settlement], now: datetime) -> list[bool]:
        kept = [
            (webhook.id, self._cipher.encrypt(result.kept, webhook.id))
            for webhook, result in settlements
            if result.kept is not None
        ]

        def work(connection: Connection) -> list[bool]:
            mine = _still_mine(connection, claim, [webhook.id for webhook, _ in settlements])
            results = {webhook.id: result for webhook, result in settlements if webhook.id in mine}
            decided = self._decide(connection, _of_kind(Decided, results), to_ms(now))
            put_off = _of_kind(PutOff, results)
            _put_off(connection, put_off, to_ms(now))
            stored = decided | put_off.keys()
            self._run.fetched.many(connection, [row for row in kept if row[0] in stored])
            _end_if_empty(connection, claim)
            return [webhook.id in decided for webhook, _ in settlements]

        return self._write("settle fetch", work) if settlements else []

    def _decide(self, connection: Connection, decided: Mapping[bytes, Decided], now: int) -> Set[bytes]:
        """Replace the fetching events of webhooks by what they have become; return which webhooks those are.

        One whose visitor has withdrawn consent since the visit was found is left to be made again, without.
        """
        known = still_known(connection, {one for result in decided.values() for one in result.visitors})
        withdrawn = {webhook_id for webhook_id, result in decided.items() if result.visitors - known}
        _give_back(connection, withdrawn)
        rest = {webhook_id: result for webhook_id, result in decided.items() if webhook_id not in withdrawn}
        if rest:
            corrector = Corrector(connection, self._run, self._lane_of(connection), now, "fetching")
            corrector.correct({webhook_id: result.correction for webhook_id, result in rest.items()})
            connection.execute(delete(fetches).where(fetches.c.webhook_id.in_(list(rest))))
            joined = [(webhook_id, one) for webhook_id, result in rest.items() for one in result.joined]
            learn(connection, self._run.visits, self._cipher, joined, now)
        return rest.keys()

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

        return self._write("resume", work)

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


def _fetching_events(connection: Connection, webhook_ids: Sequence[bytes]) -> Mapping[bytes, list[HeldEvent]]:
    columns = (events.c.destination, events.c.dataset_id, events.c.test_event_code)
    chosen = select(events.c.webhook_id, *columns).where(
        events.c.webhook_id.in_(webhook_ids), events.c.status == "fetching"
    )
    found: dict[bytes, list[HeldEvent]] = {webhook_id: [] for webhook_id in webhook_ids}
    for webhook_id, *event in connection.execute(chosen.order_by(events.c.id)):
        found[webhook_id].append(HeldEvent(*event))
    return found


def _still_mine(connection: Connection, claim: FetchClaim, webhook_ids: Sequence[bytes]) -> Set[bytes]:
    """Return which webhooks are still in our hands; they stay so until we commit.

    The claim is locked first, as it is by whoever takes it away: in another order two would wait for each
    other.
    """
    connection.execute(select(claims.c.id).where(claims.c.id == claim.id).with_for_update())
    mine = (fetches.c.claim_id == claim.id) & fetches.c.webhook_id.in_(webhook_ids)
    chosen = select(fetches.c.webhook_id).where(mine).order_by(fetches.c.webhook_id)
    return set(connection.execute(chosen.with_for_update()).scalars())


def _of_kind(kind: type[Result], results: Mapping[bytes, Any]) -> dict[bytes, Result]:
    return {webhook_id: result for webhook_id, result in results.items() if isinstance(result, kind)}


def _put_off(connection: Connection, put_off: Mapping[bytes, PutOff], now: int) -> None:
    """Have webhooks tried again later; their events say why."""
    if not put_off:
        return
    later: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _PUT_OFF}
    connection.execute(
        update(fetches)
        .where(fetches.c.webhook_id == bindparam("of"))
        .values(**later, attempts=fetches.c.attempts + 1, claim_id=None),
        [_later(webhook_id, until) for webhook_id, until in put_off.items()],
    )
    connection.execute(
        update(events)
        .where(events.c.webhook_id == bindparam("of"), events.c.status == "fetching")
        .values(reason=bindparam("why"), changed_at=now),
        [
            {"of": webhook_id, "why": f"waits for {until.source}: {until.reason}"}
            for webhook_id, until in put_off.items()
        ],
    )


def _later(webhook_id: bytes, until: PutOff) -> dict[str, Any]:
    return {
        "of": webhook_id,
        "new_source": until.source,
        "new_due_at": to_ms(until.due_at),
        "new_give_up_at": to_ms(until.give_up_at),
        "new_reason": until.reason,
    }


def _give_back(connection: Connection, webhook_ids: Collection[bytes]) -> None:
    if webhook_ids:
        mine = fetches.c.webhook_id.in_(sorted(webhook_ids))
        connection.execute(update(fetches).where(mine).values(claim_id=None))


def _end_if_empty(connection: Connection, claim: FetchClaim) -> None:
    left = exists().where(fetches.c.claim_id == claim.id)
    connection.execute(delete(claims).where(claims.c.id == claim.id, ~left))
