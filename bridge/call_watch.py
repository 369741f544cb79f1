"""The time of a call to another server, from its beginning to its end.

The timeout of a socket, and with it every timeout of urllib3, begins anew with each byte that arrives. A
server that sends a byte now and then would keep a call for hours.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Self


class CallWatch:
    """Shuts the socket of one call down when its time (seconds) is over; whoever waits for it wakes up."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True

    @property
    def is_over(self) -> bool:
        """Return whether the time of the call is over, whoever noticed it first."""
        return time.monotonic() >= self._deadline

    def __enter__(self) -> Self:
        """Start the time."""
        self._timer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop the time."""
        self._timer.cancel()

    def watch(self, used: socket.socket) -> None:
        """Note which socket the call uses."""
        self._socket = used
        if self.is_over:
            self._shut_down()

    def _shut_down(self) -> None:
        with suppress(OSError):  # it has ended by itself
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)
