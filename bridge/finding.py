"""What is wrong with an event or a file, where that stands, and what becomes of an event: plain values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

Severity = Literal["error", "warning"]
EventVerdict = Literal["ready", "held", "skipped", "suppressed", "fetching"]


@dataclass(frozen=True, slots=True)
class Position:
    """Where something stands in a file. Lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: what, where, and how to fix it.

    `path` is a JSON path into the event or the file (`$.user_data.em`); `position` is the line of
    the mapping or settings file it comes from. The texts never hold a value that a person sent.
    """

    severity: Severity
    code: str
    message: str
    fix: str = ""
    path: str | None = None
    position: Position | None = None
    suggestion: str | None = None

    def at(self, position: Position | None) -> Finding:
        """Return the same finding with the line it comes from."""
        return replace(self, position=position)

    def as_json(self) -> dict[str, Any]:
        """Return the one shape findings have in every JSON answer; absent parts are null."""
        where = self.position
        return {
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "fix": self.fix or None,
            "path": self.path,
            "file": where.file if where else None,
            "line": where.line if where else None,
            "column": where.column if where else None,
            "suggestion": self.suggestion,
        }
