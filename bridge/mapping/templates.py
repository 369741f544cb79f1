"""Texts with fields in them: `order-{id}`. A text with an empty field in it is empty as a whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from bridge.mapping.compiling import Compiling, Read, watch
from bridge.mapping.kinds import MAX_TEXT
from bridge.mapping.paths import CompiledPath
from bridge.mapping.scope import Scope, text_of
from bridge.yamltext import Scalar

_FIELD = re.compile(r"\{([^{}]*)\}")
_BRACE = re.compile(r"[{}]")


def holds_fields(text: str) -> bool:
    """Say whether a text has a brace in it."""
    return "{" in text or "}" in text


def compile_template(compiling: Compiling, node: Scalar) -> Read:
    """Return the reader of a text with fields."""
    parts = _parts(compiling, node)

    def read(scope: Scope) -> str | None:
        texts = []
        for part in parts:
            if type(part) is str:
                texts.append(part)
                continue
            text = part(scope)
            if text is None:
                return None
            texts.append(text)
        return "".join(texts)

    return read


def _parts(compiling: Compiling, node: Scalar) -> Sequence[Any]:
    text = node.text
    if len(text.encode()) > MAX_TEXT:
        compiling.loading.error(node, "text_too_long", f"a text has at most {MAX_TEXT // 1024} KiB")
    if "{{" in text or "}}" in text:
        compiling.loading.error(node, "double_brace", "fields stand in single braces", "write {field}")
        return ()
    parts: list[Any] = []
    end = 0
    for match in _FIELD.finditer(text):
        _literal(compiling, node, text[end : match.start()], parts)
        end = match.end()
        _field(compiling, node, match[1].strip(), match.start(1), parts)
    _literal(compiling, node, text[end:], parts)
    return tuple(parts)


def _literal(compiling: Compiling, node: Scalar, text: str, parts: list[Any]) -> None:
    if _BRACE.search(text):
        compiling.loading.error(node, "brace_not_closed", "a brace is opened or closed only", "write {field}")
    if text:
        parts.append(text)


def _field(compiling: Compiling, node: Scalar, written: str, offset: int, parts: list[Any]) -> None:
    if not written:
        compiling.loading.error(node, "path_unfinished", "nothing stands between the braces", "write {field}")
        return
    compiled = compiling.path(node, written, offset)
    if compiled is not None:
        parts.append(_text_reader(compiling, compiled))


def _text_reader(compiling: Compiling, compiled: CompiledPath) -> Read:
    locate, starts, is_empty = compiled.locate, compiling.empty.starts, compiling.empty.is_empty

    def read(scope: Scope) -> str | None:
        value = locate(scope)
        text = (value if type(value) is str else _as_text(value, is_empty) or "").strip()
        kept = None if not text or (text[0] in starts and is_empty(text)) else text
        if scope.trace is not None:
            outcome = "blank" if isinstance(value, str) else compiled.why_nothing(scope)
            watch(compiled, scope, None if kept is not None else outcome)
        return kept

    return read


def _as_text(value: Any, is_empty: Callable[[Any], bool]) -> str | None:
    if not isinstance(value, list):
        return text_of(value)
    texts = [text_of(entry) for entry in value if not is_empty(entry)]
    return None if None in texts else ", ".join(text for text in texts if text)
