"""The fields of a payload, one by one, each with the path that a mapping would write for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property, lru_cache
from typing import Any, Final

from msgspec import Struct

from bridge.mapping.runtime.scope import plain_key
from bridge.recognize.recognition_tables import RecognitionTables, folded, recognition_tables

_COME_IN_LISTS = frozenset({"user_data.email", "user_data.phone"})
_MOST_FIELDS = 5_000
_DEEPEST = 24
_DEEPEST_TITLE, _MOST_TITLES = 6, 500
_NEEDS_BRACKETS = re.compile(r"[(){}\[\],]|^[$]|\s$|^\s|^\*$")
_CANNOT_STAND_IN_A_PICK = re.compile(r"[()\n\r]")


class PayloadField(Struct, frozen=True):
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


class _Place:
    """A part of the payload: its path, its position, the keys above it, how deep it is.

    The places of one shape of payload are made once (`_below`), and found again by being the same object.
    """

    __slots__ = ("concrete", "depth", "depth_of_field", "name", "names", "path", "path_of_field", "within")

    def __init__(
        self, path: str = "", concrete: str = "", names: tuple[str, ...] = (), depth: int = 0
    ) -> None:
        self.path: Final = path
        self.concrete: Final = concrete
        self.names: Final = names
        self.depth: Final = depth
        name, within, parts = _named_by(names)
        self.name: Final = name
        self.within: Final = within
        self.path_of_field: Final = path or "$"
        self.depth_of_field: Final = depth + parts - 1

    def field(self, value: Any) -> PayloadField:
        """Return the field that a value here is."""
        return PayloadField(
            self.path_of_field, self.concrete, self.name, self.within, value, self.depth_of_field
        )

    def key(self, key: str, *, shown: str | None = None) -> _Place:
        plain = plain_key(key)
        return _Place(
            joined_path(self.path, key if shown is None else shown),
            f"{self.concrete}.{plain}" if self.concrete else plain,
            (*self.names, plain),
            self.depth + 1,
        )


@lru_cache(maxsize=4096)
def _item(place: _Place, index: int, step: str, name: str | None = None) -> _Place:
    """Return the place of an entry of a list."""
    names = place.names if name is None else (*place.names, name)
    concrete = f"{place.concrete}.{index}" if place.concrete else str(index)
    return _Place(f"{place.path}{step}" if place.path else f"${step}", concrete, names, place.depth + 1)


@lru_cache(maxsize=4096)
def _part_of_answer(place: _Place, key: str) -> _Place:
    """Return the place of a key in an entry that is picked by its label."""
    return place.key(key)


@lru_cache(maxsize=8192)
def joined_path(parent: str, key: str) -> str:
    """Return the path of a key below another; a key with signs of the path language stands in brackets."""
    if _NEEDS_BRACKETS.search(key) and key.strip():
        balanced = re.fullmatch(r"[^()\[\]{},]+(?:\[[^\[\]]*\])+", key)
        if not (balanced and not parent):
            return f"{parent}[{key}]"
    return f"{parent}.{key}" if parent else key


def payload_fields(data: Any, tables: RecognitionTables | None = None) -> tuple[PayloadField, ...]:
    """Return every scalar of a payload, in its order; bounded, so that no payload makes this slow."""
    walk = _PayloadWalk(data, tables or recognition_tables())
    walk.through(data, _whole())
    return tuple(walk.fields[:_MOST_FIELDS])


class _PayloadWalk:
    """Collects the fields of one payload."""

    def __init__(self, data: Any, tables: RecognitionTables) -> None:
        self.data = data
        self.tables = tables
        self.fields: list[PayloadField] = []

    @cached_property
    def titles(self) -> Mapping[str, str]:
        """Return the titles of questions by their id; looked for when an answer names its question."""
        return dict(_titles(self.data))

    def through(self, node: Any, place: _Place) -> None:
        """Collect what is in a part of the payload, until there are too many fields."""
        if place.depth > _DEEPEST or len(self.fields) >= _MOST_FIELDS:
            return
        if isinstance(node, dict):
            for value, inner in zip(node.values(), _below(place, tuple(map(str, node))), strict=True):
                if type(value) is dict or type(value) is list or inner.depth > _DEEPEST:
                    self.through(value, inner)
                else:
                    self.fields.append(inner.field(value))
        elif isinstance(node, list):
            for index, item in enumerate(node):
                self._through_item(node, index, item, place)
        else:
            self.fields.append(place.field(node))

    def _through_item(self, items: list[Any], index: int, item: Any, place: _Place) -> None:
        picked = None if _lists_one_kind(place.names) else self._pick(items, item)
        if picked is None:
            self.through(item, _item(place, index, ".first" if index == 0 else f".{index}"))
            return
        label_key, label, name = picked
        answer = _item(place, index, f"({label_key}={label})", name)
        for key, value in item.items():
            if key != label_key:
                self.through(value, _part_of_answer(answer, str(key)))

    def _pick(self, items: list[Any], item: Any) -> tuple[str, str, str] | None:
        """Return how an entry of a list is picked: the key, what it says there, what the entry is called."""
        question = item.get("field") if isinstance(item, dict) else None
        if isinstance(question, dict):
            for key in ("ref", "id"):
                if (title := self.titles.get(str(question.get(key)))) is not None:
                    return f"field.{key}", str(question[key]), title
        picked = _pick_by_label(items, item, self.tables)
        return (*picked, picked[1]) if picked else None


@lru_cache(maxsize=4096)
def _below(place: _Place, keys: tuple[str, ...]) -> tuple[_Place, ...]:
    """Return the places of an object's values; the same objects come again and again."""
    return tuple(place.key(key, shown=_as_mapped(key, keys)) for key in keys)


def _as_mapped(key: str, keys: tuple[str, ...]) -> str:
    """Return a key as a mapping writes it: without outer spaces, unless the object has the other one too."""
    plain = plain_key(key)
    return plain if plain and plain not in keys else key


def _titles(node: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield the titles of questions that stand apart from their answers, by the question's id and ref."""
    if depth > _DEEPEST_TITLE:
        return
    if isinstance(node, Mapping):
        title = node.get("title")
        if isinstance(title, str) and "type" in node:
            yield from ((str(node[key]), title) for key in ("id", "ref") if _can_be_picked(node.get(key)))
        for value in node.values():
            yield from _titles(value, depth + 1)
    elif isinstance(node, list):
        for entry in node[:_MOST_TITLES]:
            yield from _titles(entry, depth + 1)


def _can_be_picked(key: Any) -> bool:
    return isinstance(key, str) and bool(key) and not _CANNOT_STAND_IN_A_PICK.search(key)


@lru_cache(maxsize=4096)
def _lists_one_kind(names: tuple[str, ...]) -> bool:
    """Say whether a list is called after what it holds (`emails`): then its labels are `Work` and `Home`."""
    name = folded(names[-1]) if names else ""
    return any(
        known.destination in _COME_IN_LISTS
        and {name, name.removesuffix("s"), name.removesuffix("es")} & known.names.keys()
        for known in recognition_tables().fields
    )


def _pick_by_label(items: list[Any], item: Any, tables: RecognitionTables) -> tuple[str, str] | None:
    """Return the key that names the question, and the question, in a list of questions with answers."""
    if not isinstance(item, dict):
        return None
    for label_key in _label_keys(tuple(map(str, item))):
        label = item.get(label_key)
        if not isinstance(label, str) or not label.strip() or _CANNOT_STAND_IN_A_PICK.search(label.strip()):
            continue
        if [other.get(label_key) for other in items if isinstance(other, dict)].count(label) == 1:
            return label_key, label.strip()
    return None


@lru_cache(maxsize=1024)
def _label_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys that may hold the question where an answer has these keys."""
    names, tables = {folded(key) for key in keys}, recognition_tables()
    if names & tables.value_keys:
        return tables.label_keys
    return ("question", "label", "type") if names & tables.answer_keys else ()


@cache
def _whole() -> _Place:
    """Return the place of the payload itself."""
    return _Place()


def _named_by(names: tuple[str, ...]) -> tuple[str, tuple[str, ...], int]:
    """Return what a field is called, the names above it, and into how many parts its key was split."""
    value_keys = recognition_tables().value_keys
    while len(names) > 1 and (folded(names[-1]) in value_keys or names[-1].isdigit()):
        names = names[:-1]
    flat = _flat_parts(names[-1]) if names else ()
    return flat[-1] if flat else "", (*names[:-1], *flat[:-1]), len(flat)


def _flat_parts(name: str) -> tuple[str, ...]:
    """Split a flat key that is a path in itself: `contact[email]`, `data__email`."""
    parts = [part for part in re.split(r"\]\[|\[|\]|__|\.(?=[A-Za-z])", name) if part]
    return tuple(parts) if parts and " " not in name else (name,)
