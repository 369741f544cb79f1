"""Values as compiled readers: a path, a text with fields in it, the first of a list, or a block with options.

A value's reader returns what was found, or None when there is nothing: what is empty never goes further.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from decimal import Decimal
from typing import Any

from bridge.mapping.compiling import Compiling, Read, Shape, watch
from bridge.mapping.options import compile_block
from bridge.mapping.paths import CompiledPath, Reader, plain_keys
from bridge.mapping.scope import MISSING, Scope
from bridge.mapping.templates import compile_template, holds_fields
from bridge.yamltext import Block, Listing, Node, Scalar

MAX_SOURCES = 50

# numbers and truth values are values as they are: never empty, never a list
PLAIN = frozenset({int, bool, float, Decimal})

Judge = Callable[[Scope, Any], Any]
Starts = Mapping[str, Container[str]]


def nothing(scope: Scope) -> None:
    """Read nothing: stands in for a value that could not be compiled."""
    return


def compile_value(compiling: Compiling, node: Node, shape: Shape = "one") -> Read:
    """Return the reader of whatever stands right of a colon."""
    if isinstance(node, Listing):
        return _first_of(compiling, node, shape)
    if isinstance(node, Block):
        return compile_block(compiling, node, shape, compile_value)
    if node.null:
        compiling.loading.error(node, "no_value", "a value is missing here", "write the field it comes from")
        return nothing
    if holds_fields(node.text):
        return compile_template(compiling, node)
    return compile_field(compiling, node, shape)


def compile_field(compiling: Compiling, node: Scalar, shape: Shape = "one") -> Read:
    """Return the reader of one path."""
    compiled = compiling.path(node, node.text)
    if compiled is None:
        return nothing
    return _field_reader(compiled, compiling, shape)


def _field_reader(compiled: CompiledPath, compiling: Compiling, shape: Shape) -> Read:
    """Wrap a path: empty values become None, a list of one is its entry unless a list is wanted."""
    path, locate, starts = compiled.path, compiled.locate, compiling.empty.starts
    judged = _judge(compiled, compiling, shape)
    keys = plain_keys(path) if path.root == "item" else ()
    if len(keys) == 1:
        return _one_key_reader(keys[0], locate, judged, starts)
    if len(keys) == 2:
        return _two_keys_reader(keys, locate, judged, starts)

    def read(scope: Scope) -> Any:
        value = locate(scope)
        if scope.trace is None:
            kind = type(value)
            if kind is str:
                if value and (value[0] not in starts or value[1:2] not in starts[value[0]]):
                    return value
            elif kind in PLAIN:
                return value
        return judged(scope, value)

    return read


def _judge(compiled: CompiledPath, compiling: Compiling, shape: Shape) -> Judge:
    """Return what looks closely at a value: is it empty, is it a list, does an explanation want to know."""
    is_empty = compiling.empty.is_empty
    unpack = _entries if shape == "many" else _single

    def judged(scope: Scope, value: Any) -> Any:
        outcome = None
        if value is MISSING or value is None:
            value, outcome = None, "absent" if scope.trace is None else compiled.why_nothing(scope)
        elif type(value) is str:
            if is_empty(value):
                value, outcome = None, "blank"
        elif type(value) is list or type(value) is dict:
            value = unpack(value, is_empty)
            outcome = "blank" if value is None else None
        if scope.trace is not None:
            watch(compiled, scope, outcome)
        return value

    return judged


def _one_key_reader(key: str, locate: Reader, judged: Judge, starts: Starts) -> Read:
    """Read one key of the item: most lines of most mappings."""

    def read(scope: Scope) -> Any:
        item = scope.item
        if type(item) is not dict:
            return judged(scope, locate(scope))
        value = item.get(key, MISSING)
        if scope.trace is None:
            kind = type(value)
            if kind is str:
                if value and (value[0] not in starts or value[1:2] not in starts[value[0]]):
                    return value
            elif kind in PLAIN:
                return value
        return judged(scope, value if value is not MISSING else locate(scope))

    return read


def _two_keys_reader(keys: tuple[str, ...], locate: Reader, judged: Judge, starts: Starts) -> Read:
    """Read `block.key` of the item: most of the other lines."""
    first, second = keys

    def read(scope: Scope) -> Any:
        item = scope.item
        if type(item) is dict and type(inner := item.get(first)) is dict:
            value = inner.get(second, MISSING)
            if scope.trace is None:
                kind = type(value)
                if kind is str:
                    if value and (value[0] not in starts or value[1:2] not in starts[value[0]]):
                        return value
                elif kind in PLAIN:
                    return value
            if value is not MISSING:
                return judged(scope, value)
        return judged(scope, locate(scope))

    return read


def _single(value: list[Any] | dict[str, Any], is_empty: Callable[[Any], bool]) -> Any:
    kept = _entries(value, is_empty)
    return kept[0] if type(kept) is list and len(kept) == 1 else kept


def _entries(value: list[Any] | dict[str, Any], is_empty: Callable[[Any], bool]) -> Any:
    if type(value) is list:
        kept = [entry for entry in value if type(entry) in PLAIN or not is_empty(entry)]
        return kept or None
    return value or None


def _first_of(compiling: Compiling, node: Listing, shape: Shape) -> Read:
    """Return the reader of a list: the first of its values that is not empty."""
    if not node.items:
        compiling.loading.error(node, "empty_list", "an empty list has no value", "name at least one field")
        return nothing
    if len(node.items) > MAX_SOURCES:
        compiling.loading.error(
            node, "too_many_sources", f"a list of fields has at most {MAX_SOURCES} entries"
        )
        return nothing
    for item in node.items:
        if isinstance(item, Listing):
            compiling.loading.error(item, "list_in_list", "a list stands inside a list", "write one list")
    reads = tuple(
        compile_value(compiling, item, shape) for item in node.items if not isinstance(item, Listing)
    )
    if len(reads) == 1:
        return reads[0]

    if len(reads) == 2:
        return _either(*reads)

    def read(scope: Scope) -> Any:
        for option in reads:
            value = option(scope)
            if value is not None:
                return value
        return None

    return read


def _either(first: Read, second: Read) -> Read:
    """Return the reader of two values, the commonest list."""

    def read(scope: Scope) -> Any:
        value = first(scope)
        return second(scope) if value is None else value

    return read
