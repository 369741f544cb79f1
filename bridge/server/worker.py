"""A web worker: gunicorn's threaded one, patient with slow senders, quick with whole webhooks."""

from __future__ import annotations

import socket
import time
from functools import partial
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from bridge.server.inline import Inline
from bridge.web.arrival import READING_DONE
from bridge.web.door import Door


class WebWorker(ThreadWorker):  # type: ignore[misc]
    """A threaded worker that does not wait for ever for a request that trickles in.

    gthread puts no bound on reading: a few senders of one byte a second would hold every thread. Here
    a request has to be complete within a time; reading from a slower one ends as if it had hung up.
    Webhooks that have arrived whole need no thread (`bridge.server.inline`).
    """

    read_timeout_seconds = 30.0
    door: Door

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.reading: dict[Any, float] = {}

    def init_process(self) -> None:
        """Begin in the forked process."""
        self.inline = Inline(self, self.door)
        super().init_process()

    def enqueue_req(self, conn: Any) -> None:
        """Take a connection on which something has arrived: at once, or by a thread."""
        if not self.inline.takes(conn):
            super().enqueue_req(conn)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Take what has arrived on all connections, then have it stored together."""
        super().wait_for_and_dispatch_events(timeout)
        self.inline.store()

    def load_wsgi(self) -> None:
        """Tell the application how to say that it has read the body."""
        super().load_wsgi()
        application: Any = vars(self)["wsgi"]

        def with_word_of_reading(environ: dict[str, Any], start_response: Any) -> Any:
            environ[READING_DONE] = partial(self.reading.pop, environ.get("gunicorn.socket"), None)
            return application(environ, start_response)

        self.wsgi = with_word_of_reading

    def handle(self, conn: Any) -> Any:
        """Serve one request, its reading timed."""
        self.reading[conn.sock] = time.monotonic() + self.read_timeout_seconds
        try:
            return super().handle(conn)
        finally:
            self.reading.pop(conn.sock, None)

    def murder_pending(self) -> None:
        """Cut off what has been read for too long; runs about once a second."""
        super().murder_pending()
        now = time.monotonic()
        for sock, deadline in list(self.reading.items()):
            if now > deadline and self.reading.pop(sock, None) is not None:
                _stop_reading(sock)


def _stop_reading(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RD)
    except OSError:
        return
