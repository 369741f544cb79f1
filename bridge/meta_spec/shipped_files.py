"""Finds what ships with the bridge: `mappings/` and `schemas/`, in a checkout or inside the wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped(name: str) -> Path:
    """Return the folder `mappings` or `schemas` as it ships.

    In a checkout it stands beside the package; the wheel carries it in `bridge/_shipped`.
    """
    beside = _PACKAGE.parent / name
    if (_PACKAGE.parent / "pyproject.toml").is_file() and beside.is_dir():
        return beside
    return _PACKAGE / "_shipped" / name
