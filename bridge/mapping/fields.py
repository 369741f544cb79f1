"""The blocks that fill an event: its own fields, `user_data`, `custom_data` with contents, `copy`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bridge.catalog import Catalog
from bridge.mapping.compiling import MAX_ITEMS, Compiling, Read
from bridge.mapping.conditions import Condition, compile_condition
from bridge.mapping.grammar import Grammar
from bridge.mapping.loading import Entries, Entry
from bridge.mapping.scope import Scope, entries_of, text_of
from bridge.mapping.value import compile_value, nothing
from bridge.suggest import closest
from bridge.values import Finding, Position
from bridge.yamltext import Block, Listing, Node, Scalar

NESTED = ("user_data", "custom_data", "app_data", "original_event_data")
# key, dotted path, reader
Slots = tuple[tuple[str, str, Read], ...]
_PLAIN_TEXT = {"event_name", "action_source"}


@dataclass(frozen=True, slots=True)
class Slot:
    """One destination field: its dotted path, its place in the file, and how it is read."""

    path: str
    position: Position
    read: Read

    @property
    def name(self) -> str:
        """Return the last part of the path, the key inside its block."""
        return self.path.rpartition(".")[2] if "." in self.path else self.path


def fill(slots: Slots, scope: Scope, into: dict[str, Any]) -> None:
    """Read every slot `(key, path, read)` and keep what is there."""
    if scope.trace is not None:
        _fill_and_tell(slots, scope, into)
        return
    for key, _, read in slots:
        value = read(scope)
        if value is not None:
            into[key] = value


def _fill_and_tell(slots: Slots, scope: Scope, into: dict[str, Any]) -> None:
    for key, path, read in slots:
        scope.field = path
        record = scope.trace.record(path) if scope.trace is not None else None
        value = read(scope)
        if value is not None:
            into[key] = value
        elif record is not None and record.dropped is None:
            record.dropped = "nothing was found"


# --- which fields there are -----------------------------------------------------------------------


def fields_called(grammar: Grammar, name: str) -> list[str]:
    """Return the dotted paths a field name may mean; a dotted name means itself."""
    head, dot, rest = name.partition(".")
    if head == "properties" and dot:
        return [f"custom_data.{rest}"]
    if dot and head in NESTED:
        rest = rest.removeprefix("properties.") if head == "custom_data" else rest
        own = grammar[head].canonical(rest)
        if own or (head == "custom_data" and name.startswith("custom_data.properties.")):
            return [f"{head}.{own or rest}"]
        return []
    found = [name] if name in _event_fields(grammar) else []
    for block in ("user_data", "custom_data"):
        own = grammar[block].canonical(name)
        if own and own != "properties":
            found.append(f"{block}.{own}")
    return found


def _event_fields(grammar: Grammar) -> Iterator[str]:
    return (name for name, key in grammar["event"].keys.items() if key.kind == "value")


def resolve_field(compiling: Compiling, key: Scalar) -> str | None:
    """Return the one field a key of `defaults` or `remove` means; report it otherwise."""
    grammar = compiling.loading.grammar
    found = fields_called(grammar, key.text)
    if len(found) == 1:
        return found[0]
    if found:
        message = f"{key.text} could be {' or '.join(found)}"
        compiling.loading.error(key, "ambiguous_field", message, "write it with its block")
    elif key.text in _PLAIN_TEXT:
        message = f"{key.text} is a plain text already"
        compiling.loading.error(
            key, "wrong_block", message, f"write it beside user_data: {key.text}: ...", key.text
        )
    else:
        fix = "write a field of the event, of user_data or of custom_data"
        suggestion = closest(key.text, _names_of_fields(grammar, dotted="." in key.text))
        compiling.loading.error(key, "unknown_key", f"there is no field {key.text!r}", fix, suggestion)
    return None


def _names_of_fields(grammar: Grammar, *, dotted: bool) -> list[str]:
    """Return the names `defaults` and `remove` know: alone, or with their blocks."""
    blocks = ("user_data", "custom_data")
    if dotted:
        return [f"{block}.{name}" for block in blocks for name in grammar[block].names()]
    return [*_event_fields(grammar), *(name for block in blocks for name in grammar[block].names())]


def defaults_of(compiling: Compiling, entry: Entry | None) -> dict[str, tuple[str, Position]]:
    """Return the plain texts of `defaults`, by dotted field."""
    if entry is None:
        return {}
    if not isinstance(entry.node, Block):
        compiling.loading.error(
            entry.node, "wrong_shape", "defaults is a block", "write field: text below it"
        )
        return {}
    found: dict[str, tuple[str, Position]] = {}
    for key, node in entry.node.entries:
        path = resolve_field(compiling, key)
        if not isinstance(node, Scalar) or node.null:
            compiling.loading.error(
                node, "no_value", f"the default of {key.text} is one plain text", "write it"
            )
        elif "{" in node.text and "}" in node.text:
            fix = f'write {key.text}: "{node.text}" at its own place'
            compiling.loading.error(node, "field_in_default", "a default is a plain text without fields", fix)
        elif path in found:
            compiling.loading.error(key, "same_field_twice", f"{key.text} has a default already", "keep one")
        elif path:
            found[path] = (node.text, key.position)
    return found


def removed_fields(compiling: Compiling, entry: Entry | None) -> frozenset[str]:
    """Return the dotted fields an event does not send."""
    if entry is None:
        return frozenset()
    items = entry.node.items if isinstance(entry.node, Listing) else (entry.node,)
    paths = set()
    for item in items:
        if not isinstance(item, Scalar) or item.null:
            compiling.loading.error(item, "wrong_shape", "remove is a list of field names", "write the names")
            continue
        path = resolve_field(compiling, item)
        if path:
            paths.add(path)
    return frozenset(paths)


# --- compiling blocks ------------------------------------------------------------------------------


def compile_slots(compiling: Compiling, block: str, entries: Entries) -> Iterator[Slot]:
    """Yield the slots of one block; `block` is empty for the fields of the event itself."""
    prefix = f"{block}." if block else ""
    for name, entry in entries.items():
        if _takes_back(entry.node):
            continue
        if name == "properties" and block == "custom_data":
            yield from _properties(compiling, entry)
            continue
        yield Slot(f"{prefix}{name}", entry.position, _slot_reader(compiling, block, name, entry))


def takes_back(entries: Entries) -> set[str]:
    """Return the names of a block that an event takes back with `remove: yes`."""
    return {name for name, entry in entries.items() if _takes_back(entry.node)}


def _takes_back(node: Node) -> bool:
    remove = node.get("remove") if isinstance(node, Block) else None
    return isinstance(remove, Scalar) and remove.text.lower() in {"yes", "true"}


def _slot_reader(compiling: Compiling, block: str, name: str, entry: Entry) -> Read:
    kind = compiling.loading.grammar[block or "event"].keys[name].kind
    if kind == "contents" and isinstance(entry.node, Block):
        return compile_contents(compiling, entry.node)
    if kind == "positions" and isinstance(entry.node, Listing):
        return _positions(compiling, entry.node)
    if kind in {"contents", "positions"}:
        return compile_value(compiling, entry.node, "many")
    if _takes_list(compiling.loading.catalog, block, name):
        return as_list(compile_value(compiling, entry.node, "many"))
    if block == "user_data":
        return compile_value(compiling, entry.node, "many")
    return compile_value(compiling, entry.node)


def _takes_list(catalog: Catalog, block: str, name: str) -> bool:
    schema = catalog.event_schema["properties"]
    rule = schema.get(name, {}) if not block else schema.get(block, {}).get("properties", {}).get(name, {})
    kinds = rule.get("type", ())
    return bool(kinds == "array")


def as_list(read: Read) -> Read:
    """Let a reader give a list in any case."""

    def read_list(scope: Scope) -> Any:
        value = read(scope)
        return value if value is None or isinstance(value, list) else [value]

    return read_list


def _positions(compiling: Compiling, node: Listing) -> Read:
    """Read a list whose places have a meaning: an empty one is an empty text."""
    reads = tuple(
        nothing if isinstance(item, Scalar) and not item.text else compile_value(compiling, item)
        for item in node.items
    )

    def read(scope: Scope) -> list[str] | None:
        texts = [text_of(one(scope)) or "" for one in reads]
        return texts if any(texts) else None

    return read


def _properties(compiling: Compiling, entry: Entry) -> Iterator[Slot]:
    loading = compiling.loading
    if not isinstance(entry.node, Block):
        loading.error(entry.node, "wrong_shape", "properties is a block", "write name: field below it")
        return
    standard = loading.grammar["custom_data"].keys
    for key, node in entry.node.entries:
        if key.text in standard:
            fix = f"write {key.text} directly under custom_data"
            loading.error(key, "standard_parameter", f"{key.text} is one of Meta's own parameters", fix)
        elif names_a_person(loading.catalog, key.text):
            fix = "move it to user_data, where it is hashed, or remove it"
            loading.error(
                key, "personal_property", f"{key.text} looks personal, and custom data is not hashed", fix
            )
        else:
            yield Slot(f"custom_data.{key.text}", key.position, compile_value(compiling, node))


_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_]+")


# words that are personal alone, but not inside a name the author chose (`order_state`, `store_city`)
_EVERYDAY = frozenset({"city", "state", "country", "address", "street", "gender", "mobile", "mail"})


def is_personal(catalog: Catalog, key: str) -> bool:
    """Say whether a key may hold something about a person: for keys nobody looked at."""
    return not _personal_words(key).isdisjoint(catalog.personal_keys)


def names_a_person(catalog: Catalog, key: str) -> bool:
    """Say whether a key holds something about a person (`customer_email`): for keys an author wrote."""
    words = _personal_words(key)
    whole = re.sub(r"[\W_]", "", key).casefold()
    return not (words - (_EVERYDAY - {whole})).isdisjoint(catalog.personal_keys)


def _personal_words(key: str) -> frozenset[str]:
    """Return a key as one word, its neighbouring words joined, and its longer words."""
    words = [word.casefold() for word in _WORDS.findall(key)]
    pairs = (first + second for first, second in pairwise(words))
    return frozenset(
        {re.sub(r"[\W_]", "", key).casefold(), *pairs, *(word for word in words if len(word) > 3)}
    )


# --- contents --------------------------------------------------------------------------------------


def compile_contents(compiling: Compiling, node: Block) -> Read:
    """Return the reader of `contents`: one object for every entry of a list."""
    entries = compiling.loading.block(node, "contents", "contents")
    each = entries.pop("for_each", None)
    if each is None or not isinstance(each.node, Scalar):
        if each is not None:
            compiling.loading.error(each.node, "wrong_shape", "for_each is one path", "write the list's path")
        return nothing
    compiled = compiling.path(each.node, each.node.text)
    if compiled is None:
        return nothing
    below = _priced(compiling.below(each.node.text, compiled.locate))
    condition = compile_condition(below, entries.pop("when").node) if "when" in entries else None
    slots = tuple(
        (name, f"custom_data.contents.{name}", compile_value(below, entry.node))
        for name, entry in entries.items()
    )
    return _Contents(each.node.text, compiled.locate, condition, slots, _too_many(each)).read


def _too_many(each: Entry) -> Finding:
    message = f"a list of contents has more than {MAX_ITEMS} entries"
    return Finding("error", "too_many_items", message, "have the sender split it", position=each.position)


@dataclass(frozen=True, slots=True)
class _Contents:
    """A compiled `contents` block: the list, which entries count, and what each of them fills."""

    path: str
    locate: Read
    condition: Condition | None
    slots: Slots
    too_many: Finding

    def read(self, scope: Scope) -> list[dict[str, Any]] | None:
        items = entries_of(self.locate(scope), scope)
        if not items:
            return None
        if len(items) > MAX_ITEMS:
            scope.findings.append(self.too_many)
            return None
        inner = scope.inside(items[0], 0, "")
        contents = [
            content for index, item in enumerate(items) if (content := self._content(inner, index, item))
        ]
        return contents or None

    def _content(self, inner: Scope, index: int, item: Any) -> dict[str, Any] | None:
        inner.item, inner.index = item, index
        if inner.outer is not None and inner.trace is not None:
            inner.base = inner.outer.place_of(self.path, index)
        if self.condition is not None and self.condition(inner) is not None:
            return None
        content: dict[str, Any] = {}
        fill(self.slots, inner, content)
        return content


def _priced(below: Compiling) -> Compiling:
    """Let cents inside the items use the currency of the event around them."""
    currency = below.currency
    if currency is None:
        return below
    return below.with_currency(lambda scope: currency(scope.outer if scope.outer is not None else scope))


# --- copy ------------------------------------------------------------------------------------------


Copy = Callable[[Scope, dict[str, Any]], None]


def compile_copy(compiling: Compiling, entry: Entry | None) -> Copy | None:
    """Return what takes simple properties of a block over into custom data; keys that look personal never."""
    entries: Entries = (entry.value if entry else None) or {}
    source = entries["from"].node if "from" in entries else None
    if not isinstance(source, Scalar):
        return None
    compiled = compiling.path(source, source.text)
    only = _listed(compiling, entries, "only")
    skipped = _listed(compiling, entries, "except") or frozenset()
    if compiled is None:
        return None
    return _Copied(source.text, compiled.locate, only, skipped, compiling).run


@dataclass(frozen=True, slots=True)
class _Copied:
    """A compiled `copy` block."""

    path: str
    locate: Read
    only: frozenset[str] | None
    skipped: frozenset[str]
    compiling: Compiling

    def run(self, scope: Scope, into: dict[str, Any]) -> None:
        found = self.locate(scope)
        if not isinstance(found, dict):
            return
        for key, value in list(found.items())[:MAX_ITEMS]:
            if key not in into and self._is_simple(value) and self._is_taken(key):
                into[key] = value
                if scope.trace is not None:
                    scope.trace.supplied(f"custom_data.{key}", f"{self.path}.{key}")

    def _is_simple(self, value: Any) -> bool:
        """Say whether a value is plain and does not look like an e-mail address."""
        if isinstance(value, list | dict) or self.compiling.empty.is_empty(value):
            return False
        return not (isinstance(value, str) and "@" in value)

    def _is_taken(self, key: str) -> bool:
        folded = key.strip().casefold()
        if is_personal(self.compiling.loading.catalog, key):
            return False
        if self.only is not None:
            return folded in self.only
        return folded not in self.skipped and key not in self.compiling.loading.grammar["custom_data"].keys


def _listed(compiling: Compiling, entries: Mapping[str, Entry], name: str) -> frozenset[str] | None:
    entry = entries.get(name)
    if entry is None or entry.value is None:
        return None
    if name == "only":
        for word in entry.value:
            if is_personal(compiling.loading.catalog, word):
                fix = "map it under user_data, where it is hashed, or leave it out"
                message = f"{word} looks personal, and custom data is not hashed"
                compiling.loading.error(entry.node, "personal_property", message, fix)
    return frozenset(word.strip().casefold() for word in entry.value)
