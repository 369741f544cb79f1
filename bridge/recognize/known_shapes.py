"""Senders that the structure of their webhooks gives away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.recognize.recognition_tables import KnownShape, recognition_tables

_NOTHING = object()


def known_shape(data: Any) -> KnownShape | None:
    """Return the shape of a payload when its paths, and what they say, are those of a sender."""
    return next((shape for shape in recognition_tables().shapes if _fits(data, shape)), None)


def _fits(data: Any, shape: KnownShape) -> bool:
    has_paths = all(_at(data, path) is not _NOTHING for path in shape.when)
    return has_paths and all(str(_at(data, path)) in texts for path, texts in shape.texts.items())


def _at(data: Any, path: str) -> Any:
    node = data
    for key in path.split("."):
        if isinstance(node, list):
            node = node[0] if key == "0" and node else _NOTHING
        elif isinstance(node, Mapping) and key in node:
            node = node[key]
        else:
            return _NOTHING
    return node
