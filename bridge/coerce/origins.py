"""Origins of websites as browsers send them: `https://www.example.com`, without a usual port.

The source is RFC 6454, sections 6 and 7. Host names in other alphabets are written as there (xn--…).
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ORIGIN = re.compile(
    r"(https?)://([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?(?=[/?#]|$)"
)
_USUAL_PORTS = {"http": "80", "https": "443"}


class WrittenOrigin(NamedTuple):
    """The origin that a text begins with; `rest` is what follows it, such as the path of a page."""

    origin: str
    rest: str


def origin_of(text: str) -> WrittenOrigin | None:
    """Return the origin that a text begins with; None when it is not the URL of a website."""
    found = _ORIGIN.match(text.lower())
    if found is None:
        return None
    scheme, host, port = found.groups()
    usual = port is None or port == _USUAL_PORTS[scheme]
    origin = f"{scheme}://{host}" if usual else f"{scheme}://{host}:{port}"
    return WrittenOrigin(origin, text[found.end() :])
