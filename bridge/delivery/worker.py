"""The worker: claims what is due, sends several batches at a time, and keeps the queue in order."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bridge.delivery import circuit_breaker, retry
from bridge.delivery.batch_sender import BatchSender, DeliveryContext
from bridge.delivery.http_client import http_sender
from bridge.delivery.reports import BatchReport, Notification
from bridge.errors import BridgeError
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.monitoring.clock import SteadyClock
from bridge.outbox import Claim, Lane, Outbox, Pause
from bridge.outbox.pauses import dataset_scope, destination_scope, why_waiting
from bridge.outbox.records import text_id
from bridge.plurals import counted
from bridge.settings import Settings

IDLE_SECONDS = 0.05
_AHEAD = 2
_MANY = 40  # after a batch of as many events, or more, the next one waits for `batch_wait` to be filled
_AFTER_ERROR_SECONDS = 1.0
_FREE_EVERY = timedelta(seconds=5)
_EXPIRE_EVERY = timedelta(minutes=1)  # counts through the whole queue
_WARN_BEFORE = timedelta(days=1)
_WARN_EVERY = timedelta(hours=1)


def delivery_context(outbox: Outbox, settings: Settings, **others: Any) -> DeliveryContext:
    """Return what a worker works with: real parts, except those given in `others` (see `DeliveryContext`)."""
    parts: dict[str, Any] = {
        "spec": load_meta_spec(),
        "clock": SteadyClock(),
        "jitter": random.random,
        "worker": f"{socket.gethostname()}:{os.getpid()}",
        **others,
    }
    if "send" not in parts:
        parts["send"] = http_sender(settings.delivery.timeout, settings.delivery.parallel)
    return DeliveryContext(outbox=outbox, settings=settings, **parts)


def _promise_of(events: int) -> float:
    """Return which share of `batch_wait` the next batch waits: as many events as came may come again.

    So few events a second are sent one by one, at once, and many of them in few calls.
    """
    return min(1.0, max(1, events) / _MANY)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one event that a caller waits for; `report` is the call that sent it, if ours."""

    status: str
    reason: str | None
    report: BatchReport | None = None


class Worker:
    """One worker of possibly many. Its state only saves it from asking the database too often."""

    def __init__(self, context: DeliveryContext) -> None:
        self._context = context
        self._sender = BatchSender(context)
        self._lanes: dict[int, Lane] = {}
        self._lanes_wait_until: dict[int, datetime] = {}
        self._filling: set[int] = set()  # those in which something is due, at the last look
        self._jobs_done_at: dict[str, datetime] = {}

    def run_once(self) -> list[BatchReport]:
        """Send everything that is due now, one batch after the other."""
        self.do_housekeeping()
        reports: list[BatchReport] = []
        while (claimed := self._claim_next()) is not None:
            reports += self._sender.send_claim(*claimed)
            self._lanes_wait_until.clear()
        return reports

    def run_forever(self, stop: threading.Event) -> None:
        """Keep up to `delivery.parallel` calls under way until `stop` is set; those are then settled.

        A start suggests that the settings may have been fixed: what is paused is probed with one event.
        There are a few more senders than calls: one batch is claimed, and another settled, while a third
        is being sent.
        """
        most = self._context.settings.delivery.parallel + _AHEAD
        places = threading.Semaphore(most)
        arrivals, seen = self._context.outbox.arrivals, 0
        self._guarded(self._probe_pauses)
        with ThreadPoolExecutor(most, "sender") as senders:
            while not stop.is_set():
                pause_seconds = self._guarded(lambda: self._feed(senders, places))
                if pause_seconds is None:
                    seen = arrivals.wait(seen, arrivals.look_every_seconds)
                elif pause_seconds:
                    stop.wait(pause_seconds)

    def _probe_pauses(self) -> float:
        self._context.outbox.probe_all(self._context.clock())
        return 0

    def _feed(self, senders: ThreadPoolExecutor, places: threading.Semaphore) -> float | None:
        """Start one batch if there is room and something due; return how long to wait before the next.

        None: until more has come to wait.
        """
        self._do_housekeeping_when_due()
        if not places.acquire(timeout=IDLE_SECONDS):
            return 0
        try:
            claimed = self._claim_next()
        except BaseException:
            places.release()
            raise
        if claimed is None:
            places.release()
            return self._seconds_until_filled()
        senders.submit(self._send_claim, *claimed, places)
        return 0

    def _send_claim(self, claim: Claim, pauses: Mapping[str, Pause], places: threading.Semaphore) -> None:
        def send_claim() -> float:
            self._sender.send_claim(claim, pauses)
            return 0

        try:
            self._guarded(send_claim)
        finally:
            places.release()

    def _guarded(self, work: Callable[[], float | None]) -> float | None:
        """Survive errors: what is claimed comes back when its lease ends, so nothing is lost by going on."""
        try:
            return work()
        except BridgeError as error:
            self._context.notify(Notification("trouble", None, error.message))
        except Exception as error:  # noqa: BLE001 - the worker must not die of one batch
            self._context.notify(
                Notification(
                    "fault", None, f"unexpected {type(error).__name__} in the worker; the log says where"
                )
            )
        return _AFTER_ERROR_SECONDS

    # --- what to send next -------------------------------------------------------------------------

    def _claim_next(self) -> tuple[Claim, Mapping[str, Pause]] | None:
        """Claim one batch of the lane that has waited longest."""
        now = self._context.clock()
        due = self._context.outbox.due_lanes(now)
        self._filling = {number for number in due if self._is_filling(number, now)}
        if due == self._filling:
            return None
        pauses = self._context.outbox.pauses()
        for number in sorted(
            due - self._filling, key=lambda number: (number in self._lanes_wait_until, number)
        ):
            claim = self._claim(self._lane(number), pauses, now)
            if claim is not None:
                return claim, pauses
        return None

    def _claim(self, lane: Lane, pauses: Mapping[str, Pause], now: datetime) -> Claim | None:
        most = self._most(lane, pauses, now)
        if not most:
            return None
        delivery = self._context.settings.delivery
        claim = self._context.outbox.claim(
            lane, worker=self._context.worker, now=now, lease_until=now + delivery.lease, limit=most
        )
        self._lanes_wait_until.pop(lane.id, None)
        taken = len(claim.events) if claim else 0
        if taken < delivery.batch_size:
            self._lanes_wait_until[lane.id] = now + delivery.batch_wait * _promise_of(taken)
        return claim

    def _most(self, lane: Lane, pauses: Mapping[str, Pause], now: datetime) -> int:
        """Return how many events of a lane may be claimed: a batch, one as a probe, or none."""
        relevant = [pauses[scope] for scope in self._scopes(lane) if scope in pauses]
        if any(pause.is_in_force(now) for pause in relevant):
            return 0
        probes = [pause for pause in relevant if pause.kind == "circuit"]
        until = now + self._context.settings.delivery.lease
        if all(self._context.outbox.take_probe(pause.scope, now, until) for pause in probes):
            return 1 if probes else self._context.settings.delivery.batch_size
        return 0

    def _scopes(self, lane: Lane) -> list[str]:
        scopes = [
            destination_scope(lane.destination, lane.dataset_id),
            dataset_scope(lane.dataset_id),
        ]
        destination = self._context.settings.destinations.get(lane.destination)
        return [*scopes, circuit_breaker.app_scope(destination.access_token)] if destination else scopes

    def _is_filling(self, number: int, now: datetime) -> bool:
        """Return whether a lane's last batch was not full and its time to fill is not over."""
        until = self._lanes_wait_until.get(number)
        return until is not None and until > now

    def _seconds_until_filled(self) -> float | None:
        """Return how long the first of the lanes waits in which something is due; None when there is none."""
        waits = [self._lanes_wait_until[number] for number in self._filling]
        return max(0.0, (min(waits) - self._context.clock()).total_seconds()) if waits else None

    def _lane(self, number: int) -> Lane:
        if number not in self._lanes:
            self._lanes = {lane.id: lane for lane in self._context.outbox.lanes()}
        return self._lanes[number]

    # --- at once -----------------------------------------------------------------------------------

    def deliver_now(
        self,
        event_ids: Sequence[str],
        *,
        timeout: timedelta = timedelta(seconds=15),
        sleep: Callable[[float], None] = time.sleep,
    ) -> dict[str, Delivered]:
        """Send certain events through the same states as all others; return what became of each.

        Events that another worker already holds are waited for; what is still under way after `timeout`
        is reported with its present status. Nothing is sent to a paused destination.
        """
        outbox, now = self._context.outbox, self._context.clock()
        pauses = outbox.pauses()
        lease_until = now + self._context.settings.delivery.lease
        reports: dict[str, BatchReport] = {}
        paused: dict[str, str | None] = {}
        for claim in outbox.claim_these(event_ids, worker=self._context.worker, lease_until=lease_until):
            if self._is_paused(claim.lane, pauses, now):
                outbox.release(claim)
                why = why_waiting(pauses, claim.lane.destination, claim.lane.dataset_id)
                paused |= dict.fromkeys([text_id(event.id) for event in claim.events], why)
                continue
            for report in self._sender.send_claim(claim, pauses):
                reports |= {text_id(row): report for row in report.outcomes.ids}
        statuses = self._await(event_ids, now + timeout, sleep)
        return {
            row: Delivered(status, reason or paused.get(row), reports.get(row))
            for row, (status, reason) in statuses.items()
        }

    def _await(
        self, event_ids: Sequence[str], until: datetime, sleep: Callable[[float], None]
    ) -> dict[str, tuple[str, str | None]]:
        statuses = self._context.outbox.statuses(event_ids)
        while any(status == "sending" for status, _ in statuses.values()) and self._context.clock() < until:
            sleep(IDLE_SECONDS)
            statuses = self._context.outbox.statuses(event_ids)
        return statuses

    def _is_paused(self, lane: Lane, pauses: Mapping[str, Pause], now: datetime) -> bool:
        return any(scope in pauses and pauses[scope].is_in_force(now) for scope in self._scopes(lane))

    # --- housekeeping ------------------------------------------------------------------------------

    def _do_housekeeping_when_due(self) -> None:
        now = self._context.clock()
        if self._is_time("free", _FREE_EVERY, now):
            self._context.outbox.free_lost(now)
        if self._is_time("expire", _EXPIRE_EVERY, now):
            self._check_ages(now)

    def do_housekeeping(self) -> None:
        """Free what crashed workers held, expire what is too old, and warn of what soon will be."""
        now = self._context.clock()
        self._context.outbox.free_lost(now)
        self._check_ages(now)

    def _check_ages(self, now: datetime) -> None:
        expired = self._context.outbox.expire(now, retry.expired())
        if expired:
            self._context.notify(
                Notification("expired", None, f"{counted(expired, 'event')} became too old to be accepted")
            )
        soon = self._context.outbox.due_soon(now + _WARN_BEFORE)
        if soon and self._is_time("warn", _WARN_EVERY, now):
            self._context.notify(
                Notification(
                    "expiring", None, f"{counted(soon, 'waiting event')} will be too old within a day"
                )
            )

    def _is_time(self, job: str, every: timedelta, now: datetime) -> bool:
        """Return whether a job was last done long enough ago, and take it as done now."""
        last = self._jobs_done_at.get(job)
        if last is not None and now - last < every:
            return False
        self._jobs_done_at[job] = now
        return True
