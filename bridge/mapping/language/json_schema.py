"""Makes the JSON Schema that editors complete and explain mappings with, out of the grammar table.

Draft-07, because that is where the editors' YAML language servers stop. Keys that hold what the webhook
decides (conditions, lookups, custom properties) are open; everything else is closed, as in the loader.
"""

from __future__ import annotations

import json
from typing import Any

from bridge.mapping.language.erase_keys import identifiers_of
from bridge.mapping.language.grammar import EXPECTATIONS, grammar_of
from bridge.mapping.language.inline_tests import known_fields_of
from bridge.mapping.language.keys import BlockGrammar, Grammar, Key
from bridge.mapping.language.visit_words import VISIT_FIELDS, VISIT_KEYS
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import BLOCKS

Schema = dict[str, Any]

# YAML decides types by itself in an editor, so a text may look like a number or a truth value there
_TEXT: Schema = {"type": ["string", "number", "boolean"]}
_TEXTS: Schema = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
_ORIGIN: Schema = {"type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[A-Za-z0-9._:\\[\\]-]+$"}
_ORIGINS: Schema = {"anyOf": [_ORIGIN, {"type": "array", "items": _ORIGIN, "minItems": 1}]}
_ROWS: Schema = {"type": "object", "additionalProperties": _TEXT}
_YES_NO: Schema = {"enum": ["yes", "no", True, False, "true", "false", "on", "off"]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _value(block: str = "value") -> Schema:
    return {
        "anyOf": [
            _TEXT,
            {"type": "array", "minItems": 1, "items": {"anyOf": [_TEXT, _ref("value")]}},
            _ref(block),
        ]
    }


_VALUE: Schema = _value()
_TABLE_OF_VALUES: Schema = {"type": "object", "additionalProperties": _VALUE}

# kind of a key -> what an editor accepts there
_VISIT_KEY: Schema = {
    "anyOf": [
        {"enum": [name for name, key in VISIT_KEYS.items() if key.field]},
        {
            "type": "object",
            "properties": dict.fromkeys(VISIT_KEYS, _VALUE),
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
    ]
}
_KINDS: dict[str, Schema] = {
    "text": _TEXT,
    "otherwise": _TEXT,
    "texts": _TEXTS,
    "files": _TEXTS,
    "origins": _ORIGINS,
    "yes_no": _YES_NO,
    "whole": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9]+$"}]},
    "number": _TEXT,
    "duration": _TEXT,
    "size": _TEXT,
    "moment": _TEXT,
    "secret": {"type": "string", "pattern": "^\\$\\{([A-Za-z_][A-Za-z0-9_]*|file:[^}]+)\\}$"},
    "path": _TEXT,
    "template": _TEXT,
    "signed": _TEXT,
    "country": _TEXT,
    "value": _VALUE,
    "event_name": {"anyOf": [_TEXT, _ref("value")]},
    "positions": _VALUE,
    "condition": _ref("condition"),
    "conditions": {"type": "array", "minItems": 1, "items": _ref("condition")},
    "properties": _TABLE_OF_VALUES,
    "contents": {"anyOf": [_ref("contents"), _TEXT]},
    "defaults": _ref("defaults"),
    "fields": _TEXTS,
    "rows": _ROWS,
    "expected_texts": _ROWS,
    "handshake_answer": {"anyOf": [_TEXT, _ref("handshake_answer"), _ref("value")]},
    "answer_values": {
        "type": "object",
        "additionalProperties": {"anyOf": [_TEXT, _ref("answer_hmac"), _ref("value")]},
    },
    "take": {"anyOf": [{"enum": ["first", "last", "rest"]}, {"type": ["integer", "string"]}]},
    "destinations": {"anyOf": [_TEXTS, _ref("value")]},
    "test_code": {"anyOf": [_TEXT, _ref("test_event_code")]},
    "templates": _TEXTS,
    "json_body": {"type": "object"},
    "query_texts": _ROWS,
    "match": {**_ROWS, "minProperties": 1, "maxProperties": 1},
    "recorded": {"type": "object"},
    "recorded_visit": {"type": "object", "propertyNames": {"enum": list(VISIT_FIELDS)}},
    "visit_keys": {"type": "array", "minItems": 1, "items": _VISIT_KEY},
    "data": {},
    "identifiers": _ref("identifiers"),
    "expected": {"anyOf": [_ref("expected_event"), {"type": "array", "items": _ref("expected_event")}]},
}

_WHAT_A_FILE_IS_FOR = (["events"], ["event_name", "action_source"], ["erase"], ["hold"])


def editor_schema() -> str:
    """Return the text of `schemas/mapping.schema.json`."""
    grammar = grammar_of(load_meta_spec())
    definitions = {name: _block(block) for name, block in grammar.items() if name != "file"}
    definitions["condition"] = _condition(grammar)
    definitions["defaults"] = _defaults(grammar)
    definitions["expected_event"] = _expected_event(grammar)
    definitions["identifiers"] = _identifiers(grammar)
    _widen_blocks_of_single_fields(definitions, grammar)
    definitions["test"]["oneOf"] = [{"required": [name]} for name in EXPECTATIONS]
    definitions["event"].pop("required", None)
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "https://github.com/capi-bridge/capi-bridge/schemas/mapping.schema.json",
        "title": "A capi-bridge mapping",
        **_block(grammar["file"]),
        "required": ["version"],
        "anyOf": [{"required": names} for names in _WHAT_A_FILE_IS_FOR],
        "definitions": definitions,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _widen_blocks_of_single_fields(definitions: dict[str, Schema], grammar: Grammar) -> None:
    """Let the block of a field take what no other value's block does: `clicked_at` in that of `fbclid`."""
    for field in {key.only_in for key in grammar["value"].keys.values()} - {""}:
        definitions[f"value_of_{field}"] = _block(grammar["value"], field)
        definitions["user_data"]["properties"][field] |= _value(f"value_of_{field}")


def _block(block: BlockGrammar, field: str = "") -> Schema:
    properties = {}
    for name in block.names():
        key = block.keys[block.canonical(name) or name]
        if key.only_in not in {"", field}:
            continue
        properties[name] = {"description": key.explained(name), **_of_kind(key)}
    schema: Schema = {
        "description": block.says,
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    twice = [{"not": {"required": [key.alias, key.name]}} for key in block.keys.values() if key.alias]
    if twice:
        schema["allOf"] = twice
    required = [key.name for key in block.keys.values() if key.required]
    return {**schema, "required": required} if required else schema


def _of_kind(key: Key) -> Schema:
    if key.kind == "block":
        return {"allOf": [_ref(str(key.of))]}
    if key.kind == "blocks":
        return {"type": "array", "minItems": 1, "items": _ref(str(key.of))}
    if key.kind == "steps":
        return {"type": "object", "minProperties": 1, "additionalProperties": _ref(str(key.of))}
    if key.kind == "choice":
        return {"enum": _words(key)}
    if key.kind == "choices":
        return {"anyOf": [{"enum": _words(key)}, {"type": "array", "items": {"enum": _words(key)}}]}
    return _KINDS[key.kind]


def _words(key: Key) -> list[Any]:
    numbers = [int(word) for word in key.choices if word.isdigit()]
    return [*key.choices, *numbers]


def _condition(grammar: Grammar) -> Schema:
    own = _block(grammar["condition"])
    return {**own, "additionalProperties": {"anyOf": [*_TEXTS["anyOf"], _ref("test_of_field")]}}


def fields_with_defaults(grammar: Grammar) -> dict[str, str]:
    """Return the fields that `defaults` may name without their block, each with what it means."""
    keys = [key for key in grammar["event"].keys.values() if key.kind == "value"]
    names = {key.name: key.says for key in keys}
    for block in ("user_data", "custom_data"):
        names |= {
            name: grammar[block].keys[grammar[block].canonical(name) or name].says
            for name in grammar[block].names()
            if name != "properties"
        }
    return names


def _defaults(grammar: Grammar) -> Schema:
    names = fields_with_defaults(grammar)
    return {
        "description": "Plain texts for fields that are empty.",
        "type": "object",
        "properties": {name: {"description": says, **_TEXT} for name, says in names.items()},
        "patternProperties": {f"^({'|'.join((*BLOCKS, 'properties'))})\\.": _TEXT},
        "additionalProperties": False,
    }


def _identifiers(grammar: Grammar) -> Schema:
    return {
        "description": "Whom a webhook asks to erase, written readable.",
        "type": "object",
        "properties": {key.name: {"description": key.says, **_TEXTS} for key in identifiers_of(grammar)},
        "additionalProperties": False,
    }


def _expected_event(grammar: Grammar) -> Schema:
    nested = {name: {"type": "object"} for name in BLOCKS}
    return {
        "description": "An event as it is sent, written readable.",
        "type": "object",
        "properties": {**{name: {} for name in known_fields_of(grammar)}, **nested},
        "patternProperties": {f"^({'|'.join(BLOCKS)})\\.": {}},
        "additionalProperties": False,
    }
