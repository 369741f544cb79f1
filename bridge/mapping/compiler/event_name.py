"""The name of an event: a plain text, a text with a field, or a lookup from what the sender calls it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bridge.finding import Finding
from bridge.mapping.compiler.context import Compiling, Read
from bridge.mapping.compiler.templates import compile_template, holds_fields
from bridge.mapping.compiler.transforms import SKIP
from bridge.mapping.compiler.values import compile_value
from bridge.mapping.language.node_types import shown
from bridge.mapping.language.reader import Entry
from bridge.mapping.runtime.scope import NOTHING, Called, Constant, Scope
from bridge.positioned_yaml import Block, Listing, Node, Scalar, rows_of
from bridge.spelling import closest


def compile_event_name(compiling: Compiling, entry: Entry) -> tuple[Read, str | None]:
    """Return the reader of the event's name, and the name itself when it is a plain text."""
    node = entry.node
    if isinstance(node, Listing):
        compiling.loading.error(
            node, "wrong_shape", "event_name must be one name", "to send several events, use events"
        )
        return NOTHING, None
    if isinstance(node, Block):
        return _looked_up_name(replace(compiling, skips=True), node), None
    if holds_fields(node.text):
        return compile_template(compiling, node), None
    text = node.text
    warn_of_near_name(compiling, node, text)
    return Constant(text), text


def warn_of_near_name(compiling: Compiling, node: Node, name: str) -> None:
    """Warn of a name that is nearly one of Meta's own: it would be a different, custom event."""
    spec = compiling.loading.spec
    known = sorted(spec.standard_events | spec.messaging_events | spec.reserved_events)
    near = None if name in known else closest(name, known)
    if near is not None and _spelt(near) != _spelt(name):
        message = f"{shown(name)} looks like Meta's {near}, but would be sent as a custom event"
        compiling.loading.warning(
            node, "near_standard_event", message, f"write {near} if you mean that one", near
        )


def _spelt(name: str) -> str:
    """Return a name without case and gaps; `check` reports those slips."""
    return name.casefold().replace("_", "").replace(" ", "")


def _looked_up_name(compiling: Compiling, node: Block) -> Read:
    """Read a name through a lookup; when there is nothing to look up, `otherwise` decides as well."""
    read = compile_value(compiling, node)
    rows = node.get("lookup")
    for _, below in rows_of(rows):
        if isinstance(below, Scalar):
            warn_of_near_name(compiling, below, below.text)
    otherwise = node.get("otherwise")
    fallback = otherwise.text if isinstance(otherwise, Scalar) else "error"
    empty = Finding(
        "error",
        "event_name_empty",
        "the field that decides the event's name is empty",
        "have the sender fill it, or write otherwise: skip",
        position=node.position,
    )

    def name(scope: Scope) -> Any:
        findings = len(scope.findings)
        found = read.read(scope)
        if found is not None:
            return found
        if fallback in {"error", "keep"}:
            if len(scope.findings) == findings:
                scope.findings.append(empty)
            return None
        return SKIP if fallback == "skip" else fallback

    return Called(name)
