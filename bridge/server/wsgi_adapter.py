"""Runs a WSGI application for the event loop: what arrives and what is answered is whole, in memory.

So a thread of the pool works and never waits for a client: the loop has read the request before, and sends
the answer afterwards.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from bridge.web.request import HttpRequest
from bridge.web.responses import RenderedResponse

WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def environ_of(request: HttpRequest) -> dict[str, Any]:
    """Return the WSGI environment of a request that has been read."""
    path = request.target.partition("?")[0]
    return {
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()},
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": request.query_string,
        "RAW_URI": request.target,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "REMOTE_ADDR": request.peer,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def call(application: WsgiApplication, request: HttpRequest) -> RenderedResponse:
    """Return the whole answer of a WSGI application."""
    from werkzeug.test import run_wsgi_app  # loaded with Flask: a bridge for webhooks never needs either

    parts, status, headers = run_wsgi_app(application, environ_of(request), buffered=True)
    return RenderedResponse(int(status.partition(" ")[0]), list(headers), b"".join(parts))
