"""What every page of the console is made of: the templates, the headers, forms, and errors as pages."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jinja2

from bridge.errors import BridgeError, TooLarge, UnreadableBody
from bridge.explain.render import plainly
from bridge.plurals import counted
from bridge.web.console.static_files import static_url
from bridge.web.console.viewers import Viewer, refuse_other_sites, viewer_of
from bridge.web.context import AppContext
from bridge.web.dispatch import View
from bridge.web.intake_paths import most_bytes
from bridge.web.request import HttpRequest
from bridge.web.responses import Headers, NotAllowed, Response, error_body, error_response

Screen = Callable[[AppContext, HttpRequest, Viewer], Response]
_SIGN_IN = "/console/sign-in"
_MOST_FORM_FIELDS = 1000
_TITLES = {
    403: "You cannot do this",
    404: "Page not found",
    413: "Too large",
    429: "Too many attempts",
    503: "Not possible just now",
}


def screen(show: Screen, *, admin_only: bool = False) -> View:
    """Return the view of a screen: for who is signed in, with its errors as pages that people can read."""

    def view(context: AppContext, request: HttpRequest) -> Response:
        viewer = None
        try:
            viewer = viewer_of(context, request)
            if viewer is None:
                return _sign_in_first(request)
            refuse_other_sites(context, request)
            if admin_only and not viewer.is_admin:
                raise NotAllowed("only the admin may do this")
            return show(context, request, viewer)
        except BridgeError as error:
            return error_response(error) if wants_json(request) else error_page(context, viewer, error)

    return view


def refusing(error: BridgeError) -> View:
    """Return the view of whatever was asked with a body that could not be read, such as a file too large."""

    def show(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
        if isinstance(error, TooLarge):
            most = most_bytes(request.target, context.settings.limits) // 1_048_576
            fix = "choose a smaller file, or import it with `capi-bridge import`"
            raise TooLarge(f"more was sent than the {most} MB that are taken at once", fix=fix)
        raise error

    return screen(show)


def wants_json(request: HttpRequest) -> bool:
    """Tell whether a script of ours asks, and not a person's browser for a page."""
    return request.headers.get("accept") == "application/json"


def _sign_in_first(request: HttpRequest) -> Response:
    """Answer whose session has ended: a script shows a dialog or leaves its page, a browser gets the form."""
    if wants_json(request):
        return Response(401, error_body("signed_out", "the session has ended: sign in again"))
    if request.headers.get("hx-request"):
        shown = urlsplit(request.headers.get("hx-current-url", ""))._replace(scheme="", netloc="")
        return Response(401, "", (("HX-Redirect", with_query(_SIGN_IN, {"next": shown.geturl()})),))
    return see_other(with_query(_SIGN_IN, {"next": request.target}))


def page(
    context: AppContext, viewer: Viewer | None, template: str, *, status: int = 200, **values: Any
) -> Response:
    """Return a page made of a template; everything in `values` is escaped where it is written."""
    nonce = secrets.token_urlsafe(16)
    values |= {"viewer": viewer, "nonce": nonce, "demo": context.settings.demo}
    return Response(status, rendered(template, **values), _headers(nonce))


def rendered(template: str, **values: Any) -> str:
    """Return the text of a template, such as a part of a page."""
    return _templates().get_template(template).render(**values)


def error_page(context: AppContext, viewer: Viewer | None, error: BridgeError) -> Response:
    """Return an error as a page: what happened and what to do."""
    response = error_response(error)
    shown = page(
        context,
        viewer,
        "error.html",
        status=response.status,
        title=_TITLES.get(response.status, "That did not work"),
        message=error.message,
        fix=error.fix,
        findings=error.findings,
    )
    return shown._replace(code=response.code, log=response.log, headers=(*shown.headers, *response.headers))


def attachment(file_name: str, content_type: str, content: str) -> Response:
    """Return a file that the browser keeps instead of showing it."""
    headers = (
        ("Content-Type", content_type),
        ("Content-Disposition", f'attachment; filename="{file_name}"'),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
    )
    return Response(200, content, headers)


def see_other(url: str, headers: Headers = ()) -> Response:
    """Return an answer that leads the browser to another page of ours."""
    return Response(303, "", (("Location", url), ("Cache-Control", "no-store"), *headers))


def form(request: HttpRequest) -> dict[str, str]:
    """Return the fields of a form that was sent; of repeated names the last one counts.

    Raises UnreadableBody for a body that is no form.
    """
    try:
        text = request.body.decode("utf-8")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FORM_FIELDS))
    except ValueError as error:
        raise UnreadableBody("the form cannot be read", fix="reload the page and try again") from error


def _headers(nonce: str) -> Headers:
    policy = (
        "default-src 'none'; script-src 'self'; "
        f"style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", policy),
        ("Referrer-Policy", "same-origin"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
    )


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(static_url=static_url, with_query=with_query, plainly=plainly)
    environment.filters.update(
        moment=_moment,
        from_unix=_from_unix,
        age=_age,
        count=counted,
        number=_number,
        size=_size,
        sentence=_sentence,
    )
    return environment


def with_query(path: str, parameters: Mapping[str, Any], **changes: Any) -> str:
    """Return a URL with these parameters, some of them changed; empty ones are left out."""
    kept = {name: str(value) for name, value in {**parameters, **changes}.items() if value not in (None, "")}
    return f"{path}?{urlencode(kept)}" if kept else path


def _moment(value: datetime | str | None) -> str:
    """Return a time to the second in UTC; a script shows it in the viewer's own time zone."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return "" if moment is None else moment.isoformat(timespec="seconds")


def _from_unix(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _age(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for limit, unit, name in ((120, 1, "second"), (7200, 60, "minute"), (172_800, 3600, "hour")):
        if seconds < limit:
            return counted(int(seconds // unit), name)
    return counted(int(seconds // 86_400), "day")


def _number(value: float) -> str:
    return f"{value:,}"


def _size(value: int | None) -> str:
    return "" if value is None else f"{value / 1_048_576:,.1f} MiB"


def _sentence(text: str) -> str:
    """Return a message of the bridge as a sentence: these begin with a small letter and have no full stop."""
    return (
        text if not text else f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"
    )
