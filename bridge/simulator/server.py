"""The simulator as a server: in a thread for tests, in the foreground for people.

    with Simulator(clock=clock) as simulator:
        simulator.fail("500*2, timeout")
        post(simulator.url)                      # http://127.0.0.1:<free port>
        simulator.events                         # what was accepted, as plain dicts

Beside Meta's edge it has pages of its own: `/`, `/received`, `/faults`, `/tokens`.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, Self

from bridge.errors import CannotOpen
from bridge.simulator.admin import AdminPages
from bridge.simulator.data import load_simulator_data
from bridge.simulator.events_edge import LOST, AccessPolicy, EventsEdge, PlannedResponse, SimulatorRequest
from bridge.simulator.faults import FaultPlan
from bridge.simulator.inbox import Inbox, ReceivedEvent, RejectedRequest
from bridge.simulator.reading_edges import ReadingEdges
from bridge.simulator.response_writer import ResponseWriter, SimulatorResponse
from bridge.simulator.source_edge import RecordedCalls, SourceEdge

_LARGEST_BODY = 64 * 1024 * 1024


class Simulator:
    """A stand-in for Meta's events endpoint on a port of its own.

    `clock` decides what is too old; `pause` waits for the fault `slow` (tests pass a fake one). `datasets`
    maps dataset ids to the tokens that may send to them; None takes any. `send_only_tokens` may not read.
    With an `app_secret` every call must carry appsecret_proof. `locale` is the language of
    error_user_title and error_user_msg (en, de, fr, da). `recorded` are the answers of the APIs that
    mappings fetch from, at `/sources/<name>`.
    """

    def __init__(  # noqa: PLR0913 - every one is a choice of the person who starts it
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], None] = time.sleep,
        faults: str = "",
        locale: str = "en",
        seed: int = 0,
        datasets: Mapping[str, Collection[str]] | None = None,
        expired_tokens: Collection[str] = (),
        refuse_expired_versions: bool = False,
        send_only_tokens: Collection[str] = (),
        token_expires_at: datetime | None = None,
        app_secret: str | None = None,
        recorded: RecordedCalls = MappingProxyType({}),
        keep: int = 10_000,
    ) -> None:
        self._address = (host, port)
        self._faults = FaultPlan(seed)
        self._faults.add(faults)
        self._inbox = Inbox(keep)
        self._policy = AccessPolicy(
            datasets,
            set(expired_tokens),
            refuse_expired_versions,
            frozenset(send_only_tokens),
            token_expires_at,
            app_secret,
        )
        responses = ResponseWriter(load_simulator_data(), locale, seed)
        self._edge = EventsEdge(clock, responses, self._faults, self._inbox, self._policy)
        self._reads = ReadingEdges(clock, responses, self._inbox, self._policy)
        self._admin = AdminPages(self._inbox, self._faults, self._policy)
        self._sources = SourceEdge(recorded)
        self._pause = pause
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Listen, and serve in a thread of its own."""
        server = self._listen()
        self._thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def serve(self) -> None:
        """Serve in this thread until `stop` is called from another one, or the process is interrupted."""
        server = self._server or self._listen()
        try:
            server.serve_forever()
        finally:
            server.close()

    def listen(self) -> Self:
        """Take the port without answering yet, so that `url` is known before `serve`."""
        self._listen()
        return self

    def _listen(self) -> _Server:
        try:
            self._server = _Server(self._address, self._handle, self._pause)
        except (OSError, OverflowError) as error:
            host, port = self._address
            raise CannotOpen(
                f"simulator: cannot listen on {host}:{port}", fix="choose another host or port with --bind"
            ) from error
        return self._server

    def stop(self) -> None:
        """Stop, cut open connections, and give the port back. Stopping twice is fine."""
        server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        server.close()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def url(self) -> str:
        """The URL to use as `graph_url`."""
        if self._server is None:
            raise RuntimeError("the simulator is not running")
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event accepted, repeats included, in the order of arrival."""
        return [dict(received.event) for received in self._inbox.events()]

    def received(self) -> tuple[ReceivedEvent, ...]:
        """Return every event accepted, with its dataset, test code and how often it came."""
        return self._inbox.events()

    def rejected(self) -> tuple[RejectedRequest, ...]:
        """Return every request that was rejected or made to fail."""
        return self._inbox.rejected()

    def repeats(self) -> dict[tuple[str, str, str], int]:
        """Return how often each (dataset, event name, event id) came that came more than once."""
        return self._inbox.repeats()

    def counts(self) -> dict[str, int]:
        """Return the numbers of requests, events, test events and rejections."""
        return self._inbox.counts()

    def fail(self, plan: str) -> None:
        """Add a plan of faults, as `docs/simulator.md` describes them."""
        self._faults.add(plan)

    def clear_faults(self) -> None:
        """Forget every fault to come."""
        self._faults.clear()

    def expire_token(self, token: str) -> None:
        """Reject this token from now on, as Meta rejects an expired one."""
        self._policy.expired_tokens.add(token)

    def restore_token(self, token: str) -> None:
        """Accept this token again."""
        self._policy.expired_tokens.discard(token)

    def clear(self) -> None:
        """Forget what was received."""
        self._inbox.clear()

    def _handle(self, request: SimulatorRequest) -> PlannedResponse:
        edges = (self._admin, self._sources, self._reads)
        response = next((found for edge in edges if (found := edge.handle(request)) is not None), None)
        return PlannedResponse(response) if response is not None else self._edge.handle(request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        handle: Callable[[SimulatorRequest], PlannedResponse],
        pause: Callable[[float], None],
    ) -> None:
        self.handle = handle
        self.pause = pause
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nothing to report."""

    def close(self) -> None:
        """Give back the port and wake every thread that still waits for a client."""
        self.server_close()
        with self._lock:
            waiting = list(self._open)
        for connection in waiting:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """Bytes in, bytes out. One write for head and body, or the client waits for a delayed ACK."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        length = self._body_length()
        if length is None:
            self._write(SimulatorResponse(HTTPStatus.LENGTH_REQUIRED, b""), close=True)
            return
        body = self.rfile.read(length)
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        planned = self.server.handle(SimulatorRequest(self.command, path, query, headers, body))
        self._respond(planned)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815 - the names http.server looks for

    def _body_length(self) -> int | None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            return None
        text = self.headers.get("Content-Length") or "0"
        return int(text) if text.isdigit() and int(text) <= _LARGEST_BODY else None

    def _respond(self, planned: PlannedResponse) -> None:
        if planned.fault.delay_seconds:
            self.server.pause(planned.fault.delay_seconds)
        if planned.response.status != LOST:
            self._write(planned.response)
        elif planned.fault.kind == "reset":
            self._reset()
        else:
            self._wait_for_the_client_to_give_up()

    def _write(self, response: SimulatorResponse, *, close: bool = False) -> None:
        self.close_connection = self.close_connection or close
        phrase = HTTPStatus(response.status).phrase if response.status in _STATUSES else "Status"
        lines = [
            f"HTTP/1.1 {int(response.status)} {phrase}",
            f"Content-Type: {response.content_type}",
            f"Content-Length: {len(response.body)}",
            *(f"{name}: {value}" for name, value in response.headers.items()),
        ]
        if self.close_connection:
            lines.append("Connection: close")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self.wfile.write(head if self.command == "HEAD" else head + response.body)

    def _wait_for_the_client_to_give_up(self) -> None:
        """Hold the connection without a word; it ends when the client leaves or the simulator stops."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            while self.connection.recv(4096):
                pass

    def _reset(self) -> None:
        """End the connection the hard way: with linger 0 the kernel sends a reset."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, *_: Any) -> None:
        """The page and `/received` are the log."""


_STATUSES = frozenset(status.value for status in HTTPStatus)
