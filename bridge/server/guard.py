"""What clients may make us wait for: time limits, a bound on connections and on the bytes they have sent.

A `Guard` stands between the event loop and the protocol of the HTTP server, and knows nothing of HTTP: it
sees bytes come and go, and is told by the application when a request has begun, is complete and is answered.

    waiting ── first byte ──→ arriving ── complete ──→ answering ── answered ──→ waiting

Whoever keeps us waiting in one state for too long is cut off. When there are too many, whoever has waited
longest without a request goes; nobody with a request is turned away for another. When too many bytes have
arrived, the slowest requests go, and nobody is read from until their memory is free.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable
from contextvars import ContextVar, copy_context
from typing import Any, NamedTuple

from bridge.errors import UnreadableBody
from bridge.monitoring.log import failure, get_logger

WAITING, ARRIVING, ANSWERING = "waiting", "arriving", "answering"
SWEEP_SECONDS = 0.5
_AT_THE_END_SECONDS = 0.5  # a client that sends request after request is answered once more
_SPARE_FILES = 128  # for the database, the log, the threads
_MOST_CONNECTIONS = 2000
_MOST_NOT_ACCEPTED = 2048  # more that come in one moment would try again a second later
_PIECE_BYTES = 16_384  # what is read in one round, at worst thousands of tiny chunks


Receive = Callable[[], Awaitable[Any]]


class Limits(NamedTuple):
    """How long and how much, for one process. Times are in seconds, sizes in bytes."""

    waiting: float = 10.0  # without a request: silent from the beginning, or between two requests
    headers: float = 10.0  # from the first byte to the last header
    body: float = 30.0  # from the last header to the end of the body, in total
    unsent: float = 30.0  # with an answer that the client does not take
    connections: int = _MOST_CONNECTIONS
    bytes_arriving: int = 32 * 1_048_576


def most_connections() -> int:
    """Return how many connections the process may have, by the number of files it may open."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(16, min(_MOST_CONNECTIONS, files - _SPARE_FILES))


class Connections:
    """All connections of one process, looked at twice a second. `is_stopping` tells that the process ends."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, limits: Limits, is_stopping: Callable[[], bool]
    ) -> None:
        self.loop = loop
        self.limits = limits
        self.bytes_arriving = 0
        self._is_stopping = is_stopping
        self.guards: dict[Guard, None] = {}  # in the order in which they entered the state they are in
        self._making_room: dict[Guard, int] = {}  # aborted, and how many bytes the application still has
        loop.call_later(SWEEP_SECONDS, self._sweep)

    @property
    def is_making_room(self) -> bool:
        """Return whether nobody is to be read from."""
        return bool(self._making_room)

    def add(self, guard: Guard) -> None:
        """Take one more; where there are too many, the one that has waited longest without a request goes."""
        if len(self.guards) >= self.limits.connections:
            without_request = (one for one in self.guards if one.state is WAITING)
            arriving = (one for one in self.guards if one.state is ARRIVING)
            next(without_request, next(arriving, guard)).abort()
        self.guards[guard] = None

    def moved(self, guard: Guard) -> None:
        """Note that a connection has entered another state."""
        self.made_room(guard)
        if self.guards.pop(guard, guard) is None:
            self.guards[guard] = None

    def remove(self, guard: Guard) -> None:
        """Forget a connection that is gone."""
        self.guards.pop(guard, None)

    def arrived(self, guard: Guard, number: int) -> None:
        """Count bytes of requests that are not answered yet; when they are too many, the slowest go."""
        self.bytes_arriving += number
        if self.bytes_arriving > self.limits.bytes_arriving:
            self._make_room()
        if self._making_room:
            guard.transport.hold()

    def _make_room(self) -> None:
        """Abort the slowest, and read from nobody meanwhile: bytes stay in memory until a later round."""
        freed = sum(self._making_room.values())
        for guard in [one for one in self.guards if one.state is ARRIVING]:
            if self.bytes_arriving - freed <= self.limits.bytes_arriving:
                break
            guard.abort()
            self._making_room[guard] = guard.bytes_held
            freed += guard.bytes_held
        if self._making_room:
            for guard in self.guards:
                guard.transport.hold()

    def made_room(self, guard: Guard) -> None:
        """Read on when the last of those that had to go is gone, or is not read from any more."""
        if self._making_room.pop(guard, None) is not None and not self._making_room:
            for one in self.guards:
                one.transport.release()

    def _sweep(self) -> None:
        now, is_stopping = self.loop.time(), self._is_stopping()
        for guard in list(self.guards):
            guard.look(now, is_stopping=is_stopping)
        self.loop.call_later(SWEEP_SECONDS, self._sweep)


class GuardedTransport:
    """A connection's transport as the server sees it: read from while the server and we both want it."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._is_paused = False
        self._is_held = False

    def __getattr__(self, name: str) -> Any:
        """Pass on whatever else the server asks."""
        return getattr(self._transport, name)

    def pause_reading(self) -> None:
        """Pause, for the server."""
        self._is_paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Resume, for the server."""
        self._is_paused = False
        self._resume()

    def hold(self) -> None:
        """Pause, for us."""
        self._is_held = True
        self._transport.pause_reading()

    def release(self) -> None:
        """Resume, for us."""
        self._is_held = False
        self._resume()

    def _resume(self) -> None:
        if not self._is_paused and not self._is_held:
            self._transport.resume_reading()


class Guard(asyncio.Protocol):
    """One connection: passes everything on to the server's protocol, and keeps the time."""

    def __init__(self, protocol: asyncio.Protocol, connections: Connections) -> None:
        self._protocol = protocol
        self._connections = connections
        self._is_aborted = False
        self.transport: Any = None
        self.bytes_held = 0
        self._to_pass_on = b""
        self._has_headers = False
        self._has_ended = False
        self._unsent_since: float | None = None
        self._reader: asyncio.Task[Any] | None = None
        self._cut_short: UnreadableBody | None = None
        self._since = connections.loop.time()
        self.state = WAITING

    # --- what the event loop says ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; whatever the server does for this connection finds its guard in the context."""
        self.transport = GuardedTransport(transport)
        self._connections.add(self)
        context = copy_context()
        context.run(_CURRENT.set, self)
        context.run(self._protocol.connection_made, self.transport)

    def data_received(self, data: bytes) -> None:
        """Count, and pass on: much of it piece by piece, so that others have their turn in between."""
        if self.state is WAITING:
            self._enter(ARRIVING)
        self.bytes_held += len(data)
        self._connections.arrived(self, len(data))
        if self._to_pass_on:
            self._to_pass_on += data
        else:
            self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        """Pass on one piece, and the rest in the next round of the loop; until then no more is read."""
        if self._is_aborted:
            return
        try:
            self._protocol.data_received(data[:_PIECE_BYTES])
        except Exception as error:  # noqa: BLE001 - the loop would log it with words of the sender
            get_logger().warning("request_unreadable", **failure(error))
            self.abort()
            return
        self._to_pass_on = data[_PIECE_BYTES:]
        if self._to_pass_on:
            self.transport.hold()
            self._connections.loop.call_soon(self._pass_on_rest)

    def _pass_on_rest(self) -> None:
        if self.transport.is_closing():
            return
        self._pass_on(self._to_pass_on)
        if not self._to_pass_on and not self._connections.is_making_room:
            self.transport.release()

    def eof_received(self) -> bool:
        """Keep the connection open for an answer: a client may well say that it will send no more."""
        self._has_ended = True
        return self.state is not WAITING

    def connection_lost(self, exc: Exception | None) -> None:
        """End. What an application has of the request is freed when it learns of that, which is later."""
        self._connections.remove(self)
        self._protocol.connection_lost(exc)
        if not self._has_headers:
            self._forget_bytes(self.bytes_held)

    def pause_writing(self) -> None:
        """Pass on."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Pass on."""
        self._protocol.resume_writing()

    # --- what the application says -----------------------------------------------------------------

    def headers_complete(self) -> None:
        """Give the body its own time."""
        self._has_headers = True
        self._enter(ARRIVING)

    async def read(self, receive: Receive) -> Any:
        """Wait for more of the body. Raises UnreadableBody when it does not come in time, or not at all."""
        self._reader = asyncio.current_task()
        try:
            return await receive()
        except asyncio.CancelledError:
            if self._cut_short is None or self._reader is None:
                raise
            self._reader.uncancel()
            raise self._cut_short from None
        finally:
            self._reader = None

    def request_complete(self) -> None:
        """Stop the time: from now on it is we who keep the client waiting."""
        self._enter(ANSWERING)

    def answered(self) -> None:
        """Wait for the next request, unless there will be none; this one is over, answered or not."""
        self._has_headers = False
        self._forget_bytes(self.bytes_held)
        self._enter(WAITING)
        if self._has_ended:
            self.transport.close()

    def discarded(self, number: int) -> None:
        """Count so many bytes of the body no longer: they were read and thrown away."""
        self._forget_bytes(min(number, self.bytes_held))

    # --- what the clock says -----------------------------------------------------------------------

    def look(self, now: float, *, is_stopping: bool) -> None:
        """Cut off a client that has kept us waiting for too long, or at the end for nothing."""
        if self._has_unsent(now) or self.state is ANSWERING:
            return
        limits, lasted = self._connections.limits, now - self._since
        if not self._has_headers:
            most = limits.waiting if self.state is WAITING else limits.headers
            if self._has_ended or lasted > (min(most, _AT_THE_END_SECONDS) if is_stopping else most):
                self.abort()
        elif self._has_ended:
            self._cut(UnreadableBody("the body ended early", fix="send as many bytes as Content-Length says"))
        elif lasted > limits.body:
            message = f"the body took longer than {limits.body:g} s to arrive"
            self._cut(UnreadableBody(message, fix="send it faster, or in smaller parts"))

    def _has_unsent(self, now: float) -> bool:
        """Tell whether an answer is on its way; a client that does not take it is cut off in the end."""
        if not self.transport.get_write_buffer_size():
            self._unsent_since = None
            return False
        self._unsent_since = self._unsent_since or now
        if now - self._unsent_since > self._connections.limits.unsent:
            self.abort()
        return True

    def abort(self) -> None:
        """Cut the connection at once, whatever has not been sent yet."""
        self._is_aborted = True
        self._connections.remove(self)
        self.transport.abort()

    def _cut(self, why: UnreadableBody) -> None:
        """Let the application answer, where it waits for the body; else cut the connection."""
        if self._reader is None or self._cut_short is not None:
            self.abort()
        else:
            self._cut_short = why
            self._reader.cancel()

    def _enter(self, state: str) -> None:
        self.state = state
        self._since = self._connections.loop.time()
        self._connections.moved(self)

    def _forget_bytes(self, number: int) -> None:
        self.bytes_held -= number
        self._connections.bytes_arriving -= number
        self._connections.made_room(self)


_CURRENT: ContextVar[Guard] = ContextVar("guard")


def current() -> Guard:
    """Return the guard of the connection that is being served."""
    return _CURRENT.get()


def limit_connections(loop: Any, limits: Limits, is_stopping: Callable[[], bool]) -> Connections:
    """Put a guard before every connection of every server that this loop will create."""
    connections = Connections(loop, limits, is_stopping)
    create_server = loop.create_server

    def guarded(protocol_factory: Callable[[], asyncio.Protocol], *given: Any, **named: Any) -> Any:
        named.setdefault("backlog", _MOST_NOT_ACCEPTED)
        return create_server(lambda: Guard(protocol_factory(), connections), *given, **named)

    loop.create_server = guarded
    return connections
