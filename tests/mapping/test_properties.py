"""Promises for any payload: nothing raises, equal webhooks give equal events, no mapped field is lost."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.coerce.emptiness import emptiness_of, is_empty
from bridge.errors import Invalid
from bridge.mapping import load_mapping
from bridge.mapping.language.path_syntax import BadPath, read_path
from bridge.mapping.runtime.paths import Walk, compile_path
from bridge.mapping.runtime.scope import Scope
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Request, Webhook

from datetime import UTC, datetime  # isort: skip

VALID = sorted((Path(__file__).parent / "valid").glob("*.yaml"))
RICH = (
    "everything",
    "shop-order",
    "crm-stage",
    "several-events",
    "website-lead-form",
    "options",
    "lookups-and-removal",
)
ENVIRONMENT = dict.fromkeys(("SHOPIFY_SECRET", "HUBSPOT_SECRET", "HEX_SECRET", "RESULT_SECRET"), "00ff")
MAPPINGS = {
    file.stem: load_mapping(file, environment=ENVIRONMENT, spec=load_meta_spec())
    for file in VALID
    if file.stem in RICH
}
KEYS = sorted(
    {
        step.key
        for mapping in MAPPINGS.values()
        for line in mapping.lines
        for use in line.paths
        for step in read_path(use.text).steps
    }
    | {"name", "value", "_fbc", "a.b", "contact[email]", " padded ", "é", "0", ""}
)

texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "paid",
            "EUR",
            "12,50",
            "1e9",
            "{{x}}",
            "null",
            '{"a": [1]}',
            "[1, 2",
            "2026-11-21",
            "jane@example.com",
            " ",
        ]
    ),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False),
    texts,
)
keys = st.one_of(st.sampled_from(KEYS), st.text(max_size=6))
payloads = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=8)),
    max_leaves=30,
)
objects = st.dictionaries(keys, payloads, max_size=12)


def arrived(data) -> Webhook:
    body = json.dumps(data, default=str, sort_keys=True).encode()
    headers = {"cookie": "_fbp=fb.1.1.1", "user-agent": "Mozilla"}
    request = Request(
        "POST", "https://x.example/", headers, {}, body, "203.0.113.7", datetime(2026, 11, 21, tzinfo=UTC)
    )
    return Webhook(request, data)


def shuffled(data, order: random.Random):
    if isinstance(data, dict):
        entries = [(key, shuffled(value, order)) for key, value in data.items()]
        order.shuffle(entries)
        return dict(entries)
    return [shuffled(entry, order) for entry in data] if isinstance(data, list) else data


@pytest.mark.parametrize("name", MAPPINGS)
@settings(max_examples=25, deadline=None)
@given(data=st.one_of(objects, payloads))
def test_running_a_mapping_never_raises_and_the_same_webhook_gives_the_same_events(name, data):
    mapping = MAPPINGS[name]
    first, second = mapping.drafts(arrived(data)), mapping.drafts(arrived(data))
    assert repr(first) == repr(second)
    assert mapping.repeat_key(arrived(data)) == mapping.repeat_key(arrived(data))


@pytest.mark.parametrize("name", MAPPINGS)
@settings(max_examples=20, deadline=None)
@given(data=objects, seed=st.integers(0, 999))
def test_the_order_of_keys_does_not_matter(name, data, seed):
    mapping = MAPPINGS[name]
    reordered = shuffled(data, random.Random(seed))
    plain = [(draft.verdict, draft.fields) for draft in mapping.drafts(arrived(data))]
    assert plain == [(draft.verdict, draft.fields) for draft in mapping.drafts(arrived(reordered))]


@pytest.mark.parametrize("name", MAPPINGS)
@settings(max_examples=25, deadline=None)
@given(data=st.one_of(objects, payloads))
def test_an_explanation_changes_nothing_and_accounts_for_every_mapped_field(name, data):
    mapping, traces = MAPPINGS[name], []
    explained = mapping.drafts(arrived(data), traces)
    assert repr(explained) == repr(mapping.drafts(arrived(data)))
    assert len(traces) == len(explained)
    for draft, trace in zip(explained, traces, strict=True):
        if draft.verdict != "ready":
            continue
        mapped = {
            record.name: (record.supplied_by is not None, record.dropped is not None, record.defaulted)
            for record in trace.records.values()
            if record.name.count(".") < 2
            and record.name not in {"event_name", "custom_data.contents", "consent"}
        }
        for field, (sent, dropped, defaulted) in mapped.items():
            block, _, key = field.rpartition(".")
            there = key in (draft.fields.get(block, {}) if block else draft.fields)
            made_up = field in {"event_id", "event_time"}
            assert there == (sent and not dropped) or made_up, field
            assert sent or dropped or defaulted, field
            assert not (dropped and defaulted), field


@settings(max_examples=150, deadline=None)
@given(text=st.text(alphabet="ab.$*()[]=1 {}'", max_size=14), data=payloads)
def test_any_text_is_a_path_that_runs_or_a_refused_one(text, data):
    try:
        path = read_path(text)
    except BadPath as bad:
        assert bad.message
        assert 0 <= bad.offset <= len(text)
    else:
        compile_path(path).locate(Scope(arrived(data), "x"))


@settings(max_examples=150, deadline=None)
@given(
    data=objects,
    steps=st.lists(st.sampled_from([*KEYS, "*", "first", "0"]), min_size=1, max_size=3),
    choose=st.sampled_from(["", "", "(name=_fbc).value", "(a=b).c.d"]),
)
def test_the_quick_way_through_a_path_finds_what_the_careful_one_finds(data, steps, choose):
    written = [f"[{step}]" for step in steps if step.strip() and "]" not in step]
    text = ("".join(written) or "[a]") + choose
    path = read_path(text)
    scope = Scope(arrived(data), "x")
    assert repr(compile_path(path).locate(scope)) == repr(Walk(path).read(scope))


@settings(max_examples=150, deadline=None)
@given(value=st.one_of(scalars, st.sampled_from(sorted(load_meta_spec().empty_texts)), st.text(max_size=3)))
def test_the_quick_look_never_calls_an_empty_text_a_value(value):
    emptiness = emptiness_of(load_meta_spec(), ["Keine Angabe"])
    for variant in (value, value.upper(), f" {value}") if isinstance(value, str) else (value,):
        if isinstance(variant, str) and variant and variant[1:2] not in emptiness.starts.get(variant[0], ()):
            assert not is_empty(variant, frozenset({"keine angabe"}))


SCRAPS = [
    "{",
    "}",
    "[",
    "]",
    ":",
    " ",
    "\n",
    "- ",
    "'",
    '"',
    "$",
    "*",
    "(",
    "=",
    ".",
    "from: ",
    "{{",
    "é",
    "#",
    "|",
    "\t",
]


@settings(max_examples=150, deadline=None)
@given(
    file=st.sampled_from(VALID),
    changes=st.lists(
        st.tuples(st.integers(0, 5_000), st.integers(0, 6), st.sampled_from(["", *SCRAPS])),
        min_size=1,
        max_size=4,
    ),
)
def test_a_file_changed_anywhere_is_a_mapping_or_a_list_of_findings(file, changes):
    text = file.read_text(encoding="utf-8")
    for at, dropped, scrap in changes:
        start = at % (len(text) + 1)
        text = text[:start] + scrap + text[start + dropped :]
    try:
        mapping = load_mapping(file, environment=ENVIRONMENT, spec=load_meta_spec(), source=text.encode())
    except Invalid as invalid:
        assert all(finding.position is not None and finding.message for finding in invalid.findings)
    else:
        mapping.drafts(arrived({"orders": [{"id": 1}]}), [])
