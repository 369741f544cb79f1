"""Calls to other servers end in time and with a bounded response, whatever the server does."""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import trustme

from bridge.http_calls import CallFailed, HttpCalls

Behave = Callable[[socket.socket, threading.Event], None]
OK = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def serving(behave: Behave, encrypt: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve every connection in a thread of its own; yield the URL."""
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(plain: socket.socket) -> None:
        with suppress(OSError), encrypt.wrap_socket(plain, server_side=True) if encrypt else plain as used:
            used.recv(65_536)
            behave(used, stop)

    def accept() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"{'https' if encrypt else 'http'}://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def drip(head: bytes, each: bytes) -> Behave:
    def behave(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(head)
        while not stop.wait(0.02):
            connection.sendall(each)

    return behave


def pour(head: bytes, each: bytes) -> Behave:
    def behave(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(head)
        while not stop.is_set():
            connection.sendall(each * 1000)

    return behave


def take_nothing(connection: socket.socket, stop: threading.Event) -> None:
    stop.wait()


ENDLESS = [
    pytest.param(drip(b"", b"H"), id="drips the first line"),
    pytest.param(drip(OK, b"X-A: b\r\n"), id="drips headers"),
    pytest.param(drip(OK + b"X-A: ", b"b"), id="drips one header"),
    pytest.param(drip(OK + b"Content-Length: 9999\r\n\r\n", b" "), id="drips a body"),
    pytest.param(drip(OK + b"\r\n", b"1"), id="drips a body of no length"),
    pytest.param(drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"), id="drips chunks"),
    pytest.param(drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"), id="drips the size of a chunk"),
    pytest.param(take_nothing, id="takes a body and says nothing"),
]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def encrypted(authority: trustme.CA, tmp_path, monkeypatch) -> ssl.SSLContext:
    """Return what serves TLS as 127.0.0.1, trusted as the certificates of the system are."""
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.mark.parametrize("behave", ENDLESS)
def test_a_call_ends_with_its_time(behave):
    with serving(behave) as url, pytest.raises(CallFailed, match=r"^TimeoutError$"):
        HttpCalls(0.3).call("POST", url, b"x" * 1_000_000, {})


@pytest.mark.parametrize("behave", ENDLESS)
def test_a_call_over_tls_ends_with_its_time(behave, encrypted):
    with serving(behave, encrypted) as url, pytest.raises(CallFailed, match=r"^TimeoutError$"):
        HttpCalls(0.5).call("POST", url, b"{}", {})


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(OK + b"\r\n", id="of no length"),
        pytest.param(OK + b"Content-Length: 999999999\r\n\r\n", id="of a great length"),
    ],
)
def test_a_response_is_read_up_to_a_bound(head):
    with serving(pour(head, b"x" * 100)) as url, pytest.raises(CallFailed, match=r"^ValueError$"):
        HttpCalls(30).call("POST", url, b"{}", {})


def test_a_connection_is_used_again_and_a_call_that_ended_does_not_end_the_next():
    peers = []

    def answer(connection: socket.socket, stop: threading.Event) -> None:
        for number in itertools.count():
            peers.append(connection.getpeername())
            body = str(number).encode()
            connection.sendall(
                OK + b"X-Number: %d\r\nContent-Length: %d\r\n\r\n%b" % (number, len(body), body)
            )
            connection.recv(65_536)

    with serving(answer) as url:
        calls = HttpCalls(5)
        received = [calls.call("GET", url, None, {}) for _ in range(3)]  # which comes in one piece
    assert [(one.status, one.headers["x-number"], one.content) for one in received] == [
        (200, "0", b"0"),
        (200, "1", b"1"),
        (200, "2", b"2"),
    ]
    assert len(set(peers)) == 1


def test_what_failed_is_told_without_the_url():
    with pytest.raises(CallFailed, match=r"^NewConnectionError$"):
        HttpCalls(1).call("POST", "http://127.0.0.1:1/secret", b"{}", {})
