"""Being asked to stop or to reload: signals are waited for by a thread, so nothing happens inside a handler.

A handler runs in the midst of whatever the main thread is doing. Setting an event there waits for the event's
lock, and when the main thread was just taking that lock itself, it waits for ever.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable

_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


def asked_to_stop() -> threading.Event:
    """Return an event that is set when somebody asks this process to stop.

    To be called before any other thread starts: a thread that does not know of this would get the signal.
    """
    stop = threading.Event()
    _wait_for(_STOPPING, lambda _number: stop.set())
    return stop


class Asked:
    """What a process is asked for: `event` is set by every signal, `to_stop` says that it should end.

    SIGHUP asks for a reload, unless `is_the_end` says that it means the end (a terminal that was closed).
    To be made before any other thread starts, as `asked_to_stop`.
    """

    def __init__(self, is_the_end: Callable[[], bool]) -> None:
        self.event = threading.Event()
        self.to_stop = False
        self._is_the_end = is_the_end
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored, and would never come
        _wait_for((*_STOPPING, signal.SIGHUP), self._note)

    def _note(self, number: int) -> None:
        self.to_stop = self.to_stop or number != signal.SIGHUP or self._is_the_end()
        self.event.set()


def _wait_for(numbers: Iterable[signal.Signals], note: Callable[[int], None]) -> None:
    waited_for = tuple(numbers)
    signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)

    def wait() -> None:
        while True:
            note(signal.sigwait(waited_for))

    threading.Thread(target=wait, daemon=True, name="signals").start()
