"""A website with the companion on its pages; it passes the companion's paths on, as a proxy does."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3

FORM = """\
<form action="/sent" method="post"><input name="email"><input type="hidden" name="fbc">
<input type="hidden" name="contact[utm_source]"><input type="hidden" name="_fbp">
<input type="hidden" name="visitor_id">
<input type="hidden" name="cb_event_id"><input type="hidden" name="first_landing_page">
<input type="hidden" name="utm_medium" value="kept"><input type="hidden" name="constructor">
<input type="text" data-cb="fbclid"><button>Send</button></form>
<a id="typeform" href="https://form.typeform.com/to/abc">Typeform</a>
<a id="tally" href="https://tally.so/r/abc?utm_source=own">Tally</a>
<a id="namesake" href="https://tally.com/r/abc">Of the same name</a>
<a id="other" href="https://example.org/">Other</a>
"""
PIXEL = "window.pixel = []; window.fbq = (...call) => pixel.push(call);"


@dataclass
class Website:
    """Pages by path, the hosts that reach them, and the forms that were sent to them.

    `pages` maps a path to the attributes of the script's tag; `headers` go with every page.
    """

    bridge_url: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    port: int = 0
    http: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(retries=False, timeout=30, maxsize=8)
    )

    def origin(self, host: str) -> str:
        return f"http://{host}:{self.port}"

    def page(self, path: str) -> bytes:
        tag = self.pages.get(path, self.pages[""])
        return f"<!doctype html><title>A page</title><script src='/pixel.js'></script>{tag}{FORM}".encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    website: Website

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/pixel.js":
            self._answer(200, {"Content-Type": "text/javascript"}, PIXEL.encode())
        elif path.startswith("/c"):
            self._pass_on(None)
        else:
            headers = {"Content-Type": "text/html; charset=utf-8", **self.website.headers}
            self._answer(200, headers, self.website.page(path))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/c":
            self._pass_on(body)
        else:
            self.website.sent.append(body.decode())
            self._answer(200, {"Content-Type": "text/html"}, b"<!doctype html><title>Thank you</title>")

    def _pass_on(self, body: bytes | None) -> None:
        url = self.website.bridge_url + self.path
        got = self.website.http.request(self.command, url, body=body, headers=dict(self.headers.items()))
        self._answer(got.status, dict(got.headers.items()), got.data)

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "connection", "transfer-encoding", "server", "date"}:
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_arguments: Any) -> None:
        """Say nothing of browsers that close before their answer."""


@contextmanager
def serving(website: Website) -> Iterator[Website]:
    """Serve a website on a free port of loopback."""
    handler = type("Handler", (_Handler,), {"website": website})
    server = _Server(("127.0.0.1", 0), handler)
    website.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield website
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
