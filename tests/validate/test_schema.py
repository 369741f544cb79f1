"""The schema: two libraries agree on it, it fits the rule file, and it explains every violation."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.validate.schema import DECIDING, are_valid_fields, explain, is_valid, schema_findings

SPEC = load_meta_spec()
SCHEMA = SPEC.event_schema
EXPLAINER = Draft202012Validator(SCHEMA)
NOW = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp())

ODD = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**20,
    "",
    " ",
    "x",
    "a" * 64,
    [],
    ["a" * 64],
    {},
    {"id": 1},
    "ü",
    1.0,
    [None],
]
ODD += [
    "LDU",
    ["LDU"],
    "crm",
    "Purchase",
    "whatsapp",
    "app",
    [{}],
    [{"id": "a", "quantity": 1}],
    "1" * 16,
    "2026",
]


def test_the_schema_itself_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("kind", ["purchase", "crm", "app", "whatsapp", "limited", "append"])
def test_both_libraries_agree_on_every_field_with_an_odd_value(kind, odd, kinds):
    event = kinds.event(kind)
    paths = [(key,) for key in SCHEMA["properties"]]
    paths += [("user_data", key) for key in SCHEMA["properties"]["user_data"]["properties"]]
    paths += [("custom_data", key) for key in SCHEMA["properties"]["custom_data"]["properties"]]
    for path in paths:
        event = kinds.event(kind)
        part = event
        for step in path[:-1]:
            part = part.setdefault(step, {})
        part[path[-1]] = odd
        assert is_valid(event, SPEC) == EXPLAINER.is_valid(event), path


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**19), 10**19)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = sorted(SCHEMA["properties"])
EVENTS = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=EVENTS, kind=st.sampled_from(["purchase", "crm", "app", "whatsapp", "store"]))
def test_both_libraries_agree_on_any_json(changes, kind, kinds):
    event = {**kinds.event(kind), **changes}
    assert is_valid(event, SPEC) == EXPLAINER.is_valid(event)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=EVENTS)
def test_what_is_refused_is_explained_and_what_passes_is_not(changes, kinds):
    event = {**kinds.event("purchase"), **changes}
    findings = schema_findings(event, SPEC)
    assert bool(findings) != is_valid(event, SPEC)
    assert all(finding.path for finding in findings)
    assert {finding.code for finding in findings if finding.severity != "error"} <= {"unknown_key_left_out"}


@pytest.mark.parametrize(
    "event",
    [
        {"event_name": "\ud800", "user_data": {"em": "\udfff"}},
        {"event_time": float("nan"), "custom_data": {"value": float("inf")}},
        {"custom_data": {"x": {1: {2, 3}}}},
        {"user_data": 10**400},
        {"user_data": b"bytes"},
    ],
    ids=["lone surrogates", "NaN and infinity", "no JSON", "a huge number", "bytes"],
)
def test_an_event_no_library_can_read_is_explained_all_the_same(event):
    assert {finding.severity for finding in schema_findings(event, SPEC)} == {"error"}


def test_no_explanation_quotes_a_value():
    secret = "jane.doe.secret"
    event = dict.fromkeys(SCHEMA["properties"], secret) | {secret + "@x.de": secret}
    event["user_data"] = dict.fromkeys(SCHEMA["properties"]["user_data"]["properties"], secret)
    event["custom_data"] = {key: [secret] for key in SCHEMA["properties"]["custom_data"]["properties"]}
    text = repr(explain(event, SPEC))
    assert len(text) > 1000
    assert secret not in text


def test_the_schema_and_the_event_file_name_the_same_messaging_events():
    text = json.dumps(SCHEMA)
    names = re.search(r'"enum": (\[[^]]*"LeadSubmitted"[^]]*\])', text)
    assert set(json.loads(names[1])) == SPEC.messaging_events


def every_property(schema, path=()):
    for name, inner in schema.get("properties", {}).items():
        yield (*path, name), inner
        yield from every_property(inner, (*path, name))
        if isinstance(inner.get("items"), dict):
            yield from every_property(inner["items"], (*path, name))


def test_every_field_has_a_title_for_editors():
    plain = {key: value for key, value in SCHEMA.items() if key != "allOf"}
    assert [
        path for path, inner in every_property(plain) if "title" not in inner and "$ref" not in inner
    ] == [
        ("attribution_data", "attribution_setting", "inactivity_window_hours"),
        ("attribution_data", "attribution_setting", "reattribution_window_hours"),
    ]


def test_every_rule_the_schema_names_exists():
    named = set(re.findall(r'"x-rule": "(\w+)"', json.dumps(SCHEMA)))
    assert named
    assert named <= set(SPEC.rules)


# --- fields that are judged alone -------------------------------------------------------------------


def looked_at(schema, path=()):
    """Yield each field of whose value a condition of the schema says something."""
    for part in (schema[keyword] for keyword in ("if", "then", "not") if keyword in schema):
        yield from looked_at(part, path)
    for part in (*schema.get("allOf", ()), *schema.get("anyOf", ())):
        yield from looked_at(part, path)
    for name, part in schema.get("properties", {}).items():
        if {"const", "enum", "contains", "pattern", "minimum"} & part.keys():
            yield ".".join((*path, name))
        yield from looked_at(part, (*path, name))


def test_no_field_that_a_condition_looks_at_is_judged_alone():
    conditions = [field for part in SCHEMA["allOf"] for field in looked_at(part)]
    assert set(conditions) <= DECIDING
    assert len(conditions) > 5
    event = {"event_name": "Purchase", "custom_data": {"event_source": "crm", "value": 5}}
    assert not are_valid_fields(event, ["event_name"], SPEC)
    assert not are_valid_fields(event, ["custom_data.event_source"], SPEC)


@pytest.mark.parametrize(
    ("field", "value", "is_right"),
    [
        ("event_id", "order-1", True),
        ("event_id", "", False),
        ("event_source_url", "ftp://x.example", False),
        ("custom_data.value", 5, True),
        ("custom_data.value", -5, False),
        ("custom_data.contents", [{"id": "A", "quantity": 1}], True),
        ("custom_data.contents", [{"id": "A"}], False),
        ("custom_data.own.property", {"anything": 1}, True),
        ("user_data.em", ["a" * 64], True),
        ("user_data.em", ["jane"], False),
        ("user_data.unknown", "x", False),
        ("unknown", "x", False),
    ],
)
def test_a_field_is_judged_by_its_own_part_of_the_schema(field, value, is_right):
    block, _, key = field.partition(".")
    event = {block: {key: value} if key else value}
    assert are_valid_fields(event, [field], SPEC) is is_right
    assert not are_valid_fields({}, ["event_id"], SPEC)
