"""Being asked to stop: signals are waited for by a thread, so that nothing happens inside a handler.

A handler runs in the midst of whatever the main thread is doing. Setting an event there waits for the event's
lock, and when the main thread was just taking that lock itself, it waits for ever.
"""

from __future__ import annotations

import signal
import threading

_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


def asked_to_stop() -> threading.Event:
    """Return an event that is set when somebody asks this process to stop.

    To be called before any other thread starts: a thread that does not know of this would get the signal.
    """
    stop = threading.Event()
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)

    def wait() -> None:
        signal.sigwait(_STOPPING)
        stop.set()

    threading.Thread(target=wait, daemon=True, name="signals").start()
    return stop
