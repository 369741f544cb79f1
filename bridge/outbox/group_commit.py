"""Group commit: one thread of a process writes, and takes with each transaction whatever has gathered.

Whoever submits items gets one future for all of them and need not wait, so an event loop can submit too. A
future that is cancelled in time is withdrawn: the writer leaves its items out. Once the writer has taken
them, only the database knows.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from contextlib import AbstractContextManager
from itertools import islice, repeat
from typing import Any, Generic, NamedTuple, TypeVar

from bridge.errors import CannotStore

MOST_AT_ONCE = 256
_CLOSING_SECONDS = 10.0  # the writer may be stuck in a database that hangs
Item = TypeVar("Item")
Result = TypeVar("Result")
Submitted = futures.Future[list[Result | Exception]]
_Submission = tuple[Sequence[Item], Submitted[Result]]


class Patience(NamedTuple):
    """How long a sender is kept waiting: until the writer takes its webhook, and from then on."""

    until_taken_seconds: float = 10.0
    until_written_seconds: float = 10.0


PATIENCE = Patience()


def too_late() -> CannotStore:
    """Return the error for a webhook that waited too long; a new one each time, as it keeps its frames."""
    return CannotStore("the database did not store the webhook in time")


def together_or_alone(
    write: Callable[[Sequence[Item]], Sequence[Result]], items: Sequence[Item]
) -> Sequence[Result | CannotStore]:
    """Write items together; if that fails, one by one, so that none suffers for another.

    Return one result for each, an error for those that fail even alone; raises the error of a single one.
    """
    try:
        return write(items)
    except CannotStore:
        if len(items) == 1:
            raise
    results: list[Result | CannotStore] = []
    for item in items:  # two that fail alone, and none that does not: it is the database
        hopeless = len(results) > 1 and all(isinstance(result, CannotStore) for result in results)
        results.append(results[-1] if hopeless else _alone(write, item))
    return results


def _alone(write: Callable[[Sequence[Item]], Sequence[Result]], item: Item) -> Result | CannotStore:
    try:
        return write([item])[0]
    except CannotStore as error:
        return error


class CommitQueue(Generic[Item, Result]):
    """Hands items to `write`, in the one thread that holds `lock` meanwhile; it returns one result for each.

    A result that is an exception belongs to its item alone. `before` runs in that thread before each group,
    without the lock; what it raises is the result of the whole group. The thread starts when it is first
    needed, and again in a forked child.
    """

    def __init__(
        self,
        write: Callable[[list[Item]], Sequence[Result | Exception]],
        lock: Callable[[], AbstractContextManager[None]],
        *,
        before: Callable[[], None] = lambda: None,
        largest: int = MOST_AT_ONCE,
    ) -> None:
        self._write = write
        self._lock = lock
        self._before = before
        self._largest = largest
        self._starting = threading.Lock()
        self._process: int | None = None

    def submit(self, items: Sequence[Item]) -> Submitted[Result]:
        """Have items written soon; the future has what becomes of each. Never waits."""
        submitted: Submitted[Result] = futures.Future()
        self._put((items, submitted))
        return submitted

    def wake(self) -> None:
        """Have `before` run soon although there may be nothing to write."""
        self._put(None)

    def close(self) -> None:
        """Write what was submitted, and end the thread."""
        if self._process == os.getpid():
            self._waiting.put(_STOP)
            self._thread.join(_CLOSING_SECONDS)
            self._process = None

    def _put(self, submission: _Submission[Item, Result] | None) -> None:
        if self._process != os.getpid():
            with self._starting:
                self._start()
        self._waiting.put(submission)

    def _start(self) -> None:
        if self._process != os.getpid():
            self._waiting: queue.SimpleQueue[object] = queue.SimpleQueue()
            self._thread = threading.Thread(
                target=self._work, args=(self._waiting,), daemon=True, name="commit"
            )
            self._thread.start()
            self._process = os.getpid()

    def _work(self, waiting: queue.SimpleQueue[object]) -> None:
        while (first := waiting.get()) is not _STOP:
            self._commit([] if first is None else [first], waiting)

    def _commit(self, group: list[Any], waiting: queue.SimpleQueue[object]) -> None:
        taken: list[_Submission[Item, Result]] = []
        results: Iterator[Result | Exception] = iter(())
        try:
            self._before()
            if group:
                with self._lock():
                    taken = _not_withdrawn(_gather(group, waiting, self._largest))
                    results = iter(self._written([item for items, _ in taken for item in items]))
        except BaseException as error:  # noqa: BLE001 - who cannot begin leaves nobody without an answer
            taken = taken or _not_withdrawn(group)
            results = repeat(_exception(error))
        for items, submitted in taken:
            submitted.set_result(list(islice(results, len(items))))

    def _written(self, items: list[Item]) -> list[Result | Exception]:
        """Write items, no more at once than is allowed; return what becomes of each."""
        results: list[Result | Exception] = []
        for start in range(0, len(items), self._largest):
            portion = items[start : start + self._largest]
            try:
                results += [result for _, result in zip(portion, self._write(portion), strict=True)]
            except BaseException as error:  # noqa: BLE001 - it is the result of all who were written with it
                results += [_exception(error)] * len(portion)
        return results


_STOP = object()


def _gather(group: list[Any], waiting: queue.SimpleQueue[object], most: int) -> list[Any]:
    """Add what has been submitted meanwhile; what is not an item (wake, stop) is left for the next round."""
    number = len(group[0][0])
    while number < most and not waiting.empty():
        following = waiting.get()
        if not isinstance(following, tuple):
            waiting.put(following)
            break
        group.append(following)
        number += len(following[0])
    return group


def _not_withdrawn(group: list[_Submission[Item, Result]]) -> list[_Submission[Item, Result]]:
    return [submission for submission in group if submission[1].set_running_or_notify_cancel()]


def _exception(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else RuntimeError(type(error).__name__)


def wait(
    submitted: Submitted[Result], *, may_give_up: bool, patience: Patience = PATIENCE
) -> Result | Exception:
    """Wait in this thread for what becomes of a single item; an exception is returned, not raised.

    What the writer has taken may be given up only when a second try of the sender would be recognised.
    """
    futures.wait([submitted], patience.until_taken_seconds)
    if not submitted.done() and submitted.cancel():
        return too_late()
    futures.wait([submitted], patience.until_written_seconds if may_give_up else None)
    return submitted.result()[0] if submitted.done() else too_late()
