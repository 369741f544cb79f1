"""What the readers write down for an explanation: sources tried, what stood there, what was done."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.explain.trace import Trace
from bridge.mapping import CompiledMapping
from bridge.models import Webhook


def traced(mapping: CompiledMapping, webhook: Webhook) -> Trace:
    traces: list[Trace] = []
    mapping.drafts(webhook, traces)
    return traces[0]


def record(trace: Trace, name: str) -> dict[str, Any]:
    found = trace.records[name]
    return {
        "by": found.supplied_by,
        "tried": [(entry["path"], entry["outcome"]) for entry in found.tried],
        "steps": [(entry["step"], entry["value"]) for entry in found.steps],
        "dropped": found.dropped,
        "defaulted": found.defaulted,
    }


NOTHING = {"by": None, "tried": [], "steps": [], "dropped": None, "defaulted": False}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("email", {"by": "email"}, id="supplied"),
        pytest.param(
            "[missing, blank, email.domain, list.key, email]",
            {
                "by": "email",
                "tried": [
                    ("missing", "absent"),
                    ("blank", "blank"),
                    ("email.domain", "wrong type"),
                    ("list.key", "wrong type"),
                ],
            },
            id="every source tried before, and what stood there",
        ),
        pytest.param(
            "missing", {"tried": [("missing", "absent")], "dropped": "nothing was found"}, id="nothing"
        ),
        pytest.param("{text: crm}", {"by": "the mapping's text"}, id="a plain text"),
        pytest.param(
            "{from: email, split: '@', take: first}",
            {"by": "email", "steps": [("split", ["a", "b.de"]), ("take", "a")]},
            id="each option and its result",
        ),
        pytest.param(
            "{from: email, split: '@', take: 3}",
            {
                "by": "email",
                "steps": [("split", ["a", "b.de"]), ("take", None)],
                "dropped": "nothing was left after cleaning",
            },
            id="an option that leaves nothing",
        ),
        pytest.param(
            "{from: missing, default: x}",
            {"tried": [("missing", "absent")], "defaulted": True},
            id="the default of a value",
        ),
        pytest.param(
            "{from: email, when: {blank: x}}",
            {"dropped": "when: blank is not x"},
            id="the condition of a value",
        ),
    ],
)
def test_a_field_tells_where_its_value_comes_from(load, webhook, value, expected):
    mapping = load(f"custom_data:\n  properties:\n    found: {value}\n")
    trace = traced(mapping, webhook({"email": "a@b.de", "blank": " ", "list": [1]}))
    assert record(trace, "custom_data.found") == {**NOTHING, **expected}


def test_a_field_of_contents_is_dropped_only_when_no_entry_has_it(load, webhook):
    mapping = load("custom_data: {contents: {for_each: items, id: sku, brand: brand, title: title}}\n")
    trace = traced(mapping, webhook({"items": [{"sku": "A"}, {"sku": "B", "brand": "x"}, {"sku": "C"}]}))
    told = {name: (r.supplied_by, r.dropped) for name, r in trace.records.items() if name.count(".") == 2}
    assert told == {
        "custom_data.contents.id": ("sku", None),
        "custom_data.contents.brand": ("brand", None),
        "custom_data.contents.title": (None, "nothing was found"),
    }


def test_a_default_of_the_event_replaces_nothing_found(load, webhook):
    trace = traced(load("user_data: {country: country}\ndefaults: {country: de}\n"), webhook({}))
    assert record(trace, "user_data.country") == {
        **NOTHING,
        "by": "defaults",
        "tried": [("country", "absent")],
        "defaulted": True,
    }


def test_conditions_are_told_whether_they_hold(load, webhook):
    trace = traced(load("when: {a: x, b: {more_than: 3}}\n"), webhook({"a": "x", "b": 1}))
    assert trace.conditions == [
        {"path": "a", "condition": "is x", "holds": True},
        {"path": "b", "condition": "is more than 3", "holds": False},
    ]


def test_the_places_that_were_read_are_told_with_every_index(load, webhook):
    mapping = load(
        "for_each: orders\nreceive: {sent_by: browser}\nevent_id: 'o-{nr}'\n"
        "user_data: {email: [missing, customer.mail], ip: $ip}\n"
        "custom_data:\n  contents: {for_each: lines, id: sku}\n  num_items: {sum: lines.*.n}\n"
        "  currency: $.shop.currency\n"
    )
    data = {
        "shop": {"currency": "EUR", "unused": 1},
        "orders": [
            {"nr": 1, "customer": {"mail": "a@b.de"}, "lines": [{"sku": "A", "n": 1}, {"sku": "B", "n": 2}]}
        ],
    }
    assert set(traced(mapping, webhook(data)).paths_read) == {
        "$ip",
        "shop.currency",
        "orders.0.nr",
        "orders.0.customer.mail",
        "orders.0.lines.0.sku",
        "orders.0.lines.1.sku",
        "orders.0.lines.0.n",
        "orders.0.lines.1.n",
    }


def test_every_line_of_the_file_knows_the_paths_it_reads(load):
    mapping = load(
        "when: {paid: yes}\nevent_id: 'o-{nr}'\nuser_data:\n  email: [mail, customer.mail]\n"
        "custom_data:\n  content_type: {text: product}\n  contents: {for_each: lines, id: sku}\n"
    )
    lines = [
        (line.field, line.position.line, [(use.text, use.base) for use in line.paths], line.constant)
        for line in mapping.lines
    ]
    assert lines == [
        ("when", 4, [("paid", None)], False),
        ("event_name", 2, [], True),
        ("event_id", 5, [("nr", None)], False),
        ("user_data.em", 7, [("mail", None), ("customer.mail", None)], False),
        ("custom_data.content_type", 9, [], True),
        ("custom_data.contents", 10, [("lines", None), ("sku", "lines")], False),
    ]
