"""Values of `custom_data` as people and tools write them: amounts, contact data, ids, lists in a text."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bridge.explain.trace import Trace
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Draft, ReadingSettings
from bridge.normalize import normalize

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def cleaned(custom_data, phone=None, trace=None, **settings):
    fields = {"custom_data": custom_data} | ({"user_data": {"ph": phone}} if phone else {})
    event, findings = normalize(
        Draft("d", fields, ReadingSettings(**settings), (), {}), load_meta_spec(), NOW, trace
    )
    return event.get("custom_data", {}), [(finding.code, finding.path) for finding in findings]


@pytest.mark.parametrize(
    ("value", "currency", "sent"),
    [
        ("150.000", "VND", 150000),
        ("150,000", "₫", 150000),
        ("1,980", "JPY", 1980),
        ("19.990", "CLP", 19990),
        ("29,000", "KRW", 29000),
        ("150.000", "IDR", 150000),
        ("12.500", "huf", 12500),
        ("89.900", "COP", 89900),
        ("1.234", "KWD", 1.234),
        ("12,500", "TND", 12.5),
        ("1.500", "OMR", 1.5),
        ("₫150.000", "VND", 150000),
        ("199:-", "SEK", 199),
        ("kr 199,-", "NOK", 199),
        ("12.50-", "EUR", -12.5),
        ("150.000 ₫", None, 150000),
        ("KD 1.250", None, 1.25),
        ("199 kr", "SEK", 199),
        ("A$10.00", "AUD", 10),
        ("(12.50)", "USD", -12.5),
    ],
)
def test_the_currency_says_what_an_amount_means(value, currency, sent):
    custom_data, findings = cleaned({"value": value, "currency": currency})
    assert (custom_data["value"], findings) == (sent, [])


@pytest.mark.parametrize("value", ["1.234", "1,234", "€ 1.500", "-12.500", "999,000 EUR", "$1,299"])
@pytest.mark.parametrize("field", ["value", "predicted_ltv", "net_revenue"])
def test_an_amount_that_nothing_settles_is_left_out_and_told(field, value):
    assert cleaned({field: value, "currency": "EUR"}) == (
        {"currency": "EUR"},
        [("number_ambiguous", f"$.custom_data.{field}")],
    )


@pytest.mark.parametrize(
    ("other", "sent"),
    [
        ({"net_revenue": "1.250,50"}, 1500),
        ({"net_revenue": "12,50"}, 1500),
        ({"net_revenue": "12.50"}, 1.5),
        ({"predicted_ltv": "1,250.50"}, 1.5),
        ({"contents": [{"id": "A", "quantity": 1, "item_price": "9,90"}]}, 1500),
        ({"contents": '[{"id":"A","quantity":1,"price":"9,90"}]'}, 1500),
        ({"net_revenue": "12,50", "predicted_ltv": "12.50"}, None),
        ({"net_revenue": "12"}, None),
        ({"net_revenue": 12.5}, None),
        ({"net_revenue": "2.500"}, None),
        ({"order_id": "12,50"}, None),
    ],
)
def test_unambiguous_amounts_of_the_same_event_settle_the_others(other, sent):
    assert cleaned({"value": "1.500", "currency": "EUR", **other})[0].get("value") == sent


def test_the_format_of_the_mapping_settles_before_other_amounts_and_after_the_currency():
    given = {"value": "1.500", "net_revenue": "12.50", "currency": "EUR"}
    assert cleaned(given, number_format="1.234,56")[0]["value"] == 1500
    assert cleaned({"value": "1.500", "currency": "JPY"}, number_format="1,234.56")[0]["value"] == 1500


def test_a_count_is_not_read_by_the_currency():
    assert cleaned({"num_items": "2.000", "currency": "JPY"}) == (
        {"currency": "JPY"},
        [("number_ambiguous", "$.custom_data.num_items")],
    )


def test_the_explanation_shows_how_a_text_was_read_as_a_number():
    trace = Trace()
    cleaned({"value": "€ 1.500", "num_items": 2, "currency": "EUR"}, trace=trace, number_format="1.234,56")
    steps = {name: record.steps for name, record in trace.records.items()}
    assert steps == {"custom_data.value": [{"step": "number read", "value": '"€ 1.500" -> 1500'}]}


def test_the_explanation_shows_how_the_numbers_of_items_were_read():
    trace = Trace()
    items = [
        {"id": "A", "quantity": "2.0", "item_price": "€ 1.500"},
        {"id": "B", "quantity": 1, "item_price": 9},
        '{"id": "C", "quantity": 1, "item_price": "1.500,50"}',
        {"id": "D", "quantity": 1, "item_price": "2.500,50"},
    ]
    cleaned({"contents": items, "currency": "EUR"}, trace=trace, number_format="1.234,56")
    steps = {name: [step["value"] for step in record.steps] for name, record in trace.records.items()}
    assert {name: values for name, values in steps.items() if values} == {
        "custom_data.contents.item_price": [
            '"€ 1.500" -> 1500',
            '"1.500,50" -> 1500.5',
            '"2.500,50" -> 2500.5',
        ]
    }


@pytest.mark.parametrize(
    ("value", "currency", "sent", "codes"),
    [
        ("₫150.000", "EUR", 150_000, ["currency_differs"]),
        ("12.50 USD", "EUR", 12.5, ["currency_differs"]),
        ("12.50 USD", "usd", 12.5, []),
        ("12.50 $", "CAD", 12.5, []),
        ("10%", "EUR", None, ["number_unreadable"]),
        ("10 %", "EUR", None, ["number_unreadable"]),
    ],
)
def test_a_rate_is_no_amount_and_another_currency_beside_one_is_told(value, currency, sent, codes):
    custom_data, findings = cleaned({"value": value, "currency": currency})
    assert (custom_data.get("value"), [code for code, _ in findings]) == (sent, codes)


@pytest.mark.parametrize("quantity", [1.5, "1.5", 0, -1, "two", "2.000", None, True])
def test_a_quantity_that_is_no_whole_number_counts_as_one_and_is_told(quantity):
    assert cleaned({"contents": [{"id": "A", "quantity": quantity}]}) == (
        {"contents": [{"id": "A", "quantity": 1}]},
        [("quantity_assumed", "$.custom_data.contents[0].quantity")],
    )


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("USD!", "USD"),
        ("[eur]", "EUR"),
        (" (gbp) ", "GBP"),
        ("Rp", "IDR"),
        ("円", "JPY"),
        ("zł", "PLN"),
        ("R$", "BRL"),
        ("kr", None),
        ("$", None),
        ("¥", None),
        ("Rs.", None),
    ],
)
def test_a_currency_is_read_by_its_code_or_by_a_sign_that_means_one_only(given, sent):
    assert cleaned({"currency": given})[0].get("currency") == sent


CONTACTS = [
    "+49 151 23456789",
    "+4915123456789",
    "0151 23456789",
    "(202) 555-0143",
    "202-555-0143",
    "0049 151 23456789",
    "call +1 650 555 1212 now",
    "jane@example.com",
    "lead-jane@example.com",
    "4915123456789",
    "015123456789",
]
TEXT_FIELDS = [
    "order_id",
    "content_name",
    "content_category",
    "search_string",
    "status",
    "lead_event_source",
    "event_source",
    "item_number",
    "a_property",
]


@pytest.mark.parametrize("text", CONTACTS)
@pytest.mark.parametrize("field", TEXT_FIELDS)
def test_contact_data_stands_in_no_text(field, text):
    assert cleaned({field: text}, phone="+49 151 23456789") == (
        {},
        [("personal_data_in_custom_data", f"$.custom_data.{field}")],
    )


@pytest.mark.parametrize("text", CONTACTS)
def test_contact_data_stands_in_no_list_and_no_item(text):
    custom_data, findings = cleaned(
        {
            "content_ids": ["A1", text],
            "contents": [
                {"id": text, "quantity": 1},
                {"id": "A1", "quantity": 1, "title": text, "brand": text, "category": text},
            ],
            "nested": {"deep": [text, "kept"], text: 1},
        },
        phone="+49 151 23456789",
    )
    assert custom_data == {
        "content_ids": ["A1"],
        "contents": [{"id": "A1", "quantity": 1}],
        "nested": {"deep": ["kept"]},
    }
    assert {code for code, _ in findings} == {"personal_data_in_custom_data", "item_without_id"}


def test_a_number_of_json_with_the_digits_of_a_mapped_phone_is_contact_data_too():
    custom_data, _ = cleaned(
        {"order_id": 4915123456789, "content_ids": [4915123456789, 7], "a_property": 4915123456789},
        phone="+49 151 23456789",
    )
    assert custom_data == {"content_ids": ["7"]}


@pytest.mark.parametrize(
    "text",
    [
        "123-4567890-1234567",
        "4006381333931",
        "978-3-16-148410-0",
        "2026-11-21",
        "820982911946154508",
        "12E34",
        "20251127120000",
        "SKU-1005-XL",
        "4915123456780",
        "INV/2026/00017",
        "#1001",
    ],
)
@pytest.mark.parametrize("field", TEXT_FIELDS)
def test_ids_and_dates_are_no_contact_data(field, text):
    assert cleaned({field: text}, phone="+49 151 23456789") == ({field: text}, [])


@pytest.mark.parametrize(
    ("given", "sent", "code"),
    [
        ("12345.0", "12345", None),
        (12345.0, "12345", None),
        ("1.20211E+17", None, "digits_lost"),
        (1.20211e17, None, "digits_lost"),
        ("order-{{1.id}}", None, "placeholder"),
        ("A-1.0", "A-1.0", None),
    ],
)
def test_an_id_that_names_nothing_is_left_out(given, sent, code):
    custom_data, findings = cleaned({"order_id": given})
    assert custom_data.get("order_id") == sent
    assert [found for found, _ in findings] == ([code] if code else [])


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"content_ids": '["A1","B2"]'}, {"content_ids": ["A1", "B2"]}),
        ({"content_ids": ['["A1","B2"]']}, {"content_ids": ["A1", "B2"]}),
        ({"content_ids": ['["A1"]', "B2"]}, {"content_ids": ["A1", "B2"]}),
        ({"content_ids": " [1, 2] "}, {"content_ids": ["1", "2"]}),
        ({"content_ids": "[12345678901234567890]"}, {"content_ids": ["12345678901234567890"]}),
        ({"content_ids": "[A1]"}, {"content_ids": ["[A1]"]}),
        ({"content_ids": '["A1"'}, {"content_ids": ['["A1"']}),
        ({"content_ids": '["A1", null, ""]'}, {"content_ids": ["A1"]}),
        ({"content_ids": "A1,B2"}, {"content_ids": ["A1", "B2"]}),
        ({"content_ids": "A1, B2; C3,"}, {"content_ids": ["A1", "B2", "C3"]}),
        ({"content_ids": "4711,4712"}, {"content_ids": ["4711", "4712"]}),
        ({"content_ids": "123, 456"}, {"content_ids": ["123", "456"]}),
        ({"content_ids": "sku-red|sku-blue"}, {"content_ids": ["sku-red", "sku-blue"]}),
        ({"content_ids": "['A1', 'B2']"}, {"content_ids": ["A1", "B2"]}),
        ({"content_ids": "gid://shop/1,gid://shop/2"}, {"content_ids": ["gid://shop/1", "gid://shop/2"]}),
        ({"content_ids": ["A1,B2"]}, {"content_ids": ["A1,B2"]}),
        ({"content_ids": "A1\nB2"}, {"content_ids": ["A1", "B2"]}),
        ({"content_ids": "{A1,B2}"}, {"content_ids": ["A1", "B2"]}),
        (
            {"contents": {"0": {"id": "A1", "quantity": 1}, "2": {"id": "B2", "quantity": 2}}},
            {"contents": [{"id": "A1", "quantity": 1}, {"id": "B2", "quantity": 2}]},
        ),
        ({"content_ids": "A1,"}, {"content_ids": ["A1,"]}),
        ({"order_id": "A1,B2"}, {"order_id": "A1,B2"}),
        ({"contents": '[{"id":"A1","quantity":2}]'}, {"contents": [{"id": "A1", "quantity": 2}]}),
        ({"contents": '{"id":"A1","quantity":2}'}, {"contents": [{"id": "A1", "quantity": 2}]}),
        ({"contents": ['{"id":"A1","quantity":2}']}, {"contents": [{"id": "A1", "quantity": 2}]}),
        (
            {"contents": '[{"id":"A1","quantity":1,"item_price":12345678901234567.89}]'},
            {"contents": [{"id": "A1", "quantity": 1, "item_price": Decimal("12345678901234567.89")}]},
        ),
    ],
)
def test_a_list_that_came_as_a_json_text_is_opened(given, sent):
    assert cleaned(given) == (sent, [])


@pytest.mark.parametrize(
    "text",
    [
        "101,102",
        "1,234",
        "12,5",
        "12345,987",
        "10,20",
        "KABEL-2,5",
        "WIRE-2,5MM",
        "Shirt, blue",
        "RED,BLUE",
        "A 1; B 2",
    ],
)
def test_a_text_that_may_be_one_id_or_several_is_sent_as_one_and_told(text):
    told = [("ids_in_one_text", "$.custom_data.content_ids")]
    assert cleaned({"content_ids": text}) == ({"content_ids": [text]}, told)


def test_a_listed_id_that_identifies_nothing_is_left_out_alone():
    told = [("placeholder", f"$.custom_data.content_ids[{place}]") for place in (1, 2)]
    assert cleaned({"content_ids": "A1,{{id}},undefined,B2"}) == ({"content_ids": ["A1", "B2"]}, told)


def test_ids_out_of_one_text_are_a_step_of_the_explanation():
    trace = Trace()
    cleaned({"content_ids": "A1,B2"}, trace=trace)
    assert trace.records["custom_data.content_ids"].steps == [
        {"step": "several ids in one text, each on its own", "value": ["A1", "B2"]}
    ]
