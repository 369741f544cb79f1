"""Writes the pages and schemas that are made from our own tables: `make docs`.

A test holds every file equal to what would be written, so that a table and its page cannot drift apart.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from bridge.meta_spec.shipped_files import shipped

# file, from the top of the repository -> the function that makes its text
GENERATED: dict[str, str] = {
    "docs/files/dry-run.svg": "bridge.docgen.dry_run_picture:picture",
    "docs/http.md": "bridge.docgen.http_page:page",
    "README.md": "bridge.docgen.mappings_page:readme",
    "mappings/README.md": "bridge.docgen.mappings_page:page",
    "schemas/country_names.json": "bridge.docgen.country_names:table",
    "docs/meta-fields.md": "bridge.docgen.meta_fields_page:page",
    "docs/rules.md": "bridge.docgen.rules_page:page",
    "docs/answers.md": "bridge.docgen.meta_errors_page:page",
    "docs/reference.md": "bridge.docgen.language_page:reference_page",
    "schemas/mapping.schema.json": "bridge.mapping.language.json_schema:editor_schema",
    "docs/settings.md": "bridge.docgen.settings_page:page",
    "schemas/settings.schema.json": "bridge.docgen.settings_page:schema",
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
