"""Group commit: what arrives together is written together, by whichever thread comes first.

The first thread to find no leader leads. While it waits for its turn to write, others take a seat; with
the turn in hand it takes everyone seated, writes them in one transaction, wakes them, and appoints the
first of those who came meanwhile. Nobody leads twice for others, so no request pays for strangers' work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

from bridge.errors import CannotStore

MOST_AT_ONCE = 256
PATIENCE_SECONDS = 20.0  # by then a sender has given up, and will come again
Item = TypeVar("Item")
Result = TypeVar("Result")


def too_late() -> CannotStore:
    """Return what is told to who waited too long; a new one each time, for it keeps the frames it passed."""
    return CannotStore("the database did not give a turn to write in time")


class _Seat(Generic[Item, Result]):
    __slots__ = ("error", "gate", "item", "leads", "result")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.result: Result | None = None
        self.error: BaseException | None = None
        self.leads = False
        self.gate = threading.Lock()
        self.gate.acquire()


class GroupCommit(Generic[Item, Result]):
    """Collects items of many threads and hands them to `write`, which returns one result for each.

    A result that is an exception is raised in the thread it belongs to.
    """

    def __init__(
        self,
        write: Callable[[list[Item]], Sequence[Result | Exception]],
        turn: Callable[[], AbstractContextManager[None]],
        *,
        largest: int = MOST_AT_ONCE,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._write = write
        self._turn = turn
        self._largest = largest
        self._patience = patience_seconds
        self._mutex = threading.Lock()
        self._seated: list[_Seat[Item, Result]] = []
        self._led = False

    def submit(self, item: Item) -> Result:
        """Return once the item is written, by this thread or another."""
        seat: _Seat[Item, Result] = _Seat(item)
        with self._mutex:
            self._seated.append(seat)
            seat.leads = not self._led
            self._led = True
        if not seat.leads:
            self._wait(seat)
        if seat.leads:
            self._lead()
        if seat.error is not None:
            raise seat.error
        return seat.result  # type: ignore[return-value]

    def _wait(self, seat: _Seat[Item, Result]) -> None:
        if seat.gate.acquire(timeout=self._patience):
            return
        with self._mutex:
            if seat in self._seated and not seat.leads:
                self._seated.remove(seat)
                raise too_late()
        seat.gate.acquire()  # it is being written right now: the answer must wait for the truth

    def _lead(self) -> None:
        taken: list[_Seat[Item, Result]] = []
        try:
            with self._turn():
                taken = self._take()
                results = self._write([seat.item for seat in taken])
            for seat, result in zip(taken, results, strict=True):
                if isinstance(result, Exception):
                    seat.error = result
                else:
                    seat.result = result
        except BaseException as error:  # noqa: BLE001 - whatever stopped the leader stopped everyone it wrote for
            taken = taken or self._take()
            for seat in taken:
                seat.error = error
        finally:
            self._appoint()
            for seat in taken:
                if not seat.leads:
                    seat.gate.release()

    def _take(self) -> list[_Seat[Item, Result]]:
        with self._mutex:
            taken = self._seated[: self._largest]
            del self._seated[: self._largest]
            return taken

    def _appoint(self) -> None:
        """Wake the next leader, or leave the place empty."""
        with self._mutex:
            if not self._seated:
                self._led = False
                return
            following = self._seated[0]
            following.leads = True
        following.gate.release()
