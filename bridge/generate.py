"""Writes the pages and schemas that are made from our own tables: `make docs`.

A test holds every file equal to what would be written, so that a table and its page cannot drift apart.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from bridge.resources import shipped

# file, from the top of the repository -> the function that makes its text
GENERATED: dict[str, str] = {
    "docs/http.md": "bridge.web.page:page",
    "schemas/country_names.json": "bridge.pages.country_names:table",
    "docs/meta-fields.md": "bridge.pages.meta_fields:page",
    "docs/rules.md": "bridge.pages.rules:page",
    "docs/answers.md": "bridge.pages.answers:page",
    "docs/reference.md": "bridge.authoring.reference:reference_page",
    "schemas/mapping.schema.json": "bridge.mapping.editor_schema:editor_schema",
    "docs/settings.md": "bridge.settings.page:page",
    "schemas/settings.schema.json": "bridge.settings.page:schema",
}


def render(name: str) -> str:
    """Return the text of one generated file."""
    module, _, function = GENERATED[name].partition(":")
    text: str = getattr(importlib.import_module(module), function)()
    return text


def main() -> None:
    """Write every generated file anew."""
    top: Path = shipped("schemas").parent
    for name in GENERATED:
        (top / name).write_text(render(name), encoding="utf-8")
        print(f"wrote {name}")  # noqa: T201 - a development command


if __name__ == "__main__":
    main()
