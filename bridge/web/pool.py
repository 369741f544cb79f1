"""A few threads with a bound on what may wait for them: more is refused at once instead of piling up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


class BoundedPool:
    """Runs at most `threads` calls at once, and lets at most `waiting` more wait."""

    def __init__(self, threads: int, waiting: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(threads, name)
        self._places = threading.BoundedSemaphore(threads + waiting)

    def submit(
        self, work: Callable[Given, Result], *given: Given.args, **named: Given.kwargs
    ) -> Future[Result] | None:
        """Start `work` soon; None when there is no place left. Never waits."""
        if not self._places.acquire(blocking=False):
            return None
        future = self._executor.submit(work, *given, **named)
        future.add_done_callback(lambda _: self._places.release())
        return future

    def close(self) -> None:
        """Forget what waits, and end the threads once they are done."""
        self._executor.shutdown(wait=False, cancel_futures=True)
