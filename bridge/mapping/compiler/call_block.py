"""Compiling what a step of `fetch` asks for: its path, its query and its JSON body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from bridge.mapping.compiler.conditions import compile_condition
from bridge.mapping.compiler.context import Compiling
from bridge.mapping.compiler.templates import Template, compile_template, holds_fields
from bridge.mapping.language.inline_tests import plain_data
from bridge.mapping.language.reader import Entry
from bridge.mapping.runtime import call_parts
from bridge.mapping.runtime.call_parts import Json
from bridge.positioned_yaml import Block, Listing, Node, Scalar, one_or_more, rows_of
from bridge.spelling import closest

_NOTHING: Final = Template(())
_OF_A_LIST: Final = ("for_each", "when")
_NESTED: Final = re.compile(r"\{[^}]*\{")  # braces inside braces are no field: a GraphQL query has them
_NOT_IN_A_PATH: Final = re.compile(r"[#\\\s]|//")


def compile_paths(compiling: Compiling, entry: Entry) -> tuple[Template, ...]:
    """Return the paths of a call, of which the first complete one is called."""
    nodes = one_or_more(entry.node)
    return tuple(_path(compiling, node) for node in nodes)


def _path(compiling: Compiling, node: Node) -> Template:
    """Return one path; one that could name a host or leave its folder is reported."""
    template = compile_text(compiling, node)
    literal = "".join(part if isinstance(part, str) else "x" for part in template.parts)
    is_empty = isinstance(node, Scalar) and not node.null and not node.text
    wrong = _wrong_path(literal) if template.parts or is_empty else None
    if wrong:
        compiling.loading.error(node, "bad_path", *wrong)
    return template


def _wrong_path(literal: str) -> tuple[str, str] | None:
    if "://" in literal or literal.startswith("//"):
        return "path must not name a host: the source has one", "write what follows it: /persons/{id}"
    if not literal.startswith("/"):
        return "path must start with a slash", "write / in front of it"
    if "?" in literal:
        return "path holds a query", "write its values below query"
    if _NOT_IN_A_PATH.search(literal) or not {".", ".."}.isdisjoint(literal.split("/")):
        return "path must be a plain path", "write /name/{field}, without spaces, #, \\ and dots alone"
    return None


def compile_query(compiling: Compiling, entry: Entry) -> Mapping[str, Template]:
    """Return the query of a call by its names."""
    rows = rows_of(entry.node)
    return {name.text: compile_text(compiling, node) for name, node in rows}


def compile_text(compiling: Compiling, node: Node) -> Template:
    """Return a text with fields in it; a secret in it is reported, because it belongs to the source."""
    if not isinstance(node, Scalar) or node.null:
        return _NOTHING
    if "${" in node.text:
        fix = "write it below headers of the source"
        compiling.loading.error(node, "secret_in_file", "a secret of a source stands in bridge.yaml", fix)
        return _NOTHING
    return compile_template(compiling, node)


# --- json ------------------------------------------------------------------------------------------


def compile_json(compiling: Compiling, entry: Entry) -> Json:
    """Return the JSON body of a call."""
    if isinstance(entry.node, Block):
        return _json(compiling, entry.node)
    compiling.loading.error(
        entry.node, "wrong_shape", "json must be a block", "write name: text with {field} below it"
    )
    return call_parts.constant(None)


def _json(compiling: Compiling, node: Node) -> Json:
    if isinstance(node, Block):
        each = node.get("for_each")
        return _object(compiling, node) if each is None else _for_each(compiling, node, each)
    if isinstance(node, Listing):
        return call_parts.list_of(tuple(_json(compiling, item) for item in node.items))
    if holds_fields(node.text) and not _NESTED.search(node.text):
        return call_parts.text_with_fields(compile_text(compiling, node))
    return call_parts.constant(plain_data(node))


def _object(compiling: Compiling, node: Block, but: tuple[str, ...] = ()) -> Json:
    fields = {}
    for key, below in node.entries:
        meant = closest(key.text, ("for_each",))
        if key.text in but:
            continue
        if meant:
            message = f"{key.text[:40]!r} is nearly for_each, which makes a list"
            compiling.loading.error(key, "unknown_key", message, "write for_each, or another name", meant)
        fields[key.text] = _json(compiling, below)
    return call_parts.object_of(fields)


def _for_each(compiling: Compiling, node: Block, each: Node) -> Json:
    """Compile a block that makes a list: one object for each entry of a list of the webhook."""
    if not isinstance(each, Scalar):
        compiling.loading.error(
            each, "wrong_shape", "for_each must be one path", "write the list's path, or $"
        )
        return call_parts.constant(None)
    located = compiling.path(each, each.text)
    if located is None:
        return call_parts.constant(None)
    below = compiling.below(each.text, located.locate)
    when = node.get("when")
    condition = compile_condition(below, when) if when is not None else None
    entry = _object(below, node, _OF_A_LIST)
    return call_parts.entries_for_each(located.locate, condition, entry)
