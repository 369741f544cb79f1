"""Values as compiled readers: a path, a text with fields in it, the first of a list, or a block with options.

A value's reader returns what was found, or None when there is nothing: what is empty never goes further.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from bridge.mapping.compiler.context import Compiling, Read, Shape, watch
from bridge.mapping.compiler.templates import compile_template, holds_fields
from bridge.mapping.compiler.value_blocks import compile_block
from bridge.mapping.runtime.paths import CompiledPath, plain_keys
from bridge.mapping.runtime.scope import MISSING, NOTHING, Reader, Scope
from bridge.positioned_yaml import Block, Listing, Node, Scalar

MAX_SOURCES: Final = 50

# numbers and truth values are values as they are: never empty, never a list
PLAIN: Final = frozenset({int, bool, float, Decimal})


def compile_value(compiling: Compiling, node: Node, shape: Shape = "one") -> Read:
    """Return the reader of whatever is to the right of a colon."""
    if isinstance(node, Listing):
        return _first_of(compiling, node, shape)
    if isinstance(node, Block):
        return compile_block(compiling, node, shape, compile_value)
    if node.null:
        compiling.loading.error(node, "no_value", "a value is missing here", "write the field it comes from")
        return NOTHING
    if holds_fields(node.text):
        return compile_template(compiling, node)
    return compile_field(compiling, node, shape)


def compile_field(compiling: Compiling, node: Scalar, shape: Shape = "one") -> Read:
    """Return the reader of one path."""
    compiled = compiling.path(node, node.text)
    if compiled is None:
        return NOTHING
    return _field_reader(compiled, compiling, shape)


def _field_reader(compiled: CompiledPath, compiling: Compiling, shape: Shape) -> Read:
    """Wrap a path: empty values become None, a list of one is its entry unless a list is wanted."""
    keys = plain_keys(compiled.path) if compiled.path.root == "item" else ()
    if len(keys) == 1:
        return OneKey(compiled, compiling, shape, keys[0])
    if len(keys) == 2:
        return TwoKeys(compiled, compiling, shape, keys)
    return FieldReader(compiled, compiling, shape)


class FieldReader(Reader):
    """Reads one path, and looks closely at what is no plain value: is it empty, is it a list."""

    __slots__ = ("compiled", "is_empty", "is_placeholder", "locate", "many", "plain", "starts")

    def __init__(self, compiled: CompiledPath, compiling: Compiling, shape: Shape) -> None:
        self.plain: Final = PLAIN - {bool} if compiling.false_is_empty else PLAIN
        self.compiled: Final = compiled
        self.locate: Final = compiled.locate
        self.starts: Final = compiling.empty.starts
        self.is_empty: Final = compiling.empty.is_empty
        self.is_placeholder: Final = compiling.empty.is_placeholder
        self.many: Final = shape == "many"

    def read(self, scope: Scope) -> Any:
        """Return the value, None when it is empty."""
        return self.kept(scope, self.locate.read(scope))

    def kept(self, scope: Scope, value: Any) -> Any:
        """Return a value that is plainly one at once; the others are judged."""
        if type(value) is str:
            is_plain = value and (value[0] not in self.starts or value[1:2] not in self.starts[value[0]])
        else:
            is_plain = type(value) in self.plain
        if not is_plain:
            return self._judged(scope, value)
        if scope.trace is not None:
            watch(self.compiled, scope, None)
        return value

    def _judged(self, scope: Scope, value: Any) -> Any:
        """Look closely at a value, and record it for an explanation."""
        outcome = None
        if value is MISSING or value is None:
            value, outcome = None, "absent" if scope.trace is None else self.compiled.why_nothing(scope)
        elif type(value) is str:
            if self.is_empty(value):
                value, outcome = None, self._kind_of_empty(scope, value)
        elif value is False and bool not in self.plain:
            value, outcome = None, "blank"
        elif type(value) is list or type(value) is dict:
            value = self._kept_entries(scope, value)
            outcome = "blank" if value is None else None
        if scope.trace is not None:
            watch(self.compiled, scope, outcome)
        return value

    def _kind_of_empty(self, scope: Scope, value: str) -> str:
        if not self.is_placeholder(value):
            return "blank"
        scope.placeholders.append("")
        return "placeholder"

    def _kept_entries(self, scope: Scope, value: list[Any] | dict[str, Any]) -> Any:
        """Return a list without what is empty in it; an only entry alone, unless a list is wanted."""
        if type(value) is not list:
            return value or None
        kept = [entry for entry in value if type(entry) in PLAIN or not self.is_empty(entry)]
        if len(kept) < len(value):
            self._note_first_placeholder(scope, value, is_rest_sent=bool(kept))
        return kept[0] if len(kept) == 1 and not self.many else kept or None

    def _note_first_placeholder(self, scope: Scope, entries: list[Any], *, is_rest_sent: bool) -> None:
        for place, entry in enumerate(entries):
            if self.is_placeholder(entry) and self.is_empty(entry):
                scope.placeholders.append(f"[{place}]" if is_rest_sent else "")
                return


class OneKey(FieldReader):
    """Reads one key of the item: most lines of most mappings."""

    __slots__ = ("key",)

    def __init__(self, compiled: CompiledPath, compiling: Compiling, shape: Shape, key: str) -> None:
        super().__init__(compiled, compiling, shape)
        self.key: Final = key

    def read(self, scope: Scope) -> Any:
        """Return the value, None when it is empty."""
        item = scope.item
        value = item.get(self.key, MISSING) if type(item) is dict else MISSING
        return self.kept(scope, value if value is not MISSING else self.locate.read(scope))


class TwoKeys(FieldReader):
    """Reads `block.key` of the item: most of the other lines."""

    __slots__ = ("first", "second")

    def __init__(
        self, compiled: CompiledPath, compiling: Compiling, shape: Shape, keys: tuple[str, ...]
    ) -> None:
        super().__init__(compiled, compiling, shape)
        self.first: Final = keys[0]
        self.second: Final = keys[1]

    def read(self, scope: Scope) -> Any:
        """Return the value, None when it is empty."""
        item = scope.item
        if type(item) is dict:
            inner = item.get(self.first)
            if type(inner) is dict:
                value = inner.get(self.second, MISSING)
                if value is not MISSING:
                    return self.kept(scope, value)
        return self.kept(scope, self.locate.read(scope))


def _first_of(compiling: Compiling, node: Listing, shape: Shape) -> Read:
    """Return the reader of a list: the first of its values that is not empty."""
    if not node.items:
        compiling.loading.error(node, "empty_list", "this list is empty", "name at least one field")
        return NOTHING
    if len(node.items) > MAX_SOURCES:
        compiling.loading.error(
            node, "too_many_sources", f"a list of fields has at most {MAX_SOURCES} entries"
        )
        return NOTHING
    for item in node.items:
        if isinstance(item, Listing):
            compiling.loading.error(
                item, "list_in_list", "a list cannot contain another list", "write one list"
            )
    reads = tuple(
        compile_value(compiling, item, shape) for item in node.items if not isinstance(item, Listing)
    )
    if len(reads) == 1:
        return reads[0]
    return EitherOf(*reads) if len(reads) == 2 else FirstOf(reads)


class FirstOf(Reader):
    """Reads the first of several values that is not empty."""

    __slots__ = ("options",)

    def __init__(self, options: tuple[Reader, ...]) -> None:
        self.options: Final = options

    def read(self, scope: Scope) -> Any:
        """Return the value, None when all are empty."""
        for option in self.options:
            value = option.read(scope)
            if value is not None:
                return value
        return None


class EitherOf(Reader):
    """Reads one of two values, the commonest list."""

    __slots__ = ("first", "second")

    def __init__(self, first: Reader, second: Reader) -> None:
        self.first: Final = first
        self.second: Final = second

    def read(self, scope: Scope) -> Any:
        """Return the first value, the second when that is empty."""
        value = self.first.read(scope)
        return self.second.read(scope) if value is None else value
