"""Explanations as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def render_explanation(explanation: Sequence[Mapping[str, Any]]) -> str:
    """Return an explanation as text, as `dry-run --explain` prints it."""
    lines: list[str] = []
    for entry in explanation:
        lines += _unused_lines(entry) if "unused" in entry else _event_lines(entry)
    return "\n".join(lines) + "\n"


def _event_lines(entry: Mapping[str, Any]) -> list[str]:
    reason = f": {entry['reason']}" if entry["reason"] else ""
    lines = [f"{entry['event']} ({entry['event_name'] or 'no name'}) is {entry['verdict']}{reason}"]
    lines += [f"  when {_condition(condition)}" for condition in entry["conditions"]]
    for field in entry["fields"]:
        lines += field_lines(field)
    return lines


def _condition(condition: Mapping[str, Any]) -> str:
    return (
        f"{condition['path']} {condition['condition']}: {'holds' if condition['holds'] else 'does not hold'}"
    )


def field_lines(field: Mapping[str, Any]) -> list[str]:
    """Return the lines of one field: what was sent, from where, what was tried, how it was cleaned."""
    where = f"  [{field['file']}:{field['line']}:{field['column']}]" if field["line"] else ""
    lines = [f"  {field['field']}{_outcome(field)}{where}"]
    lines += [f"      tried {tried['path']}: {tried['outcome']}" for tried in field["tried"]]
    if field["from"]:
        lines.append(f"      from {field['from']}{' (default)' if field['defaulted'] else ''}")
    lines += [f"      {step['step']}: {_short(step['value'])}" for step in field["steps"]]
    return lines


def _outcome(field: Mapping[str, Any]) -> str:
    """Return ` = what was sent`, or why nothing was; empty for a field that only its list of items shows."""
    if field["dropped"]:
        why = field["dropped"].removeprefix(f"{field['field']} was left out: ")
        return f" left out: {why}"
    if field["sent"] is not None:
        return f" = {_short(field['sent'])}"
    return " fills other fields" if field["given"] is not None else ""


def _short(value: Any) -> str:
    text = _plainly(value)
    return text if len(text) <= 100 else f"{text[:97]}…"


def _plainly(value: Any) -> str:
    """Return a value without the syntax of a programming language."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "(nothing)"}[value]
    if isinstance(value, list | tuple):
        return ", ".join(_plainly(item) for item in value)
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_plainly(item)}" for key, item in value.items())
    return str(value)


def _unused_lines(entry: Mapping[str, Any]) -> list[str]:
    if not entry["unused"]:
        return []
    guessed = [field for field in entry["unused"] if field["hint"]]
    others = [field["path"] for field in entry["unused"] if not field["hint"]]
    lines = ["fields of the webhook that the mapping does not use:"]
    lines += [f"  {field['hint']} ({field['destination']})" for field in guessed]
    return lines + ([f"  {', '.join(others)}"] if others else [])
