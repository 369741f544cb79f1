"""Paths as compiled readers: a fast way through plain keys, and one careful walk for everything else.

A reader takes the scope and returns the value exactly as the webhook holds it, or MISSING.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from bridge.mapping.language.path_syntax import Path, PathStep
from bridge.mapping.runtime.scope import MISSING, Called, Reader, Scope, plain_key, text_of
from bridge.models import Fetched


@dataclass(frozen=True, slots=True)
class CompiledPath:
    """A path ready to run: `locate` reads it, `walk` finds where in the webhook it led.

    `fetched` gives the answer that the path reads, for one that starts at a step of `fetch`.
    """

    path: Path
    locate: Reader
    walk: Walk
    fetched: Callable[[Scope], Fetched] | None = None

    def places(self, scope: Scope) -> list[str]:
        """Return the concrete places the path leads to from here, for an explanation."""
        if self.path.root in _ELSEWHERE:
            return [self.path.text]
        whole = self.path.root == "webhook"
        start, base = (scope.root, "") if whole else (scope.item, scope.base)
        place = self.locate.place_in(start) if isinstance(self.locate, _Plain | ChosenEntry) else None
        if place is None:
            return self.walk.places(scope, start, base)
        return [f"{base}.{place}" if base else place]

    def why_nothing(self, scope: Scope) -> str:
        """Say for an explanation why nothing was found: `wrong type` where no key can be below."""
        value = scope.root if self.path.root == "webhook" else scope.item
        if self.fetched is not None:
            fetched = self.fetched(scope)
            if fetched.reason:
                return fetched.reason
            value = fetched.value
        for step in self.path.steps:
            if isinstance(value, dict) and step.kind == "key":
                value = value.get(step.key)
            elif isinstance(value, list) and (step.kind != "key" or step.key.isdigit() or step.key in _ENDS):
                return "absent"
            else:
                return "absent" if value is None else "wrong type"
        return "absent"

    def described(self, scope: Scope) -> str:
        """Return the path for an explanation; one into an answer says where that came from."""
        if self.fetched is None:
            return self.path.text
        fetched = self.fetched(scope)
        took = None if fetched.took_ms is None else f"{fetched.took_ms:,} ms"
        return f"{self.path.text} ({', '.join(filter(None, (fetched.source, took, fetched.how)))})"


_ENDS: Final = {"first", "last"}
_ELSEWHERE: Final = {"system", "answer"}  # such a path leads to no place in the webhook


def compile_path(path: Path) -> CompiledPath:
    """Compile a path: `locate` gives MISSING when nothing is there, and lists for `.*`."""
    walk = Walk(path)
    return CompiledPath(path, _system_reader(path) if path.root == "system" else _reader(path, walk), walk)


def _reader(path: Path, walk: Walk) -> Reader:
    keys = plain_keys(path)
    if keys:
        return _Plain(keys, walk)
    spread = _spread_keys(path)
    if spread:
        return SpreadPath(*spread, walk)
    chosen = _chosen_keys(path)
    return ChosenEntry(chosen, walk) if chosen and len(chosen.before) == 1 else walk


def plain_keys(path: Path) -> tuple[str, ...]:
    """Return the keys of a path that has nothing but keys, else none."""
    return tuple(step.key for step in path.steps) if all(step.kind == "key" for step in path.steps) else ()


class _Plain(Reader):
    """Reads key after key while each is exactly there; a quick no when one is not, else the careful walk."""

    __slots__ = ("keys", "place", "walk", "whole")

    def __init__(self, keys: tuple[str, ...], walk: Walk) -> None:
        self.keys: Final = keys
        self.place: Final = ".".join(map(plain_key, keys))
        self.walk: Final = walk
        self.whole: Final = walk.whole

    def read(self, scope: Scope) -> Any:
        """Return what the keys lead to."""
        value = scope.root if self.whole else scope.item
        for key in self.keys:
            if type(value) is not dict:
                return self._missed(scope)
            value = value.get(key, MISSING)
            if value is MISSING:
                return self._missed(scope)
        return value

    def place_in(self, start: Any) -> str | None:
        """Return the place that the keys lead to; None where only the walk can tell."""
        return self.place if _leads_on(start, self.keys) else None

    def _missed(self, scope: Scope) -> Any:
        value = scope.root if self.whole else scope.item
        for key in self.keys:
            if type(value) is not dict:
                return MISSING if value is None else self.walk.read(scope)
            if not scope.has_plain_keys(value):
                return self.walk.read(scope)
            value = value.get(key, MISSING)
            if value is MISSING:
                return MISSING
        return value


def _spread_keys(path: Path) -> tuple[tuple[str, ...], str] | None:
    """Return keys and the last key of `keys.*.key`, the common way through a list."""
    *keys, each, last = path.steps if len(path.steps) > 2 else (None, None)
    if each is None or last is None or each.kind != "each" or last.kind != "key":
        return None
    plain = [step.key for step in keys if step is not None and step.kind == "key"]
    return (tuple(plain), last.key) if len(plain) == len(keys) else None


class SpreadPath(Reader):
    """Reads one key of every entry of a list while all of it is exactly there."""

    __slots__ = ("keys", "last", "walk", "whole")

    def __init__(self, keys: tuple[str, ...], last: str, walk: Walk) -> None:
        self.keys: Final = keys
        self.last: Final = last
        self.walk: Final = walk
        self.whole: Final = walk.whole

    def read(self, scope: Scope) -> Any:
        """Return the value of the last key of every entry."""
        value = scope.root if self.whole else scope.item
        for key in self.keys:
            if type(value) is not dict or key not in value:
                return self.walk.read(scope)
            value = value[key]
        if type(value) is not list:
            return self.walk.read(scope)
        found = []
        last = self.last
        for entry in value:
            if type(entry) is not dict or last not in entry:
                return self.walk.read(scope)
            found.append(entry[last])
        return found


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The way to one entry of a list: `before(key=wanted).after`."""

    before: tuple[str, ...]
    key: str
    wanted: str
    after: tuple[str, ...]


def _chosen_keys(path: Path) -> _Chosen | None:
    """Return the parts of a path with one condition on a plain key, else None."""
    at = next((at for at, step in enumerate(path.steps) if step.kind == "match"), None)
    others = [step for number, step in enumerate(path.steps) if number != at]
    if at is None or any(step.kind != "key" for step in others):
        return None
    step = path.steps[at]
    if step.subpath is None or len(step.subpath.steps) != 1:
        return None
    keys = tuple(step.key for step in others)
    return _Chosen(keys[:at], step.subpath.body, step.key, keys[at:])


class ChosenEntry(Reader):
    """Reads a path with one condition while everything is exactly there, comparing as the walk does."""

    __slots__ = ("after", "key", "only", "walk", "wanted", "whole")

    def __init__(self, chosen: _Chosen, walk: Walk) -> None:
        self.only: Final = chosen.before[0]
        self.key: Final = chosen.key
        self.wanted: Final = chosen.wanted
        self.after: Final = chosen.after
        self.walk: Final = walk
        self.whole: Final = walk.whole

    def read(self, scope: Scope) -> Any:
        """Return what the rest of the path finds in the entry."""
        start = scope.root if self.whole else scope.item
        entries = start.get(self.only) if type(start) is dict else None
        if type(entries) is not list:
            return self.walk.read(scope)
        key, wanted = self.key, self.wanted
        for entry in entries:
            name = entry.get(key) if type(entry) is dict else None
            if type(name) is not str:
                return self.walk.read(scope)
            if name == wanted or name.strip().casefold() == wanted:
                return self._through(entry, scope)
        return MISSING if scope.has_plain_keys(start) else self.walk.read(scope)

    def place_in(self, start: Any) -> str | None:
        """Return the place that the path leads to; None where only the walk can tell."""
        entries = start.get(self.only) if type(start) is dict else None
        for index, entry in enumerate(entries if type(entries) is list else ()):
            name = entry.get(self.key) if type(entry) is dict else None
            if type(name) is not str:
                return None
            if name == self.wanted or name.strip().casefold() == self.wanted:
                place = ".".join(map(plain_key, (self.only, str(index), *self.after)))
                return place if _leads_on(entry, self.after) else None
        return None

    def _through(self, value: Any, scope: Scope) -> Any:
        for key in self.after:
            if type(value) is not dict or key not in value:
                return self.walk.read(scope)
            value = value[key]
        return value


class Walk(Reader):
    """The careful way: keys that hold dots, spaces or accents, lists, conditions, JSON inside texts.

    At each object the exact key is tried first, then the longest run of the remaining text that is
    literally a key, then keys equal in NFC without surrounding whitespace. Every place of the webhook is
    entered at most once for each step, so the cost is bounded by steps times size.
    """

    __slots__ = ("_runs", "path", "spread_again", "steps", "whole")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.steps = path.steps
        self.whole = path.root == "webhook"
        self._runs: list[tuple[tuple[str, int], ...]] | None = None
        each = [at for at, step in enumerate(path.steps) if step.kind == "each"]
        self.spread_again = tuple(each[:-1])

    @property
    def runs(self) -> list[tuple[tuple[str, int], ...]]:
        """Return the keys to try at each step; few paths ever need them."""
        if self._runs is None:
            self._runs = [tuple(_literal_runs(self.path, at)) for at in range(len(self.steps))]
        return self._runs

    def read(self, scope: Scope) -> Any:
        """Return what the path leads to, or MISSING."""
        return self.read_from(scope, scope.root if self.whole else scope.item)

    def read_from(self, scope: Scope, start: Any) -> Any:
        """Return what the path leads to from some data, or MISSING."""
        return self._find(_Visit(scope), start, 0, "")

    def places(self, scope: Scope, start: Any, base: str) -> list[str]:
        """Return the concrete places the path leads to (`line_items.0.sku`), for explanations."""
        visit = _Visit(scope, places=[])
        self._find(visit, start, 0, base)
        return visit.places or []

    def _find(self, visit: _Visit, value: Any, at: int, place: str) -> Any:
        if at == len(self.steps):
            if visit.places is not None:
                visit.places.append(place)
            return value
        if isinstance(value, str):
            return self._inside_text(visit, value, at, place)
        step = self.steps[at]
        if step.kind != "key":
            find = self._each if step.kind == "each" else self._matching
            return find(visit, value, at, place)
        if isinstance(value, dict):
            return self._key(visit, value, at, place)
        index = _index(step.key, len(value)) if isinstance(value, list) else None
        return (
            MISSING
            if index is None
            else self._find(visit, value[index], at + 1, visit.below(place, str(index)))
        )

    def _inside_text(self, visit: _Visit, text: str, at: int, place: str) -> Any:
        """Open a text that holds JSON; a text inside it stays a text."""
        inside = text if visit.opened else visit.scope.open_text(text)
        if isinstance(inside, str):
            return MISSING
        return self._find(_Visit(visit.scope, visit.places, opened=True), inside, at, place)

    def _key(self, visit: _Visit, value: dict[str, Any], at: int, place: str) -> Any:
        plain = visit.scope.has_plain_keys(value)
        for key, after in self.runs[at][:1] if plain else self.runs[at]:
            if key in value:
                found = self._find(visit, value[key], after, visit.below(place, plain_key(key)))
                if found is not MISSING:
                    return found
        for key, after in () if plain else self.runs[at]:
            inner = visit.scope.oddly_named(value, key)
            if inner is not MISSING:
                found = self._find(visit, inner, after, visit.below(place, plain_key(key)))
                if found is not MISSING:
                    return found
        return MISSING

    def _each(self, visit: _Visit, value: Any, at: int, place: str) -> Any:
        entries = _entries(value)
        if entries is None:
            return MISSING
        found = []
        for name, entry in entries:
            one = self._find(visit, entry, at + 1, visit.below(place, name))
            if isinstance(one, list) and at in self.spread_again:
                found.extend(one)
            elif one is not MISSING:
                found.append(one)
        return found

    def _matching(self, visit: _Visit, value: Any, at: int, place: str) -> Any:
        step = self.steps[at]
        for name, entry in _entries(value) or ():
            if _same_text(_subvalue(entry, step), step.key):
                return self._find(visit, entry, at + 1, visit.below(place, name))
        return MISSING


def _leads_on(value: Any, keys: tuple[str, ...]) -> bool:
    """Say whether each key is exactly there, one inside the other."""
    for key in keys:
        if type(value) is not dict or key not in value:
            return False
        value = value[key]
    return True


@dataclass(slots=True)
class _Visit:
    """One walk through one webhook: the places reached, if asked for, and whether a text was opened."""

    scope: Scope
    places: list[str] | None = None
    opened: bool = False

    def below(self, place: str, key: str) -> str:
        """Return the place one step further; only explanations need it."""
        if self.places is None:
            return ""
        return f"{place}.{key}" if place else key


def _literal_runs(path: Path, at: int) -> Iterator[tuple[str, int]]:
    """Yield the keys to try at one step and the step after each: the exact one, then the longest run."""
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


def _subvalue(entry: Any, step: PathStep) -> Any:
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


# --- system values ---------------------------------------------------------------------------------


def _system_reader(path: Path) -> Reader:
    readers: dict[str, Callable[[Scope], Any]] = {
        "$headers": _header_reader(path.name),
        "$query": _query_reader(path.name),
        "$cookies": lambda scope: scope.cookies.get(path.name, MISSING),
        "$ip": lambda scope: scope.request.ip,
        "$user_agent": _header_reader("user-agent"),
        "$received_at": lambda scope: int(scope.request.received_at.timestamp()),
        "$index": lambda scope: scope.index,
        "$source": lambda scope: scope.source,
    }
    return Called(readers[path.system])


def _header_reader(name: str) -> Callable[[Scope], Any]:
    lowered = name.lower()
    return lambda scope: scope.request.headers.get(lowered, MISSING)


def _query_reader(name: str) -> Callable[[Scope], Any]:
    """Return the reader of a parameter of the URL; percent encoding can hide a NUL, which no text keeps."""

    def read(scope: Scope) -> Any:
        value = scope.request.query.get(name)
        return MISSING if value is None else value.replace("\0", "")

    return read
