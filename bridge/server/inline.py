"""Webhooks that need no thread of their own: one thread reads, translates and answers, one stores.

A thread for each request is right for requests that wait for somebody: a sender that trickles, Meta's
answer. A webhook that has arrived whole waits for one thing only, the commit, and that together with all
the others. So the worker's main loop takes it itself:

    main loop    answer who is stored → look → read → verify → translate → seat → the next   never waits
    one thread   take all who are seated → one commit → take the next

Eight threads that all have something to do hand Python's lock on about twenty times for each webhook, and
have each other's data to fetch from memory; two hand it on a few times for each commit. Under load this
takes a third less processor time, and commits get larger by themselves.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from functools import lru_cache
from typing import Any, NamedTuple

from gunicorn import SERVER
from gunicorn.http.errors import NoMoreData
from gunicorn.http.wsgi import create
from gunicorn.workers.gthread import ThreadWorker

from bridge.monitoring.log import failure
from bridge.outbox import Receipt
from bridge.outbox.group import MOST_AT_ONCE
from bridge.web.door import Door
from bridge.web.serving import STATUS_LINES, Reply
from bridge.web.together import Begun, begin, reply_to, store

_LONGEST = 16_384  # bytes with the headers; what is longer takes longer, and must not keep others waiting
_REQUEST_LINE = re.compile(rb"POST /hooks/[\w.~-]+(\?[^ ]*)? HTTP/1\.1\r\n", re.ASCII).match
_CONTENT_LENGTH = re.compile(
    rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r\n", re.ASCII | re.IGNORECASE
).search


def has_whole_webhook(connection: Any) -> bool:
    """Look, without taking it, whether a whole webhook has arrived, so that reading it cannot wait.

    `?wait=true` waits for Meta, and is left to a thread.
    """
    if connection.is_http2 or (connection.parser and connection.parser.unreader.buf.getvalue()):
        return False
    try:
        arrived: bytes = connection.sock.recv(_LONGEST, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except (OSError, ValueError):
        return False
    line = _REQUEST_LINE(arrived)
    end = arrived.find(b"\r\n\r\n")
    length = _CONTENT_LENGTH(arrived, 0, end + 2) if line and end > 0 else None
    if line is None or length is None or b"wait=" in (line[1] or b""):
        return False
    return end + len(b"\r\n\r\n") + int(length[1]) <= len(arrived)


def on_the_wire(reply: Reply, *, close: bool) -> bytes:
    """Return a reply as it travels. Names and values are our own, or have passed gunicorn's reader."""
    connection = "close" if close else "keep-alive"
    first = f"HTTP/1.1 {STATUS_LINES[reply.status]}\r\nServer: {SERVER}\r\nDate: {_date(int(time.time()))}"
    named = "".join([f"\r\n{name}: {value}" for name, value in reply.headers])
    return f"{first}\r\nConnection: {connection}{named}\r\n\r\n".encode("latin-1") + reply.body


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


class Outgoing(list[bytes]):
    """Stands in for the socket, so that "100 Continue" leaves in one piece with the answer."""

    send = list.append


class Sender(NamedTuple):
    """Who waits for an answer, and what is to leave before it."""

    connection: Any
    request: Any
    outgoing: Outgoing


class Inline:
    """Takes whole webhooks off a worker's hands."""

    def __init__(self, worker: ThreadWorker, door: Door) -> None:
        self._worker = worker
        self._door = door
        self._mutex = threading.Lock()
        self._seated: list[Begun] = []
        self._stored: deque[tuple[Begun, Receipt | Exception]] = deque()
        self._is_storing = False
        self._storing = ThreadPoolExecutor(1, "store")

    def takes(self, connection: Any) -> bool:
        """Begin the webhook that has arrived on a connection, if a whole one has."""
        self.answer()
        if not has_whole_webhook(connection):
            return False
        try:
            self._begin(connection)
        except (StopIteration, NoMoreData):
            self._end(connection, keep=False)
        except Exception as error:  # noqa: BLE001 - gunicorn answers what is no HTTP
            self._worker.handle_error(None, connection.sock, connection.client, error)
            self._end(connection, keep=False)
        return True

    def store(self) -> None:
        """See to it that whoever is seated gets stored."""
        if self._seated and not self._is_storing:
            self._is_storing = True
            self._storing.submit(self._store)

    def answer(self) -> None:
        """Answer all whose webhooks are stored; before a new one is begun."""
        while self._stored:
            begun, stored = self._stored.popleft()
            try:
                keep = self._send(begun.sender, reply_to(begun, stored))
            except Exception as error:  # noqa: BLE001 - the last resort: this sender will come again
                self._door.log.error("fault", **failure(error))  # noqa: TRY400
                keep = False
            self._end(begun.sender.connection, keep=keep)

    def _begin(self, connection: Any) -> None:
        connection.init()
        sender = Sender(connection, next(connection.parser), Outgoing())
        cfg = self._worker.cfg
        _, environ = create(sender.request, sender.outgoing, connection.client, connection.server, cfg)
        begun = begin(self._door, environ, sender)
        if isinstance(begun, Reply):
            self._end(connection, keep=self._send(sender, begun))
            return
        with self._mutex:
            self._seated.append(begun)

    def _store(self) -> None:
        """Store group after group while somebody is seated; the one thing that is done beside the loop."""
        while self._goes_on():
            self._stored.extend(store(self._door, self._take))
            self._worker.method_queue.defer(self.answer)

    def _goes_on(self) -> bool:
        with self._mutex:
            self._is_storing = bool(self._seated)
            return self._is_storing

    def _take(self) -> list[Begun]:
        with self._mutex:
            taken = self._seated[:MOST_AT_ONCE]
            del self._seated[:MOST_AT_ONCE]
            return taken

    def _send(self, sender: Sender, reply: Reply) -> bool:
        """Send one answer; tell whether the connection can be used again."""
        worker, connection = self._worker, sender.connection
        full = len(worker.keepalived_conns) >= worker.max_keepalived
        close = not worker.alive or full or sender.request.should_close()
        try:
            connection.sock.sendall(b"".join(sender.outgoing) + on_the_wire(reply, close=close))
            return not close and (reply.status == 200 or connection.parser.finish_body())  # unread bytes
        except OSError:  # the sender has gone, or does not read its answers
            return False

    def _end(self, connection: Any, *, keep: bool) -> None:
        """Give a connection back to gunicorn, to wait for its next request or to be closed."""
        self._worker.finish_request(connection, _Finished(keep))


class _Finished(NamedTuple):
    """What gunicorn wants to see of a thread's work."""

    keep: bool

    def cancelled(self) -> bool:
        return False

    def result(self) -> bool:
        return self.keep
