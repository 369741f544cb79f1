"""Texts with fields in them: `order-{id}`. A text with an empty field in it is empty as a whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from bridge.mapping.compiler.context import Compiling, watch
from bridge.mapping.language.node_types import MAX_TEXT
from bridge.mapping.runtime.paths import CompiledPath
from bridge.mapping.runtime.scope import Reader, Scope, text_of
from bridge.positioned_yaml import DOUBLE_BRACE, Scalar

_FIELD: Final = re.compile(r"\{([^{}]*)\}")
_BRACE: Final = re.compile(r"[{}]")


def holds_fields(text: str) -> bool:
    """Return whether a text has a brace in it."""
    return "{" in text or "}" in text


def compile_template(compiling: Compiling, node: Scalar) -> Template:
    """Return the reader of a text with fields."""
    return Template(tuple(_parts(compiling, node)))


class Template(Reader):
    """Reads a text with fields: its parts are texts and readers."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[str | PartOfText, ...]) -> None:
        self.parts: Final = parts

    def read(self, scope: Scope) -> str | None:
        """Return the whole text, None when a field of it is empty."""
        texts: list[str] = []
        for part in self.parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            text: str | None = part.read(scope)
            if text is None:
                return None
            texts.append(text)
        return "".join(texts)


def _parts(compiling: Compiling, node: Scalar) -> Sequence[str | PartOfText]:
    text = node.text
    if len(text.encode()) > MAX_TEXT:
        compiling.loading.error(node, "text_too_long", f"a text has at most {MAX_TEXT // 1024} KiB")
    if "{{" in text or "}}" in text:
        compiling.loading.error(node, "double_brace", DOUBLE_BRACE, "write the name of the field alone")
        return ()
    parts: list[str | PartOfText] = []
    end = 0
    for match in _FIELD.finditer(text):
        _literal(compiling, node, text[end : match.start()], parts)
        end = match.end()
        _field(compiling, node, match[1].strip(), match.start(1), parts)
    _literal(compiling, node, text[end:], parts)
    return tuple(parts)


def _literal(compiling: Compiling, node: Scalar, text: str, parts: list[str | PartOfText]) -> None:
    if _BRACE.search(text):
        compiling.loading.error(
            node, "brace_not_closed", "a brace is not closed, or was never opened", "write {field}"
        )
    if text:
        parts.append(text)


def _field(
    compiling: Compiling, node: Scalar, written: str, offset: int, parts: list[str | PartOfText]
) -> None:
    if not written:
        compiling.loading.error(
            node, "path_unfinished", "there is nothing between the braces", "write {field}"
        )
        return
    if written in compiling.ids:
        parts.append(ValueInText(written, compiling.ids[written]))
        return
    compiled = compiling.path(node, written, offset)
    if compiled is not None:
        parts.append(FieldInText(compiled, compiling))


class FieldInText(Reader):
    """Reads a path as a part of a text."""

    __slots__ = ("compiled", "false_is_empty", "is_empty", "is_placeholder", "locate", "starts")

    def __init__(self, compiled: CompiledPath, compiling: Compiling) -> None:
        self.compiled: Final = compiled
        self.locate: Final = compiled.locate
        self.false_is_empty: Final = compiling.false_is_empty
        self.starts: Final = compiling.empty.starts
        self.is_empty: Final = compiling.empty.is_empty
        self.is_placeholder: Final = compiling.empty.is_placeholder

    @property
    def name(self) -> str:
        """Return what people know it by."""
        return self.compiled.path.text

    def read(self, scope: Scope) -> str | None:
        """Return the text, None when it is empty."""
        value = self.locate.read(scope)
        if value is False and self.false_is_empty:
            value = None
        text = (value if type(value) is str else _as_text(value, self.is_empty) or "").strip()
        kept = None if not text or (text[0] in self.starts and self.is_empty(text)) else text
        if kept is None and text and self.is_placeholder(text):
            scope.placeholders.append("")
        if scope.trace is not None:
            outcome = "blank" if isinstance(value, str) else self.compiled.why_nothing(scope)
            watch(self.compiled, scope, None if kept is not None else outcome)
        return kept


class ValueInText(Reader):
    """Reads a value that has a name of its own as a part of a text."""

    __slots__ = ("name", "value")

    def __init__(self, name: str, value: Reader) -> None:
        self.name: Final = name
        self.value: Final = value

    def read(self, scope: Scope) -> str | None:
        """Return the text, None when it is empty."""
        return (text_of(self.value.read(scope)) or "").strip() or None


PartOfText = FieldInText | ValueInText


def _as_text(value: Any, is_empty: Callable[[Any], bool]) -> str | None:
    if not isinstance(value, list):
        return text_of(value)
    texts = [text_of(entry) for entry in value if not is_empty(entry)]
    return None if None in texts else ", ".join(text for text in texts if text)
