"""Informs other systems: small JSON posts, made in the background and delaying nothing.

These are notifications, not data: the outbox stays the record. So the queue is bounded, a message is
tried a few times, and one that cannot be delivered is dropped with a line in the log.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.monitoring.log import Log, get_logger

_MOST_WAITING = 10_000
_TIMEOUT_SECONDS = 10.0
WAITS_SECONDS = (1.0, 5.0, 30.0)


@dataclass(frozen=True, slots=True)
class Message:
    """One post. URLs may hold tokens, so they stay out of logs and reprs; `about` is for the log."""

    about: str
    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


Post = Callable[[Message], int]


def http_post() -> Post:
    """Return a function that posts over HTTP; it returns the status and raises OSError when there is none."""
    from bridge.http_calls import HttpCalls  # 70 ms to import, and only the process that delivers posts

    calls = HttpCalls(_TIMEOUT_SECONDS)

    def post(message: Message) -> int:
        headers = {"Content-Type": "application/json", "User-Agent": "capi-bridge", **message.headers}
        return calls.call("POST", message.url, message.body, headers).status

    return post


class Notifier:
    """A queue and the thread that empties it; after each failure it waits for the next of `waits`."""

    def __init__(self, post: Post, log: Log | None = None, waits: Sequence[float] = WAITS_SECONDS) -> None:
        self._post = post
        self._waits = waits
        self._log = log or get_logger()
        self._messages: queue.Queue[Message | None] = queue.Queue(_MOST_WAITING)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True, name="notifier")
        self._thread.start()

    def send(self, message: Message) -> None:
        """Queue a message; when the queue is full it is dropped."""
        try:
            self._messages.put_nowait(message)
        except queue.Full:
            self._log.warning("notification_dropped", about=message.about, reason="too many are waiting")

    def close(self, seconds: float = 5.0) -> None:
        """Deliver what is queued, without waiting longer than this."""
        self._stopping.set()
        try:
            self._messages.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _work(self) -> None:
        while (message := self._messages.get()) is not None:
            self._deliver(message)

    def _deliver(self, message: Message) -> None:
        for wait in (*self._waits, None):
            problem = self._problem(message)
            if problem is None:
                return
            if wait is None or self._stopping.wait(wait):
                self._log.warning("notification_failed", about=message.about, reason=problem)
                return

    def _problem(self, message: Message) -> str | None:
        try:
            status = self._post(message)
        except OSError as error:
            return str(error) or type(error).__name__
        return None if 200 <= status < 300 else f"HTTP {status}"
