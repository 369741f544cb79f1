"""Paths as compiled readers: a fast way through plain keys, and one careful walk for everything else.

A reader takes the scope and returns the value as it stands in the webhook, or MISSING.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bridge.mapping.path_syntax import Path, Step
from bridge.mapping.scope import MISSING, Scope, text_of

Reader = Callable[[Scope], Any]


def compile_path(path: Path) -> Reader:
    """Return the reader of a path: MISSING when nothing is there, lists for `.*`."""
    if path.root == "system":
        return _system_reader(path)
    walk = Walk(path)
    if path.steps and all(step.kind == "key" for step in path.steps):
        return _plain_reader(tuple(step.key for step in path.steps), walk, whole=path.root == "webhook")
    return walk.read


def _plain_reader(keys: tuple[str, ...], walk: Walk, *, whole: bool) -> Reader:
    """Read key after key while each is exactly there; anything else is for the careful walk."""
    careful = walk.read

    def read(scope: Scope) -> Any:
        value = scope.root if whole else scope.item
        for key in keys:
            if type(value) is not dict:
                return careful(scope)
            value = value.get(key, MISSING)
            if value is MISSING:
                return careful(scope)
        return value

    return read


class Walk:
    """The careful way: keys that hold dots, blanks or accents, lists, conditions, JSON inside texts.

    At each object the exact key is tried first, then the longest run of the remaining text that is
    literally a key, then keys equal in NFC without outer blanks. Every place of the webhook is
    entered at most once for each step, so the cost is bounded by steps times size.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.steps = path.steps
        self.whole = path.root == "webhook"
        self.runs = [tuple(_literal_runs(path, at)) for at in range(len(path.steps))]

    def read(self, scope: Scope) -> Any:
        """Return what the path leads to, or MISSING."""
        return self._find(scope, scope.root if self.whole else scope.item, 0, opened=False, trail=None)

    def trails(self, scope: Scope) -> list[str]:
        """Return the concrete places the path leads to (`line_items.0.sku`), for explanations."""
        start = "" if self.whole or not scope.base else scope.base
        found: list[str] = []
        self._find(scope, scope.root if self.whole else scope.item, 0, opened=False, trail=(start, found))
        return found

    def _find(
        self, scope: Scope, value: Any, at: int, *, opened: bool, trail: tuple[str, list[str]] | None
    ) -> Any:
        if at == len(self.steps):
            if trail is not None:
                trail[1].append(trail[0])
            return value
        if isinstance(value, str):
            inside = MISSING if opened else scope.open_text(value)
            if not isinstance(inside, dict | list):
                return MISSING
            return self._find(scope, inside, at, opened=True, trail=trail)
        step = self.steps[at]
        if step.kind == "each":
            return self._each(scope, value, at, opened=opened, trail=trail)
        if step.kind == "match":
            return self._matching(scope, value, at, opened=opened, trail=trail)
        if isinstance(value, dict):
            return self._key(scope, value, at, opened=opened, trail=trail)
        if isinstance(value, list):
            index = _index(step.key, len(value))
            if index is not None:
                return self._find(scope, value[index], at + 1, opened=opened, trail=_below(trail, str(index)))
        return MISSING

    def _key(
        self,
        scope: Scope,
        value: dict[str, Any],
        at: int,
        *,
        opened: bool,
        trail: tuple[str, list[str]] | None,
    ) -> Any:
        for key, after in self.runs[at]:
            if key in value:
                found = self._find(scope, value[key], after, opened=opened, trail=_below(trail, key))
                if found is not MISSING:
                    return found
        for key, after in self.runs[at]:
            inner = scope.oddly_named(value, key)
            if inner is not MISSING:
                found = self._find(scope, inner, after, opened=opened, trail=_below(trail, key))
                if found is not MISSING:
                    return found
        return MISSING

    def _each(
        self, scope: Scope, value: Any, at: int, *, opened: bool, trail: tuple[str, list[str]] | None
    ) -> Any:
        entries = _entries(value)
        if entries is None:
            return MISSING
        found = []
        for name, entry in entries:
            one = self._find(scope, entry, at + 1, opened=opened, trail=_below(trail, name))
            if isinstance(one, list) and any(step.kind == "each" for step in self.steps[at + 1 :]):
                found.extend(one)
            elif one is not MISSING:
                found.append(one)
        return found

    def _matching(
        self, scope: Scope, value: Any, at: int, *, opened: bool, trail: tuple[str, list[str]] | None
    ) -> Any:
        step = self.steps[at]
        for name, entry in _entries(value) or ():
            if _same_text(_subvalue(entry, step), step.key):
                return self._find(scope, entry, at + 1, opened=opened, trail=_below(trail, name))
        return MISSING


def _literal_runs(path: Path, at: int) -> Iterator[tuple[str, int]]:
    """Yield the keys to try at one step, and which step comes after: the exact one, then the longest run first."""
    yield path.steps[at].key, at + 1
    start = path.steps[at].start
    for last in range(len(path.steps) - 1, at - 1, -1):
        text = path.body[start : path.steps[last].end]
        if text != path.steps[at].key:
            yield text, last + 1


def _entries(value: Any) -> Iterator[tuple[str, Any]] | None:
    if isinstance(value, list):
        return ((str(index), entry) for index, entry in enumerate(value))
    if isinstance(value, dict):
        return iter(value.items())
    return None


def _index(key: str, length: int) -> int | None:
    """Return the index a step means in a list; a plain key means none."""
    if key == "first":
        return 0 if length else None
    if key == "last":
        return length - 1 if length else None
    if key.isascii() and key.isdigit() and len(key) < 7 and int(key) < length:
        return int(key)
    return None


def _subvalue(entry: Any, step: Step) -> Any:
    subpath = step.subpath
    if subpath is None:
        return MISSING
    if isinstance(entry, dict) and subpath.body in entry:
        return entry[subpath.body]
    for part in subpath.steps:
        if isinstance(entry, dict):
            entry = entry.get(part.key, MISSING)
        elif isinstance(entry, list) and (index := _index(part.key, len(entry))) is not None:
            entry = entry[index]
        else:
            return MISSING
    return entry


def _same_text(value: Any, wanted: str) -> bool:
    text = text_of(value)
    return text is not None and text.strip().casefold() == wanted


def _below(trail: tuple[str, list[str]] | None, key: str) -> tuple[str, list[str]] | None:
    if trail is None:
        return None
    return (f"{trail[0]}.{key}" if trail[0] else key, trail[1])


# --- system values ---------------------------------------------------------------------------------


def _system_reader(path: Path) -> Reader:
    readers: dict[str, Reader] = {
        "$headers": _header_reader(path.name),
        "$query": lambda scope: scope.request.query.get(path.name, MISSING),
        "$cookies": lambda scope: scope.cookies.get(path.name, MISSING),
        "$ip": lambda scope: scope.request.ip,
        "$user_agent": _header_reader("user-agent"),
        "$received_at": lambda scope: int(scope.request.received_at.timestamp()),
        "$index": lambda scope: scope.index,
        "$source": lambda scope: scope.source,
    }
    return readers[path.system]


def _header_reader(name: str) -> Reader:
    lowered = name.lower()
    return lambda scope: scope.request.headers.get(lowered, MISSING)
