"""Telling the processes that deliver that something has come to wait, so that they need not keep looking.

A notification says no more than "look". One may be lost (a full pipe, a server that restarts, PgBouncer in
transaction mode, which passes none on), so whoever listens still looks now and then: seldom while
notifications are heard, often until then. To find out, each listener begins with one to itself.

On SQLite, where all processes are on one machine, it is a byte through a named pipe beside the database. On
PostgreSQL it is NOTIFY, from a thread and a transaction of its own: within that of the webhooks, all commits
of the whole server would wait for each other.
"""

from __future__ import annotations

import os
import select
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, text

from bridge.outbox.database import Database
from bridge.outbox.database_errors import DRIVER_ERRORS
from bridge.outbox.pgbouncer import is_pooled

HEARD_SECONDS, UNHEARD_SECONDS = 1.0, 0.05  # how often to look with notifications, and without
_APART_SECONDS = 0.005  # between two notifications; what comes meanwhile is in the next one
_AGAIN_SECONDS = 2.0  # until a channel that failed is tried again
_LOOK_FOR_END_SECONDS = 1.0
_LAST_NOTIFICATION_SECONDS = 2.0
_CHANNEL = "capi_bridge_arrivals"


class Channel(Protocol):
    """One way to notify. Errors of the system or the driver mean that it does not work."""

    def send(self) -> None:
        """Notify those who listen, or at least one of them. Never waits."""

    def receive(self, heard: Callable[[], None], over: threading.Event) -> None:
        """Notify ourselves, then call `heard` for each notification until it is over."""

    def close(self) -> None:
        """Let go of what is open."""


class Arrivals:
    """Notifies of what has come to wait, and listens. What fails here only makes others slower to look."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._woken = threading.Condition()
        self._number = 0
        self._is_heard = False

    def notify(self) -> None:
        """Say that something has come to wait."""
        with suppress(OSError, *DRIVER_ERRORS):
            self._channel.send()

    @property
    def look_every_seconds(self) -> float:
        """How long whoever waits for events may go without looking."""
        return HEARD_SECONDS if self._is_heard else UNHEARD_SECONDS

    def wait(self, seen: int, seconds: float) -> int:
        """Wait for more notifications than were seen, but not for ever; return how many there were."""
        with self._woken:
            self._woken.wait_for(lambda: self._number != seen, seconds)
            return self._number

    @contextmanager
    def listening(self, stop: threading.Event) -> Iterator[None]:
        """Listen, for all threads of this process; `stop` wakes them too."""
        over = threading.Event()
        listener = threading.Thread(target=self._listen, args=(over,), daemon=True, name="arrivals")
        listener.start()
        threading.Thread(target=self._wake_at, args=(stop,), daemon=True, name="stop").start()
        try:
            yield
        finally:
            over.set()
            self.notify()
            listener.join(_LAST_NOTIFICATION_SECONDS)

    def close(self) -> None:
        """Let go of what is open."""
        self._channel.close()

    def _listen(self, over: threading.Event) -> None:
        def heard() -> None:
            self._is_heard = True
            self._wake()
            over.wait(_APART_SECONDS)

        while not over.is_set():
            with suppress(OSError, *DRIVER_ERRORS):
                self._channel.receive(heard, over)
            self._is_heard = False
            over.wait(_AGAIN_SECONDS)

    def _wake_at(self, stop: threading.Event) -> None:
        stop.wait()
        self._wake()

    def _wake(self) -> None:
        with self._woken:
            self._number += 1
            self._woken.notify_all()


def open_arrivals(database: Database) -> Arrivals:
    """Return the arrivals of a database; nothing is opened before it is needed."""
    if database.file is not None:
        return Arrivals(NamedPipe(database.file.with_name(f".{database.file.name}.arrivals")))
    return Arrivals(Notifications(database.engine))


class NamedPipe:
    """A named pipe, opened for reading too, so that nobody has to listen for somebody to write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opening = threading.Lock()
        self._pipe: int | None = None

    def send(self) -> None:
        """Write a byte; a pipe that is full says enough already."""
        with suppress(BlockingIOError):
            os.write(self._open(), b".")

    def receive(self, heard: Callable[[], None], over: threading.Event) -> None:
        """Wait for bytes, the first of which is our own."""
        self.send()
        while not over.is_set():
            if select.select([self._open()], [], [], _LOOK_FOR_END_SECONDS)[0]:
                with suppress(BlockingIOError):  # another process was faster
                    os.read(self._open(), 65_536)
                    heard()

    def close(self) -> None:
        """Close the pipe; the file stays, for it may be in use by others."""
        with self._opening:
            pipe, self._pipe = self._pipe, None
            if pipe is not None:
                os.close(pipe)

    def _open(self) -> int:
        if self._pipe is None:
            with self._opening:
                self._pipe = self._pipe or _open_pipe(self._path)
        return self._pipe


def _open_pipe(path: Path) -> int:
    with suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
        os.close(pipe)
        raise FileExistsError(f"{path} is not a pipe")
    return pipe


class Notifications:
    """LISTEN and NOTIFY of PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._starting = threading.Lock()
        self._process: int | None = None
        self._sending: threading.Thread | None = None
        self._wanted = threading.Event()
        self._closed = threading.Event()

    def send(self) -> None:
        """Have the sending thread notify; it starts when it is first needed, again in a forked child."""
        if self._process != os.getpid():
            with self._starting:
                self._start()
        self._wanted.set()

    def _start(self) -> None:
        if self._process != os.getpid():
            self._wanted = threading.Event()
            self._sending = threading.Thread(
                target=self._send, args=(self._wanted,), daemon=True, name="notify"
            )
            self._sending.start()
            self._process = os.getpid()

    def _send(self, wanted: threading.Event) -> None:
        while wanted.wait() and not self._closed.is_set():
            wanted.clear()
            with suppress(*DRIVER_ERRORS), self._engine.connect() as connection:
                connection.execute(text(f"NOTIFY {_CHANNEL}"))
            self._closed.wait(_APART_SECONDS)

    def receive(self, heard: Callable[[], None], over: threading.Event) -> None:
        """Listen with a connection of its own; the first notification is our own.

        Raises ConnectionError where PgBouncer is in between: what listens there may be given to anybody.
        """
        with self._engine.connect() as connection:
            if is_pooled(connection):
                raise ConnectionError("PgBouncer passes on no notifications")
            connection.execute(text(f"LISTEN {_CHANNEL}"))
            self.send()
            try:
                self._receive(connection, heard, over)
            finally:  # nobody else should be given a connection that listens
                connection.invalidate()

    def _receive(self, connection: Connection, heard: Callable[[], None], over: threading.Event) -> None:
        driver: Any = connection.connection.driver_connection
        driver_error: Any = connection.dialect.loaded_dbapi.Error
        while not over.is_set():
            try:
                some = list(driver.notifies(timeout=_LOOK_FOR_END_SECONDS, stop_after=1))
            except driver_error as error:
                raise ConnectionError("the server no longer notifies") from error
            if some:
                heard()

    def close(self) -> None:
        """End the sending thread, whose connection is given back before all of them are closed."""
        self._closed.set()
        self._wanted.set()
        if self._sending is not None and self._process == os.getpid():
            self._sending.join(_LAST_NOTIFICATION_SECONDS)
