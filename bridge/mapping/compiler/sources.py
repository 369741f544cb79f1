"""Where the value of a block comes from: `from`, `text`, `all`, `sum`, `count`, `hash_of`, `for_each`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from bridge.coerce.numbers import is_ambiguous, read_number, shared_format
from bridge.finding import Finding
from bridge.mapping.compiler.conditions import folded
from bridge.mapping.compiler.context import MAX_ITEMS, Compiling, Read, Shape
from bridge.mapping.compiler.templates import compile_template
from bridge.mapping.compiler.transforms import decimals_of, number_ambiguous
from bridge.mapping.language.grammar import SOURCES
from bridge.mapping.language.reader import Entries, Entry
from bridge.mapping.runtime.scope import NOTHING, Called, Constant, Reader, Scope, entries_of, text_of
from bridge.positioned_yaml import Block, Scalar

CompileValue = Callable[..., Read]


def compile_source(
    compiling: Compiling, node: Block, entries: Entries, shape: Shape, compile_value: CompileValue
) -> Read:
    """Return the reader of a block's one source; two, or none, are reported."""
    loading = compiling.loading
    named = [name for name in SOURCES if name in entries]
    if "for_each" in named and len(named) == 2:
        return _each_source(
            compiling, entries, named[0] if named[1] == "for_each" else named[1], compile_value
        )
    if len(named) > 1:
        second = entries[named[1]].key
        loading.error(
            second, "two_sources", f"{named[0]} and {named[1]} cannot both give this value", "keep one"
        )
    elif not named:
        misspelt = len(entries) < len(node.entries)
        if not misspelt and "remove" not in entries and "default" not in entries:
            fix = "add from, text, all, sum, count or hash_of"
            loading.error(node, "no_source", "this block does not say where the value comes from", fix)
        return NOTHING
    elif named == ["for_each"]:
        loading.error(
            entries["for_each"].key, "no_source", "for_each needs from or text beside it", "add from"
        )
        return NOTHING
    return _SOURCES[named[0]](compiling, entries[named[0]], _inner_shape(entries, shape), compile_value)


_WHOLE: Final = {int}
_LIST_OPTIONS: Final = ("split", "take", "join", "limit")


def _inner_shape(entries: Entries, shape: Shape) -> Shape:
    return "many" if any(name in entries for name in _LIST_OPTIONS) else shape


def _from(compiling: Compiling, entry: Entry, shape: Shape, compile_value: CompileValue) -> Read:
    """Return the reader of a field or a list of them; a block in it is read with its options first."""
    return compile_value(compiling, entry.node, shape)


def _text(compiling: Compiling, entry: Entry, shape: Shape, compile_value: CompileValue) -> Read:
    if not isinstance(entry.node, Scalar) or entry.value is None:
        return NOTHING
    if "{" in entry.node.text or "}" in entry.node.text:
        return compile_template(compiling, entry.node)
    return _TextOfMapping(entry.node.text)


class _TextOfMapping(Constant):
    """A constant whose explanation says where it comes from."""

    __slots__ = ()

    def read(self, scope: Scope) -> Any:
        """Return the text."""
        if scope.trace is not None:
            scope.trace.supplied(scope.field, "the mapping's text")
        return self.value


def _many(compiling: Compiling, entry: Entry, compile_value: CompileValue) -> _Many:
    """Return a reader of every value of a list of sources, lists flattened."""
    nodes = getattr(entry.node, "items", (entry.node,))
    reads = tuple(compile_value(compiling, item, "many") for item in nodes)
    return _Many(reads)


class _Many(Reader):
    """Reads every value of several sources, lists flattened."""

    __slots__ = ("only", "sources")

    def __init__(self, sources: tuple[Reader, ...]) -> None:
        self.sources: Final = sources
        self.only: Final = sources[0] if len(sources) == 1 else None

    def read(self, scope: Scope) -> list[Any]:
        """Return the values."""
        only = self.only
        if only is not None:
            value = only.read(scope)
            if type(value) is list:
                return value
        values: list[Any] = []
        for source in self.sources:
            value = source.read(scope)
            values.extend(value if isinstance(value, list) else [] if value is None else [value])
        return values


def _all(compiling: Compiling, entry: Entry, shape: Shape, compile_value: CompileValue) -> Read:
    read_many = _many(compiling, entry, compile_value)

    def read(scope: Scope) -> list[Any] | None:
        distinct: dict[str, Any] = {}
        for value in read_many.read(scope):
            distinct.setdefault(folded(value) or repr(value), value)
        return list(distinct.values()) or None

    return Called(read)


def _sum(compiling: Compiling, entry: Entry, shape: Shape, compile_value: CompileValue) -> Read:
    read_many = _many(compiling, entry, compile_value)
    broken = Finding(
        "warning", "sum_of_text", "a sum left out an entry that is not a number", position=entry.position
    )
    example = compiling.settings.number_format
    return SumOf(read_many, example, compiling.currency, broken, number_ambiguous(entry))


class SumOf(Reader):
    """Reads the sum of numbers."""

    __slots__ = ("ambiguous", "broken", "currency", "example", "read_many")

    def __init__(
        self,
        read_many: _Many,
        example: str | None,
        currency: Read | None,
        broken: Finding,
        ambiguous: Finding,
    ) -> None:
        self.currency: Final = currency
        self.read_many: Final = read_many
        self.example: Final = example
        self.broken: Final = broken
        self.ambiguous: Final = ambiguous

    def read(self, scope: Scope) -> Decimal | int | None:
        """Return the sum, None when there is no number, or when an entry could be two numbers."""
        values = self.read_many.read(scope)
        if values and set(map(type, values)) == _WHOLE:
            total: int = sum(values)
            return total
        example = self.example or shared_format(values)
        decimals = decimals_of(self.currency, scope, values)
        numbers = [value if type(value) is int else read_number(value, example, decimals) for value in values]
        if None in numbers:
            unread = [value for number, value in zip(numbers, values, strict=True) if number is None]
            if any(map(is_ambiguous, unread)):
                scope.findings.append(self.ambiguous)
                return None
            scope.findings.append(self.broken)
        known = [number for number in numbers if number is not None]
        return sum(known) if known else None


def _count(compiling: Compiling, entry: Entry, shape: Shape, compile_value: CompileValue) -> Read:
    if not isinstance(entry.node, Scalar):
        compiling.loading.error(
            entry.node, "wrong_shape", "count must be one field", "write the path of the list"
        )
        return NOTHING
    compiled = compiling.path(entry.node, entry.node.text)
    if compiled is None:
        return NOTHING
    locate = compiled.locate

    def read(scope: Scope) -> int | None:
        value = locate.read(scope)
        return len(value) if isinstance(value, list | dict) else None

    return Called(read)


def _hash_of(compiling: Compiling, entry: Entry, shape: Shape, compile_value: CompileValue) -> Read:
    nodes = getattr(entry.node, "items", (entry.node,))
    reads = tuple(compile_value(compiling, item) for item in nodes)

    def read(scope: Scope) -> str | None:
        texts = [text_of(one.read(scope)) for one in reads]
        if any(text is None for text in texts):
            return None
        return digest_of([text for text in texts if text is not None])

    return Called(read)


def digest_of(texts: list[str]) -> str:
    """Return a fingerprint of texts; their lengths are part of it, so that `ab, c` and `a, bc` differ."""
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    return hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hexdigest()[:32]


def _each_source(compiling: Compiling, entries: Entries, source: str, compile_value: CompileValue) -> Read:
    """Return a reader that reads one source for every entry of a list."""
    each = entries["for_each"]
    path = each.node.text if isinstance(each.node, Scalar) else ""
    if not path or len(compiling.base) >= 2:
        compiling.loading.error(
            each.key, "for_each_too_deep", "for_each must be one path, nested at most 2 levels deep"
        )
        return NOTHING
    compiled = compiling.path(each.node, path)
    if compiled is None:
        return NOTHING
    locate = compiled.locate
    below = compiling.below(path, locate)
    inner = _SOURCES[source](below, entries[source], "one", compile_value)

    def read(scope: Scope) -> list[Any] | None:
        values = [
            inner.read(scope.inside(item, index, scope.place_of(path, index) if scope.trace else ""))
            for index, item in enumerate(entries_of(locate.read(scope), scope)[:MAX_ITEMS])
        ]
        if scope.placeholders and None in values:
            scope.placeholders.append(f"[{values.index(None)}]")
        return [value for value in values if value is not None] or None

    return Called(read)


_SOURCES: Final[dict[str, Callable[[Compiling, Entry, Shape, CompileValue], Read]]] = {
    "from": _from,
    "text": _text,
    "all": _all,
    "sum": _sum,
    "count": _count,
    "hash_of": _hash_of,
}
