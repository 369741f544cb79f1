"""APIs that do as they are asked, over real sockets: by TLS of an authority of the tests, or without."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import trustme

from bridge.fetch.exchange import TimeLimits, open_exchange
from bridge.settings import Source

HOST = "api.example.com"
LIMITS = TimeLimits(2, 2)
PERSON = {"data": {"id": 7, "email": "zoe@example.com"}}
# Plays one answer: is given the request as it came, and the socket to answer on.
Play = Callable[[bytes, socket.socket], None]


def http_answer(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """Return an answer as it goes over the wire; underscores in names of headers stand for hyphens."""
    values = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    values |= {name.replace("_", "-"): text for name, text in headers.items()}
    head = "".join(f"{name}: {text}\r\n" for name, text in values.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def json_answer(value: Any, status: str = "200 OK", **headers: str) -> bytes:
    return http_answer(json.dumps(value).encode(), status, **headers)


@dataclass
class Api:
    """A server on loopback that plays what it is told; `requests` are those that came, as they came."""

    context: ssl.SSLContext | None
    play: Play
    requests: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def start(self) -> Api:
        if self.context is not None:
            self.context.sni_callback = lambda _sock, name, _context: self.names.append(name)
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def answers(self, *answers: bytes) -> None:
        """Give these answers one after the other, and then the last one again and again."""
        left = list(answers)

        def play(_request: bytes, sock: socket.socket) -> None:
            sock.sendall(left.pop(0) if len(left) > 1 else left[0])

        self.play = play

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                threading.Thread(target=self._answer, args=(sock,), daemon=True).start()

    def _answer(self, sock: socket.socket) -> None:
        with suppress(OSError), self._opened(sock) as opened:
            request = _whole_request(opened)
            self.requests.append(request)
            self.play(request, opened)

    def _opened(self, sock: socket.socket) -> socket.socket:
        sock.settimeout(20)
        try:
            return self.context.wrap_socket(sock, server_side=True) if self.context else sock
        except OSError:
            sock.close()
            raise


def _whole_request(sock: socket.socket) -> bytes:
    content = b""
    while b"\r\n\r\n" not in content:
        content += sock.recv(65_536) or _gone()
    head, _, body = content.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += sock.recv(65_536) or _gone()
    return head + b"\r\n\r\n" + body


def _gone() -> bytes:
    raise ConnectionError


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """The certificate authority that the bridge trusts in these tests."""
    return trustme.CA()


@pytest.fixture
def start_api(authority: trustme.CA) -> Iterator[Callable[..., Api]]:
    """Start APIs; the certificate is one for HOST unless another is given, None is plain HTTP."""
    started: list[Api] = []

    def start(certificate: trustme.LeafCert | str | None = HOST) -> Api:
        context = None
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            issued = authority.issue_cert(certificate) if isinstance(certificate, str) else certificate
            issued.configure_cert(context)
        api = Api(context, lambda _request, sock: sock.sendall(json_answer(PERSON)))
        started.append(api)
        return api.start()

    yield start
    for api in started:
        api.listener.close()


@pytest.fixture
def api(start_api: Callable[..., Api]) -> Api:
    return start_api()


@pytest.fixture
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def source_of() -> Callable[..., Source]:
    """Return the source that an API is: by the name HOST, which resolves to this machine."""

    def source(api: Api, path: str = "", **others: Any) -> Source:
        values: dict[str, Any] = {"allow_private": True, "headers": {"X-Api-Token": "s3cret-token"}, **others}
        scheme = "http" if api.context is None else "https"
        host = "127.0.0.1" if api.context is None else HOST
        return Source("crm", f"{scheme}://{host}:{api.port}{path}", insecure=scheme == "http", **values)

    return source


@pytest.fixture
def exchange_with(trust: ssl.SSLContext) -> Callable[..., Any]:
    """Open an exchange whose resolver answers with what it is given."""

    def open_it(*addresses: str, limits: TimeLimits = LIMITS, **others: Any) -> Any:
        found: Mapping[str, Any] = {"lookup": lambda _host, _port: addresses or ["127.0.0.1"], "trust": trust}
        return open_exchange(limits, **{**found, **others})

    return open_it


@pytest.fixture(name="json_answer")
def json_answer_fixture() -> Callable[..., bytes]:
    return json_answer


@pytest.fixture(name="http_answer")
def http_answer_fixture() -> Callable[..., bytes]:
    return http_answer
