"""What hostile, slow and silent clients do to a server: each attack is bounded load on loopback."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

Attack = Callable[[int, threading.Event], None]
HOST = "127.0.0.1"


def webhook(number: object, *lines: str) -> bytes:
    body = json.dumps({"id": f"attack-{number}", "mail": "jane@example.com"}).encode()
    head = ("POST /hooks/lead HTTP/1.1", "Host: x", "Content-Type: application/json", *lines)
    return "\r\n".join((*head, f"Content-Length: {len(body)}", "", "")).encode() + body


@contextlib.contextmanager
def connections(port: int, number: int) -> Iterator[list[socket.socket]]:
    opened = []
    try:
        for _ in range(number):
            opened.append(socket.create_connection((HOST, port), timeout=10))
        yield opened
    finally:
        for one in opened:
            one.close()


def send_if_taken(one: socket.socket, data: bytes) -> bool:
    """Send without waiting for long; tell whether the server still takes it."""
    one.settimeout(0.05)
    try:
        one.sendall(data)
    except TimeoutError:
        return True
    except OSError:
        return False
    return True


def silent(port: int, stop: threading.Event) -> None:
    with connections(port, 300):
        stop.wait()


def slow_headers(port: int, stop: threading.Event) -> None:
    with connections(port, 200) as opened:
        for one in opened:
            send_if_taken(one, b"POST /hooks/lead HTTP/1.1\r\nHost: x\r\n")
        while not stop.wait(0.3):
            for one in opened:
                send_if_taken(one, b"X")


def slow_bodies(port: int, stop: threading.Event) -> None:
    head = b"POST /hooks/lead HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with connections(port, 200) as opened:
        for one in opened:
            send_if_taken(one, head + b"Content-Length: 100000\r\n\r\n{")
        while not stop.wait(0.3):
            for one in opened:
                send_if_taken(one, b" ")


def slow_chunks(port: int, stop: threading.Event) -> None:
    head = b"POST /hooks/lead HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with connections(port, 100) as opened:
        for one in opened:
            send_if_taken(one, head + b"Transfer-Encoding: chunked\r\n\r\n")
        while not stop.wait(0.3):
            for one in opened:
                send_if_taken(one, b"1\r\n \r\n")


def slow_readers(port: int, stop: threading.Event) -> None:
    """Ask for much and take none of it, with receive buffers as small as they get."""
    ask = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    opened = []
    try:
        for _ in range(60):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect((HOST, port))
            opened.append(one)
            send_if_taken(one, ask * 20)
        stop.wait()
    finally:
        for one in opened:
            one.close()


def closers_that_do_not_hang_up(port: int, stop: threading.Event) -> None:
    with connections(port, 120) as opened:
        for number, one in enumerate(opened):
            send_if_taken(one, webhook(number, "Connection: close"))
        stop.wait()


def late_closers(port: int, stop: threading.Event) -> None:
    """Ordinary clients: they read their answer and close a little later, again and again."""
    number = 0
    while not stop.is_set():
        with connections(port, 20) as opened:
            for one in opened:
                number += 1
                send_if_taken(one, webhook(f"late-{number}", "Connection: close"))
            stop.wait(0.15)


def pipelining(port: int, stop: threading.Event) -> None:
    """Send webhook after webhook, megabytes of them, and read no answer."""
    block = b"".join(webhook(number) for number in range(2000))
    with connections(port, 10) as opened:
        sent = 0
        while not stop.is_set() and sent < 20_000_000:
            for one in opened:
                one.settimeout(0.02)
                with contextlib.suppress(OSError):
                    sent += one.send(block)
        stop.wait()


def endless_headers(port: int, stop: threading.Event) -> None:
    line = b"X-" + b"a" * 1000 + b": b\r\n"
    with connections(port, 40) as opened:
        for one in opened:
            send_if_taken(one, b"POST /hooks/lead HTTP/1.1\r\nHost: x\r\n")
        while not stop.wait(0.02):
            for one in opened:
                send_if_taken(one, line * 5)


def huge_bodies(port: int, stop: threading.Event) -> None:
    """Many megabytes at once that never become a request."""
    head = b"POST /hooks/lead HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with connections(port, 200) as opened:
        for one in opened:
            send_if_taken(one, head + b"Content-Length: 1000000\r\n\r\n" + b" " * 600_000)
        stop.wait()


def endless_chunks(port: int, stop: threading.Event) -> None:
    head = b"POST /hooks/lead HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    while not stop.is_set():
        with connections(port, 5) as opened:
            for one in opened:
                send_if_taken(one, head + b"Transfer-Encoding: chunked\r\n\r\n")
            for one in opened * 40:
                send_if_taken(one, chunk)
            stop.wait(0.05)


def senders_that_gave_up(port: int, stop: threading.Event) -> None:
    """Post and reset the connection without waiting for the answer: 1,100 of them, then more, slowly."""
    for number in range(5000):
        if stop.is_set():
            return
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=10) as one:
            one.sendall(webhook(f"gone-{number}"))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if number > 1100:
            stop.wait(0.05)


def no_http_at_all(port: int, stop: threading.Event) -> None:
    rubbish = (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"GARBAGE\r\n\r\n",
        b"POST /hooks/lead HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /hooks/lead HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\n",
        b"GET /hooks/lead HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        bytes(70_000),
    )
    while not stop.is_set():
        for data in rubbish:
            with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=10) as one:
                send_if_taken(one, data)
        stop.wait(0.02)


def heavy_administration(port: int, stop: threading.Event) -> None:
    """People and programs that look at everything while webhooks come in."""
    pages = ("/metrics", "/api/events?limit=1000", "/openapi.json", "/api/counts")

    def look(path: str) -> None:
        ask = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\nConnection: close\r\n\r\n"
        while not stop.is_set():
            with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=10) as one:
                one.sendall(ask.encode())
                while one.recv(65_536):
                    pass

    threads = [threading.Thread(target=look, args=(page,)) for page in pages * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def large_webhooks(port: int, stop: threading.Event) -> None:
    """Honest, but heavy: bodies that take long to read and map."""
    body = json.dumps({"id": "large", "mail": "jane@example.com", "more": [{"a": i} for i in range(20_000)]})
    head = "POST /hooks/lead HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
    whole = f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
    while not stop.is_set():
        with connections(port, 4) as opened:
            for one in opened:
                one.sendall(whole)
            for one in opened:
                one.recv(65_536)
        time.sleep(0.01)


ALL: tuple[Attack, ...] = (
    silent,
    slow_headers,
    slow_bodies,
    slow_chunks,
    slow_readers,
    closers_that_do_not_hang_up,
    late_closers,
    pipelining,
    endless_headers,
    huge_bodies,
    endless_chunks,
    senders_that_gave_up,
    no_http_at_all,
    heavy_administration,
    large_webhooks,
)
