"""The fields of a payload, one by one, each with the path that a mapping would write for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.mapping.runtime.scope import plain_key
from bridge.recognize.recognition_tables import RecognitionTables, folded, recognition_tables

_MOST_FIELDS = 5_000
_DEEPEST = 24
_NEEDS_BRACKETS = re.compile(r"[(){}\[\],]|^[$]|\s$|^\s|^\*$")
_CANNOT_STAND_IN_A_PICK = re.compile(r"[()\n\r]")


@dataclass(frozen=True, slots=True)
class PayloadField:
    """One value of a payload. `name` is what it is called there: its key, or the question it answers.

    `path` is how a mapping reads it, `within` the names above it, `concrete` its position with every
    list index (`answers.0.email`), as an explanation notes what it read.
    """

    path: str
    concrete: str
    name: str
    within: tuple[str, ...]
    value: Any
    depth: int


@dataclass(frozen=True, slots=True)
class _Place:
    path: str = ""
    concrete: str = ""
    names: tuple[str, ...] = ()
    depth: int = 0

    def key(self, key: str, *, shown: str | None = None) -> _Place:
        plain = plain_key(key)
        return _Place(
            joined_path(self.path, key if shown is None else shown),
            f"{self.concrete}.{plain}" if self.concrete else plain,
            (*self.names, plain),
            self.depth + 1,
        )

    def item(self, index: int, step: str, name: str | None = None) -> _Place:
        names = self.names if name is None else (*self.names, name)
        concrete = f"{self.concrete}.{index}" if self.concrete else str(index)
        return _Place(f"{self.path}{step}" if self.path else f"${step}", concrete, names, self.depth + 1)


def joined_path(parent: str, key: str) -> str:
    """Return the path of a key below another; a key with signs of the path language stands in brackets."""
    if _NEEDS_BRACKETS.search(key) and key.strip():
        balanced = re.fullmatch(r"[^()\[\]{},]+(?:\[[^\[\]]*\])+", key)
        if not (balanced and not parent):
            return f"{parent}[{key}]"
    return f"{parent}.{key}" if parent else key


def payload_fields(data: Any, tables: RecognitionTables | None = None) -> tuple[PayloadField, ...]:
    """Return every scalar of a payload, in its order; bounded, so that no payload makes this slow."""
    fields: list[PayloadField] = []
    for field in _walk(data, _Place(), tables or recognition_tables()):
        fields.append(field)
        if len(fields) >= _MOST_FIELDS:
            break
    return tuple(fields)


def _walk(node: Any, place: _Place, tables: RecognitionTables) -> Iterator[PayloadField]:
    if place.depth > _DEEPEST:
        return
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _walk(value, place.key(str(key), shown=_as_mapped(str(key), node)), tables)
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _walk_item(node, index, item, place, tables)
    else:
        yield _field(node, place, tables)


def _as_mapped(key: str, node: Mapping[str, Any]) -> str:
    """Return a key as a mapping writes it: without outer spaces, unless the object has the other one too."""
    plain = plain_key(key)
    return plain if plain and plain not in node else key


def _walk_item(
    items: list[Any], index: int, item: Any, place: _Place, tables: RecognitionTables
) -> Iterator[PayloadField]:
    picked = _pick_by_label(items, item, tables)
    if picked is None:
        yield from _walk(item, place.item(index, ".first" if index == 0 else f".{index}"), tables)
        return
    label_key, label = picked
    answer = place.item(index, f"({label_key}={label})", label)
    for key, value in item.items():
        if key != label_key:
            yield from _walk(value, answer.key(str(key)), tables)


def _pick_by_label(items: list[Any], item: Any, tables: RecognitionTables) -> tuple[str, str] | None:
    """Return the key that names the question, and the question, in a list of questions with answers."""
    if not isinstance(item, Mapping):
        return None
    keys = {folded(str(key)) for key in item}
    plainly = bool(keys & tables.value_keys)
    if not plainly and not keys & tables.answer_keys:
        return None
    for label_key in tables.label_keys if plainly else ("question", "label", "type"):
        label = item.get(label_key)
        if not isinstance(label, str) or not label.strip() or _CANNOT_STAND_IN_A_PICK.search(label.strip()):
            continue
        if sum(1 for other in items if isinstance(other, Mapping) and other.get(label_key) == label) == 1:
            return label_key, label.strip()
    return None


def _field(value: Any, place: _Place, tables: RecognitionTables) -> PayloadField:
    names = place.names
    while len(names) > 1 and (folded(names[-1]) in tables.value_keys or names[-1].isdigit()):
        names = names[:-1]
    flat = _flat_parts(names[-1]) if names else ()
    within = (*names[:-1], *flat[:-1])
    return PayloadField(
        place.path or "$",
        place.concrete,
        flat[-1] if flat else "",
        within,
        value,
        place.depth + len(flat) - 1,
    )


def _flat_parts(name: str) -> tuple[str, ...]:
    """Split a flat key that is a path in itself: `contact[email]`, `data__email`."""
    parts = [part for part in re.split(r"\]\[|\[|\]|__|\.(?=[A-Za-z])", name) if part]
    return tuple(parts) if parts and " " not in name else (name,)
