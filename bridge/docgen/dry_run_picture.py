"""Makes `docs/files/dry-run.svg`, the picture in the README: what the dry run of its own example prints."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from bridge.meta_spec.shipped_files import shipped

_COMMAND = "capi-bridge dry-run contact body.json --explain"
_NOW = "2026-11-21T12:00:00Z"
_COLUMNS, _LINES = 104, 30
_LINE_HEIGHT, _CHARACTER_WIDTH, _MARGIN = 18, 7.83, 16


def picture() -> str:
    """Return the picture as SVG."""
    readme = (shipped("mappings").parent / "README.md").read_text(encoding="utf-8")
    with TemporaryDirectory() as folder:
        printed = _explanation(Path(folder), _block(readme, "yaml"), _block(readme, "json"))
    return _svg([f"$ {_COMMAND}", *map(_shortened, printed.splitlines())][:_LINES])


def _block(page: str, language: str) -> str:
    """Return the first block of a page in this language."""
    _, _, rest = page.partition(f"```{language}\n")
    return rest.partition("```")[0]


def _explanation(folder: Path, mapping: str, body: str) -> str:
    (folder / "mappings").mkdir()
    (folder / "mappings" / "contact.yaml").write_text(mapping, encoding="utf-8")
    (folder / "body.json").write_text(body, encoding="utf-8")
    arguments = [*_COMMAND.split()[1:], "--now", _NOW]
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-P", "-m", "bridge", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "NO_COLOR": "1", "COLUMNS": str(_COLUMNS)},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return re.sub(rf"(/private)?{re.escape(str(folder))}/", "", done.stderr)


def _shortened(line: str) -> str:
    line = re.sub(r"\b([0-9a-f]{8})[0-9a-f]{56}\b", r"\1…", line)
    return line if len(line) <= _COLUMNS else f"{line[: _COLUMNS - 1]}…"


def _svg(lines: Iterable[str]) -> str:
    rows = list(lines)
    width = round(_COLUMNS * _CHARACTER_WIDTH) + 2 * _MARGIN
    height = len(rows) * _LINE_HEIGHT + 2 * _MARGIN
    texts = [
        f'<text x="{_MARGIN}" y="{_MARGIN + (place + 1) * _LINE_HEIGHT - 5}">{escape(row)}</text>'
        for place, row in enumerate(rows)
        if row
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img" '
        f'aria-label="What {_COMMAND} prints">'
    )
    style = (
        "<style>text{font:13px ui-monospace,Menlo,Consolas,monospace;fill:#d8dee9;white-space:pre}"
        "rect{fill:#1d2430}</style>"
    )
    return "\n".join([head, style, f'<rect width="{width}" height="{height}" rx="8"/>', *texts, "</svg>", ""])
