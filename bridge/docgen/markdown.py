"""Markdown tables out of rows of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; bars inside cells are escaped."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    plain = text if text.startswith(("`", "[")) else text.replace("<", "\\<")
    return plain.replace("|", "\\|").replace("\n", " ")


def code(text: str) -> str:
    """Return a text as code; spaces at its ends stay visible."""
    return f"`{text}`" if text.strip() == text and text else f"`{text.replace(' ', '␠')}`"
