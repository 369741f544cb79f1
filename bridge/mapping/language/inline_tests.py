"""The tests inside a mapping, read but not run: what is given, what comes with it, what is expected."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from bridge.finding import Position
from bridge.mapping.language.erase_keys import identifiers_of
from bridge.mapping.language.grammar import EXPECTATIONS
from bridge.mapping.language.keys import Grammar
from bridge.mapping.language.node_types import one_of
from bridge.mapping.language.reader import Entries, Entry, Loading, block_of, value_of
from bridge.mapping.language.visit_words import VISIT, VISIT_FIELDS
from bridge.models import BLOCKS
from bridge.positioned_yaml import Block, Listing, Node, Scalar, one_or_more
from bridge.spelling import closest, ranked_by_nearness

Expectation = Literal[
    "expect", "expect_exactly", "expect_skipped", "expect_held", "expect_suppressed", "expect_erased"
]

# what stands for an answer that is none: no such record, and a source that could not be asked
RECORDED_WORDS = ("missing", "failed")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,3})?")
_JSON_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class MappingTest:
    """One test. `given` is data, or the path of a file with a body.

    `expected` is a list of events for `expect` and `expect_exactly` (dotted field -> data), the identifiers
    for `expect_erased`, else a part of the reason. `positions` is where each expected field was written, by
    event and field.
    """

    name: str
    position: Position
    given: Any
    given_file: Path | None
    headers: Mapping[str, str]
    query: Mapping[str, str]
    cookies: Mapping[str, str]
    ip: str | None
    now: str | None
    fetched: Mapping[str, Any]
    kind: Expectation
    expected: tuple[Mapping[str, Any], ...] | str
    positions: Mapping[tuple[int, str], Position]


def read_tests(
    loading: Loading, entry: Entry | None, folder: Path, steps: Collection[str] = ()
) -> tuple[MappingTest, ...]:
    """Return the tests of a mapping; what is wrong with one is reported.

    `steps` are the names of the steps of `fetch`, whose answers a test may record.
    """
    blocks: list[tuple[Node, Entries]] = (entry.value if entry else None) or []
    tests = (_test(loading, node, entries, folder, steps) for node, entries in blocks)
    return tuple(test for test in tests if test is not None)


def _test(
    loading: Loading, node: Node, entries: Entries, folder: Path, steps: Collection[str]
) -> MappingTest | None:
    kinds = [name for name in EXPECTATIONS if name in entries]
    if len(kinds) != 1:
        if isinstance(node, Block) and not (not kinds and _refused_expectation(node)):
            fix = f"write one of {', '.join(EXPECTATIONS)}"
            loading.error(node, "missing_key", "a test has exactly one expectation", fix)
        return None
    given = entries.get("given")
    name = value_of(entries, "name")
    if given is None or name is None:
        return None
    file = folder / given.node.text if isinstance(given.node, Scalar) and not given.node.null else None
    beside = block_of(entries.get("with"))
    kind: Any = kinds[0]
    expected, positions = _expected(loading, kind, entries[kind])
    return MappingTest(
        name=name,
        position=entries["name"].position,
        given=None if file else plain_data(given.node),
        given_file=file,
        headers=_rows(beside, "headers"),
        query=_rows(beside, "query"),
        cookies=_rows(beside, "cookies"),
        ip=value_of(beside, "ip"),
        now=value_of(beside, "now"),
        fetched={**_recorded(loading, beside.get("fetched"), steps), **_visit(loading, beside.get("visit"))},
        kind=kind,
        expected=expected,
        positions=MappingProxyType(positions),
    )


def _refused_expectation(node: Block) -> bool:
    """Return whether a key was meant as an expectation and has been reported already."""
    return any(ranked_by_nearness(key.text, EXPECTATIONS) for key, _ in node.entries)


def _recorded(loading: Loading, entry: Entry | None, steps: Collection[str]) -> Mapping[str, Any]:
    """Return the answers that a test records, by the name of a step or the path that is called."""
    if entry is None:
        return MappingProxyType({})
    if not isinstance(entry.node, Block):
        loading.error(
            entry.node, "wrong_shape", "fetched must be a block", "write a step and its answer below it"
        )
        return MappingProxyType({})
    for key, node in entry.node.entries:
        if key.text not in steps and not key.text.startswith("/"):
            fix = f"write {one_of(tuple(steps))}" if steps else "remove it: this mapping fetches nothing"
            message = f"fetch has no step {key.text[:40]!r}"
            loading.error(key, "unknown_step", message, fix, closest(key.text, steps))
        if isinstance(node, Scalar) and node.text not in RECORDED_WORDS:
            fix = f"write the answer as a block, or {one_of(RECORDED_WORDS)}"
            message = f"the answer of {key.text[:40]} must be a block or a list"
            loading.error(node, "wrong_shape", message, fix, closest(node.text, RECORDED_WORDS))
    return MappingProxyType({key.text: plain_data(node) for key, node in entry.node.entries})


def _visit(loading: Loading, entry: Entry | None) -> Mapping[str, Any]:
    """Return the visit that a test records, as the answer that `$visit` reads."""
    if entry is None:
        return {}
    if not isinstance(entry.node, Block):
        fix = "write its fields below it, such as fbc and utm_campaign"
        loading.error(entry.node, "wrong_shape", "visit must be a block", fix)
        return {}
    for key, _ in entry.node.entries:
        if key.text not in VISIT_FIELDS:
            message, fix = f"a visit has no {key.text[:40]!r}", f"write one of {', '.join(VISIT_FIELDS)}"
            loading.error(key, "unknown_key", message, fix, closest(key.text, VISIT_FIELDS))
    return {VISIT: plain_data(entry.node)}


def _rows(entries: Entries, name: str) -> Mapping[str, str]:
    rows: dict[str, str] = value_of(entries, name) or {}
    return MappingProxyType(rows)


def _expected(
    loading: Loading, kind: str, entry: Entry
) -> tuple[tuple[Mapping[str, Any], ...] | str, dict[tuple[int, str], Position]]:
    if kind == "expect_erased":
        return (_expected_identifiers(loading, entry),), {}
    if kind not in {"expect", "expect_exactly"}:
        return entry.value or "", {}
    nodes = one_or_more(entry.node)
    events = _ExpectedEvents(loading)
    for node in nodes:
        events.add(node)
    return tuple(MappingProxyType(fields) for fields in events.found), events.positions


def _expected_identifiers(loading: Loading, entry: Entry) -> Mapping[str, Any]:
    """Return whom a webhook must ask to erase: the texts of each kind of identifier."""
    if not isinstance(entry.node, Block):
        fix = "write each identifier as one line: email: jane@example.com"
        loading.error(entry.node, "wrong_shape", "expect_erased must be a block of identifiers", fix)
        return {}
    known = [key.name for key in identifiers_of(loading.grammar)]
    for key, _ in entry.node.entries:
        if key.text not in known:
            near = ranked_by_nearness(key.text, known)
            fix = f"write one of {', '.join(known)}"
            message = f"there is no identifier {key.text!r}"
            loading.error(key, "unknown_key", message, fix, near[0] if near else None)
    found: dict[str, Any] = plain_data(entry.node)
    return MappingProxyType(found)


class _ExpectedEvents:
    """Collects the expected events of one test, field by field under Meta's names."""

    def __init__(self, loading: Loading) -> None:
        self.loading = loading
        self.found: list[dict[str, Any]] = []
        self.positions: dict[tuple[int, str], Position] = {}

    def add(self, node: Node) -> None:
        if not isinstance(node, Block):
            fix = "write event_name: ... and what matters"
            self.loading.error(node, "wrong_shape", "an expected event must be a block", fix)
            return
        self.found.append({})
        for key, below in node.entries:
            if key.text in BLOCKS and isinstance(below, Block):
                for inner, deeper in below.entries:
                    self._field(inner, f"{key.text}.{inner.text}", deeper)
            else:
                self._field(key, key.text, below)

    def _field(self, key: Scalar, written: str, node: Node) -> None:
        name = canonical_field(self.loading, written)
        if name is None:
            near = ranked_by_nearness(written, known_fields_of(self.loading.grammar))
            fix = "write a field as the event has it: event_name, user_data.email, custom_data.value"
            message = f"there is no field {written!r} in an event"
            self.loading.error(key, "unknown_key", message, fix, near[0] if near else None)
        elif name in self.found[-1]:
            self.loading.error(key, "same_field_twice", f"{written} is expected twice", "keep one")
        else:
            self.found[-1][name] = plain_data(node)
            self.positions[len(self.found) - 1, name] = key.position


def canonical_field(loading: Loading, written: str) -> str | None:
    """Return Meta's dotted name of a field of an event, or None when there is none."""
    grammar = loading.grammar
    head, dot, rest = written.partition(".")
    if head not in BLOCKS:
        return written if head in grammar["event"].keys and head not in _NOT_SENT else None
    if not dot:
        return head
    first, more, deeper = rest.partition(".")
    if head == "custom_data":
        rest = deeper if first == "properties" else rest
        known = first in grammar[head].keys
        return f"{head}.{rest}" if rest and known else None
    own = grammar[head].canonical(first)
    return f"{head}.{own}{more}{deeper}" if own else None


_NOT_SENT = {"name", "when", "consent", "defaults", "copy", "remove", "send_to"}


def known_fields_of(grammar: Grammar) -> list[str]:
    """Return every field of an event a test may name, dotted, long names first."""
    own = [name for name in grammar["event"].keys if name not in _NOT_SENT]
    return own + [f"{block}.{name}" for block in BLOCKS for name in grammar[block].names()]


def plain_data(node: Node) -> Any:
    """Return a node as JSON data: a bare text is a number only when JSON would call it one."""
    if isinstance(node, Block):
        return {key.text: plain_data(below) for key, below in node.entries}
    if isinstance(node, Listing):
        return [plain_data(item) for item in node.items]
    if node.quoted:
        return node.text
    return None if node.null else _bare(node.text)


def _bare(text: str) -> Any:
    if text in _JSON_WORDS:
        return _JSON_WORDS[text]
    match = _JSON_NUMBER.fullmatch(text)
    if match is None or len(text) > 1_000:
        return text
    return Decimal(text) if match[1] or match[2] else int(text)
