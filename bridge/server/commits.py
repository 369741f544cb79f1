"""The commit queue as the event loop sees it: webhooks go to the writer together, and come back together.

What is prepared in one round of the loop is handed over at the end of the round. The writer then begins with
a whole group, when the loop has nothing left to do, instead of with the first webhook and against it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bridge.outbox import Packed, Receipt
from bridge.outbox.group_commit import PATIENCE, Patience, Submitted, too_late

SWEEP_SECONDS = 0.25
Stored = Receipt | Exception
Waiter = asyncio.Future[Stored]


class _HandedOver(NamedTuple):
    """What was handed over together: who waits for it, whether each may give up, and since when."""

    waiting: list[tuple[Waiter, bool]]
    since: float


class Commits:
    """Waits for the writer without holding up the loop, and with bounded patience."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        submit: Callable[[Sequence[Packed]], Submitted[Receipt]],
        patience: Patience = PATIENCE,
    ) -> None:
        self._loop = loop
        self._submit = submit
        self._patience = patience
        self._gathered: list[tuple[Waiter, Packed]] = []
        self._handed_over: dict[Submitted[Receipt], _HandedOver] = {}  # oldest first
        self._finished: deque[Submitted[Receipt]] = deque()
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
        submitted = self._submit([webhook for _, webhook in gathered])
        waiting = [(waiter, webhook.is_recognised_again) for waiter, webhook in gathered]
        self._handed_over[submitted] = _HandedOver(waiting, self._loop.time())
        submitted.add_done_callback(self._note)

    def _note(self, submitted: Submitted[Receipt]) -> None:
        """Take note of results, in the writer's thread; the loop is woken once for all that are there."""
        self._finished.append(submitted)
        if not self._is_woken:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._hand_out)

    def _hand_out(self) -> None:
        self._is_woken = False
        while self._finished:
            submitted = self._finished.popleft()
            handed_over = self._handed_over.pop(submitted, None)
            if handed_over:
                for (waiter, _), stored in zip(handed_over.waiting, submitted.result(), strict=True):
                    _answer(waiter, stored)

    def _sweep(self) -> None:
        """Answer those who have waited for too long."""
        self._loop.call_later(SWEEP_SECONDS, self._sweep)
        now, patience = self._loop.time(), self._patience
        for submitted, (waiting, since) in list(self._handed_over.items()):
            waited = now - since
            if waited < patience.until_taken_seconds:
                return
            is_withdrawn, is_lost = submitted.cancel(), waited >= sum(patience)
            if is_withdrawn:
                del self._handed_over[submitted]
            for waiter, may_give_up in waiting:
                if is_withdrawn or (is_lost and may_give_up):
                    _answer(waiter, too_late())


def _answer(waiter: Waiter, stored: Stored) -> None:
    if not waiter.done():  # it has been given up
        waiter.set_result(stored)
