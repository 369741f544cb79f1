"""Destination fields ready to be read, and filling them: the one loop that every event goes through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bridge.explain.trace import NOTHING_FOUND, Trace
from bridge.finding import Finding, Position
from bridge.mapping.compiler.context import Read
from bridge.mapping.runtime.scope import Scope
from bridge.meta_spec.rule_files import load_meta_spec

# key, dotted path, reader
Slots = tuple[tuple[str, str, Read], ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """One destination field: its dotted path, its place in the file, and how it is read."""

    path: str
    position: Position
    read: Read


def fill(slots: Slots, scope: Scope, into: dict[str, Any]) -> None:
    """Read every slot `(key, path, read)` and keep what is there."""
    if scope.trace is not None:
        _fill_and_record(slots, scope, scope.trace, into)
        return
    for key, path, reader in slots:
        value = reader.read(scope)
        if value is not None:
            into[key] = value
        if scope.placeholders:
            report_placeholders(path, value, scope)


def _fill_and_record(slots: Slots, scope: Scope, trace: Trace, into: dict[str, Any]) -> None:
    for key, path, reader in slots:
        scope.field = path
        record = trace.record(path)
        sent_before = record.supplied_by is not None and record.dropped is None
        value = reader.read(scope)
        if value is not None:
            into[key] = value
        if value is not None or sent_before:  # inside contents, one entry that has the field is enough
            record.dropped = None
        elif record.dropped is None:
            record.dropped = (
                NOTHING_FOUND if record.supplied_by is None else "nothing was left after cleaning"
            )
        if scope.placeholders and (finding := report_placeholders(path, value, scope)) and value is None:
            record.dropped = finding.message


def report_placeholders(path: str, value: Any, scope: Scope) -> Finding | None:
    """Add a finding for the placeholder that was met while a field was read, unless another value is sent."""
    places = [place for place in scope.placeholders if place or value is None]
    scope.placeholders.clear()
    if not places:
        return None
    spec = load_meta_spec()
    field = f"{path}{places[0]}"
    finding = spec.rules["placeholder"].finding(f"$.{field}", field=spec.name_in_mappings(field))
    if finding not in scope.findings:
        scope.findings.append(finding)
    return finding
