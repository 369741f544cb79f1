"""One request from its endpoint to its log line: errors become responses, a fault never loses its sender."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from bridge.errors import BridgeError
from bridge.monitoring.log import failure
from bridge.web.context import AppContext
from bridge.web.refusal_notes import harmless_name
from bridge.web.request import HttpRequest
from bridge.web.responses import RenderedResponse, Response, error_response, fault_response, render

View = Callable[[AppContext, HttpRequest], Response]
Refuse = Callable[[BridgeError, HttpRequest], Response]
Result = TypeVar("Result")


def refuse(error: BridgeError, request: HttpRequest) -> Response:
    """Answer an error in the one shape of every endpoint of our own."""
    return error_response(error)


def guarded(
    context: AppContext, request: HttpRequest, work: Callable[[], Result], refuse: Refuse = refuse
) -> Result | Response:
    """Run `work`. A fault of ours is logged without what the sender sent, and is never a 500."""
    try:
        return work()
    except BridgeError as error:
        return refuse(error, request)
    except Exception as error:  # noqa: BLE001 - the last resort, see above
        return fault(context, request, error)


def fault(context: AppContext, request: HttpRequest, error: Exception) -> Response:
    """Log a fault of ours by its kind and place, and return the response to the client."""
    context.log.error("fault", request_id=request.id, path=_logged_path(request), **failure(error))
    return fault_response()


def run(context: AppContext, view: View, request: HttpRequest) -> RenderedResponse:
    """Answer one request that stores no webhook."""
    return answer(context, request, guarded(context, request, lambda: view(context, request)))


def answer(context: AppContext, request: HttpRequest, response: Response) -> RenderedResponse:
    """Turn a response into bytes; one that refuses is logged, the others are not worth a line."""
    if response.status >= 400:
        path = _logged_path(request)
        context.log.info("request", request_id=request.id, path=path, code=response.status, **response.log)
    return render(response, request)


def _logged_path(request: HttpRequest) -> str:
    """Return the first segment of the path; a stranger's URL may hold an address or a token even there."""
    segment = request.target.partition("?")[0].lstrip("/").partition("/")[0]
    return "/" + (harmless_name(segment.removesuffix(".json")) or "…" if segment else "")


def log_webhook(
    context: AppContext, request: HttpRequest, mapping: str, response: Response, seconds: float
) -> None:
    """Count and log one webhook that was answered, whatever the answer."""
    status = response.code or str(response.status)
    context.metrics.webhook(mapping, status, seconds)
    context.log.info(
        "webhook",
        request_id=request.id,
        mapping=mapping,
        status=status,
        code=response.status,
        events=response.events,
        ms=round(seconds * 1000, 2),
        **response.log,
    )
