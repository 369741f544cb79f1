"""The terminal a server was started on: when it is closed, the server ends, as every program there does."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Terminal:
    """Whether a closed terminal ends this process: not under nohup, and not without any terminal."""

    ends_with_it: bool

    @classmethod
    def of_this_process(cls) -> Terminal:
        """Return the terminal; to be called before SIGHUP is handled."""
        is_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        return cls(sys.stderr.isatty() and not is_ignored and _is_there())

    def is_gone(self) -> bool:
        """Return whether there was a terminal, and it has been closed."""
        return self.ends_with_it and not _is_there()


def _is_there() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
