"""What several screens look up: an active mapping, and the text of a file beside it."""

from __future__ import annotations

from pathlib import Path

from bridge.errors import UnknownMapping
from bridge.mapping import CompiledMapping
from bridge.web.context import AppContext


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
