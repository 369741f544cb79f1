"""Who may see or manage what is stored: the holder of the admin token, compared in constant time."""

from __future__ import annotations

import hmac
import ipaddress

from bridge.errors import NotAuthentic
from bridge.settings import Settings
from bridge.web.request import HttpRequest


def is_admin(request: HttpRequest, settings: Settings) -> bool:
    """Return whether the request carries the admin token, as a bearer token or in X-Admin-Token."""
    if not settings.admin_token:
        return False
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    given = credentials.strip() if scheme.lower() == "bearer" else request.headers.get("x-admin-token", "")
    return is_same_token(settings.admin_token, given)


def is_same_token(known: str, given: str) -> bool:
    """Compare two tokens in constant time; `given` may be anything that a stranger sent."""
    return hmac.compare_digest(known.encode(), given.encode("utf-8", "replace"))


def require_admin(request: HttpRequest, settings: Settings) -> None:
    """Let only the admin pass. A demo without a token trusts its own machine, and nobody else."""
    is_open_demo = settings.demo and not settings.admin_token
    is_local = is_loopback(request.peer) and "x-forwarded-for" not in request.headers
    if not is_admin(request, settings) and not (is_open_demo and is_local):
        raise NotAuthentic("the admin token is missing or wrong")


def require_admin_unless_demo(request: HttpRequest, settings: Settings) -> None:
    """Let the admin pass, and everyone in a demo: for what neither reads nor changes what is stored."""
    if not settings.demo and not is_admin(request, settings):
        raise NotAuthentic("the admin token is missing or wrong")


def is_loopback(address: str) -> bool:
    """Tell whether an address is one of this machine itself."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
