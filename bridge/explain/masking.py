"""Showing a value without showing the person behind it."""

from __future__ import annotations

from typing import Any

_HIDDEN = "•••"


def mask(value: Any) -> Any:
    """Return a value's shape with its content hidden: `j•••@e•••.com`, `4•••8`.

    Lists and objects are masked item by item. Numbers count as text; true, false and null stay.
    """
    if type(value) is str:
        return mask_text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, list | tuple):
        return [mask(item) for item in value]
    if isinstance(value, dict):
        return {key: mask(item) for key, item in value.items()}
    return mask_text(str(value))


def mask_text(text: str) -> str:
    """Return the shape of a text."""
    local, at, domain = text.partition("@")
    if at and "." in domain:
        return f"{local[:1]}{_HIDDEN}@{domain[:1]}{_HIDDEN}.{domain.rpartition('.')[2]}"
    if len(text) < 5:
        return _HIDDEN
    return f"{text[0]}{_HIDDEN}{text[-1]}"
