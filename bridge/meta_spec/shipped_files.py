"""Finds what ships with the bridge: `mappings/` and `schemas/`, in a checkout or inside the wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import yaml

SCHEMAS = {
    "event": "meta/event.schema.json",
    "mapping": "mapping.schema.json",
    "settings": "settings.schema.json",
}
_PACKAGE = Path(__file__).resolve().parent.parent


def shipped(name: str) -> Path:
    """Return the folder `mappings` or `schemas` as it ships.

    In a checkout it stands beside the package; the wheel carries it in `bridge/_shipped`.
    """
    beside = _PACKAGE.parent / name
    if (_PACKAGE.parent / "pyproject.toml").is_file() and beside.is_dir():
        return beside
    return _PACKAGE / "_shipped" / name


def read_yaml_file(file: Path) -> dict[str, Any]:
    """Return what a YAML file of ours says; who writes mappings or settings is read by `positioned_yaml`."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return cast("dict[str, Any]", yaml.load(file.read_bytes(), Loader=loader))  # noqa: S506 - a safe loader


def shipped_yaml(name: str) -> dict[str, Any]:
    """Return what a YAML file below `schemas` says."""
    return read_yaml_file(shipped("schemas") / name)


def schema_text(name: str) -> str:
    """Return the JSON Schema of a finished event, of a mapping, or of the settings."""
    return (shipped("schemas") / SCHEMAS[name]).read_text("utf-8")
