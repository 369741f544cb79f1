"""Who looks at the console: how one signs in, what a request proves, and what a viewer may see.

A session is a cookie: `__Host-cb` over HTTPS, `cb` over plain HTTP, which is for the machine itself only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from bridge.errors import WrongUse
from bridge.outbox.sessions import SESSION_LASTS
from bridge.settings import Settings
from bridge.settings.models import Rate
from bridge.web.auth import is_loopback, is_same_token
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, origin, sender_address
from bridge.web.responses import Headers, NotAllowed

ADMIN = ""  # the viewer who may do everything; readers have names
SIGN_INS = Rate(10, 60.0)  # attempts of one address
_SECURE_COOKIE, _PLAIN_COOKIE = "__Host-cb", "cb"
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto")
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_OWN_PAGES = frozenset({"same-origin", "none"})  # Sec-Fetch-Site: sent by ours, or typed by a person


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is signed in. `destinations` are all that a reader sees; None: everything, and may change it."""

    name: str
    destinations: frozenset[str] | None = None

    @property
    def is_admin(self) -> bool:
        """Tell whether this viewer may change things."""
        return self.destinations is None

    def sees(self, destination: str) -> bool:
        """Tell whether a destination is one of this viewer's."""
        return self.destinations is None or destination in self.destinations


def viewer_of(context: AppContext, request: HttpRequest) -> Viewer | None:
    """Return who is signed in, None when nobody is. A demo trusts its own machine, and nobody else."""
    if context.settings.demo and _is_this_machine(request):
        return Viewer(ADMIN)
    token = _cookies(request).get(_cookie_name(request, context.settings))
    name = context.outbox().sessions.viewer(token, context.now()) if token else None
    return None if name is None else _named(name, context.settings)


def viewer_with_token(token: str, settings: Settings) -> Viewer | None:
    """Return whose token this is: the admin's or a reader's; compared in constant time."""
    owners = [(settings.admin_token, ADMIN), *((one.token, one.name) for one in settings.readers.values())]
    matching = [name for known, name in owners if known and is_same_token(known, token)]
    return _named(matching[0], settings) if matching else None


def _named(name: str, settings: Settings) -> Viewer | None:
    if name == ADMIN:
        return Viewer(ADMIN)
    reader = settings.readers.get(name)
    return Viewer(name, frozenset(reader.destinations)) if reader else None


def start_session(context: AppContext, request: HttpRequest, viewer: Viewer) -> Headers:
    """Sign somebody in; return the header that sets the cookie. Raises WrongUse where it would leak."""
    secure = _is_https(request, context.settings)
    if not secure and not _is_loopback_host(request):
        raise WrongUse(
            "signing in over plain http would show the session to everybody on the way",
            fix="use https, or open the console on the machine itself (localhost)",
        )
    token = context.outbox().sessions.open("session", viewer.name, context.now())
    lasts = int(SESSION_LASTS.total_seconds())
    return (("Set-Cookie", _cookie(request, context.settings, token, lasts)),)


def end_session(context: AppContext, request: HttpRequest) -> Headers:
    """Sign out; return the header that deletes the cookie."""
    token = _cookies(request).get(_cookie_name(request, context.settings))
    if token:
        context.outbox().sessions.close(token)
    return (("Set-Cookie", _cookie(request, context.settings, "", 0)),)


def admit_sign_in(context: AppContext, request: HttpRequest) -> None:
    """Let an attempt pass, or raise TooManyRequests: tokens are not to be guessed."""
    address = sender_address(request, context.settings.trusted_proxies) or ""
    context.rates.admit(f"sign-in {address}", SIGN_INS, "sign-in")


def refuse_other_sites(context: AppContext, request: HttpRequest) -> None:
    """Raise NotAllowed for a change that another site's page asks for with this browser's cookie.

    Browsers say where a request comes from (`Sec-Fetch-Site`, `Origin`); what says neither is no browser.
    """
    if request.method in _SAFE_METHODS:
        return
    fetched_from = request.headers.get("sec-fetch-site")
    if fetched_from is not None:
        is_ours = fetched_from in _OWN_PAGES
    else:
        is_ours = _is_own_origin(request, context.settings)
    if not is_ours:
        raise NotAllowed("the request comes from a page of another site")


def _is_own_origin(request: HttpRequest, settings: Settings) -> bool:
    claimed = request.headers.get("origin")
    own = {origin(request, settings), f"{request.scheme}://{request.headers.get('host', '')}"}
    return claimed is None or claimed in own


def _is_https(request: HttpRequest, settings: Settings) -> bool:
    return origin(request, settings).startswith("https://")


def _is_loopback_host(request: HttpRequest) -> bool:
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    return host == "localhost" or is_loopback(host)


def _is_this_machine(request: HttpRequest) -> bool:
    forwarded = any(name in request.headers for name in _FORWARDED)
    return _is_loopback_host(request) and is_loopback(request.peer) and not forwarded


def _cookie_name(request: HttpRequest, settings: Settings) -> str:
    return _SECURE_COOKIE if _is_https(request, settings) else _PLAIN_COOKIE


def _cookie(request: HttpRequest, settings: Settings, token: str, max_age: int) -> str:
    return "; ".join(_cookie_parts(request, settings, token, max_age))


def _cookie_parts(request: HttpRequest, settings: Settings, token: str, max_age: int) -> Iterator[str]:
    yield f"{_cookie_name(request, settings)}={token}"
    yield from ("Path=/", "HttpOnly", "SameSite=Strict", f"Max-Age={max_age}")
    if _is_https(request, settings):
        yield "Secure"


def _cookies(request: HttpRequest) -> dict[str, str]:
    try:
        return {
            name: morsel.value for name, morsel in SimpleCookie(request.headers.get("cookie", "")).items()
        }
    except CookieError:
        return {}
