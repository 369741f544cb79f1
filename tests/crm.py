"""A CRM of our own over real HTTP: it knows persons by number, and can be slow, limited or down."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# Is asked before each answer: the path, and an HTTP status to answer instead, or None.
Fail = Callable[[str], int | None]

DEAL = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: deal-{id}
fetch:
  person:
    from: crm
    path: /persons/{person_id}
    take: data
    keep: 10 minutes
user_data: {email: $person.email}
tests:
  - name: the person of a deal
    given: {id: 1, person_id: 7}
    with: {fetched: {person: {data: {email: jane@example.com}}}}
    expect: [{user_data.email: jane@example.com}]
"""


def address_of(person: int) -> str:
    return f"person{person}@example.com"


def hash_of(person: int) -> str:
    return hashlib.sha256(address_of(person).encode()).hexdigest()


class Crm(ThreadingHTTPServer):
    """Answers `/persons/<number>`; `asked` counts the paths. Wants the header `X-Token: crm-token`."""

    daemon_threads = True

    def __init__(self, fail: Fail = lambda _path: None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fail = fail
        self.asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def sources(self, rate: str = "1000/s") -> str:
        """Return the block of the settings that names this CRM."""
        headers = "headers: {X-Token: crm-token}"
        return f"sources: {{crm: {{url: '{self.url}', insecure: yes, rate: {rate}, {headers}}}}}\n"

    def count(self, path: str) -> None:
        with self._lock:
            self.asked[path] += 1

    def __enter__(self) -> Crm:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that was killed while it was answered."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Crm
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.count(self.path)
        status = 401 if self.headers["X-Token"] != "crm-token" else self.server.fail(self.path)
        number = self.path.rpartition("/")[2]
        self._answer(status or 200, {"data": {"id": number, "email": address_of(int(number))}})

    def _answer(self, status: int, value: Any) -> None:
        body = json.dumps(value if status == 200 else {"error": status}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""
