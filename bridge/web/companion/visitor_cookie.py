"""The cookie with the visitor's id.

The script sets it first. The answer to a beacon sets it again: browsers that keep the cookie of a script for
seven days or less keep one that came with an answer as long as it says
(https://webkit.org/tracking-prevention/). The script reads it for the forms of the website, so it is not
HttpOnly; the id says nothing, and opens nothing.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from bridge.web.companion.beacon import visitor_id
from bridge.web.request import HttpRequest
from bridge.web.responses import Headers

NAME = "cb_visitor"
_SECONDS = 7_776_000  # 90 days, as Meta's own cookies


def visitor_of(request: HttpRequest) -> str | None:
    """Return the visitor's id in the cookies of a request."""
    pairs = (pair.partition("=") for pair in request.headers.get("cookie", "").split(";"))
    return next((visitor_id(value.strip()) for name, _, value in pairs if name.strip() == NAME), None)


def setting_cookie(visitor: str, host: str | None, origin: str) -> Headers:
    """Return the header that sets the cookie for a host; none when no page of the origin may set it there."""
    parts = urlsplit(origin)
    if host is None or not f".{parts.hostname}".endswith(f".{host}"):
        return ()
    secure = "; Secure" if parts.scheme == "https" else ""
    cookie = f"{NAME}={visitor}; Domain={host}; Path=/; Max-Age={_SECONDS}; SameSite=Lax{secure}"
    return (("Set-Cookie", cookie),)
