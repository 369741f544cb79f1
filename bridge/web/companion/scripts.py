"""The scripts that pages load: `/c.js` is the current one, `/c.<digest>.js` one version for ever.

Every version that was released stays in the folder: a website that names it, with its `integrity`, goes on
working after an upgrade of the bridge. `current.json` says which ones are current.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

from bridge.errors import UnknownMapping
from bridge.settings.models import CompanionSettings
from bridge.web.companion.beacons import configured
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest
from bridge.web.responses import Response

_FOLDER = Path(__file__).parent / "static"
_SUFFIXES = {"companion": "", "consent": "-consent"}
_HEADERS = (
    ("Content-Type", "text/javascript; charset=utf-8"),
    ("X-Content-Type-Options", "nosniff"),
    ("Access-Control-Allow-Origin", "*"),  # browsers check `integrity` only of what they may read
    ("Cross-Origin-Resource-Policy", "cross-origin"),
)
_SHORT = ("Cache-Control", "public, max-age=3600")
_FOR_EVER = ("Cache-Control", "public, max-age=31536000, immutable")


class ScriptFile(NamedTuple):
    """One version of one script: its name (`companion` or `consent`), the digest in its URL, and its text."""

    name: str
    digest: str
    text: str

    @property
    def integrity(self) -> str:
        """Return the value of the attribute `integrity` (Subresource Integrity, SHA-384)."""
        return f"sha384-{base64.b64encode(hashlib.sha384(self.text.encode()).digest()).decode()}"


@cache
def versions() -> dict[str, ScriptFile]:
    """Return every version of every script by the name of its file."""
    return {file.name: _read(file) for file in sorted(_FOLDER.glob("*.js"))}


def _read(file: Path) -> ScriptFile:
    name, digest, _ = file.name.split(".")
    return ScriptFile(name, digest, file.read_text("utf-8"))


@cache
def current(name: str) -> ScriptFile:
    """Return the current version of a script."""
    files: dict[str, str] = json.loads((_FOLDER / "current.json").read_text("utf-8"))
    return versions()[files[name]]


def script_path(companion: CompanionSettings, name: str, digest: str | None = None) -> str:
    """Return the path of a script: of one version, or of the current one."""
    stem = companion.script.removesuffix(".js") + _SUFFIXES[name]
    return f"{stem}.{digest}.js" if digest else f"{stem}.js"


@cache
def _served(companion: CompanionSettings) -> dict[str, Response]:
    """Return the answer at each path."""
    fixed = {
        script_path(companion, file.name, file.digest): Response(200, file.text, (*_HEADERS, _FOR_EVER))
        for file in versions().values()
    }
    for name in _SUFFIXES:
        fixed[script_path(companion, name)] = Response(200, current(name).text, (*_HEADERS, _SHORT))
    return fixed


def is_script(companion: CompanionSettings | None, path: str) -> bool:
    """Return whether a script is served at a path."""
    return companion is not None and path in _served(companion)


def serve(context: AppContext, request: HttpRequest) -> Response:
    """Answer one script. Raises UnknownMapping where there is none."""
    found = _served(configured(context)).get(request.target.partition("?")[0])
    if found is None:
        raise UnknownMapping("there is no such script", code="not_found", fix="see capi-bridge companion")
    return found
