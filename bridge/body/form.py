"""Forms: percent encoding, repeated keys, and brackets that mean nesting.

contact[email]=a      {"contact": {"email": "a"}}
tag=a&tag=b           {"tag": ["a", "b"]}
tag[]=a               {"tag": ["a"]}
item[0][id]=7         {"item": [{"id": "7"}]}         numbered from 0 without a gap: a list
field[4837262]=x      {"field": {"4837262": "x"}}     any other numbers are names
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from bridge.body.charset import decode_all
from bridge.body.json import opened_json
from bridge.body.limits import MAX_DEPTH, MAX_NODES, check_bounds, too_large
from bridge.body.media_type import MediaType
from bridge.coerce.special_characters import without_nul
from bridge.finding import Finding

_BRACKETED = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])+)")

_OPENED_NOTE = Finding(
    "warning",
    "json_in_form_field",
    "The form has one field and that holds JSON; its content can be read directly.",
    "Nothing needs to be done; to be exact, send the JSON itself with Content-Type: application/json.",
)


class Tree(dict[str, Any]):
    """Fields below one name; every number from its length up to `free` is taken."""

    free = 0


def read_form(
    content: bytes, media: MediaType, max_values: int = MAX_NODES
) -> tuple[Any, tuple[Finding, ...]]:
    """Read an urlencoded form."""
    if content.count(b"&") >= max_values:
        raise too_large("number of form fields", max_values, "fields")
    pairs = [pair.partition(b"=") for pair in content.strip().split(b"&") if pair]
    names = [_unquoted(name) for name, _, _ in pairs]
    values = [_unquoted(value) for _, _, value in pairs]
    texts, notes = decode_all([*names, *values], media.charset)
    data, form_notes = nested(zip(texts[: len(names)], texts[len(names) :], strict=True), max_values)
    return data, (*notes, *form_notes)


def _unquoted(piece: bytes) -> bytes:
    return unquote_to_bytes(piece.replace(b"+", b" "))


def nested(fields: Iterable[tuple[str, str]], max_values: int = MAX_NODES) -> tuple[Any, tuple[Finding, ...]]:
    """Nest fields by the brackets in their names; open the JSON of a form that is one single field.

    The single field stays readable under its own name as well.
    """
    root = Tree()
    for name, value in fields:
        _put(root, name, value)
    check_bounds(root, max_values)
    data, nuls = without_nul({key: _with_lists(value) for key, value in root.items()})
    opened = _single_json_field(data)
    return (data, nuls) if opened is None else (opened, (_OPENED_NOTE, *nuls))


def _put(root: Tree, name: str, value: str) -> None:
    match = _BRACKETED.fullmatch(name)
    if match is None:
        _put_leaf(root, name, value)
        return
    steps = [match[1], *match[2][1:-1].split("][")]
    if len(steps) > MAX_DEPTH:
        raise too_large("nesting of a form field", MAX_DEPTH, "levels")
    place = _descend(root, steps)
    if place is None:
        _put_leaf(root, name, value)  # `a=1&a[b]=2`: no place below a text, so the name stays flat
    else:
        _put_leaf(place, steps[-1] or _next_number(place), value)


def _descend(root: Tree, steps: list[str]) -> Tree | None:
    """Return the branch that the last step goes into, None when there is already a text in its place."""
    place: Any = root
    for step, following in itertools.pairwise(steps):
        key = step or _open_number(place, following)
        place = place.setdefault(key, Tree())
        if not isinstance(place, Tree):
            return None
    return place  # type: ignore[no-any-return]


def _put_leaf(place: Tree, key: str, value: str) -> None:
    """Set a value; a repeated key becomes a list, a text beside nested fields goes under ``""``."""
    present = place.get(key)
    if present is None:
        place[key] = value
    elif isinstance(present, Tree):
        _put_leaf(present, "", value)
    elif isinstance(present, list):
        present.append(value)
    else:
        place[key] = [present, value]


def _next_number(place: Tree) -> str:
    """Return the name of the next entry of `tag[]`: the first free number that is not below its length."""
    number = max(len(place), place.free)
    while str(number) in place:
        number += 1
    place.free = number
    return str(number)


def _open_number(place: Tree, following: str) -> str:
    """Return which entry `item[][id]` belongs to: the last one until it has an `id`, then a new one."""
    last = str(len(place) - 1)
    entry = place.get(last)
    if isinstance(entry, dict) and (not following or following not in entry):
        return last
    return _next_number(place)


def _with_lists(value: Any) -> Any:
    """Turn branches numbered 0, 1, 2 … into lists; recursion is bounded by the depth of names."""
    if not isinstance(value, dict):
        return value
    if value and all(key == str(number) for number, key in enumerate(value)):
        return [_with_lists(item) for item in value.values()]
    return {key: _with_lists(item) for key, item in value.items()}


def _single_json_field(data: dict[str, Any]) -> dict[str, Any] | None:
    if len(data) != 1:
        return None
    [(name, text)] = data.items()
    opened = opened_json(text) if isinstance(text, str) else None
    return {name: text, **opened} if isinstance(opened, dict) else None
