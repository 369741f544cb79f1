"""An application of its own for every test: real mappings, a real outbox, a clock that stands still."""

from __future__ import annotations

import asyncio
import contextvars
import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from flask.testing import FlaskClient

from bridge.bootstrap import prepare
from bridge.monitoring.log import Log, to_stderr
from bridge.monitoring.metrics import Metrics
from bridge.outbox import EventRecord, Query
from bridge.server import Application
from bridge.server.guard import Connections, Guard, Limits
from bridge.settings import load_settings
from bridge.web.app import create_app, request_from
from bridge.web.context import AppContext, open_context

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ADMIN = {"Authorization": "Bearer admin-token"}
ENVIRONMENT = {
    "META_DATASET_ID": "1234567890123456",
    "META_ACCESS_TOKEN": "meta-token",
    "CAPI_BRIDGE_ADMIN_TOKEN": "admin-token",
    "LEAD_SECRET": "lead-secret",
    "CAPI_BRIDGE_GRAPH_URL": "http://127.0.0.1:9",
}
EVENT = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
user_data: {email: mail}
"""
MAPPINGS = {
    "lead": EVENT,
    "automation": EVENT + "receive: {sent_by: automation}\n",
    "browser": EVENT + "receive: {sent_by: browser, origins: 'https://www.example.com'}\n",
    "any-browser": EVENT + "receive: {sent_by: browser}\n",
    "json-only": EVENT + "receive: {accept: [json]}\n",
    "small": EVENT + "receive: {max_size: 1 KiB}\n",
    "secret": EVENT + 'receive: {verify: {scheme: token, header: X-Token, secret: "${LEAD_SECRET}"}}\n',
    "paid": EVENT + "when: {status: paid}\n",
    "consent": EVENT + "consent: {from: agreed, granted: ['yes'], denied: ['no']}\n",
    "keyed": EVENT + "receive: {repeat_key: id}\n",
}


class TakesEverything(asyncio.Transport):
    """The connection of a client that waits for nothing."""

    def get_write_buffer_size(self) -> int:
        return 0


class ServerProtocol(asyncio.Protocol):
    """Keeps the context in which a server would answer the requests of a connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.context = contextvars.copy_context()


class EventLoop:
    """The application of `capi-bridge serve` in an event loop of its own, called as a WSGI application."""

    def __init__(self, context: AppContext) -> None:
        self._application = Application(context)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._lifespan: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._living = self._run(self._live())
        self._tell("lifespan.startup")

    async def _live(self) -> None:
        self._connections = Connections(self._loop, Limits(), lambda: False)

        async def say(message: dict[str, Any]) -> None:
            self._said.put(message["type"])

        await self._application({"type": "lifespan"}, self._lifespan.get, say)

    async def _serve(self, *call: Any) -> None:
        protocol = ServerProtocol()
        guard = Guard(protocol, self._connections)
        guard.connection_made(TakesEverything())
        try:
            await self._loop.create_task(self._application(*call), context=protocol.context)
        finally:
            guard.connection_lost(None)

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _tell(self, event: str) -> None:
        self._run(self._lifespan.put({"type": event})).result(30)
        assert self._said.get(timeout=30) == f"{event}.complete"

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        request = request_from(environ)
        scope = {
            "type": "http",
            "method": request.method,
            "scheme": request.scheme,
            "raw_path": request.target.partition("?")[0].encode("latin-1"),
            "query_string": request.query_string.encode("latin-1"),
            "headers": [
                (name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()
            ],
            "client": (request.peer, 4711),
        }
        body = environ["wsgi.input"].read()
        half = len(body) // 2
        parts = iter([(body[:half], True), (body[half:], False)])
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            part, more = next(parts)
            return {"type": "http.request", "body": part, "more_body": more}

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        self._run(self._serve(scope, receive, send)).result(60)
        begin, *rest = messages
        headers = [(name.decode(), value.decode()) for name, value in begin["headers"]]
        start_response(f"{begin['status']} ", headers)
        return [message["body"] for message in rest]

    def close(self) -> None:
        self._tell("lifespan.shutdown")
        self._living.result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()


@dataclass
class WebClient:
    """The application, its client and its clock; served by Flask alone, or as `capi-bridge serve` does."""

    context: AppContext
    folder: Path
    clock: list[datetime]
    by_event_loop: bool
    loops: list[EventLoop] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.use()

    def later(self, **length: float) -> None:
        self.clock[0] += timedelta(**length)

    def use(self, **parts: Any) -> None:
        """Give the application other parts."""
        self.context = replace(self.context, **parts)
        application = create_app(self.context)
        self.client: FlaskClient = application.test_client()
        if self.by_event_loop:
            self.loops.append(EventLoop(self.context))
            self.client = FlaskClient(cast("Any", self.loops[-1]), application.response_class)
            self.client.application = application

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **more: Any) -> Any:
        if isinstance(body, dict | list):
            body, more = json.dumps(body).encode(), {"content_type": "application/json", **more}
        return self.client.post(path, data=body, headers=dict(headers or {}), **more)

    def stored(self, **query: Any) -> list[EventRecord]:
        return self.context.outbox().find(Query(**query))

    def close(self) -> None:
        for loop in self.loops:
            loop.close()
        self.context.outbox.close()


Start = Callable[..., WebClient]


@pytest.fixture(params=[False, True], ids=["flask", "event loop"])
def start(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Start]:
    """Make applications, served in both ways; each is closed at the end of the test."""
    opened: list[WebClient] = []

    def open_one(
        mappings: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        settings: str | None = None,
        **replaced: Any,
    ) -> WebClient:
        folder = tmp_path / "mappings"
        folder.mkdir(exist_ok=True)
        for name, text in {**MAPPINGS, **(mappings or {})}.items():
            (folder / f"{name}.yaml").write_text(text)
        if settings is not None:
            (tmp_path / "bridge.yaml").write_text(settings)
        known = ENVIRONMENT if environment is None else environment
        read = load_settings(None, known, folder=tmp_path)
        prepare(read)
        clock = [NOW]
        context = open_context(read, Metrics(), known, lambda: clock[0])
        context = replace(context, log=Log(to_stderr), **replaced)
        web = WebClient(context, tmp_path, clock, request.param)
        opened.append(web)
        return web

    yield open_one
    for web in opened:
        web.close()


@pytest.fixture
def web(start: Start) -> WebClient:
    """An application with the usual mappings and settings."""
    return start()
