"""The commit queue as the event loop sees it: many webhooks wait, and each group wakes the loop once."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple

from bridge.outbox import Receipt
from bridge.outbox.group_commit import PATIENCE, Patience, outcome, too_late

SWEEP_SECONDS = 0.25
Stored = Receipt | Exception


class _Waiting(NamedTuple):
    submitted: Future[Receipt]
    since: float
    may_give_up: bool


class Commits:
    """Waits for the writer without holding up the loop, and with bounded patience."""

    def __init__(self, loop: asyncio.AbstractEventLoop, patience: Patience = PATIENCE) -> None:
        self._loop = loop
        self._patience = patience
        self._waiting: dict[asyncio.Future[Stored], _Waiting] = {}  # oldest first
        self._finished: deque[tuple[asyncio.Future[Stored], Future[Receipt]]] = deque()
        self._is_woken = False
        loop.call_later(SWEEP_SECONDS, self._sweep)

    async def result(self, submitted: Future[Receipt], *, may_give_up: bool) -> Stored:
        """Return what becomes of a webhook; an exception is returned, not raised.

        What waits too long is withdrawn. What the writer has taken may be given up only when a second try of
        the sender would be recognised; otherwise it is waited for.
        """
        waiter: asyncio.Future[Stored] = self._loop.create_future()
        self._waiting[waiter] = _Waiting(submitted, self._loop.time(), may_give_up)
        submitted.add_done_callback(partial(self._note, waiter))
        try:
            return await waiter
        finally:
            del self._waiting[waiter]

    def _note(self, waiter: asyncio.Future[Stored], submitted: Future[Receipt]) -> None:
        """Take note of one result, in the writer's thread; the loop is woken for the first of a group."""
        self._finished.append((waiter, submitted))
        if not self._is_woken:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._hand_out)

    def _hand_out(self) -> None:
        self._is_woken = False
        while self._finished:
            waiter, submitted = self._finished.popleft()
            if not waiter.done():
                stored: Stored = outcome(submitted)
                waiter.set_result(stored)

    def _sweep(self) -> None:
        """Answer those who have waited for too long."""
        self._loop.call_later(SWEEP_SECONDS, self._sweep)
        now, patience = self._loop.time(), self._patience
        for waiter, (submitted, since, may_give_up) in list(self._waiting.items()):
            waited = now - since
            if waited < patience.until_taken_seconds:
                return
            is_lost = may_give_up and waited >= sum(patience)
            if not waiter.done() and (submitted.cancel() or is_lost):
                waiter.set_result(too_late())
