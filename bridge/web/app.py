"""The web door: which address does what, and the two ways a request comes in.

Every view is a function of (door, environ, …) that returns an Answer or raises one of our exceptions;
this module is the only place that knows how Flask wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response, request
from flask.sessions import SessionInterface
from werkzeug.exceptions import HTTPException

from bridge.web.answers import Answer, Line, error_body
from bridge.web.door import Door
from bridge.web.intake import HOOKS, receive
from bridge.web.serving import STATUS_LINES, Reply, View, as_reply, note, reply, request_id_of

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class ShortWay:
    """Takes `POST /hooks/<name>` past Flask's routing and contexts, which that one address does not need.

    It is where nearly all requests go that the server does not take whole (`bridge.web.together`): this
    saves about 60 µs of each. What is said and done is the same function as Flask's way, and every other
    request goes on to Flask.
    """

    def __init__(self, flask: Callable[..., Iterable[bytes]], door: Door) -> None:
        self._flask = flask
        self._door = door

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one WSGI request."""
        path = environ["PATH_INFO"]
        name = path[len(HOOKS) :]
        if environ["REQUEST_METHOD"] != "POST" or path[: len(HOOKS)] != HOOKS or not _is_plain(name):
            return self._flask(environ, start_response)
        answered = reply(self._door, receive, environ, {"name": name})
        start_response(STATUS_LINES[answered.status], answered.headers)
        return [answered.body]


def _is_plain(name: str) -> bool:
    return bool(name) and name.isascii() and "/" not in name


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
    app.wsgi_app = ShortWay(app.wsgi_app, door)  # type: ignore[method-assign]
    return app


def _routes() -> list[tuple[str, list[str], View]]:
    from bridge.web import api, browser, dry_run, graph, openapi, status

    return [
        ("/hooks/<name>", ["POST"], receive),
        ("/hooks/<name>", ["GET", "HEAD"], receive),
        ("/hooks/<name>", ["OPTIONS"], browser.preflight),
        ("/dry-run/<name>", ["POST"], dry_run.of_mapping),
        ("/dry-run", ["POST"], dry_run.of_text),
        ("/validate", ["POST"], dry_run.of_finished_body),
        ("/<version>/<dataset_id>/events", ["POST"], graph.events),
        ("/api/mappings", ["GET"], api.mappings),
        ("/api/mappings/<name>", ["GET"], api.show_mapping),
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
    """Return the view as Flask calls it."""
    return lambda **arguments: _response(reply(door, view, request.environ, arguments))


def _response(answered: Reply) -> Response:
    return Response(answered.body, answered.status, answered.headers)


def _no_such_address(door: Door) -> Callable[[HTTPException], Response]:
    def respond(error: HTTPException) -> Response:
        code = error.code or 500
        messages = {404: "there is nothing at this address", 405: "this address does not take that method"}
        body = error_body(error.name.lower().replace(" ", "_"), messages.get(code, error.name))
        allow = tuple((name, value) for name, value in error.get_headers() if name == "Allow")
        answer = Answer(code, body, allow)
        request_id = request_id_of(request.environ)
        note(door, request.environ, request_id, Line(), answer, 0.0)
        return _response(as_reply(answer, request_id, request.environ))

    return respond
