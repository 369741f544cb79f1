"""The Flask application: every endpoint, for any WSGI server. The only place that knows Flask."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

import flask
from werkzeug.datastructures import EnvironHeaders
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import get_content_length

from bridge.errors import BridgeError
from bridge.web.console.pages import refusing
from bridge.web.context import AppContext
from bridge.web.dispatch import View, answer, run
from bridge.web.intake import Endpoint, take_in
from bridge.web.intake_paths import READ, most_bytes
from bridge.web.openapi import Access, Route
from bridge.web.request import HttpRequest, cut_short, request_id, too_large
from bridge.web.responses import Response, error_body
from bridge.web.routes import PAGES, ROUTES, companion_routes

Environ = dict[str, Any]


class _Rendered(flask.Response):
    """A response with exactly the headers that it was given."""

    default_mimetype = None


def create_app(context: AppContext) -> flask.Flask:
    """Make the web application. It opens nothing until the first request, so it may be forked."""
    app = flask.Flask("bridge.web", static_folder=None)
    app.url_map.strict_slashes = False
    for route in (*ROUTES, *PAGES, *companion_routes(context.settings.companion)):
        methods = READ if route.method == "GET" else (route.method,)
        name = f"{route.method} {route.rule}".replace(".", "_")
        function = partial(_answer, context, route)
        app.add_url_rule(route.rule, name, function, methods=methods, provide_automatic_options=False)
    app.register_error_handler(HTTPException, partial(_no_such_endpoint, context))
    return app


def _answer(context: AppContext, route: Route, **parameters: str) -> flask.Response:
    """Do what Flask calls for a route."""
    environ = flask.request.environ
    request = request_from(environ, parameters)
    if isinstance(route.answers, Endpoint):
        rendered = take_in(context, route.answers, request, partial(read_body, environ))
    else:
        rendered = run(context, partial(_view, route.answers, route.access, environ), request)
    return _Rendered(rendered.body, rendered.status, rendered.headers)


def _view(
    view: View, access: Access | None, environ: Environ, context: AppContext, request: HttpRequest
) -> Response:
    if access is not None:
        access(request, context.settings)
    try:
        body = read_body(environ, most_bytes(request.target, context.settings.limits))
    except BridgeError as error:
        if request.target.startswith("/console/"):
            return refusing(error)(context, request)
        raise
    return view(context, request._replace(body=body))


def _no_such_endpoint(context: AppContext, error: HTTPException) -> flask.Response:
    code = error.code or 500
    messages = {404: "there is nothing at this URL", 405: "this URL does not accept that method"}
    body = error_body(error.name.lower().replace(" ", "_"), messages.get(code, error.name))
    headers = tuple((name, value) for name, value in error.get_headers() if name in {"Allow", "Location"})
    rendered = answer(context, request_from(flask.request.environ), Response(code, body, headers))
    return _Rendered(rendered.body, rendered.status, rendered.headers)


def request_from(environ: Environ, parameters: Mapping[str, str] | None = None) -> HttpRequest:
    """Return the request that a WSGI environment describes, its body not read yet."""
    headers = {name.lower(): value for name, value in EnvironHeaders(environ)}
    return HttpRequest(
        id=request_id(headers),
        method=environ["REQUEST_METHOD"],
        target=_target(environ),
        query_string=environ.get("QUERY_STRING", ""),
        headers=headers,
        peer=environ.get("REMOTE_ADDR", ""),
        scheme=environ.get("wsgi.url_scheme", "http"),
        parameters=parameters or {},
    )


def _target(environ: Environ) -> str:
    """Return path and query as sent where the server passes them on, and rebuilt where it does not."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if isinstance(raw, str) and raw.startswith("/"):
        return raw
    path = quote(environ.get("PATH_INFO", "/").encode("latin-1", "replace"), safe="/:@!$&'()*+,;=~-._")
    text = environ.get("QUERY_STRING", "")
    return f"{path}?{text}" if text else path


def read_body(environ: Environ, most_bytes: int) -> bytes:
    """Return the body, complete. Raises TooLarge without reading more than that.

    A body of unknown length is read only from a server that says where it ends.
    """
    declared = get_content_length(environ)
    if declared is None and not environ.get("wsgi.input_terminated"):
        return b""
    if declared is not None and declared > most_bytes:
        raise too_large(most_bytes)
    body: bytes = environ["wsgi.input"].read(most_bytes + 1 if declared is None else declared)
    if len(body) > most_bytes:
        raise too_large(most_bytes)
    if declared is not None and len(body) < declared:
        raise cut_short()
    return body
