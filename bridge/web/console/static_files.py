"""Styles and scripts of the console: from this host only, named after their content, kept by browsers."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from bridge.errors import UnknownMapping
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest
from bridge.web.responses import Response

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class NoSuchPage(UnknownMapping):
    """There is no page or file at this URL."""

    code = "not_found"


@cache
def _contents() -> dict[str, str]:
    """Return each file by its name with the digest of its content (`console.1a2b3c4d.css`)."""
    files = [file for file in sorted(_FOLDER.iterdir()) if file.suffix in _TYPES]
    return {_named(file): file.read_text("utf-8") for file in files}


def _named(file: Path) -> str:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:10]
    return f"{file.stem}.{digest}{file.suffix}"


@cache
def static_url(name: str) -> str:
    """Return the URL of a file of this version."""
    return f"/console/static/{_named(_FOLDER / name)}"


def serve(context: AppContext, request: HttpRequest) -> Response:
    """Answer one file; a page of an older version gets the file as it is now."""
    name = request.parameters["file"]
    contents = _contents()
    if name in contents:
        caching = "public, max-age=31536000, immutable"
        return Response(200, contents[name], _headers(name, caching))
    stem, suffix = name.partition(".")[0], Path(name).suffix
    current = [known for known in contents if known.startswith(f"{stem}.") and known.endswith(suffix)]
    if not current:
        raise NoSuchPage("there is nothing at this URL")
    return Response(200, contents[current[0]], _headers(current[0], "no-cache"))


def _headers(name: str, caching: str) -> tuple[tuple[str, str], ...]:
    return (
        ("Content-Type", _TYPES[Path(name).suffix]),
        ("Cache-Control", caching),
        ("X-Content-Type-Options", "nosniff"),
    )
