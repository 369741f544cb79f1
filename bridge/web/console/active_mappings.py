"""What several screens ask of a mapping: whether it is active, its URL, its text in a file or in a form."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from bridge.errors import UnknownMapping
from bridge.mapping import CompiledMapping
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, origin


def active_mapping(context: AppContext, name: str) -> CompiledMapping | None:
    """Return the active mapping of a name, None when there is none."""
    try:
        return context.mappings.get(name)
    except UnknownMapping:
        return None


def text_of_file(file: Path) -> str:
    """Return the text of a mapping or a sample, empty when it cannot be read just now."""
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""


def text_of_form(given: Mapping[str, str]) -> str:
    """Return the text of a mapping as somebody wrote it in a page; browsers change the ends of lines."""
    return given.get("mapping", "").replace("\r\n", "\n")


def hook_url(context: AppContext, request: HttpRequest, name: str) -> str:
    """Return the URL that the webhooks of a name are sent to."""
    return f"{origin(request, context.settings)}/hooks/{quote(name)}"
