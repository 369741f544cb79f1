"""What is answered: a status, one JSON object with a request id, and the one shape of every error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from bridge.errors import (
    BridgeError,
    CannotOpen,
    CannotStore,
    Invalid,
    NotAuthentic,
    TooLarge,
    TooManyRequests,
    UnknownMapping,
    UnreadableBody,
    WrongContentType,
    WrongMethod,
    WrongUse,
)
from bridge.finding import Finding
from bridge.serialization import encode, encode_readable
from bridge.web.request import HttpRequest


class NoSuchEvent(BridgeError):
    """No event of that id is kept."""

    code = "no_such_event"


class NotAllowed(BridgeError):
    """Somebody who is known may not do this."""

    code = "not_allowed"


class NoSuchJob(BridgeError):
    """No job of that id is kept."""

    code = "no_such_job"


class NotFinished(BridgeError):
    """What is asked for is still being written; half of it would look like the whole."""

    code = "not_finished"


class NoSuchRevision(BridgeError):
    """That revision of a mapping is not kept."""

    code = "no_such_revision"


STATUS_CODES: tuple[tuple[type[BridgeError], int], ...] = (
    (UnreadableBody, 400),
    (NotAuthentic, 401),
    (NotAllowed, 403),
    (UnknownMapping, 404),
    (NoSuchEvent, 404),
    (NoSuchJob, 404),
    (NoSuchRevision, 404),
    (WrongMethod, 405),
    (NotFinished, 409),
    (TooLarge, 413),
    (WrongContentType, 415),
    (Invalid, 422),
    (TooManyRequests, 429),
    (CannotStore, 503),
    (CannotOpen, 503),
    (WrongUse, 400),
    (BridgeError, 400),
)
RETRY_AFTER_SECONDS = 5
_NO_CONTENT = 204
_NOT_AUTHENTIC = "the sender could not be authenticated"
_JSON = "application/json"
_TERMINALS = ("curl/", "Wget/", "HTTPie/", "xh/")
Headers = tuple[tuple[str, str], ...]
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Response(NamedTuple):
    """What is answered, before it becomes bytes; `body` is a JSON object, or the text of a handshake.

    The rest is for the log line and the counters: `code` is the one word for what happened, `events` how many
    were stored, `log` what else is worth a word there.
    """

    status: int
    body: Mapping[str, Any] | str
    headers: Headers = ()
    code: str = ""
    events: int = 0
    log: Mapping[str, Any] = _NOTHING

    def adding(self, parts: Mapping[str, Any]) -> Response:
        """Return the same response with more parts in its JSON object."""
        return self if isinstance(self.body, str) else self._replace(body={**self.body, **parts})


class RenderedResponse(NamedTuple):
    """What goes back to the client."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def render(response: Response, request: HttpRequest, more: Headers = ()) -> RenderedResponse:
    """Turn a response into bytes and headers; what a response says itself wins over the usual.

    One that has no body has no length either (RFC 9110, section 8.6).
    """
    if response.status == _NO_CONTENT:
        return RenderedResponse(
            response.status, [("X-Request-Id", request.id), *response.headers, *more], b""
        )
    body, content_type = _encoded(response.body, request)
    headers = {"Content-Type": content_type, "Content-Length": str(len(body)), "X-Request-Id": request.id}
    if response.headers or more:
        headers.update((*response.headers, *more))
    return RenderedResponse(response.status, list(headers.items()), body)


def _encoded(body: Mapping[str, Any] | str, request: HttpRequest) -> tuple[bytes, str]:
    if isinstance(body, str):
        return body.encode("utf-8", "replace"), "text/plain; charset=utf-8"
    shown = {**body, "request_id": request.id}
    if is_read_by_a_person(request):
        return f"{encode_readable(shown)}\n".encode(), _JSON
    return encode(shown), _JSON


def is_read_by_a_person(request: HttpRequest) -> bool:
    """Tell whether somebody at a terminal or a browser looks at the JSON, which is indented for them."""
    headers = request.headers
    return headers.get("user-agent", "").startswith(_TERMINALS) or "text/html" in headers.get("accept", "")


def detail(finding: Finding) -> dict[str, Any]:
    """Return one finding as a detail of an error."""
    where = str(finding.position) if finding.position else None
    plain = detail_of(finding.code, finding.message, finding.fix or None)
    return {**plain, "path": finding.path, "where": where}


def detail_of(code: str, message: str | None, fix: str | None = None) -> dict[str, Any]:
    """Return a detail of an error that is about no field of a body and no line of a file."""
    return {"code": code, "path": None, "message": message, "fix": fix, "where": None}


def listed(name: str, found: Sequence[Any], limit: int) -> dict[str, Any]:
    """Return part of a list, newest first; `next` is the id to page on from, where there may be more."""
    more = found[-1].id if len(found) == limit else None
    return {name: [one.as_json() for one in found], "next": more}


def error_body(code: str, message: str, findings: Sequence[Finding] = ()) -> dict[str, Any]:
    """Return the one shape of every error."""
    return {"error": {"code": code, "message": message, "details": [detail(finding) for finding in findings]}}


def error_response(error: BridgeError) -> Response:
    """Turn an exception of ours into a response. A stranger with a wrong signature learns nothing."""
    status = next(number for kind, number in STATUS_CODES if isinstance(error, kind))
    log = _NOTHING if isinstance(error, UnknownMapping) else {"reason": error.message}  # it quotes the path
    if isinstance(error, NotAuthentic):
        return Response(status, error_body(NotAuthentic.code, _NOT_AUTHENTIC), code=error.code, log=log)
    message = error.message if error.findings else sentence(error)
    body = error_body(error.code, message, error.findings)
    return Response(status, body, _headers(error), error.code, log=log)


def sentence(error: BridgeError) -> str:
    """Say in one text what happened and, where it is known, what to do."""
    if not error.fix:
        return error.message
    joint = " " if error.message.endswith((".", "!", "?")) else "; "
    return error.message + joint + error.fix


def fault_response() -> Response:
    """Answer when we broke down: not the sender's fault, so it is asked to come again."""
    return _come_again("internal_fault", "the bridge could not do this now; nothing was lost, send it again")


def busy_response() -> Response:
    """Answer when too many requests that are not webhooks wait already."""
    return _come_again("busy", "too many requests are waiting; try again in a few seconds")


def _come_again(code: str, message: str) -> Response:
    return Response(503, error_body(code, message), _retry_after(RETRY_AFTER_SECONDS), code)


def _retry_after(seconds: int) -> Headers:
    return (("Retry-After", str(seconds)),)


def _headers(error: BridgeError) -> Headers:
    if isinstance(error, WrongMethod):
        return (("Allow", ", ".join(error.allowed)),)
    if isinstance(error, CannotStore | TooManyRequests):
        return _retry_after(error.retry_after_seconds)
    if isinstance(error, CannotOpen):
        return _retry_after(RETRY_AFTER_SECONDS)
    return ()
