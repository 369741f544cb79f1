"""What an editor offers at each place of a mapping, made from the grammar table.

A shape says what may be written at one place: `keys` of a block (each with the shape of its value), the
shape of `any_key` that its author invents, the shape of the `entries` of a list, `words` to choose from, and
whether the place `reads` fields of the webhook. A shape is written out, or named where it occurs often.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from bridge.mapping.language.erase_keys import identifiers_of
from bridge.mapping.language.grammar import grammar_of
from bridge.mapping.language.inline_tests import RECORDED_WORDS, known_fields_of
from bridge.mapping.language.json_schema import fields_with_defaults
from bridge.mapping.language.keys import BlockGrammar, Grammar, Key
from bridge.mapping.language.node_types import OTHERWISE
from bridge.mapping.language.visit_words import VISIT_FIELDS, VISIT_KEYS
from bridge.meta_spec.spec import MetaSpec

Shape = Mapping[str, Any]

_TEXT: Shape = {}
_READS: Shape = {"reads": True}
_YES_NO: Shape = {"words": ["yes", "no"]}

# kind of a key -> the shape of its value, or the name of the shape
_KINDS: dict[str, Shape | str] = {
    "yes_no": _YES_NO,
    "take": {"words": ["first", "last", "rest"]},
    "otherwise": {"words": list(OTHERWISE)},
    "path": _READS,
    "template": _READS,
    "templates": {**_READS, "entries": _READS},
    "query_texts": {"any_key": _READS},
    "match": {"any_key": _READS},
    "json_body": "json_body",
    "recorded_visit": "recorded_visit",
    "visit_keys": {"entries": "visit_key"},
    "recorded": {"any_key": {"words": list(RECORDED_WORDS)}},
    "country": _READS,
    "value": "value",
    "positions": "value",
    "event_name": "event_name",
    "condition": "condition",
    "conditions": {"entries": "condition"},
    "properties": {"any_key": "value"},
    "contents": "contents",
    "defaults": "defaults",
    "fields": "fields",
    "expected": "expected_event",
    "identifiers": "identifiers",
    "handshake_answer": "handshake_answer",
    "answer_values": {"any_key": "answer_hmac"},
    "destinations": "destinations",
    "test_code": "test_event_code",
}
_OF_A_CALLS_LIST = {
    "for_each": "A list of the webhook: the block stands once for each entry.",
    "when": "Which entries it stands for.",
}
SYSTEM_VALUES = (
    "$headers.",
    "$query.",
    "$received_at",
    "$index",
    "$source",
    "$ip",
    "$user_agent",
    "$cookies.",
)


def completion_table(spec: MetaSpec, destinations: Collection[str]) -> dict[str, Any]:
    """Return the shapes of a mapping by name (`file` is the whole), and the values of the system."""
    grammar = grammar_of(spec)
    shapes: dict[str, Shape] = {name: {"keys": _keys(block)} for name, block in grammar.items()}
    own = shapes["value"]["keys"]
    shapes |= {
        "value": {"keys": own, "entries": "value", **_READS},
        "event_name": {"keys": own, "words": sorted(spec.standard_events), **_READS},
        "condition": {**shapes["condition"], "any_key": "test_of_field", "keys_are_fields": True},
        "contents": {**shapes["contents"], **_READS},
        "handshake_answer": {**shapes["handshake_answer"], **_READS},
        "answer_hmac": {**shapes["answer_hmac"], **_READS},
        "json_body": {
            "keys": _plain_keys(_OF_A_CALLS_LIST.items()),
            "any_key": "json_body",
            "entries": "json_body",
            **_READS,
        },
        "defaults": {"keys": _keys_of_defaults(grammar)},
        "fields": {"words": list(_keys_of_defaults(grammar)), "entries": "fields"},
        "destinations": {"words": sorted(destinations), "entries": "destinations"},
        "expected_event": {"keys": _expected_keys(grammar), "entries": "expected_event"},
        "recorded_visit": {"keys": _plain_keys((name, "A part of the visit.") for name in VISIT_FIELDS)},
        "visit_key": {
            "words": [name for name, key in VISIT_KEYS.items() if key.field],
            "keys": {name: {**key, "shape": "value"} for name, key in _keys_of_visits().items()},
        },
        "identifiers": {"keys": _plain_keys((key.name, key.says) for key in identifiers_of(grammar))},
    }
    return {"shapes": shapes, "system": list(SYSTEM_VALUES)}


def _keys(block: BlockGrammar) -> dict[str, Any]:
    return {name: _key(block.keys[block.canonical(name) or name], name) for name in block.names()}


def _key(key: Key, name: str) -> dict[str, Any]:
    return {"says": key.explained(name), "same": key.name, "shape": _shape(key)}


def _shape(key: Key) -> Shape | str:
    if key.kind == "block":
        return str(key.of)
    if key.kind == "blocks":
        return {"entries": str(key.of)}
    if key.kind == "steps":
        return {"any_key": str(key.of)}
    if key.kind in {"choice", "choices"}:
        words: Shape = {"words": list(key.choices)}
        return {**words, "entries": words} if key.kind == "choices" else words
    return _KINDS.get(key.kind, _TEXT)


def _plain_keys(named: Iterable[tuple[str, str]]) -> dict[str, Any]:
    return {name: {"says": says, "same": name, "shape": _TEXT} for name, says in named}


def _keys_of_visits() -> dict[str, Any]:
    """Return what may tell whose visit it was."""
    return _plain_keys((name, f"The visit is found by {key.called}.") for name, key in VISIT_KEYS.items())


def _keys_of_defaults(grammar: Grammar) -> dict[str, Any]:
    """Return the fields that may have a default: alone, or with their block (`user_data.country`)."""
    dotted = (name for name in known_fields_of(grammar) if "." in name)
    alone = fields_with_defaults(grammar)
    return _plain_keys({**alone, **{name: _says(grammar, name) for name in dotted}}.items())


def _expected_keys(grammar: Grammar) -> dict[str, Any]:
    """Return the fields that a test may expect: the event's own, and others with their block."""
    return _plain_keys((name, _says(grammar, name)) for name in known_fields_of(grammar))


def _says(grammar: Grammar, field: str) -> str:
    block, dot, name = field.rpartition(".")
    known = grammar[block if dot else "event"]
    return known.keys[known.canonical(name) or name].says
