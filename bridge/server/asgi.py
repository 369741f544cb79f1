"""The ASGI application of one process: webhooks and health in its event loop, the rest by a few threads.

    /hooks/…, /<version>/<dataset>/events   read → admit, prepare → await the commit → respond
    /healthz, /readyz                       at once; a check of the database runs in a thread of its own
    /metrics                                in the pool
    everything else                         Flask, in the pool; it is loaded with the first such request

The loop waits for sockets and futures only. What takes long is done by the pool, what waits for a disk or a
server by the writer, the pool or a thread of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any

from bridge.errors import BridgeError, CannotStore
from bridge.monitoring.log import failure
from bridge.outbox import Packed, Receipt
from bridge.outbox.group_commit import Submitted
from bridge.server import wsgi_adapter
from bridge.server.asgi_request import Incoming, Scope, is_heavy, request_of
from bridge.server.commits import Commits
from bridge.server.guard import Receive, current
from bridge.server.readiness_check import ReadinessCheck
from bridge.server.wsgi_adapter import WsgiApplication
from bridge.web import health
from bridge.web.companion.scripts import is_script, serve
from bridge.web.context import AppContext
from bridge.web.dispatch import answer, fault, run
from bridge.web.intake import (
    Admission,
    Endpoint,
    MetaResults,
    Prepared,
    admit,
    finish,
    prepare,
    respond,
    waiting_for_meta,
)
from bridge.web.intake_paths import READ, Intake, intake_at, most_bytes
from bridge.web.lazy import Lazy
from bridge.web.pool import BoundedPool
from bridge.web.request import HttpRequest
from bridge.web.responses import RenderedResponse, Response, busy_response, error_response, render
from bridge.web.wait_for_meta import start_delivery

Send = Callable[[dict[str, Any]], Awaitable[None]]
Work = Callable[[HttpRequest], RenderedResponse]
MOST_THREADS = 2  # more that are busy starve the loop: all share the interpreter
_MOST_WAITING = 64
_DISCARD_FILE_BYTES = 134_217_728


class Application:
    """What the server calls. Made before forking; threads and connections are made when the loop starts."""

    def __init__(self, context: AppContext, threads: int = MOST_THREADS) -> None:
        self._context = context
        self._flask = Lazy(partial(_flask, context))
        self._threads = min(threads, MOST_THREADS)
        self._readiness = ReadinessCheck(context)
        self._answering: set[asyncio.Task[RenderedResponse]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    # --- the life of the process -------------------------------------------------------------------

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._stop()
        await send({"type": "lifespan.shutdown.complete"})

    def _start(self) -> None:
        self._commits = Commits(asyncio.get_running_loop(), self._submit)
        self._pool = BoundedPool(self._threads, _MOST_WAITING, "pool")
        self._context.outbox()
        self._stop_watching = self._context.mappings.watch(self._report)
        self._stop_noting = self._context.refusals.write_regularly(self._context.now, self._report)

    def _submit(self, webhooks: Sequence[Packed]) -> Submitted[Receipt]:
        return self._context.outbox().submit(webhooks)

    def _report(self, error: Exception) -> None:
        self._context.log.error("fault", **failure(error))

    def _stop(self) -> None:
        self._stop_watching()
        self._stop_noting()
        for pool in (self._pool, self._context.delivery_pool):
            pool.close()
        self._context.outbox.close()

    # --- one request -------------------------------------------------------------------------------

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        guard = current()
        guard.headers_complete()
        try:
            answered = await self._answered(Incoming(request_of(scope), receive, guard))
            headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answered.headers]
            await send({"type": "http.response.start", "status": answered.status, "headers": headers})
            body = b"" if scope["method"] == "HEAD" else answered.body  # which the server would log
            await send({"type": "http.response.body", "body": body})
        finally:
            guard.answered()

    async def _answered(self, incoming: Incoming) -> RenderedResponse:
        try:
            return await self._answer(incoming)
        except Exception as error:  # noqa: BLE001 - the last resort: the client is asked to come again
            return render(fault(self._context, incoming.request, error), incoming.request)

    async def _answer(self, incoming: Incoming) -> RenderedResponse:
        request = incoming.request
        path = request.target.partition("?")[0]
        companion = self._context.settings.companion
        intake = intake_at(request.method, path, companion)
        if intake is not None:
            return await self._take_in(intake, incoming)
        if is_script(companion, path) and request.method in READ:
            return run(self._context, serve, request)
        if path == "/healthz" and request.method in READ:
            return run(self._context, health.healthz, request)
        if path == "/readyz" and request.method in READ:
            return await self._readyz(incoming)
        if path == "/metrics" and request.method in READ:
            work: Work = partial(run, self._context, health.metrics)  # asked by programs, so without Flask
        else:
            work = partial(_by_flask, self._flask)
        return await self._in_pool(work, incoming)

    async def _in_pool(self, work: Work, incoming: Incoming) -> RenderedResponse:
        context, request = self._context, incoming.request
        body = await incoming.body(most_bytes(request.target, context.settings.limits))
        if isinstance(body, BridgeError):
            if not request.target.startswith("/console/"):
                return answer(context, request, error_response(body))
            await incoming.discard(_DISCARD_FILE_BYTES)
            work, body = partial(_refuse_by_page, context, body), b""
        incoming.guard.request_complete()
        working = self._pool.submit(work, request._replace(body=body))
        if working is None:
            return answer(context, request, busy_response())
        return await asyncio.wrap_future(working)

    async def _readyz(self, incoming: Incoming) -> RenderedResponse:
        incoming.guard.request_complete()
        response = health.readiness(self._context, await self._readiness.reasons())
        return answer(self._context, incoming.request, response)

    # --- one webhook -------------------------------------------------------------------------------

    async def _take_in(self, intake: Intake, incoming: Incoming) -> RenderedResponse:
        started = perf_counter()
        context, endpoint = self._context, intake.endpoint
        request = incoming.request._replace(parameters=intake.parameters)
        admission = admit(context, endpoint, request)
        if isinstance(admission, Response):
            await incoming.discard()
            return finish(context, request, endpoint.refused, admission, started)
        body = await incoming.body(admission.most_bytes)
        incoming.guard.request_complete()
        if isinstance(body, BridgeError):
            return finish(context, request, admission, endpoint.refuse(body, request), started)
        request = request._replace(body=body)
        answering = asyncio.create_task(self._stored(endpoint, request, admission, started))
        self._answering.add(answering)
        answering.add_done_callback(self._answering.discard)
        return await asyncio.shield(answering)  # a sender that has gone takes nothing of it along

    async def _stored(
        self, endpoint: Endpoint, request: HttpRequest, admission: Admission, started: float
    ) -> RenderedResponse:
        """Prepare, store and count one webhook that was read whole."""
        context = self._context
        prepared = await self._prepared(endpoint, request, admission)
        if isinstance(prepared, Response):
            return finish(context, request, admission, prepared, started)
        stored = await self._commits.submit(prepared.webhook)
        results = await self._delivered(prepared, stored)
        response = respond(context, endpoint, request, prepared, stored, results)
        return finish(context, request, admission, response, started)

    async def _prepared(
        self, endpoint: Endpoint, request: HttpRequest, admission: Admission
    ) -> Prepared | Response:
        if not admission.asks_database and not is_heavy(request):
            return prepare(self._context, endpoint, request)
        work = self._pool.submit(prepare, self._context, endpoint, request)
        if work is None:
            return endpoint.refuse(CannotStore("too many webhooks are waiting"), request)
        return await asyncio.wrap_future(work)

    async def _delivered(self, prepared: Prepared, stored: Receipt | Exception) -> MetaResults:
        """Wait for Meta where the sender asks for it. Meanwhile its webhook is as safe as any other."""
        work = start_delivery(self._context, waiting_for_meta(prepared, stored))
        if work is None:
            return {}
        return await asyncio.wrap_future(work)


def _flask(context: AppContext) -> WsgiApplication:
    """Load Flask with console and API: a tenth of the memory, which a bridge for webhooks never needs.

    The first request waits for it, an eighth of a second.
    """
    from bridge.web.app import create_app

    return create_app(context)


def _by_flask(flask: Lazy[WsgiApplication], request: HttpRequest) -> RenderedResponse:
    return wsgi_adapter.call(flask(), request)


def _refuse_by_page(context: AppContext, error: BridgeError, request: HttpRequest) -> RenderedResponse:
    """Tell somebody at the console, in words, why what they sent was not read."""
    from bridge.web.console.pages import refusing

    return run(context, refusing(error), request)
