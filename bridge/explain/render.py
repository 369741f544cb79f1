"""One field of an explanation, and single values, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

# what a field of the webhook is that gives nothing; anything else is why an answer was not there
PLAIN_OUTCOMES: Final = {"absent", "blank", "wrong type"}


def field_lines(field: Mapping[str, Any]) -> list[str]:
    """Return the lines of one field: what was sent, from where, what was tried, how it was cleaned."""
    where = f"  [{field['file']}:{field['line']}:{field['column']}]" if field["line"] else ""
    lines = [f"  {field['field']}{_outcome(field)}{where}"]
    lines += [f"      tried {tried['path']}: {tried['outcome']}" for tried in field["tried"]]
    if field["from"]:
        lines.append(f"      from {field['from']}{' (default)' if field['defaulted'] else ''}")
    lines += [f"      {step['step']}: {_short(step['value'])}" for step in field["steps"]]
    return lines


def tried_source(tried: Mapping[str, str]) -> str:
    """Return a path that gave nothing; one into an answer that is not there, with the reason."""
    plainly_empty = tried["outcome"] in PLAIN_OUTCOMES
    return tried["path"] if plainly_empty else f"{tried['path']} ({tried['outcome']})"


def _outcome(field: Mapping[str, Any]) -> str:
    """Return ` = what was sent`, or why nothing was; empty for a field that only its list of items shows."""
    if field["dropped"]:
        why = field["dropped"].removeprefix(f"{field['field']} was left out: ")
        return f" left out: {why}"
    if field["sent"] is not None:
        return f" = {_short(field['sent'])}"
    return " fills other fields" if field["given"] is not None else ""


def _short(value: Any) -> str:
    text = plainly(value)
    return text if len(text) <= 100 else f"{text[:97]}…"


def plainly(value: Any) -> str:
    """Return a value without the syntax of a programming language."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "(nothing)"}[value]
    if isinstance(value, list | tuple):
        return ", ".join(plainly(item) for item in value)
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {plainly(item)}" for key, item in value.items())
    return str(value)
