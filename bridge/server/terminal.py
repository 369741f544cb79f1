"""The terminal a server was started on: when it is closed, the server ends, as every program there does."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable


def watched_terminal() -> Callable[[], bool]:
    """Return what tells whether the terminal of this process was closed; call this before SIGHUP is handled.

    It never says so under nohup, or where there was no terminal.
    """
    is_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    ends_with_it = sys.stderr.isatty() and not is_ignored and _is_there()
    return lambda: ends_with_it and not _is_there()


def _is_there() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
