"""Reading blocks by the grammar table: known keys, right shapes, plain words, every problem reported."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Required, TypedDict

from bridge.finding import Finding, Position
from bridge.mapping.language.grammar import grammar_of
from bridge.mapping.language.keys import Grammar, Key
from bridge.mapping.language.node_types import PLAIN_KINDS, BadText
from bridge.mapping.language.unknown_keys import UnknownKey
from bridge.meta_spec.spec import MetaSpec
from bridge.positioned_yaml import Block, Listing, Node, Scalar

SecretsMode = Literal["required", "optional"]


class LoadOptions(TypedDict, total=False):
    """What mapping files are loaded with. Without `destinations` or `sources`, any name of one will do.

    `secrets="optional"` lets secrets that are not set, and sources of `fetch` that the settings do not have,
    pass as warnings, for checking a file where it will not run.
    """

    environment: Required[Mapping[str, str]]
    spec: Required[MetaSpec]
    destinations: Collection[str] | None
    sources: Collection[str] | None
    secrets: SecretsMode


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a block as read: its position, its node, and its value when the kind is a plain one."""

    key: Scalar
    node: Node
    value: Any = None

    @property
    def position(self) -> Position:
        """Return the position of the key: the line that set the field."""
        return self.key.position


Entries = dict[str, Entry]


def value_of(entries: Entries, name: str, default: Any = None) -> Any:
    """Return the value of a key; `default` where the key is not there, or stands alone."""
    value = entries[name].value if name in entries else None
    return default if value is None else value


def block_of(entry: Entry | None) -> Entries:
    """Return the keys of a block; none where it is not there, or empty."""
    return (entry.value if entry else None) or {}


@dataclass(slots=True)
class Loading:
    """What is needed while one file is read, and every problem found so far."""

    file: str
    spec: MetaSpec
    environment: Mapping[str, str]
    destinations: Collection[str] | None = None
    sources: Collection[str] | None = None
    secrets: SecretsMode = "required"
    findings: list[Finding] = field(default_factory=list)

    @property
    def grammar(self) -> Grammar:
        """Return the language with Meta's field names."""
        return grammar_of(self.spec)

    def error(
        self, where: Position | Node, code: str, message: str, fix: str = "", suggestion: str | None = None
    ) -> None:
        """Note something that makes the file unusable."""
        position = where if isinstance(where, Position) else where.position
        self.findings.append(Finding("error", code, message, fix, position=position, suggestion=suggestion))

    def warning(
        self, where: Node, code: str, message: str, fix: str = "", suggestion: str | None = None
    ) -> None:
        """Note something a person should look at."""
        finding = Finding("warning", code, message, fix, position=where.position, suggestion=suggestion)
        self.findings.append(finding)

    def block(self, node: Node, name: str, called: str = "") -> Entries:
        """Read a block by the grammar; keys that are wrong are reported and left out."""
        grammar = self.grammar[name]
        called = called or name
        if not isinstance(node, Block):
            self._not_a_block(node, called)
            return {}
        written = (grammar.canonical(key.text) for key, _ in node.entries)
        present = frozenset(own for own in written if own is not None)
        entries: Entries = {}
        meant = set()
        for key, below in node.entries:
            canonical = grammar.canonical(key.text)
            if canonical is None:
                unknown = UnknownKey(grammar, called, key, present)
                self.findings.append(unknown.explained(self.grammar))
                meant.add(grammar.canonical(self.findings[-1].suggestion or ""))
            else:
                self._read_key(grammar.keys[canonical], entries, key, below)
        for wanted, about in grammar.keys.items():
            if about.required and wanted not in present | meant and name not in {"file", "event"}:
                self.error(node, "missing_key", f"{called} needs {wanted}", f"add {wanted}: {about.says}")
        return entries

    def _read_key(self, rule: Key, entries: Entries, key: Scalar, below: Node) -> None:
        if rule.name in entries:
            other = entries[rule.name].key
            message = f"{key.text} and {other.text} (line {other.position.line}) are the same field"
            self.error(key, "same_field_twice", message, "keep one of them")
        elif isinstance(below, Scalar) and below.null and rule.kind != "data":
            fix = "write what belongs there, or remove the line"
            self.error(key, "no_value", f"{key.text} has no value", fix)
        else:
            entries[rule.name] = Entry(key, below, self._converted(rule, key, below))

    def _converted(self, rule: Key, key: Scalar, node: Node) -> Any:
        if rule.kind == "block":
            return self.block(node, str(rule.of), key.text)
        if rule.kind == "blocks":
            return self._blocks(rule, key, node)
        if rule.kind == "steps":
            return self._named_blocks(rule, key, node)
        convert = PLAIN_KINDS.get(rule.kind)
        return self.plain(convert, rule, node, key.text) if convert else None

    def plain(self, convert: Callable[[Node, Key], Any], rule: Key, node: Node, called: str) -> Any:
        """Convert a node of a plain kind; a wrong one is reported and None."""
        try:
            return convert(node, rule)
        except BadText as bad:
            self.error(bad.node or node, bad.code, f"{called} {bad.message}", bad.fix, bad.suggestion)
            return None

    def _blocks(self, rule: Key, key: Scalar, node: Node) -> list[tuple[Node, Entries]]:
        if not isinstance(node, Listing):
            self.error(
                node,
                "wrong_shape",
                f"{key.text} must be a list of blocks",
                "start each block with a dash (-)",
            )
            return []
        return [(item, self.block(item, str(rule.of), f"an entry of {key.text}")) for item in node.items]

    def _named_blocks(self, rule: Key, key: Scalar, node: Node) -> list[tuple[Scalar, Node, Entries]]:
        if not isinstance(node, Block):
            self._not_a_block(node, key.text)
            return []
        return [(name, below, self.block(below, str(rule.of), name.text)) for name, below in node.entries]

    def _not_a_block(self, node: Node, called: str) -> None:
        fix = "write its keys below it, indented"
        if isinstance(node, Scalar) and ":" in node.text and not node.quoted:
            fix = "a space is missing after the colon: write key: value"
        self.error(node, "wrong_shape", f"{called} must be a block", fix)
