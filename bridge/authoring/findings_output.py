"""Writes findings for people (the source line and a caret), for programs, and for reviews on GitHub."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bridge.finding import Finding, Position

SourceLines = Callable[[str], Sequence[str]]
_LONGEST_LINE = 160
_ENDS_A_WORD = frozenset(" \t:,[]{}#\"'")


def lines_of_file(file: str) -> Sequence[str]:
    """Return the lines of a file, or none when it cannot be read (any more)."""
    try:
        return Path(file).read_text("utf-8-sig", errors="replace").splitlines()
    except OSError:
        return ()


def write_findings(
    findings: Iterable[Finding], output_format: str = "text", source_lines: SourceLines = lines_of_file
) -> str:
    """Return the findings as text; `output_format` is `text`, `json` or `github`. No findings are no text."""
    return _FORMATS[output_format](sorted(findings, key=_reading_order), source_lines)


def one_line(finding: Finding) -> str:
    """Return a finding as `file:line:column: error[code] message; did you mean 'x'?`."""
    where = f"{finding.position}: " if finding.position else ""
    at = "" if finding.position or not finding.path else f" (at {finding.path})"
    return f"{where}{finding.severity}[{finding.code}] {_sentence(finding)}{at}"


def _sentence(finding: Finding) -> str:
    if finding.suggestion is None or "did you mean" in finding.message:
        return finding.message
    return f"{finding.message}; did you mean {finding.suggestion!r}?"


def _reading_order(finding: Finding) -> tuple[str, int, int, str]:
    where = finding.position or Position("", 0, 0)
    return where.file, where.line, where.column, finding.code


def _as_text(findings: Sequence[Finding], source_lines: SourceLines) -> str:
    files: dict[str, Sequence[str]] = {}
    parts = []
    for finding in findings:
        part = [one_line(finding)]
        if finding.position:
            lines = files.setdefault(finding.position.file, source_lines(finding.position.file))
            part += _shown_line(lines, finding.position)
        if finding.fix:
            part.append(f"    fix: {finding.fix}")
        parts.append("\n".join(part))
    return "\n".join(parts) + ("\n" if parts else "")


def _shown_line(lines: Sequence[str], position: Position) -> list[str]:
    if not 0 < position.line <= len(lines):
        return []
    line = lines[position.line - 1].replace("\t", " ")[:_LONGEST_LINE]
    number = str(position.line)
    start = min(position.column - 1, len(line))
    caret = " " * start + "^" * max(1, _word_length(line, start))
    return [f"    {number} | {line}", f"    {' ' * len(number)} | {caret}"]


def _word_length(line: str, start: int) -> int:
    end = start
    while end < len(line) and line[end] not in _ENDS_A_WORD:
        end += 1
    return end - start


def _as_json(findings: Sequence[Finding], _: SourceLines) -> str:
    return (
        json.dumps({"findings": [finding.as_json() for finding in findings]}, ensure_ascii=False, indent=2)
        + "\n"
    )


def _as_github(findings: Sequence[Finding], _: SourceLines) -> str:
    return "".join(_workflow_command(finding) + "\n" for finding in findings)


def _workflow_command(finding: Finding) -> str:
    properties = {"title": finding.code}
    if finding.position:
        where = finding.position
        properties = {"file": where.file, "line": str(where.line), "col": str(where.column), **properties}
    written = ",".join(f"{name}={_escaped(value, in_property=True)}" for name, value in properties.items())
    fix = f" ({finding.fix})" if finding.fix else ""
    return f"::{finding.severity} {written}::{_escaped(_sentence(finding) + fix)}"


def _escaped(text: str, *, in_property: bool = False) -> str:
    """Escape as GitHub's workflow commands ask for: %, line ends, and in properties also : and , ."""
    signs = {"%": "%25", "\r": "%0D", "\n": "%0A", **({":": "%3A", ",": "%2C"} if in_property else {})}
    return "".join(signs.get(character, character) for character in text)


_FORMATS: dict[str, Callable[[Sequence[Finding], SourceLines], str]] = {
    "text": _as_text,
    "json": _as_json,
    "github": _as_github,
}
