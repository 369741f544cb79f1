"""The fetcher: claims the webhooks whose records are still to be fetched, several at a time."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bridge.bootstrap import open_meta_spec
from bridge.delivery.reports import Notification, Notify, ignore_notification
from bridge.delivery.retry import backoff
from bridge.errors import BridgeError, CannotStore, LeaseLost
from bridge.fetch.client import ObserveCall, SourceClient, ignore_call
from bridge.fetch.exchange import Exchange, open_exchange, time_limits
from bridge.fetch.gate import SharedGate
from bridge.fetch.one_webhook import FetchParts, Undecided, fetch_for, held
from bridge.fetch.visit_lookup import VisitLookup
from bridge.ingest.entries import HELD_BY_AN_ERROR
from bridge.mapping import MappingFolder
from bridge.mapping.language.visit_words import VISIT_SOURCE
from bridge.meta_spec.spec import MetaSpec
from bridge.monitoring.log import Log, failure, get_logger
from bridge.outbox import Outbox
from bridge.outbox.claims import Lease
from bridge.outbox.fetch_queue import Decided, FetchClaim, FetchingWebhook, PutOff, Settlement
from bridge.outbox.pauses import source_of
from bridge.outbox.records import to_ms
from bridge.settings import Settings

_MARGIN = timedelta(seconds=5)  # by which a lease outlives a call: for the wait for its turn, and for storing
IDLE_SECONDS = 0.2
_IDLE_WITHOUT_SOURCES_SECONDS = 5.0  # all that can wait then is what was asked for before a mapping changed
_AFTER_ERROR_SECONDS = 1.0
_LONGEST_WAIT_FOR_OTHERS = timedelta(seconds=15)
_THREADS = 8
_PER_SOURCE = 4
_AT_ONCE = 10
_GATHER_SECONDS = 0.1  # what comes meanwhile is claimed and settled together
_TOGETHER = timedelta(seconds=1)
_SHORTEST_WAIT = timedelta(seconds=1)
_LONGEST_BACKOFF = timedelta(minutes=15)
_OF_ONE_RECORD = frozenset({"unreachable", "early"})  # the others of the source may still be had


@dataclass(frozen=True, slots=True)
class FetchContext:
    """What a fetcher works with; tests pass a clock, jitter and an API of their own."""

    outbox: Outbox
    settings: Settings
    spec: MetaSpec
    mappings: MappingFolder
    client: SourceClient
    clock: Callable[[], datetime]
    jitter: Callable[[], float]
    worker: str
    log: Log
    notify: Notify = ignore_notification


def fetch_context(  # noqa: PLR0913 - what all fetchers work with
    outbox: Outbox,
    settings: Settings,
    mappings: MappingFolder,
    *,
    clock: Callable[[], datetime],
    exchange: Exchange | None = None,
    observe: ObserveCall = ignore_call,
    notify: Notify = ignore_notification,
) -> FetchContext:
    """Return what a fetcher works with: real parts, except those that are given."""
    gate = SharedGate(outbox, clock, notify)
    call = exchange or open_exchange(time_limits(settings))
    client = SourceClient(settings.sources, call, gate, clock, observe=observe)
    return FetchContext(
        outbox=outbox,
        settings=settings,
        spec=open_meta_spec(settings),
        mappings=mappings,
        client=client,
        clock=clock,
        jitter=random.random,
        worker=f"{socket.gethostname()}:{os.getpid()}",
        log=get_logger(),
        notify=notify,
    )


class Fetcher:
    """One fetcher of possibly many, for many threads. Its state only saves it from asking too often."""

    def __init__(self, context: FetchContext) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()
        self._left_alone: dict[str, tuple[datetime, datetime]] = {}  # since when, and until when
        self._last_erasure: str | None = None
        self._stop = threading.Event()

    def run_once(self) -> int:
        """Fetch for everything that is due now; return for how many webhooks that was done."""
        self._context.outbox.free_lost(self._context.clock())
        done = 0
        while (claim := self._claim()) is not None:
            done += self._work_off(claim)
        return done

    def run_forever(self, stop: threading.Event) -> None:
        """Fetch for what becomes due until `stop` is set; calls under way are finished first."""
        self._stop = stop
        arrivals, seen = self._context.outbox.arrivals, 0
        places = threading.Semaphore(_THREADS)
        with ThreadPoolExecutor(_THREADS, "fetcher") as threads:
            while not stop.is_set():
                if not places.acquire(timeout=IDLE_SECONDS):
                    continue
                claim = self._guarded(self._claim)
                if claim is None:
                    places.release()
                    seen = arrivals.wait(seen, self._idle_seconds())
                    stop.wait(_GATHER_SECONDS)
                    continue
                self._let_gather(claim)
                threads.submit(self._in_thread, claim, places)

    def _let_gather(self, claim: FetchClaim) -> None:
        """Leave a source alone for a moment of which everything that was due is claimed."""
        if len(claim.webhooks) < _AT_ONCE:
            self._leave_alone(claim.source, timedelta(seconds=_GATHER_SECONDS))

    def _leave_alone(self, source: str, wait: timedelta) -> None:
        """Claim nothing for a source for a while; a clock that is set back meanwhile ends that."""
        now = self._context.clock()
        with self._lock:
            self._left_alone[source] = now, now + wait

    def _idle_seconds(self) -> float:
        if self._own() == {VISIT_SOURCE}:
            return _IDLE_WITHOUT_SOURCES_SECONDS
        return max(IDLE_SECONDS, self._context.outbox.arrivals.look_every_seconds)

    def fetch_now(self, event_ids: Sequence[str]) -> None:
        """Fetch for certain events at once; those that another process fetches for are waited for."""
        outbox, now = self._context.outbox, self._context.clock()
        claims = outbox.fetches.claim_these(event_ids, self._lease(now))
        for claim in claims:
            self._work_off(claim)
        until = now + _LONGEST_WAIT_FOR_OTHERS
        while not claims and self._context.clock() < until:
            if all(status != "fetching" for status, _ in outbox.statuses(event_ids).values()):
                return
            time.sleep(IDLE_SECONDS)

    # --- claiming ------------------------------------------------------------------------------------

    def _claim(self) -> FetchClaim | None:
        now = self._context.clock()
        fetches = self._context.outbox.fetches
        return fetches.claim(self._lease(now), now, _AT_ONCE, self._busy(now), self._own())

    def _own(self) -> set[str]:
        """Return the sources that the active mappings fetch from: settings of nodes may differ."""
        mappings = self._context.mappings.mappings()
        return {VISIT_SOURCE, *(step.source for mapping in mappings for step in mapping.fetch)}

    def _lease(self, now: datetime) -> Lease:
        return Lease(self._context.worker, to_ms(now + self._context.settings.delivery.lease))

    def _busy(self, now: datetime) -> set[str]:
        """Return the sources that need not be tried now: paused, left alone, or called often enough."""
        pauses = self._context.outbox.pauses()
        with self._lock:
            left_alone = {name for name, (since, until) in self._left_alone.items() if since <= now < until}
            called = {name for name, number in self._running.items() if number >= _PER_SOURCE}
        paused = {
            name for scope, pause in pauses.items() if pause.is_in_force(now) and (name := source_of(scope))
        }
        return left_alone | called | paused

    # --- working -------------------------------------------------------------------------------------

    def _work_off(self, claim: FetchClaim) -> int:
        self._forget_erased()
        with self._lock:
            self._running[claim.source] += 1
        try:
            return self._done(claim)
        except LeaseLost:  # another process has what is left
            return 0
        finally:
            with self._lock:
                self._running[claim.source] -= 1

    def _forget_erased(self) -> None:
        """Forget the answers in memory when somebody was erased since: by whom and where does not matter."""
        last = self._context.outbox.erasures.last()
        with self._lock:
            is_new, self._last_erasure = last != self._last_erasure, last
        if is_new:
            self._context.client.forget()

    def _done(self, claim: FetchClaim) -> int:
        """Fetch for one webhook after the other, until the source cannot be asked any more, or we stop."""
        parts = self._parts(claim)
        with _Settling(self._context, claim) as settling:
            for webhook in claim.webhooks:
                if self._stop.is_set():
                    break
                result = self._fetched_for(webhook, parts)
                if isinstance(result, Decided):
                    settling.add(webhook, result)
                    continue
                settling.add(webhook, self._later(webhook, result))
                if result.source == claim.source and result.outcome.trouble not in _OF_ONE_RECORD:
                    break
        if settling.added < len(claim.webhooks):
            self._context.outbox.fetches.release(claim)
        return settling.decided

    def _parts(self, claim: FetchClaim) -> FetchParts:
        context = self._context
        return FetchParts(
            settings=context.settings,
            spec=context.spec,
            mappings=context.mappings,
            client=context.client,
            visits=VisitLookup(context.outbox.visits, context.clock),
            clock=context.clock,
            before_call=_LeaseKeeper(context, claim).keep,
        )

    def _fetched_for(self, webhook: FetchingWebhook, parts: FetchParts) -> Decided | Undecided:
        try:
            return fetch_for(webhook, parts)
        except (CannotStore, LeaseLost):
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours must not lose somebody's conversion
            self._context.log.error("broke_down", mapping=webhook.mapping, **failure(error))  # noqa: TRY400
            return held(webhook, HELD_BY_AN_ERROR)

    def _later(self, webhook: FetchingWebhook, result: Undecided) -> PutOff:
        """Say when a webhook is tried again."""
        now, outcome = self._context.clock(), result.outcome
        if outcome.trouble in {None, "limit"}:
            wait = max(outcome.wait, _SHORTEST_WAIT)
            self._leave_alone(result.source, wait)
        elif outcome.trouble == "early":
            wait = outcome.wait
        else:
            own = min(backoff(webhook.attempts, self._context.jitter()), _LONGEST_BACKOFF)
            wait = max(outcome.wait, own)
        due_at = max(min(now + wait, result.give_up_at), now)
        return PutOff(result.source, due_at, result.give_up_at, outcome.reason, result.kept)

    # --- errors --------------------------------------------------------------------------------------

    def _in_thread(self, claim: FetchClaim, places: threading.Semaphore) -> None:
        try:
            self._guarded(lambda: self._work_off(claim))
        finally:
            places.release()

    def _guarded(self, work: Callable[[], Any]) -> Any:
        """Survive errors: what is claimed comes back when its lease ends, so nothing is lost by going on."""
        try:
            return work()
        except BridgeError as error:
            self._context.notify(Notification("trouble", None, error.message))
        except Exception as error:  # noqa: BLE001 - the fetcher must not die of one webhook
            self._context.log.error("fetching_broke_down", **failure(error))  # noqa: TRY400
        time.sleep(_AFTER_ERROR_SECONDS)
        return None


class _Settling:
    """Stores what becomes of a claim's webhooks together, but never much later than it is known."""

    def __init__(self, context: FetchContext, claim: FetchClaim) -> None:
        self._context = context
        self._claim = claim
        self._waiting: list[Settlement] = []
        self._due_at = context.clock()
        self.added = 0
        self.decided = 0

    def __enter__(self) -> _Settling:
        return self

    def add(self, webhook: FetchingWebhook, result: Decided | PutOff) -> None:
        """Have a result stored soon."""
        now = self._context.clock()
        if not self._waiting:
            self._due_at = now + _TOGETHER
        self._waiting.append((webhook, result))
        self.added += 1
        if now >= self._due_at:
            self._store(now)

    def __exit__(self, *_error: object) -> None:
        self._store(self._context.clock())

    def _store(self, now: datetime) -> None:
        waiting, self._waiting = self._waiting, []
        self.decided += self._context.outbox.fetches.settle(self._claim, waiting, now)


class _LeaseKeeper:
    """Makes sure before every call that the lease outlives it."""

    def __init__(self, context: FetchContext, claim: FetchClaim) -> None:
        self._context = context
        self._claim = claim
        self._until = claim.lease.until

    def keep(self) -> None:
        """Prolong the lease when too little of it is left; raises LeaseLost when it is not ours any more."""
        now, settings = self._context.clock(), self._context.settings
        longest_call = timedelta(seconds=time_limits(settings).total)
        if to_ms(now + longest_call + _MARGIN) < self._until:
            return
        until = now + settings.delivery.lease
        if not self._context.outbox.prolong([self._claim.id], until):
            raise LeaseLost("the lease ran out between two calls")
        self._until = to_ms(until)
