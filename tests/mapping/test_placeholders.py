"""A text that stands for nothing (`undefined`, `{{id}}`) is not sent, and never disappears without a word."""

from __future__ import annotations

import json

import pytest

from bridge.models import Verified
from bridge.pipeline import translate

HEAD = "version: 1\nevent_name: Lead\naction_source: system_generated\n"
PERSON = "user_data: {email: email}\n"
EMAIL = "jane@example.com"


@pytest.fixture
def translated(load, webhook, spec):
    """Translate data by a mapping as the live endpoint does."""

    def run(text, data, **options):
        mapping = load(HEAD + text, head=False)
        body = json.dumps(data).encode()
        headers = {"content-type": "application/json"}
        request = webhook(data, headers=headers, body=body).request
        return translate(Verified(request), mapping, spec, **options)

    return run


def said(event) -> list[tuple[str, str | None]]:
    """Return the code and place of each finding but those every such event has."""
    usual = {"event_id_missing", "website_without_page", "website_without_user_agent"}
    return [(finding.code, finding.path) for finding in event.findings if finding.code not in usual]


def left_out(path: str) -> list[tuple[str, str]]:
    return [("placeholder", path)]


PLACEHOLDERS = [
    "{{customer.id}}",
    " {{ 1.id }} ",
    "{{}}",
    "undefined",
    "UNDEFINED",
    "null",
    "None",
    "NaN",
    "n/a",
    "unknown",
    "(not set)",
    "[object Object]",
    "#REF!",
    "#N/A",
    "<null>",
    "null null",
    "*|ID|*",
    "[[id]]",
    "${id}",
    "%CUSTOMER_ID%",
    "<%= id %>",
    "{id}",
    "@@id@@",
    "__ID__",
]


@pytest.mark.parametrize("text", PLACEHOLDERS)
@pytest.mark.parametrize(
    ("mapped", "path"),
    [
        pytest.param(
            "user_data: {email: email, external_id: x}\n", "user_data.external_id", id="external_id"
        ),
        pytest.param("user_data: {email: email, fbp: x}\n", "user_data.fbp", id="fbp"),
        pytest.param("user_data: {email: email, fbc: x}\n", "user_data.fbc", id="fbc"),
        pytest.param("user_data: {email: email, lead_id: x}\n", "user_data.lead_id", id="lead_id"),
        pytest.param(f"{PERSON}event_id: x\n", "event_id", id="event_id"),
        pytest.param(f"{PERSON}custom_data: {{order_id: x}}\n", "custom_data.order_id", id="order_id"),
        pytest.param(f"{PERSON}event_source_url: x\n", "event_source_url", id="event_source_url"),
    ],
)
def test_an_id_that_was_never_filled_in_is_reported_live(text, mapped, path, translated):
    [event] = translated(mapped, {"email": EMAIL, "x": text}).events
    assert event.verdict == "ready"
    assert said(event) == left_out(f"$.{path}")
    assert text.strip() not in json.dumps(event.data, default=str)


@pytest.mark.parametrize("nothing", ["", "  ", None, [], {}])
def test_nothing_at_all_is_not_reported(nothing, translated):
    mapped = "user_data: {email: email, external_id: x}\ncustom_data: {order_id: x}\n"
    [event] = translated(mapped, {"email": EMAIL, "x": nothing}).events
    assert said(event) == []


@pytest.mark.parametrize(
    ("mapped", "data", "expected"),
    [
        pytest.param("event_id: 'lead-{id}'\n", {"id": "{{1.id}}"}, left_out("$.event_id"), id="in a text"),
        pytest.param(
            "custom_data: {content_ids: ids}\n",
            {"ids": ["A1", "{{id}}", "B2"]},
            left_out("$.custom_data.content_ids[1]"),
            id="an entry of a list",
        ),
        pytest.param(
            "custom_data: {content_ids: ids}\n",
            {"ids": ["null", "undefined"]},
            left_out("$.custom_data.content_ids"),
            id="every entry of a list",
        ),
        pytest.param(
            "custom_data: {content_ids: {for_each: items, from: sku}}\n",
            {"items": [{"sku": "A1"}, {"sku": "undefined"}]},
            left_out("$.custom_data.content_ids[1]"),
            id="one of each",
        ),
        pytest.param(
            "custom_data: {contents: {for_each: items, id: sku, quantity: n}}\n",
            {"items": [{"sku": "A1", "n": 1}, {"sku": "{{sku}}", "n": 1}]},
            [*left_out("$.custom_data.contents.id"), ("item_without_id", "$.custom_data.contents[1]")],
            id="the id of a product",
        ),
        pytest.param(
            "custom_data: {order_id: [order, number]}\n",
            {"order": "{{order}}", "number": "{{number}}"},
            left_out("$.custom_data.order_id"),
            id="each of several",
        ),
        pytest.param(
            "custom_data: {order_id: [order, number]}\n",
            {"order": "{{order}}", "number": "1001"},
            [],
            id="another field has a value",
        ),
        pytest.param(
            "custom_data: {order_id: {from: order, default: none so far}}\n",
            {"order": "null"},
            [],
            id="the value of the mapping itself",
        ),
        pytest.param(
            "custom_data: {order_id: {from: order, split: ' ', take: 2}}\n",
            {"order": "order undefined"},
            left_out("$.custom_data.order_id"),
            id="what an option leaves",
        ),
        pytest.param(
            "custom_data: {order_id: order}\nsettings: {empty_values: ['N/A']}\n",
            {"order": "n/a"},
            [],
            id="a text that the mapping calls empty",
        ),
        pytest.param(
            "custom_data: {value: total, currency: unit}\ndefaults: {currency: EUR}\n",
            {"total": 5, "unit": "{{currency}}"},
            left_out("$.custom_data.currency"),
            id="a default stands in",
        ),
        pytest.param("event_time: at\n", {"at": "{{now}}"}, left_out("$.event_time"), id="a time"),
        pytest.param(
            "when: {stage: {is_not: won}}\nconsent: {from: stage, granted: [x], unknown: send}\n",
            {"stage": "null"},
            [],
            id="in conditions alone",
        ),
        pytest.param(
            "settings: {phone_country: $.country}\n", {"country": "null"}, [], id="the country of phones"
        ),
    ],
)
def test_what_was_left_out_is_said_once_where_it_belongs(mapped, data, expected, translated):
    [event] = translated(PERSON + mapped, {"email": EMAIL, **data}).events
    assert said(event) == expected


def test_a_field_is_called_by_the_name_that_mappings_use(translated):
    [event] = translated("user_data: {email: email, phone: x}\n", {"email": EMAIL, "x": "undefined"}).events
    assert event.findings[0].message.startswith("user_data.phone was left out: ")
    assert (event.findings[0].position.line, event.findings[0].position.file) == (4, "mappings/sample.yaml")


def test_an_event_name_that_was_never_filled_in_holds_the_event_and_says_why(load, webhook, spec):
    mapping = load(f"version: 1\naction_source: website\nevent_name: {{from: kind}}\n{PERSON}", head=False)
    [draft] = mapping.drafts(webhook({"email": EMAIL, "kind": "{{kind}}"}))
    assert [(finding.code, finding.path) for finding in draft.findings] == [
        ("event_name_empty", None),
        *left_out("$.event_name"),
    ]


def test_a_dry_run_names_the_placeholder_as_the_reason(translated):
    told = translated(
        "user_data: {email: email, external_id: x}\n", {"email": EMAIL, "x": "{{id}}"}, explain=True
    )
    fields = {field["field"]: field for field in told.explanation[0]["fields"]}
    assert fields["user_data.external_id"]["tried"] == [{"path": "x", "outcome": "placeholder"}]
    assert fields["user_data.external_id"]["dropped"] == told.events[0].findings[0].message
    assert told.explanation[-1]["empty"] == []


@pytest.mark.parametrize(
    ("key", "first", "second"),
    [
        pytest.param("id", {"id": "{{id}}"}, {"id": "{{id}}"}, id="a template"),
        pytest.param("id", {"id": "undefined"}, {"id": "undefined"}, id="undefined"),
        pytest.param("id", {"id": "n/a"}, {"id": "n/a"}, id="a word for nothing"),
        pytest.param("id", {"id": "-"}, {"id": "-"}, id="a dash"),
        pytest.param("id", {"id": 0}, {"id": 0}, id="zero"),
        pytest.param("'lead-{id}'", {"id": "{{id}}"}, {"id": "{{id}}"}, id="a template in a text"),
        pytest.param(
            "[id, kind]", {"id": "{{id}}", "kind": "paid"}, {"id": "{{id}}", "kind": "paid"}, id="a part"
        ),
    ],
)
def test_two_webhooks_are_never_one_because_their_key_was_not_filled_in(key, first, second, translated):
    mapped = f"{PERSON}receive: {{repeat_key: {key}}}\n"
    one = translated(mapped, {"email": "a@example.com", **first})
    two = translated(mapped, {"email": "b@example.com", **second})
    assert one.repeat_key != two.repeat_key
    assert said(one.events[0]) == [("repeat_key_unusable", None)]


def test_a_key_whose_other_part_is_absent_recognizes_a_repeat(translated):
    mapped = f"{PERSON}receive: {{repeat_key: [id, refund]}}\n"
    one = translated(mapped, {"email": "a@example.com", "id": 7})
    two = translated(mapped, {"email": "b@example.com", "id": 7})
    assert (one.repeat_key, said(one.events[0])) == (two.repeat_key, [])
