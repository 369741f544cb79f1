"""Signing in and out: with the admin token, a reader's token, or a one-time link."""

from __future__ import annotations

from bridge.errors import BridgeError, NotAuthentic
from bridge.web.console.pages import error_page, form, page, see_other
from bridge.web.console.viewers import (
    ADMIN,
    Viewer,
    admit_sign_in,
    end_session,
    refuse_other_sites,
    start_session,
    viewer_of,
    viewer_with_token,
)
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, query
from bridge.web.responses import Response

HOME = "/console/"


def ask(context: AppContext, request: HttpRequest) -> Response:
    """Show the form. A link only fills it in: what opens a link by itself (a chat) does not use it up."""
    given = query(request)
    if viewer_of(context, request) is not None and not given.get("link"):
        return see_other(_inside(given.get("next")))
    return _asked(context, given.get("next", HOME), link=given.get("link", ""))


def start(context: AppContext, request: HttpRequest) -> Response:
    """Check what the form gave, and set the cookie."""
    try:
        refuse_other_sites(context, request)
        admit_sign_in(context, request)
        given = form(request)
        viewer = _viewer(context, given)
        if viewer is None:
            return _wrong(context, given)
        return see_other(_inside(given.get("next")), start_session(context, request, viewer))
    except BridgeError as error:
        return error_page(context, None, error)


def tell(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Answer a page's script that the session is still valid; without one it gets a 401."""
    return Response(200, {"viewer": viewer.name or "admin"}, (("Cache-Control", "no-store"),))


def end(context: AppContext, request: HttpRequest) -> Response:
    """Sign out."""
    try:
        refuse_other_sites(context, request)
        return see_other("/console/sign-in", end_session(context, request))
    except BridgeError as error:
        return error_page(context, None, error)


def _viewer(context: AppContext, given: dict[str, str]) -> Viewer | None:
    link = given.get("link")
    if not link:
        return viewer_with_token(given.get("token", "").strip(), context.settings)
    taken = context.outbox().sessions.take_link(link, context.now())
    return None if taken is None else Viewer(ADMIN)


def _wrong(context: AppContext, given: dict[str, str]) -> Response:
    if given.get("link"):
        problem = "This link was used already or is older than 60 seconds. Make a new one."
    else:
        problem = "This token is not the admin token (keys.admin) or a reader's (keys.readers)."
    asked = _asked(context, given.get("next", HOME), problem=problem, status=401)
    return asked._replace(code=NotAuthentic.code, log={"reason": "wrong token"})


def _asked(
    context: AppContext, following: str, *, link: str = "", problem: str = "", status: int = 200
) -> Response:
    has_token = bool(context.settings.admin_token or context.settings.readers)
    return page(
        context,
        None,
        "sign_in.html",
        status=status,
        following=_inside(following),
        link=link,
        problem=problem,
        has_token=has_token,
    )


def _inside(target: str | None) -> str:
    """Return a page of the console to go to, whatever somebody put into the URL."""
    wanted = target or ""
    is_ours = wanted.startswith(HOME) and wanted.isprintable() and "\\" not in wanted
    return wanted if is_ours else HOME
