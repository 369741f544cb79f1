"""`contents`: one object for every product of a list, prices in cents included."""

from __future__ import annotations

from typing import Any, Final

from bridge.finding import Finding
from bridge.mapping.compiler.conditions import Condition, compile_condition
from bridge.mapping.compiler.context import MAX_ITEMS, Compiling, Read
from bridge.mapping.compiler.values import compile_value
from bridge.mapping.language.reader import Entry
from bridge.mapping.runtime.paths import CompiledPath
from bridge.mapping.runtime.scope import NOTHING, Called, Reader, Scope, entries_of
from bridge.mapping.runtime.slots import Slots, fill
from bridge.positioned_yaml import Block, Scalar


def compile_contents(compiling: Compiling, node: Block) -> Read:
    """Return the reader of `contents`: one object for every entry of a list."""
    entries = compiling.loading.block(node, "contents", "contents")
    each = entries.pop("for_each", None)
    if each is None or not isinstance(each.node, Scalar):
        if each is not None:
            compiling.loading.error(
                each.node, "wrong_shape", "for_each must be one path", "write the path of the list"
            )
        return NOTHING
    compiled = compiling.path(each.node, each.node.text)
    if compiled is None:
        return NOTHING
    below = _priced(compiling.below(each.node.text, compiled.locate))
    condition = compile_condition(below, entries.pop("when").node) if "when" in entries else None
    slots = tuple(
        (name, f"custom_data.contents.{name}", compile_value(below, entry.node))
        for name, entry in entries.items()
    )
    return ContentsReader(compiled, condition, slots, _too_many(each))


def _too_many(each: Entry) -> Finding:
    message = f"a list of contents has more than {MAX_ITEMS} entries"
    return Finding("error", "too_many_items", message, "have the sender split it", position=each.position)


class ContentsReader(Reader):
    """A compiled `contents` block: the list, which entries count, and what each of them fills."""

    __slots__ = ("compiled", "condition", "locate", "path", "slots", "too_many")

    def __init__(
        self, compiled: CompiledPath, condition: Condition | None, slots: Slots, too_many: Finding
    ) -> None:
        self.compiled: Final = compiled
        self.path: Final = compiled.path.text
        self.locate: Final = compiled.locate
        self.condition: Final = condition
        self.slots: Final = slots
        self.too_many: Final = too_many

    def read(self, scope: Scope) -> list[dict[str, Any]] | None:
        """Return one object for every entry that counts, None when there is none."""
        items = entries_of(self.locate.read(scope), scope)
        if not items:
            return None
        if len(items) > MAX_ITEMS:
            scope.findings.append(self.too_many)
            return None
        inner = scope.inside(items[0], 0, "")
        contents: list[dict[str, Any]] = []
        for index, item in enumerate(items):
            inner.item, inner.index = item, index
            if inner.trace is not None:
                inner.base = scope.place_of(self.path, index)
            if self.condition is not None and self.condition(inner) is not None:
                continue
            content: dict[str, Any] = {}
            fill(self.slots, inner, content)
            if content:
                contents.append(content)
        return contents or None


def _priced(below: Compiling) -> Compiling:
    """Let cents inside the items use the currency of the event around them."""
    currency = below.currency
    if currency is None:
        return below
    return below.with_currency(
        Called(lambda scope: currency.read(scope.outer if scope.outer is not None else scope))
    )
