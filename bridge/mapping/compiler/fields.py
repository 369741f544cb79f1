"""The fields of an event: what their names mean, and how each of them is compiled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bridge.finding import Position
from bridge.mapping.compiler.contents import compile_contents
from bridge.mapping.compiler.context import Compiling, Read
from bridge.mapping.compiler.copied_properties import names_a_person
from bridge.mapping.compiler.values import compile_value
from bridge.mapping.language.keys import Grammar
from bridge.mapping.language.reader import Entries, Entry
from bridge.mapping.runtime.scope import NOTHING, Called, Scope, text_of
from bridge.mapping.runtime.slots import Slot
from bridge.meta_spec.spec import MetaSpec
from bridge.models import BLOCKS
from bridge.positioned_yaml import Block, Listing, Node, Scalar, one_or_more
from bridge.spelling import closest

_TRUTH = {("", "opt_out"), ("custom_data", "status")}  # Meta takes true and false here and in app_data
_PLAIN_TEXT = {"event_name", "action_source"}


# --- which fields there are -----------------------------------------------------------------------


def fields_called(grammar: Grammar, name: str) -> list[str]:
    """Return the dotted paths a field name may mean; a dotted name means itself."""
    head, dot, rest = name.partition(".")
    if head == "properties" and dot:
        return [f"custom_data.{rest}"]
    if dot and head in BLOCKS:
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
        compiling.loading.error(
            key, "ambiguous_field", message, "write it with the name of its block in front"
        )
    elif key.text in _PLAIN_TEXT:
        message = f"{key.text} already has a constant text"
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
            entry.node, "wrong_shape", "defaults must be a block", "write field: text on the lines below it"
        )
        return {}
    found: dict[str, tuple[str, Position]] = {}
    for key, node in entry.node.entries:
        path = resolve_field(compiling, key)
        if not isinstance(node, Scalar) or node.null:
            compiling.loading.error(
                node, "no_value", f"the default of {key.text} must be a constant text", "write it"
            )
        elif "{" in node.text and "}" in node.text:
            fix = f'write {key.text}: "{node.text}" at its own place'
            compiling.loading.error(
                node, "field_in_default", "a default is a constant text and cannot contain fields", fix
            )
        elif path in found:
            compiling.loading.error(key, "same_field_twice", f"{key.text} has a default already", "keep one")
        elif path:
            found[path] = (node.text, key.position)
    return found


def removed_fields(compiling: Compiling, entry: Entry | None) -> frozenset[str]:
    """Return the dotted fields an event does not send."""
    if entry is None:
        return frozenset()
    items = one_or_more(entry.node)
    paths = set()
    for item in items:
        if not isinstance(item, Scalar) or item.null:
            compiling.loading.error(
                item, "wrong_shape", "remove must be a list of field names", "write the names"
            )
            continue
        path = resolve_field(compiling, item)
        if path:
            paths.add(path)
    return frozenset(paths)


# --- compiling blocks ------------------------------------------------------------------------------


def compile_slots(compiling: Compiling, block: str, entries: Entries) -> Iterator[Slot]:
    """Yield the slots of one block; `block` is empty for the fields of the event itself."""
    prefix = f"{block}." if block else ""
    texts = replace(compiling, false_is_empty=True)
    for name, entry in entries.items():
        if _takes_back(entry.node):
            continue
        if name == "properties" and block == "custom_data":
            yield from _properties(compiling, entry)
            continue
        if name == "fbclid" and block == "user_data":
            yield from _click_id(texts, entry)
            continue
        state = compiling if (block, name) in _TRUTH or block == "app_data" else texts
        yield Slot(f"{prefix}{name}", entry.position, _slot_reader(state, block, name, entry))


def _click_id(compiling: Compiling, entry: Entry) -> Iterator[Slot]:
    """Yield the slots of a click id and of the time of the click, which its block may name."""
    node = entry.node
    if isinstance(node, Block) and (moment := node.get("clicked_at")) is not None:
        yield Slot("user_data.clicked_at", entry.position, compile_value(compiling, moment))
        node = Block(tuple(pair for pair in node.entries if pair[0].text != "clicked_at"), node.position)
    yield Slot("user_data.fbclid", entry.position, compile_value(compiling, node, "many"))


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
    if _takes_list(compiling.loading.spec, block, name):
        return compile_value(compiling, entry.node, "many")
    if block == "user_data":
        names = compiling.loading.spec.user_data[name].surnames
        kind_of_empty = compiling.empty.apart_from(names) if names else compiling.empty
        return compile_value(replace(compiling, empty=kind_of_empty), entry.node, "many")
    return compile_value(compiling, entry.node)


def _takes_list(spec: MetaSpec, block: str, name: str) -> bool:
    schema = spec.event_schema["properties"]
    rule = schema.get(name, {}) if not block else schema.get(block, {}).get("properties", {}).get(name, {})
    kinds = rule.get("type", ())
    return bool(kinds == "array")


def _positions(compiling: Compiling, node: Listing) -> Read:
    """Read a list whose places have a meaning: an empty one is an empty text."""
    reads = tuple(
        NOTHING if isinstance(item, Scalar) and not item.text else compile_value(compiling, item)
        for item in node.items
    )

    def read(scope: Scope) -> list[str] | None:
        texts = [text_of(one.read(scope)) or "" for one in reads]
        return texts if any(texts) else None

    return Called(read)


def _properties(compiling: Compiling, entry: Entry) -> Iterator[Slot]:
    loading = compiling.loading
    if not isinstance(entry.node, Block):
        loading.error(
            entry.node, "wrong_shape", "properties must be a block", "write name: field on the lines below it"
        )
        return
    standard = loading.grammar["custom_data"].keys
    for key, node in entry.node.entries:
        if key.text in standard:
            fix = f"write {key.text} directly under custom_data"
            loading.error(key, "standard_parameter", f"{key.text} is one of Meta's own parameters", fix)
        elif names_a_person(loading.spec, key.text):
            fix = "move it to user_data, where it is hashed, or remove it"
            loading.error(
                key,
                "personal_property",
                f"{key.text} looks like personal data, and custom_data is not hashed",
                fix,
            )
        else:
            yield Slot(f"custom_data.{key.text}", key.position, compile_value(compiling, node))
