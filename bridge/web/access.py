"""Who may see or steer what is stored: the holder of the admin token, compared in constant time."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from typing import Any

from bridge.errors import NotAuthentic
from bridge.settings import Settings


def is_admin(environ: Mapping[str, Any], settings: Settings) -> bool:
    """Tell whether the request carries the admin token, as a bearer token or in X-Admin-Token."""
    if not settings.admin_token:
        return False
    scheme, _, credentials = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    given = credentials.strip() if scheme.lower() == "bearer" else environ.get("HTTP_X_ADMIN_TOKEN", "")
    return hmac.compare_digest(given.encode("utf-8", "replace"), settings.admin_token.encode())


def require_admin(environ: Mapping[str, Any], settings: Settings) -> None:
    """Let only the admin pass. A demo without a token trusts its own machine, and nobody else."""
    if is_admin(environ, settings) or (_is_open_demo(settings) and _is_local(environ)):
        return
    raise NotAuthentic("the admin token is missing or wrong")


def require_admin_unless_demo(environ: Mapping[str, Any], settings: Settings) -> None:
    """Let the admin pass, and everyone in a demo: for what neither reads nor changes what is stored."""
    if settings.demo or is_admin(environ, settings):
        return
    raise NotAuthentic("the admin token is missing or wrong")


def _is_open_demo(settings: Settings) -> bool:
    return settings.demo and not settings.admin_token


def _is_local(environ: Mapping[str, Any]) -> bool:
    try:
        address = ipaddress.ip_address(environ.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return address.is_loopback and "HTTP_X_FORWARDED_FOR" not in environ
