"""The explanation of a dry run as tables: for each field where it came from and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from bridge.cli.output import table
from bridge.explain.render import plainly, tried_source
from bridge.meta_spec.spec import MetaSpec

_HEADINGS = ("field", "from", "value", "cleaned", "sent")
_WIDTHS = (34, 56, 32, 32, 60)
_HASH_STEP = "SHA-256"
_COLORS = {"ready": "green", "held": "red"}


def explanation_text(shown: Mapping[str, Any], spec: MetaSpec) -> str:
    """Return what `dry-run --explain` prints: the fields of each event, unused fields, match strength."""
    parts = ["\n".join(_event(entry, spec)) for entry in shown["explain"] if "unused" not in entry]
    parts += [_empty(shown), _unused(shown)]
    parts += [_match(match, spec) for match in shown["match"] if match]
    return "\n\n".join(part for part in parts if part) + "\n"


def not_shared_text(shown: Mapping[str, Any]) -> str:
    """Return the mapped fields that found nothing, and the fields of the webhook that nothing used."""
    return "".join(f"{part}\n" for part in (_empty(shown), _unused(shown)) if part)


def _event(entry: Mapping[str, Any], spec: MetaSpec) -> Iterator[str]:
    reason = f": {entry['reason']}" if entry["reason"] else ""
    named = "" if entry["event_name"] == entry["event"] else f" ({entry['event_name'] or 'no name'})"
    heading = f"{entry['event']}{named} is {entry['verdict']}{reason}"
    yield click.style(heading, fg=_COLORS.get(entry["verdict"], "yellow"), bold=True)
    for condition in entry["conditions"]:
        holds = "holds" if condition["holds"] else "does not hold"
        yield f"  when {condition['path']} {condition['condition']}: {holds}"
    if entry["fields"]:
        yield table(_HEADINGS, [_row(field, spec) for field in entry["fields"]], _WIDTHS)


def _row(field: Mapping[str, Any], spec: MetaSpec) -> tuple[str, ...]:
    return (
        spec.name_in_mappings(field["field"]),
        _source(field),
        "" if field["given"] is None else plainly(field["given"]),
        _cleaned(field),
        _result(field),
    )


def _source(field: Mapping[str, Any]) -> str:
    if field["from"]:
        return f"{field['from']} (default)" if field["defaulted"] else str(field["from"])
    tried = ", ".join(tried_source(entry) for entry in field["tried"])
    return f"nothing in {tried}" if tried else ""


def _cleaned(field: Mapping[str, Any]) -> str:
    values = [step["value"] for step in field["steps"] if step["step"] != _HASH_STEP]
    return plainly(values[-1]) if values else ""


def _result(field: Mapping[str, Any]) -> str:
    if field["dropped"]:
        return f"left out: {field['dropped'].rpartition(' was left out: ')[2]}"
    if field["sent"] is None:
        return "fills other fields" if field["given"] is not None else ""
    if any(step["step"] == _HASH_STEP for step in field["steps"]):
        return f"hash {plainly(field['sent'])[:12]}…"
    return plainly(field["sent"])


def _empty(shown: Mapping[str, Any]) -> str:
    lines = [f"  {_empty_line(entry)}" for entry in shown["empty"]]
    return "\n".join(["Mapped, but not in this webhook:", *dict.fromkeys(lines)]) if lines else ""


def _empty_line(entry: Mapping[str, Any]) -> str:
    where = f" (line {entry['line']})" if entry["line"] else ""
    meant = f"; did you mean {entry['suggestion']}?" if entry["suggestion"] else ""
    tried = f"nothing in {', '.join(entry['tried'])}" if entry["tried"] else "nothing was found"
    return f"{entry['field']}: {tried}{where}{meant}"


def _unused(shown: Mapping[str, Any]) -> str:
    guessed = [field for field in shown["unused"] if field["hint"]]
    others = ", ".join(field["path"] for field in shown["unused"] if not field["hint"])
    lines = [f"  {field['hint']} ({field['destination']})" for field in guessed]
    lines += [f"  {others}"] if others else []
    return "\n".join(["Not used by the mapping:", *lines]) if lines else ""


def _match(match: Mapping[str, Any], spec: MetaSpec) -> str:
    missing = ", ".join(spec.user_data[name].long_name or name for name in match["missing"])
    rest = f"\nnot there: {missing}" if missing else ""
    return f"Match strength {match['score']} of 100: {match['advice']}{rest}"
