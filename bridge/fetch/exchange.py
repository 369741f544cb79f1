"""One call to a source: its host is looked up once, every address checked, and the checked one called.

Certificate and SNI stay those of the host. No redirect is followed, no proxy of the environment used, no
cookie kept, and the connection ends with the call. Nothing here logs or quotes a URL: it may hold a secret.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache
from http.client import HTTPException
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from bridge import __version__
from bridge.body.compression import inflate
from bridge.call_watch import CallWatch
from bridge.errors import Refused
from bridge.fetch.addresses import Lookup, system_lookup, why_not_called
from bridge.settings import Settings, Source

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection

FailureCause = Literal["unreachable", "setup", "record"]
MOST_BYTES = 1_048_576
_MOST_ADDRESSES = 4


@dataclass(frozen=True, slots=True)
class SourceCall:
    """One request to a source. `target` is appended to the source's URL; `body` is JSON, None for a GET."""

    source: Source
    method: str
    target: str = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SourceResponse:
    """What came back; `status` is None when nothing usable did, and `failure` then says why.

    `cause` says what a failure is about: the source is out of reach, its setup needs a person (a certificate,
    a forbidden address), or it is this one record (too long). Header names are in lower case.
    """

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    failure: str = ""
    cause: FailureCause = "unreachable"
    took_ms: int = 0


Exchange = Callable[[SourceCall], SourceResponse]


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long connecting to one address, and a call as a whole, may take (seconds)."""

    connect: float = 3.0
    total: float = 10.0


def time_limits(settings: Settings) -> TimeLimits:
    """Return how long calls may take: never longer than those to Meta, which the lease is sure to outlive."""
    limits = TimeLimits()
    total = min(limits.total, settings.delivery.timeout.total_seconds())
    return TimeLimits(min(limits.connect, total), total)


class _CallFailed(Exception):
    def __init__(self, failure: str, cause: FailureCause = "unreachable") -> None:
        super().__init__(failure)
        self.response = SourceResponse(None, failure=failure, cause=cause)


def open_exchange(
    limits: TimeLimits = TimeLimits(),
    lookup: Lookup | None = None,
    trust: ssl.SSLContext | None = None,
) -> Exchange:
    """Return what makes calls; tests pass a resolver, and certificates to trust instead of the system's."""
    logging.getLogger("urllib3.connection").setLevel(logging.ERROR)  # its warnings quote URLs
    look_up = lookup or system_lookup(limits.connect)
    trusted = (lambda: trust) if trust else cache(ssl.create_default_context)  # 20 ms, and not always needed

    def exchange(call: SourceCall) -> SourceResponse:
        started = time.monotonic()
        try:
            response = _exchange(call, _Attempt(limits, look_up, trusted, started + limits.total))
        except _CallFailed as error:
            response = error.response
        return replace(response, took_ms=round((time.monotonic() - started) * 1000))

    return exchange


@dataclass(frozen=True, slots=True)
class _Attempt:
    limits: TimeLimits
    lookup: Lookup
    trusted: Callable[[], ssl.SSLContext]
    deadline: float

    @property
    def seconds_left(self) -> float:
        return max(self.deadline - time.monotonic(), 0.001)

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.deadline


def _exchange(call: SourceCall, attempt: _Attempt) -> SourceResponse:
    from urllib3.exceptions import HTTPError

    parts = urlsplit(call.source.url)
    addresses = _checked_addresses(
        call.source, parts.hostname or "", _port(parts.scheme, parts.port), attempt
    )
    connection = _connected(call.source, addresses, attempt)
    with closing(connection), CallWatch(attempt.seconds_left) as watch:
        watch.watch(connection.sock)
        try:
            return _ask(connection, call, attempt)
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            raise _why_broken(error, attempt) from error


def _port(scheme: str, port: int | None) -> int:
    return port or {"https": 443, "http": 80}[scheme]


def _checked_addresses(source: Source, host: str, port: int, attempt: _Attempt) -> Sequence[str]:
    """Look the host up, once, and check all of its addresses: one that is refused refuses them all."""
    try:
        addresses = attempt.lookup(host, port)
    except OSError:
        raise _CallFailed("its host name could not be resolved") from None
    for address in addresses:
        if why := why_not_called(address, source):
            raise _CallFailed(f"an IP address of its host {why}", "setup")
    if not addresses:
        raise _CallFailed("its host name has no IP address")
    return addresses[:_MOST_ADDRESSES]


def _connected(source: Source, addresses: Sequence[str], attempt: _Attempt) -> HTTPConnection:
    """Connect to the first address that answers."""
    failed = _CallFailed("it could not be connected to")
    for address in addresses:
        try:
            return _connect(source, address, attempt)
        except ssl.SSLCertVerificationError as error:
            raise _CallFailed(f"its certificate is not valid ({error.verify_message})", "setup") from error
        except ssl.SSLError as error:
            raise _CallFailed("it speaks no TLS that is safe") from error
        except (OSError, ValueError, _http_error()):
            continue
    raise failed


def _http_error() -> type[Exception]:
    from urllib3.exceptions import HTTPError

    return HTTPError


def _connect(source: Source, address: str, attempt: _Attempt) -> HTTPConnection:
    from urllib3.connection import HTTPConnection, HTTPSConnection

    parts = urlsplit(source.url)
    port, seconds = _port(parts.scheme, parts.port), min(attempt.limits.connect, attempt.seconds_left)
    connection = (
        HTTPConnection(address, port, timeout=seconds)
        if parts.scheme == "http"
        else HTTPSConnection(
            address, port, timeout=seconds, server_hostname=parts.hostname, ssl_context=attempt.trusted()
        )
    )
    try:
        connection.connect()
    except BaseException:
        connection.close()
        raise
    connection.timeout = attempt.seconds_left
    return connection


def _ask(connection: HTTPConnection, call: SourceCall, attempt: _Attempt) -> SourceResponse:
    parts = urlsplit(call.source.url)
    connection.request(
        call.method,
        f"{parts.path}{call.target}",
        body=call.body,
        headers={**_headers(call), "Host": parts.netloc},
        preload_content=False,
        decode_content=False,
    )
    response = connection.getresponse()
    headers = {name.lower(): text for name, text in response.headers.items()}
    content = b""
    for part in response.stream(65_536, decode_content=False):
        content += part
        if len(content) > MOST_BYTES:
            raise _too_long()
    if attempt.is_over:  # the connection was cut off, which looks like the end of a response without a length
        raise TimeoutError
    return SourceResponse(response.status, headers, _inflated(content, headers.get("content-encoding")))


def _headers(call: SourceCall) -> dict[str, str]:
    own = {
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "Connection": "close",
        "User-Agent": f"capi-bridge/{__version__}",
        **({} if call.body is None else {"Content-Type": "application/json"}),
    }
    given = {name.lower() for name in call.source.headers}
    return {**{name: text for name, text in own.items() if name.lower() not in given}, **call.source.headers}


def _inflated(content: bytes, encoding: str | None) -> bytes:
    try:
        return inflate(content, encoding, MOST_BYTES)
    except Refused as error:
        raise _too_long() if error.code == "too_large" else _CallFailed("its answer is damaged") from error


def _too_long() -> _CallFailed:
    return _CallFailed(f"its answer is longer than {MOST_BYTES // 1_048_576} MiB", "record")


def _why_broken(error: Exception, attempt: _Attempt) -> _CallFailed:
    if attempt.is_over or isinstance(error, TimeoutError):
        return _CallFailed(f"it did not answer within {attempt.limits.total:g} s")
    return _CallFailed("the connection broke before it had answered")
