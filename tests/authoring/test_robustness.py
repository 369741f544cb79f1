"""Whatever stands in a mapping or a sample: findings in bounded time, never an exception."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.lint.check import check_mapping, load_checked
from bridge.lint.evidence import Evidence
from bridge.lint.path_checks import lint_paths
from bridge.mapping import MappingFolder
from bridge.mapping.samples import request_of_data
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Webhook
from tests.conftest import LEAD

NOW = datetime(2026, 11, 21, tzinfo=UTC)

LINES = st.sampled_from(
    [
        "for_each: $\n",
        "for_each: orders\n",
        "mode: first\n",
        "when: {stage: won}\n",
        "when: {stage: {is: won, is_not: won}, any: [{a: 1}, {b: [2, 3]}], not: {c: {exists: yes}}}\n",
        "consent: {from: ok, granted: [yes], unknown: send}\n",
        "custom_data: {value: {sum: items.*.price}, currency: EUR}\n",
        "custom_data: {contents: {for_each: items, id: sku, when: {sku: {exists: yes}}}}\n",
        "copy: {from: deal, except: [name]}\n",
        "remove: [user_data.email]\n",
        "defaults: {currency: EUR}\n",
        "settings: {phone_country: $.country, empty_values: [x]}\n",
        "events:\n  - {event_name: Lead}\n  - {event_name: Purchase, event_id: x}\n",
        "tests:\n  - {name: t, given: {a: [1, {b: c}]}, expect: [{}]}\n",
        "tests:\n  - {name: t, given: text.json, expect: []}\n",
        "referrer_url: a.b(c=d).*.first.[e f].0\n",
        "event_source_url: {from: [a, {text: 'x{b}'}], split: '-', take: 2, lookup: {a: b, ' ': c}}\n",
        "test_event_code: {code: T, for: 30m}\n",
        "samples: [samples, ../x.json]\n",
        "nonsense\n",
    ]
)
JSON_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "b", "c", "items", "orders", "stage", "email", "id", "deal", "ok"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINES, max_size=6, unique=True), st.lists(JSON_DATA, max_size=3))
def test_any_mapping_is_checked_to_the_end(tmp_path, lines, payloads):
    file = tmp_path / "any.yaml"
    (tmp_path / "samples").mkdir(exist_ok=True)
    file.write_text(LEAD + "".join(lines), "utf-8")
    checked = check_mapping(file, environment={}, spec=load_meta_spec())
    assert all(finding.code and finding.position for finding in checked.findings)
    if checked.mapping is not None:
        webhooks = [Webhook(request_of_data(data, "any", NOW), data) for data in payloads]
        evidence = Evidence(webhooks, ())
        assert all(finding.position for finding in lint_paths(checked.mapping, evidence, load_meta_spec()))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x00\xff\xfe" * 50, id="random bytes"),
        pytest.param(b"a: &a [" + b"*a, " * 50 + b"]\n", id="aliases of aliases"),
        pytest.param(b"- " * 2_000 + b"x\n", id="deep nesting"),
        pytest.param(b"x" * 5_000_000, id="five megabytes"),
        pytest.param("version: 1\nключ: значение\nキー: 値\n".encode(), id="keys of other scripts"),
    ],
)
def test_a_file_that_is_no_mapping_gives_findings(content, tmp_path, spec):
    file = tmp_path / "odd.yaml"
    file.write_bytes(content)
    checked = check_mapping(file, environment={}, spec=spec)
    assert checked.mapping is None
    assert checked.findings


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[" * 100_000, id="nested without end"),
        pytest.param(json.dumps([{"a": 1}] * 19_000).encode(), id="very many entries"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(b'{"email": "a@example.com", "email": "b@example.com"}', id="a key twice"),
    ],
)
def test_a_sample_that_is_odd_is_survived(sample, mapping_of, spec, tmp_path):
    mapping_of(f"{LEAD}samples: [odd.json]\n", {"odd.json": sample})
    checked = check_mapping(tmp_path / "contact.yaml", environment={}, spec=spec)
    assert {finding.code for finding in checked.findings} <= {
        "bad_sample",
        "not_in_samples",
        "no_person_in_samples",
    }


def test_the_last_good_mapping_stays_in_force(tmp_path, spec):
    file = tmp_path / "contact.yaml"
    file.write_text(LEAD, "utf-8")
    folder = MappingFolder([tmp_path], environment={}, spec=spec, load=load_checked)
    good = folder.get("contact").revision

    file.write_text(LEAD.replace("event_name: Lead", "event_name: Purchase"), "utf-8")
    folder.refresh()
    assert folder.get("contact").revision == good
    assert [finding.code for finding in folder.problems()[str(file)] if finding.severity == "error"] == [
        "purchase_without_value",
        "purchase_without_currency",
    ]
