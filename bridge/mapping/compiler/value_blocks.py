"""A value as a block: one source, then options that change what it gave, in the order of the table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from bridge.finding import Finding
from bridge.mapping.compiler.conditions import Condition, compile_condition
from bridge.mapping.compiler.context import Compiling, Read, Shape
from bridge.mapping.compiler.formats import check_formats
from bridge.mapping.compiler.sources import CompileValue, compile_source
from bridge.mapping.compiler.transforms import CHANGES, SKIP, Change
from bridge.mapping.language.reader import Entries, value_of
from bridge.mapping.runtime.scope import NOTHING, Reader, Scope
from bridge.positioned_yaml import Block, Scalar

_READ_TRUTH: Final = frozenset({"lookup", "true_when", "false_when", "count"})  # they make something of false


def compile_block(compiling: Compiling, node: Block, shape: Shape, compile_value: CompileValue) -> Read:
    """Return the reader of a value written as a block."""
    loading = compiling.loading
    if _unquoted_brace(node):
        loading.error(
            node, "brace_in_text", "a text that starts with { must be quoted", 'write it as "{field}"'
        )
        return NOTHING
    entries = loading.block(node, "value", "the block of a value")
    own = replace(compiling, false_is_empty=compiling.false_is_empty and _READ_TRUTH.isdisjoint(entries))
    source = compile_source(own, node, entries, shape, compile_value)
    changes = tuple(
        (name, change)
        for name in loading.grammar["value"].keys
        if name in entries
        and name in CHANGES
        and (change := CHANGES[name](compiling, entries[name], entries))
    )
    _check_companions(compiling, entries)
    if "clicked_at" in entries:  # fbclid takes its own out before it comes here
        fix = "write it directly in the block of fbclid, beside from"
        loading.error(
            entries["clicked_at"].key, "wrong_block", "clicked_at can only be used with fbclid", fix
        )
    check_formats(loading, entries)
    if not changes and not any(name in entries for name in ("when", "default", "required")):
        return source
    return _BlockValue(
        source,
        changes,
        compile_condition(compiling, entries["when"].node) if "when" in entries else None,
        value_of(entries, "default"),
        _required_finding(entries) if "required" in entries and entries["required"].value else None,
        compiling,
    )


class _BlockValue(Reader):
    """A compiled block: the source, what changes its value, and what replaces it when nothing is left."""

    __slots__ = ("changes", "compiling", "condition", "default", "required", "source")

    def __init__(  # noqa: PLR0913, PLR0917 - one argument for each part
        self,
        source: Read,
        changes: tuple[tuple[str, Change], ...],
        condition: Condition | None,
        default: str | None,
        required: Finding | None,
        compiling: Compiling,
    ) -> None:
        self.source: Final = source
        self.changes: Final = changes
        self.condition: Final = condition
        self.default: Final = default
        self.required: Final = required
        self.compiling: Final = compiling

    def read(self, scope: Scope) -> Any:
        """Return the value as the options leave it."""
        if self.condition is not None and (failed := self.condition(scope)) is not None:
            if scope.trace is not None:
                scope.trace.dropped(scope.field, f"when: {failed}")
            return None
        value = self._changed(scope, self.source.read(scope))
        if value is None and self.default is not None:
            value = self.default
            if scope.trace is not None:
                scope.trace.record(scope.field).defaulted = True
        if value is None and self.required is not None:
            scope.findings.append(self.required)
        return value

    def _changed(self, scope: Scope, value: Any) -> Any:
        for name, change in self.changes:
            if value is None or value is SKIP:  # SKIP: the block in `from` says so
                return value
            value = change(scope, value)
            if value is SKIP:
                return SKIP if self.compiling.skips else None
            if self.compiling.empty.is_empty(value):
                if name != "lookup" and self.compiling.empty.is_placeholder(value):
                    scope.placeholders.append("")
                value = None
            if scope.trace is not None:
                scope.trace.step(scope.field, name, value)
        return value


def _unquoted_brace(node: Block) -> bool:
    if len(node.entries) != 1:
        return False
    key, below = node.entries[0]
    return isinstance(below, Scalar) and below.null and ":" not in key.text


def _required_finding(entries: Entries) -> Finding:
    return Finding(
        "error",
        "required_value_missing",
        "a value that the mapping marks as required is empty",
        "have the sender fill it, or map another field",
        position=entries["required"].position,
    )


def _check_companions(compiling: Compiling, entries: Entries) -> None:
    """Report options that say nothing alone."""
    for name, needs in (("otherwise", "lookup"),):
        if name in entries and needs not in entries:
            compiling.loading.error(
                entries[name].key, "option_alone", f"{name} has no effect without {needs}", f"add {needs}"
            )
