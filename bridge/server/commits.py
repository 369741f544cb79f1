"""The commit queue as the event loop sees it: webhooks go to the writer together, and come back together.

What is prepared in one round of the loop is handed over at the end of the round. The writer then begins with
a whole group, when the loop has nothing left to do, instead of with the first webhook and against it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple

from bridge.outbox import Packed, Receipt
from bridge.outbox.group_commit import PATIENCE, Patience, outcome, too_late

SWEEP_SECONDS = 0.25
Stored = Receipt | Exception
Waiter = asyncio.Future[Stored]


class _Waiting(NamedTuple):
    submitted: Future[Receipt]
    since: float
    may_give_up: bool


class Commits:
    """Waits for the writer without holding up the loop, and with bounded patience."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        submit: Callable[[Packed], Future[Receipt]],
        patience: Patience = PATIENCE,
    ) -> None:
        self._loop = loop
        self._submit = submit
        self._patience = patience
        self._gathered: list[tuple[Waiter, Packed]] = []
        self._waiting: dict[Waiter, _Waiting] = {}  # oldest first
        self._finished: deque[tuple[Waiter, Future[Receipt]]] = deque()
        self._is_woken = False
        loop.call_later(SWEEP_SECONDS, self._sweep)

    def submit(self, webhook: Packed) -> Waiter:
        """Have a webhook or a visit stored; the future says what becomes of it, an exception is its result.

        What waits too long is withdrawn. What the writer has taken may be given up only when a second try of
        the sender would be recognised; otherwise it is waited for.
        """
        waiter: Waiter = self._loop.create_future()
        if not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append((waiter, webhook))
        return waiter

    def _hand_over(self) -> None:
        """Give the writer what has gathered."""
        gathered, self._gathered = self._gathered, []
        now = self._loop.time()
        for waiter, webhook in gathered:
            submitted = self._submit(webhook)
            self._waiting[waiter] = _Waiting(submitted, now, webhook.is_recognised_again)
            submitted.add_done_callback(partial(self._note, waiter))

    def _note(self, waiter: Waiter, submitted: Future[Receipt]) -> None:
        """Take note of one result, in the writer's thread; the loop is woken for the first of a group."""
        self._finished.append((waiter, submitted))
        if not self._is_woken:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._hand_out)

    def _hand_out(self) -> None:
        self._is_woken = False
        while self._finished:
            waiter, submitted = self._finished.popleft()
            if self._waiting.pop(waiter, None):
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
            if submitted.cancel() or is_lost:
                del self._waiting[waiter]
                waiter.set_result(too_late())
