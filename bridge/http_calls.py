"""Calls to other servers over connections that are kept, each within its time and with a bounded response."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from bridge.call_watch import CallWatch

_MOST_RESPONSE_BYTES = 1_048_576
_PART_BYTES = 65_536
_CALL: ContextVar[CallWatch] = ContextVar("call")


class _Watched:
    """A connection that tells the call which uses it about its socket."""

    sock: socket.socket

    def send(self, data: Any) -> None:
        super().send(data)  # type: ignore[misc]
        _CALL.get().watch(self.sock)


class _Connection(_Watched, HTTPConnection):
    pass


class _SecureConnection(_Watched, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


@dataclass(frozen=True, slots=True)
class Received:
    """A response. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


class CallFailed(OSError):
    """No response came; the text is the kind of failure alone, since the library's own texts quote URLs."""


class HttpCalls:
    """Makes calls; safe to use from many threads, and as many connections as these are kept."""

    def __init__(self, timeout_seconds: float, connections: int = 1) -> None:
        self._timeout_seconds = timeout_seconds
        self._pool = urllib3.PoolManager(
            maxsize=connections, block=False, retries=False, timeout=urllib3.Timeout(total=timeout_seconds)
        )
        self._pool.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def call(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Received:
        """Make one call. No redirect is followed, since it would be sent the headers. Raises CallFailed."""
        with CallWatch(self._timeout_seconds) as watch:
            token = _CALL.set(watch)
            try:
                received = self._exchange(method, url, body, headers)
            except (HTTPError, OSError, ValueError) as error:
                raise CallFailed("TimeoutError" if watch.is_over else type(error).__name__) from None
            finally:
                _CALL.reset(token)
        if watch.is_over:  # the end of a response without a length looks the same
            raise CallFailed("TimeoutError")
        return received

    def _exchange(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Received:
        response = self._pool.request(
            method, url, body=body, headers=headers, preload_content=False, redirect=False
        )
        try:
            content = _read(response)
        except BaseException:
            response.close()  # what is left in it must not be taken for the next response
            raise
        response.release_conn()
        names = {name.lower(): text for name, text in response.headers.items()}
        return Received(response.status, names, content)


def _read(response: urllib3.BaseHTTPResponse) -> bytes:
    content = b""
    for part in response.stream(_PART_BYTES):
        content += part
        if len(content) > _MOST_RESPONSE_BYTES:
            raise ValueError("the response is too long")
    return content
