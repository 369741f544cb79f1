"""The web door: which address does what, and how an answer and its log line leave.

Every view is a function of (door, environ, …) that returns an Answer or raises one of our exceptions;
`_serve` is the only place that knows how Flask wants it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from flask.sessions import SessionInterface
from werkzeug.exceptions import HTTPException

from bridge.errors import BridgeError
from bridge.log import failure
from bridge.web.answers import Answer, Line, answer_to_error, answer_to_fault, error_body
from bridge.web.arrival import Environ, clock
from bridge.web.door import Door

View = Callable[..., Answer]
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")
_MAX_NAME = 200


class NoSessions(SessionInterface):
    """No cookies of our own, so nothing to open and nothing to save."""

    def open_session(self, app: Flask, request: Any) -> Any:
        """Return no session."""
        return None

    def make_null_session(self, app: Flask) -> Any:
        """Return an empty stand-in; Flask insists on one."""
        return _NO_SESSION

    def is_null_session(self, obj: object) -> bool:
        """Tell Flask that there is nothing to save."""
        return True


class _NoSession(dict):  # type: ignore[type-arg]
    accessed = modified = False


_NO_SESSION = _NoSession()


def create_app(door: Door) -> Flask:
    """Make the web application. It opens nothing until the first request, so it may be forked."""
    app = Flask("bridge.web", static_folder=None)
    app.session_interface = NoSessions()
    app.url_map.strict_slashes = False
    app.extensions["door"] = door
    for rule, methods, view in _routes():
        endpoint = f"{methods[0]} {rule}".replace(".", "_")
        app.add_url_rule(rule, endpoint, _serve(door, view), methods=methods, provide_automatic_options=False)
    app.register_error_handler(HTTPException, _no_such_address(door))
    return app


def _routes() -> list[tuple[str, list[str], View]]:
    from bridge.web import api, browser, dry_run, graph, intake, openapi, status

    return [
        ("/hooks/<name>", ["POST"], intake.receive),
        ("/hooks/<name>", ["GET", "HEAD"], intake.receive),
        ("/hooks/<name>", ["OPTIONS"], browser.preflight),
        ("/dry-run/<name>", ["POST"], dry_run.of_mapping),
        ("/dry-run", ["POST"], dry_run.of_text),
        ("/validate", ["POST"], dry_run.of_finished_body),
        ("/<version>/<dataset_id>/events", ["POST"], graph.events),
        ("/api/mappings", ["GET"], api.mappings),
        ("/api/counts", ["GET"], api.counts),
        ("/api/events", ["GET"], api.list_events),
        ("/api/events/<event_id>", ["GET"], api.show_event),
        ("/api/events/<event_id>/replay", ["POST"], api.replay_event),
        ("/api/events/<event_id>/discard", ["POST"], api.discard_event),
        ("/api/replay", ["POST"], api.replay_many),
        ("/healthz", ["GET", "HEAD"], status.healthz),
        ("/readyz", ["GET", "HEAD"], status.readyz),
        ("/metrics", ["GET"], status.metrics),
        ("/openapi.json", ["GET"], openapi.description),
    ]


def _serve(door: Door, view: View) -> Callable[..., Response]:
    """Return the view as Flask calls it: one request id, one answer, one log line."""

    def respond(**arguments: str) -> Response:
        environ = request.environ
        started = clock()
        request_id = _request_id(environ)
        line = Line()
        answer = _answer(door, view, environ, request_id, line, arguments)
        _note(door, environ, request_id, line, answer, clock() - started)
        return _response(answer, request_id, environ)

    return respond


def _answer(  # noqa: PLR0913, PLR0917 - one request, taken apart
    door: Door, view: View, environ: Environ, request_id: str, line: Line, arguments: dict[str, str]
) -> Answer:
    """Run one view. A fault of ours is logged without what the sender sent, and is never a 500."""
    try:
        return view(door, environ, **arguments, request_id=request_id, line=line)
    except BridgeError as error:
        line.extra["reason"] = error.message
        return answer_to_error(error)
    except Exception as error:  # noqa: BLE001 - the last resort, see above
        fault = failure(error)
        door.log.error("fault", request_id=request_id, path=_known_path(environ), **fault)  # noqa: TRY400
        return answer_to_fault()


def _note(  # noqa: PLR0913, PLR0917 - one log line
    door: Door, environ: Environ, request_id: str, line: Line, answer: Answer, seconds: float
) -> None:
    if environ["PATH_INFO"].startswith("/hooks/"):
        status = line.status or answer.code or str(answer.status)
        door.metrics.webhook(line.mapping, status, seconds)
        door.log.info(
            "webhook",
            request_id=request_id,
            mapping=line.mapping,
            status=status,
            code=answer.status,
            events=line.events,
            ms=round(seconds * 1000, 2),
            **line.extra,
        )
    elif answer.status >= 400:
        door.log.info(
            "request", request_id=request_id, path=_known_path(environ), code=answer.status, **line.extra
        )


def _known_path(environ: Environ) -> str:
    """Return the first part of the path: the rest may be anything a stranger typed."""
    return "/" + str(environ.get("PATH_INFO", "/")).lstrip("/").split("/")[0][:40]


def _request_id(environ: Environ) -> str:
    given = str(environ.get("HTTP_X_REQUEST_ID", ""))
    return given if given and _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _response(answer: Answer, request_id: str, environ: Environ) -> Response:
    body, content_type = answer.as_bytes(request_id)
    response = Response(body, answer.status, content_type=content_type)
    headers = response.headers
    headers["X-Request-Id"] = request_id
    for name, value in answer.headers:
        headers[name] = value
    origin = environ.get("HTTP_ORIGIN")
    if origin:
        from bridge.web.browser import allow

        allow(headers, environ, origin)
    return response


def _no_such_address(door: Door) -> Callable[[HTTPException], Response]:
    def respond(error: HTTPException) -> Response:
        code = error.code or 500
        messages = {404: "there is nothing at this address", 405: "this address does not take that method"}
        body = error_body(error.name.lower().replace(" ", "_"), messages.get(code, error.name))
        request_id = _request_id(request.environ)
        _note(door, request.environ, request_id, Line(), Answer(code, body), 0.0)
        headers = tuple((k, v) for k, v in error.get_headers() if k == "Allow")
        return _response(Answer(code, body, headers), request_id, request.environ)

    return respond
