"""Sends one claim: makes the calls, classifies the responses, and settles the events of each.

Everything is settled call by call, so that a crash in the middle of a split batch repeats nothing that was
already answered. The lease is prolonged between calls; no single call can outlive it, for calls end by
themselves and the lease is longer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.delivery import circuit_breaker, retry
from bridge.delivery.http_client import GraphRequest, HttpResponse, Send, batch_body, events_url, in_batches
from bridge.delivery.meta_responses import Verdict, classify_response
from bridge.delivery.rate_limit_headers import requested_pauses
from bridge.delivery.reports import (
    BatchReport,
    Notification,
    Notify,
    Observe,
    Outcomes,
    ignore_notification,
    ignore_report,
)
from bridge.errors import LeaseLost
from bridge.failpoints import SEND_AFTER, SEND_BEFORE, Failpoint, no_failpoint
from bridge.meta_spec.spec import MetaSpec
from bridge.outbox import Attempt, Claim, ClaimedEvent, Outbox, Pause, Settled, Span
from bridge.outbox.ids import new_id
from bridge.outbox.pauses import PauseKind, dataset_scope, destination_scope
from bridge.outbox.recent import moment_of_id
from bridge.outbox.records import text_id, to_ms
from bridge.plurals import counted
from bridge.settings import Destination, Settings


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What a batch sender works with; tests pass a fake `send`, clock and jitter."""

    outbox: Outbox
    settings: Settings
    spec: MetaSpec
    send: Send
    clock: Callable[[], datetime]
    jitter: Callable[[], float]
    worker: str
    observe: Observe = ignore_report
    notify: Notify = ignore_notification
    failpoint: Failpoint = no_failpoint


def _common_outcome(verdict: Verdict) -> Settled | None:
    """Return the outcome all events of a call share; None when it depends on their attempts and age."""
    if verdict.action == "delivered":
        return Settled("sent")
    if verdict.action == "refuse":
        return Settled("refused", retry.reason_of(verdict))
    if verdict.action == "pause" or verdict.wait:
        return Settled("waiting", retry.reason_of(verdict))
    return None


class BatchSender:
    """Sends claims of any lane, for many threads at a time.

    `calls` bounds the calls under way: a claim may wait here, ready, while another is being sent.
    `unanswered` counts the failures in a row of each destination.
    """

    def __init__(self, context: DeliveryContext) -> None:
        self._context = context
        self.unanswered: dict[str, int] = {}
        self.calls = threading.Semaphore(context.settings.delivery.parallel)

    def send_claim(self, claim: Claim, pauses: Mapping[str, Pause]) -> list[BatchReport]:
        """Send every event of a claim, or give back what could not be sent now.

        `pauses` are those known when the claim was made. A lost lease ends the work silently: another
        worker has the events.
        """
        try:
            return _Run(self._context, self, claim, pauses).run()
        except LeaseLost:
            return []


class _Run:
    """One claim under way."""

    def __init__(
        self, context: DeliveryContext, sender: BatchSender, claim: Claim, pauses: Mapping[str, Pause]
    ) -> None:
        self._context = context
        self._sender = sender
        self._claim = claim
        self._pauses = pauses
        self._lease_until = claim.lease.until
        self._reports: list[BatchReport] = []
        self._stopped = False

    def run(self) -> list[BatchReport]:
        destination = self._context.settings.destinations.get(self._claim.lane.destination)
        if destination is None or destination.dataset_id != self._claim.lane.dataset_id:
            self._pause_unconfigured()
            return []
        waiting = self._first_batches()
        while waiting and not self._stopped:
            waiting = self._deliver(destination, waiting[0]) + waiting[1:]
        if waiting:
            self._context.outbox.release(self._claim)
        return self._reports

    def _first_batches(self) -> list[Sequence[ClaimedEvent]]:
        delivery, limits = self._context.settings.delivery, self._context.spec.limits
        most = min(delivery.batch_size, limits.batch_events)
        sizes = [len(event.body) for event in self._claim.events]
        cuts = in_batches(sizes, most_events=most, most_bytes=limits.batch_bytes)
        return [self._claim.events[cut] for cut in cuts]

    def _deliver(
        self, destination: Destination, batch: Sequence[ClaimedEvent]
    ) -> list[Sequence[ClaimedEvent]]:
        """Make one call and settle it; return the halves that have to be sent separately."""
        batch = self._without_expired(batch)
        if not batch:
            return []
        with self._sender.calls:
            self._keep_lease()
            started_at = self._context.clock()
            response = self._call(destination, batch)
        verdict = classify_response(response.status, response.body, len(batch), self._context.spec)
        attempt = self._attempt(started_at, batch, response, verdict)
        self._apply(destination, verdict, response)
        if verdict.action == "split":
            self._context.outbox.note(self._claim, attempt, self._context.clock())
            self._report(attempt, verdict, Outcomes(()))
            middle = len(batch) // 2
            return [batch[:middle], batch[middle:]]
        outcomes = self._outcomes(batch, verdict)
        self._settle(outcomes, attempt)
        if verdict.action == "delivered":
            self._warn_of_late_ones(batch, started_at)
        self._report(attempt, verdict, outcomes)
        return []

    def _call(self, destination: Destination, batch: Sequence[ClaimedEvent]) -> HttpResponse:
        lane, graph_url = self._claim.lane, self._context.settings.graph_url
        url = events_url(graph_url, destination.api_version, lane.dataset_id)
        bodies = [event.body for event in batch]
        body = batch_body(
            bodies, lane.test_event_code, destination.partner_agent, destination.appsecret_proof
        )
        self._context.failpoint(SEND_BEFORE)
        response = self._context.send(GraphRequest(url, destination.access_token, body))
        self._context.failpoint(SEND_AFTER)
        return response

    def _without_expired(self, batch: Sequence[ClaimedEvent]) -> Sequence[ClaimedEvent]:
        """Settle what became too old meanwhile: one such event would make Meta reject the whole batch."""
        now = int(self._context.clock().timestamp())
        old = [event.id for event in batch if event.accepted_until <= now]
        if not old:
            return batch
        self._settle(Outcomes(tuple(old), each=dict.fromkeys(old, retry.expired())), None)
        self._context.notify(
            Notification(
                "expired", self._claim.lane.destination, f"{counted(len(old), 'event')} became too old"
            )
        )
        return [event for event in batch if event.id not in old]

    def _warn_of_late_ones(self, batch: Sequence[ClaimedEvent], sent_at: datetime) -> None:
        """Notify of events that left too late for Meta to recognize the same event from a browser."""
        length = timedelta(seconds=self._context.spec.limits.deduplication_seconds)
        late = sum(sent_at - moment_of_id(event.id) > length for event in batch)
        if late:
            hours = round(length.total_seconds() / 3600)
            text = (
                f"{counted(late, 'event')} left more than {hours} hours after the webhook came; Meta does "
                "not deduplicate them any more with the same events from a browser or an earlier try"
            )
            self._context.notify(Notification("late", self._claim.lane.destination, text))

    def _keep_lease(self) -> None:
        delivery, now = self._context.settings.delivery, self._context.clock()
        if to_ms(now + 2 * delivery.timeout) < self._lease_until:
            return
        until = now + delivery.lease
        if not self._context.outbox.prolong([self._claim.id], until):
            raise LeaseLost("the lease ran out between two calls")
        self._lease_until = to_ms(until)

    def _outcomes(self, batch: Sequence[ClaimedEvent], verdict: Verdict) -> Outcomes:
        ids = tuple(event.id for event in batch)
        common = _common_outcome(verdict)
        if common is not None:
            return Outcomes(ids, common)
        now, jitter = self._context.clock(), self._context.jitter()
        schedule = self._context.settings.delivery.retry
        return Outcomes(
            ids,
            each={event.id: retry.after_failure(verdict, event, now, jitter, schedule) for event in batch},
        )

    def _settle(self, outcomes: Outcomes, attempt: Attempt | None) -> None:
        """Store the outcomes. A batch is a range of the claim: what expired within it has left the claim."""
        now, outbox, claim = self._context.clock(), self._context.outbox, self._claim
        if outcomes.common:
            is_whole = len(outcomes.ids) == len(claim.events)
            span = Span(claim.id) if is_whole else Span(claim.id, outcomes.ids[0], outcomes.ids[-1])
            outbox.settle_span(span, outcomes.common, attempt, now)
        else:
            outbox.settle_some(claim, dict(outcomes.each), attempt, now)

    def _attempt(
        self, started_at: datetime, batch: Sequence[ClaimedEvent], response: HttpResponse, verdict: Verdict
    ) -> Attempt:
        lane = self._claim.lane
        return Attempt(
            id=text_id(new_id(to_ms(started_at))),
            destination=lane.destination,
            dataset_id=lane.dataset_id,
            test_event_code=lane.test_event_code,
            events=len(batch),
            started_at=started_at,
            duration_ms=response.duration_ms,
            outcome=verdict.action,
            http_status=response.status,
            code=verdict.code,
            subcode=verdict.subcode,
            fbtrace_id=verdict.fbtrace_id,
            reason=response.failure or (None if verdict.action == "delivered" else verdict.meaning),
            answer=verdict.answer,
        )

    def _report(self, attempt: Attempt, verdict: Verdict, outcomes: Outcomes) -> None:
        outbox = self._context.outbox
        report = BatchReport(attempt, verdict, outcomes, lambda: outbox.rows(outcomes.ids))
        self._reports.append(report)
        self._context.observe(report)

    # --- what a response says about the destination -----------------------------------------------

    def _apply(self, destination: Destination, verdict: Verdict, response: HttpResponse) -> None:
        """Pause or resume what the response is about, before the events are released."""
        self._apply_rate_limits(destination, verdict, response)
        scope = destination_scope(destination.name, self._claim.lane.dataset_id)
        if verdict.action == "pause":
            self._stopped = True
            self._pause(
                scope,
                "circuit",
                circuit_breaker.length_of(circuit_breaker.why_paused(verdict)),
                retry.reason_of(verdict),
            )
        elif verdict.action == "retry" and not verdict.wait:
            self._stopped = True
            self._count_failure(scope, verdict)
        elif verdict.action != "retry":
            self._sender.unanswered.pop(scope, None)
            self._resume(scope, destination)
        if verdict.action == "delivered" and verdict.alert:
            self._context.notify(Notification("fewer_received", destination.name, verdict.meaning))

    def _count_failure(self, scope: str, verdict: Verdict) -> None:
        """Pause after several failures in a row, or when a probe failed."""
        failures = self._sender.unanswered[scope] = self._sender.unanswered.get(scope, 0) + 1
        if scope in self._pauses or failures >= circuit_breaker.FAILURES_UNTIL_PAUSE:
            self._pause(scope, "circuit", circuit_breaker.length_of("unreachable"), retry.reason_of(verdict))

    def _apply_rate_limits(self, destination: Destination, verdict: Verdict, response: HttpResponse) -> None:
        scopes = {
            "dataset": dataset_scope(self._claim.lane.dataset_id),
            "app": circuit_breaker.app_scope(destination.access_token),
        }
        requested = requested_pauses(response.headers, self._context.clock())
        for request in requested:
            self._pause(
                scopes[request.of],
                "limit",
                circuit_breaker.always(request.length),
                "a rate limit is near or reached",
            )
        if verdict.wait == "header":
            self._stopped = True
            if not requested:
                self._pause(scopes["dataset"], "limit", circuit_breaker.length_of("limit"), verdict.meaning)
        elif verdict.action == "delivered" and not requested:
            for scope in scopes.values():
                self._lift(scope)

    def _pause(self, scope: str, kind: PauseKind, length: Callable[[int], timedelta], reason: str) -> None:
        now = self._context.clock()
        known = self._pauses.get(scope)
        wanted = Pause(scope, kind, now, known.trips if known else 0, reason, now)
        if self._context.outbox.pause(wanted, length, now) and kind == "circuit":
            self._context.notify(Notification("paused", self._claim.lane.destination, reason))

    def _resume(self, scope: str, destination: Destination) -> None:
        if self._lift(scope):
            self._context.notify(Notification("resumed", destination.name, "events are sent again"))

    def _lift(self, scope: str) -> bool:
        known = self._pauses.get(scope)
        return known is not None and self._context.outbox.resume(scope, known.trips)

    def _pause_unconfigured(self) -> None:
        """Keep events for a dataset that is not (or no longer) configured: they are moved, or expire.

        A token of today must not send them to a dataset that was configured by mistake.
        """
        lane = self._claim.lane
        text = (
            f"dataset {lane.dataset_id} is not configured for it; see `capi-bridge events retarget`"
            if lane.destination in self._context.settings.destinations
            else "it is not in this worker's settings"
        )
        scope = destination_scope(lane.destination, lane.dataset_id)
        self._pause(scope, "circuit", circuit_breaker.length_of("repair"), text)
        self._context.outbox.release(self._claim)
