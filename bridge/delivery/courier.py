"""A courier carries one claim: it makes the calls, judges the answers, and writes down what came of each.

Everything is settled call by call, so that a death in the middle of a split batch repeats nothing that was
already answered. The lease is prolonged between calls; no single call can outlive it, for calls end by
themselves and the lease is longer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge import retry
from bridge.answers import Judgement, judge
from bridge.catalog import Catalog
from bridge.deliver import Post, Reply, Send, batch_body, events_url, in_batches
from bridge.delivery import circuit
from bridge.delivery.reports import BatchReport, Ends, Notice, Observe, Tell, unobserved, untold
from bridge.delivery.usage import rests
from bridge.faults import SEND_AFTER, SEND_BEFORE, Passing, unwatched
from bridge.outbox import Attempt, Claim, ClaimedEvent, LeaseLost, Outbox, Pause, Settled, Span
from bridge.outbox.ids import new_id
from bridge.outbox.pauses import Kind
from bridge.outbox.records import text_id, to_ms
from bridge.settings import Destination, Settings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a courier works with; tests pass a fake `send`, clock and chance."""

    outbox: Outbox
    settings: Settings
    catalog: Catalog
    send: Send
    clock: Callable[[], datetime]
    chance: Callable[[], float]
    worker: str
    observe: Observe = unobserved
    tell: Tell = untold
    passing: Passing = unwatched


def _common_end(judgement: Judgement) -> Settled | None:
    """Return the end all events of a call share; None when it depends on each one's attempts and age."""
    if judgement.action == "delivered":
        return Settled("sent")
    if judgement.action == "refuse":
        return Settled("refused", retry.reason_of(judgement))
    if judgement.action == "pause" or judgement.wait:
        return Settled("waiting", retry.reason_of(judgement))
    return None


class Courier:
    """Carries claims of any lane, for many threads at a time.

    `lines` bounds the calls under way: a claim may wait here, ready, while another is on the line.
    `unanswered` counts the failures in a row of each destination.
    """

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self.unanswered: dict[str, int] = {}
        self.lines = threading.Semaphore(around.settings.delivery.parallel)

    def carry(self, claim: Claim, pauses: Mapping[str, Pause]) -> list[BatchReport]:
        """Send every event of a claim, or give back what could not be sent now.

        `pauses` are those known when the claim was made. A lost lease ends the work without a word: the
        events are in other hands.
        """
        try:
            return _Trip(self._around, self, claim, pauses).travel()
        except LeaseLost:
            return []


class _Trip:
    """One claim under way."""

    def __init__(
        self, around: Surroundings, courier: Courier, claim: Claim, pauses: Mapping[str, Pause]
    ) -> None:
        self._around = around
        self._courier = courier
        self._claim = claim
        self._pauses = pauses
        self._lease_until = claim.lease.until
        self._reports: list[BatchReport] = []
        self._stopped = False

    def travel(self) -> list[BatchReport]:
        destination = self._around.settings.destinations.get(self._claim.lane.destination)
        if destination is None:
            self._rest_without_destination()
            return []
        waiting = self._first_batches()
        while waiting and not self._stopped:
            waiting = self._deliver(destination, waiting[0]) + waiting[1:]
        if waiting:
            self._around.outbox.release(self._claim)
        return self._reports

    def _first_batches(self) -> list[Sequence[ClaimedEvent]]:
        delivery, limits = self._around.settings.delivery, self._around.catalog.limits
        most = min(delivery.batch_size, limits.batch_events)
        sizes = [len(event.body) for event in self._claim.events]
        cuts = in_batches(sizes, most_events=most, most_bytes=limits.batch_bytes)
        return [self._claim.events[cut] for cut in cuts]

    def _deliver(
        self, destination: Destination, batch: Sequence[ClaimedEvent]
    ) -> list[Sequence[ClaimedEvent]]:
        """Make one call and settle it; return the halves that have to travel on their own."""
        batch = self._without_expired(batch)
        if not batch:
            return []
        with self._courier.lines:
            self._keep_lease()
            started_at = self._around.clock()
            reply = self._call(destination, batch)
        judgement = judge(reply.status, reply.body, len(batch), self._around.catalog)
        attempt = self._attempt(started_at, batch, reply, judgement)
        self._heed(destination, judgement, reply)
        if judgement.action == "split":
            self._around.outbox.note(self._claim, attempt, self._around.clock())
            self._report(attempt, judgement, Ends(()))
            middle = len(batch) // 2
            return [batch[:middle], batch[middle:]]
        ends = self._ends(batch, judgement)
        self._settle(ends, attempt)
        self._report(attempt, judgement, ends)
        return []

    def _call(self, destination: Destination, batch: Sequence[ClaimedEvent]) -> Reply:
        lane, graph_url = self._claim.lane, self._around.settings.graph_url
        url = events_url(graph_url, destination.api_version, lane.dataset_id)
        bodies = [event.body for event in batch]
        body = batch_body(bodies, lane.test_event_code, destination.partner_agent)
        self._around.passing(SEND_BEFORE)
        reply = self._around.send(Post(url, destination.access_token, body))
        self._around.passing(SEND_AFTER)
        return reply

    def _without_expired(self, batch: Sequence[ClaimedEvent]) -> Sequence[ClaimedEvent]:
        """Settle what became too old on the way here: one such event would sink the whole batch."""
        now = int(self._around.clock().timestamp())
        old = [event.id for event in batch if event.accepted_until <= now]
        if not old:
            return batch
        self._settle(Ends(tuple(old), each=dict.fromkeys(old, retry.expired())), None)
        self._around.tell(
            Notice("expired", self._claim.lane.destination, f"{len(old)} events became too old")
        )
        return [event for event in batch if event.id not in old]

    def _keep_lease(self) -> None:
        delivery, now = self._around.settings.delivery, self._around.clock()
        if int((now + 2 * delivery.timeout).timestamp() * 1000) < self._lease_until:
            return
        until = now + delivery.lease
        if not self._around.outbox.prolong([self._claim.id], until):
            raise LeaseLost("the lease ran out between two calls")
        self._lease_until = int(until.timestamp() * 1000)

    def _ends(self, batch: Sequence[ClaimedEvent], judgement: Judgement) -> Ends:
        ids = tuple(event.id for event in batch)
        common = _common_end(judgement)
        if common is not None:
            return Ends(ids, common)
        now, chance = self._around.clock(), self._around.chance()
        return Ends(
            ids,
            each={
                event.id: retry.after_failure(judgement, event.attempts, event.accepted_until, now, chance)
                for event in batch
            },
        )

    def _settle(self, ends: Ends, attempt: Attempt | None) -> None:
        """Write the ends down. A batch is a row of neighbours: what expired among them has left the claim."""
        now, outbox, claim = self._around.clock(), self._around.outbox, self._claim
        if ends.common:
            is_whole = len(ends.ids) == len(claim.events)
            span = Span(claim.id) if is_whole else Span(claim.id, ends.ids[0], ends.ids[-1])
            outbox.settle_span(span, ends.common, attempt, now)
        else:
            outbox.settle_some(claim, dict(ends.each), attempt, now)

    def _attempt(
        self, started_at: datetime, batch: Sequence[ClaimedEvent], reply: Reply, judgement: Judgement
    ) -> Attempt:
        lane = self._claim.lane
        return Attempt(
            id=text_id(new_id(to_ms(started_at))),
            destination=lane.destination,
            dataset_id=lane.dataset_id,
            test_event_code=lane.test_event_code,
            events=len(batch),
            started_at=started_at,
            duration_ms=reply.duration_ms,
            outcome=judgement.action,
            http_status=reply.status,
            code=judgement.code,
            subcode=judgement.subcode,
            fbtrace_id=judgement.fbtrace_id,
            reason=reply.failure or (None if judgement.action == "delivered" else judgement.meaning),
        )

    def _report(self, attempt: Attempt, judgement: Judgement, ends: Ends) -> None:
        outbox = self._around.outbox
        report = BatchReport(attempt, judgement, ends, lambda: outbox.rows(ends.ids))
        self._reports.append(report)
        self._around.observe(report)

    # --- what an answer says about the destination -------------------------------------------------

    def _heed(self, destination: Destination, judgement: Judgement, reply: Reply) -> None:
        """Pause or resume what the answer speaks about, before the events are let go."""
        self._heed_limits(destination, judgement, reply)
        scope = circuit.destination_scope(destination.name)
        if judgement.action == "pause":
            self._stopped = True
            self._pause(
                scope, "circuit", circuit.length_of(circuit.why_paused(judgement)), retry.reason_of(judgement)
            )
        elif judgement.action == "retry" and not judgement.wait:
            self._stopped = True
            self._count_failure(scope, judgement)
        elif judgement.action != "retry":
            self._courier.unanswered.pop(scope, None)
            self._resume(scope, destination)
        if judgement.action == "delivered" and judgement.alert:
            self._around.tell(Notice("fewer_received", destination.name, judgement.meaning))

    def _count_failure(self, scope: str, judgement: Judgement) -> None:
        """Pause after several failures in a row, or when a probe failed."""
        failures = self._courier.unanswered[scope] = self._courier.unanswered.get(scope, 0) + 1
        if scope in self._pauses or failures >= circuit.FAILURES_UNTIL_PAUSE:
            self._pause(scope, "circuit", circuit.length_of("unreachable"), retry.reason_of(judgement))

    def _heed_limits(self, destination: Destination, judgement: Judgement, reply: Reply) -> None:
        scopes = {
            "dataset": circuit.dataset_scope(self._claim.lane.dataset_id),
            "app": circuit.app_scope(destination.access_token),
        }
        asked = rests(reply.headers, self._around.clock())
        for rest in asked:
            self._pause(
                scopes[rest.of], "limit", circuit.always(rest.length), "a rate limit is near or reached"
            )
        if judgement.wait == "header":
            self._stopped = True
            if not asked:
                self._pause(scopes["dataset"], "limit", circuit.length_of("limit"), judgement.meaning)
        elif judgement.action == "delivered" and not asked:
            for scope in scopes.values():
                self._lift(scope)

    def _pause(self, scope: str, kind: Kind, length: Callable[[int], timedelta], reason: str) -> None:
        now = self._around.clock()
        known = self._pauses.get(scope)
        wanted = Pause(scope, kind, now, known.trips if known else 0, reason, now)
        if self._around.outbox.pause(wanted, length, now) and kind == "circuit":
            self._around.tell(Notice("paused", self._claim.lane.destination, reason))

    def _resume(self, scope: str, destination: Destination) -> None:
        if self._lift(scope):
            self._around.tell(Notice("resumed", destination.name, "events are sent again"))

    def _lift(self, scope: str) -> bool:
        known = self._pauses.get(scope)
        return known is not None and self._around.outbox.resume(scope, known.trips)

    def _rest_without_destination(self) -> None:
        """Keep events whose destination is not in the settings (any more) until it is, or they expire."""
        lane = self._claim.lane
        text = f"destination {lane.destination} is not in the settings of this worker"
        scope = circuit.destination_scope(lane.destination)
        self._pause(scope, "circuit", circuit.length_of("repair"), text)
        self._around.outbox.release(self._claim)
