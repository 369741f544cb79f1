"""Everything of an event beside the person: times, addresses, choices, money, items, own properties."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bridge.explain.trace import Trace
from bridge.finding import Position
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Draft, ReadingSettings
from bridge.normalize import normalize
from bridge.serialization import encode

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SECONDS = int(NOW.timestamp())


def normalized(fields, trace=None, positions=None, **settings):
    draft = Draft("d", fields, ReadingSettings(**settings), (), positions or {})
    event, findings = normalize(draft, load_meta_spec(), NOW, trace)
    return event, [(finding.code, finding.path) for finding in findings]


def custom(fields, **settings):
    event, findings = normalized({"custom_data": fields}, **settings)
    return event.get("custom_data", {}), findings


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("129.95", b"129.95"),
        (129.95, b"129.95"),
        (Decimal("129.95"), b"129.95"),
        ("129.00", b"129"),
        ("0", b"0"),
        (0, b"0"),
        ("1234567.89", b"1234567.89"),
        ("0.30000000000000004", b"0.3"),
        (Decimal("12.345"), b"12.35"),
        (12.345, b"12.35"),
        ("0.125", b"0.13"),
        ("999999999999999.99", b"999999999999999.99"),
        ("-5", b"-5"),
    ],
)
def test_an_amount_is_written_with_exactly_its_digits(given, written):
    event, findings = custom({"value": given, "currency": "EUR"})
    assert encode(event) == b'{"value":' + written + b',"currency":"EUR"}'
    assert findings == []


def test_an_amount_too_long_for_a_float_keeps_every_digit():
    event, _ = custom({"value": "12345678901234567.89", "currency": "EUR"})
    assert encode(event) == b'{"value":12345678901234567.89,"currency":"EUR"}'


@pytest.mark.parametrize(
    ("currency", "value", "sent"),
    [("JPY", "1999.6", 2000), ("KWD", "1.2345", 1.235), ("EUR", "1.2345", 1.23)],
)
def test_an_amount_has_no_more_digits_than_its_currency(currency, value, sent):
    assert custom({"value": value, "currency": currency})[0]["value"] == sent


def test_an_item_price_keeps_its_fractions():
    event, _ = custom(
        {"currency": "EUR", "contents": [{"id": "fuel", "quantity": 40, "item_price": "1.7895"}]}
    )
    assert event["contents"] == [{"id": "fuel", "quantity": 40, "item_price": 1.7895}]


# Every reason outside user_data: fields that give it, the finding, and what is sent all the same.
REASONS = [
    ({"shipping": "x"}, [("unknown_field", "$.shipping")], {}),
    ({"custom_data": {"value": "ten"}}, [("number_unreadable", "$.custom_data.value")], {}),
    ({"custom_data": {"value": "1,234"}}, [("number_ambiguous", "$.custom_data.value")], {}),
    ({"custom_data": {"num_items": 1.5}}, [("number_unreadable", "$.custom_data.num_items")], {}),
    ({"custom_data": {"currency": "$"}}, [("currency_unreadable", "$.custom_data.currency")], {}),
    ({"custom_data": {"content_type": "things"}}, [("choice_unknown", "$.custom_data.content_type")], {}),
    ({"data_processing_options": ["CCPA"]}, [("choice_unknown", "$.data_processing_options")], {}),
    ({"opt_out": "maybe"}, [("boolean_unreadable", "$.opt_out")], {}),
    ({"event_time": "soon"}, [("time_unreadable", "$.event_time")], {}),
    ({"event_source_url": "/thanks"}, [("url_unreadable", "$.event_source_url")], {}),
    (
        {"event_source_url": "shop.example/thanks"},
        [("url_without_scheme", "$.event_source_url")],
        {"event_source_url": "https://shop.example/thanks"},
    ),
    (
        {"event_source_url": "https://shop.example/thanks?a=*|A|*"},
        [("template_in_url", "$.event_source_url")],
        {"event_source_url": "https://shop.example/thanks"},
    ),
    ({"custom_data": "x"}, [("not_an_object", "$.custom_data")], {}),
    ({"user_data": [1]}, [("not_an_object", "$.user_data")], {}),
    ({"app_data": 1}, [("not_an_object", "$.app_data")], {}),
    ({"custom_data": {"contents": "x"}}, [("not_a_list", "$.custom_data.contents")], {}),
    ({"app_data": {"extinfo": "a2"}}, [("not_a_list", "$.app_data.extinfo")], {"app_data": {}}),
    (
        {"custom_data": {"contents": [{"quantity": 1}]}},
        [("item_without_id", "$.custom_data.contents[0]")],
        {},
    ),
    (
        {"custom_data": {"contents": [{"id": "a", "quantity": 1, "name": "x"}]}},
        [("item_unknown_key", "$.custom_data.contents[0].name")],
        {"custom_data": {"contents": [{"id": "a", "quantity": 1}]}},
    ),
    (
        {"custom_data": {"contents": [{"id": "a"}]}},
        [("quantity_assumed", "$.custom_data.contents[0].quantity")],
        {"custom_data": {"contents": [{"id": "a", "quantity": 1}]}},
    ),
    (
        {"custom_data": {"content_ids": "10,20"}},
        [("ids_in_one_text", "$.custom_data.content_ids")],
        {"custom_data": {"content_ids": ["10,20"]}},
    ),
    ({"custom_data": {"note": "a" * 5000}}, [("value_left_out", "$.custom_data.note")], {}),
    ({"custom_data": {"note": float("inf")}}, [("value_left_out", "$.custom_data.note")], {}),
    ({"custom_data": {"email": "x"}}, [("personal_data_in_custom_data", "$.custom_data.email")], {}),
    ({"custom_data": {"First-Name": "x"}}, [("personal_data_in_custom_data", "$.custom_data.?")], {}),
    (
        {"custom_data": {"note": "ask jane@x.de"}},
        [("personal_data_in_custom_data", "$.custom_data.note")],
        {},
    ),
    (
        {"custom_data": {"note": "call +49 151 2345678"}},
        [("personal_data_in_custom_data", "$.custom_data.note")],
        {},
    ),
    (
        {"custom_data": {"content_name": "Mail an j%40x.de"}},
        [("personal_data_in_custom_data", "$.custom_data.content_name")],
        {},
    ),
    (
        {"custom_data": {"content_name": "j@x.de"}},
        [("personal_data_in_custom_data", "$.custom_data.content_name")],
        {},
    ),
    (
        {"user_data": {"fbclid": "IwAR2x", "clicked_at": "last week"}, "event_time": SECONDS},
        [("click_time_unreadable", "$.user_data.clicked_at")],
        {"user_data": {"fbc": f"fb.1.{SECONDS}000.IwAR2x"}, "event_time": SECONDS},
    ),
    (
        {"user_data": {"fbclid": "IwAR2x"}, "event_time": SECONDS, "action_source": "system_generated"},
        [("click_time_assumed", "$.user_data.fbc")],
        {
            "user_data": {"fbc": f"fb.1.{SECONDS}000.IwAR2x"},
            "event_time": SECONDS,
            "action_source": "system_generated",
        },
    ),
    (
        {"custom_data": {"value": "12.50 USD", "currency": "EUR"}},
        [("currency_differs", "$.custom_data.currency")],
        {"custom_data": {"value": 12.5, "currency": "EUR"}},
    ),
    ({"event_name": "Lead of jane@x.de"}, [("personal_data_in_event_name", "$.event_name")], {}),
    (
        {"event_id": "lead-jane@x.de"},
        [("personal_data_in_id", "$.event_id")],
        {"event_id": "f7795ac6fb798c1de6de9887f69e16622fbbf300a75db9c206a282875d82fa9c"},
    ),
]


@pytest.mark.parametrize(("fields", "findings", "event"), REASONS)
def test_content_is_left_out_or_mended_with_a_finding(fields, findings, event):
    sent, found = normalized(fields)
    assert found == findings
    assert sent == event


def test_every_content_rule_is_shown_above():
    codes = {code for code, rule in load_meta_spec().rules.items() if rule.area == "content"}
    assert codes - {code for _, findings, _ in REASONS for code, _ in findings} == set()


@pytest.mark.parametrize(
    ("given", "sent", "codes"),
    [
        ("https://x.de/a?b=1&amp;c=2", "https://x.de/a?b=1&c=2", []),
        ("https://x.de/a?fbclid=Iw&utm_source=x", "https://x.de/a?fbclid=Iw&utm_source=x", []),
        ("https://x.de/a?email=j%40x.de&b=1", "https://x.de/a?b=1", ["personal_data_in_url"]),
        ("https://x.de/a?Phone_Number=1&b=1#top", "https://x.de/a?b=1#top", ["personal_data_in_url"]),
        ("https://x.de/a?q=jane@x.de", "https://x.de/a", ["personal_data_in_url"]),
        ("https://x.de/a?token=abc", "https://x.de/a", ["personal_data_in_url"]),
        ("https://x.de/a#access_token=abc", "https://x.de/a", ["personal_data_in_url"]),
        ("https://user:pw@x.de/a", "https://x.de/a", ["personal_data_in_url"]),
        ("https://x.de/u/jane@x.de/edit", "https://x.de/u/redacted/edit", ["personal_data_in_url"]),
        ("https://x.de/u/jane%2540x.de/edit", "https://x.de/u/redacted/edit", ["personal_data_in_url"]),
        ("https://x.de/a?q=j%2540x.de&b=1", "https://x.de/a?b=1", ["personal_data_in_url"]),
        ("https://x.de/u/jane%40x.de/edit", "https://x.de/u/redacted/edit", ["personal_data_in_url"]),
        ("https://medium.com/@jane/post", "https://medium.com/@jane/post", []),
        ("https://x.de/a b", "https://x.de/a%20b", []),
        ("https://x.de/?a[]=1&a[]=2", "https://x.de/?a[]=1&a[]=2", []),
        ("https://x.de/?a={{x}}&b=1", "https://x.de/?b=1", ["template_in_url"]),
        ("https://x.de/?fbclid=%7B%7Bfbclid%7D%7D#${top}", "https://x.de/", ["template_in_url"]),
        ("https://x.de/{{page.path}}", None, ["placeholder"]),
        ("https://{{host}}/a?b=1", None, ["placeholder"]),
        ("https://x.de/undefined?id=null", "https://x.de/undefined?id=null", []),
        ("https://x.de/?q=a{b}", "https://x.de/?q=a{b}", []),
        ("HTTPS://X.DE/A", "https://X.DE/A", []),
        ("https://", None, ["url_unreadable"]),
        ("https:///thanks", None, ["url_unreadable"]),
        ("ftp://x.de/a", None, ["url_unreadable"]),
        ("javascript:alert(1)", None, ["url_unreadable"]),
    ],
)
def test_addresses_lose_personal_data_and_nothing_else(given, sent, codes):
    event, findings = normalized({"event_source_url": given})
    assert event.get("event_source_url") == sent
    assert [code for code, _ in findings] == codes


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (SECONDS, SECONDS),
        (SECONDS + 60, SECONDS),
        (SECONDS + 61, SECONDS + 61),
        (SECONDS * 1000, SECONDS),
        ("2026-11-21T00:00:30Z", SECONDS),
        (46347, SECONDS),
        ("46346.5", SECONDS - 43_200),
    ],
)
def test_a_time_up_to_a_minute_ahead_is_set_to_now(given, sent):
    assert normalized({"event_time": given}) == ({"event_time": sent}, [])


def test_the_mappings_formats_are_used_for_times_and_numbers():
    event, _ = normalized(
        {"event_time": "20.11.2026 10:00", "custom_data": {"value": "1.299"}},
        date_format="DD.MM.YYYY HH:mm",
        timezone="Europe/Berlin",
        number_format="1.234,56",
    )
    assert event == {"event_time": SECONDS - 15 * 3600, "custom_data": {"value": 1299}}


def test_a_time_that_looks_like_the_usual_form_is_read_in_the_author_s():
    event, findings = normalized({"event_time": "2026-05-04T10:00Z"}, date_format="YYYY-DD-MMTHH:mmZ")
    assert (event, findings) == ({"event_time": 1_775_383_200}, [])


def test_a_full_event_of_odd_types_comes_out_in_metas_types():
    event, findings = normalized(
        {
            "event_name": " Purchase ",
            "event_id": 820982911946154508,
            "action_source": "Physical Store",
            "opt_out": "no",
            "data_processing_options": "LDU",
            "data_processing_options_country": "1",
            "data_processing_options_state": 1000.0,
            "referrer_url": "android-app://com.google.android.gm",
            "app_data": {"advertiser_tracking_enabled": True, "extinfo": ["a2", None, 1]},
            "original_event_data": {"event_name": "Purchase", "event_time": "2026-11-20", "order_id": 7},
            "custom_data": {
                "currency": "€",
                "order_id": 820982911946154508,
                "content_ids": "SKU-1",
                "num_items": "3",
                "status": True,
                "delivery_category": "Home Delivery",
                "contents": {"id": 7, "quantity": "2"},
                "tags": ["a", None, {"deep": Decimal("1.5")}],
                "empty": None,
            },
        }
    )
    assert findings == []
    assert event == {
        "event_name": "Purchase",
        "event_id": "820982911946154508",
        "action_source": "physical_store",
        "opt_out": False,
        "data_processing_options": ["LDU"],
        "data_processing_options_country": 1,
        "data_processing_options_state": 1000,
        "referrer_url": "android-app://com.google.android.gm",
        "app_data": {"advertiser_tracking_enabled": 1, "extinfo": ["a2", "", "1"]},
        "original_event_data": {"event_name": "Purchase", "event_time": SECONDS - 86_400, "order_id": "7"},
        "custom_data": {
            "currency": "EUR",
            "order_id": "820982911946154508",
            "content_ids": ["SKU-1"],
            "num_items": 3,
            "status": True,
            "delivery_category": "home_delivery",
            "contents": [{"id": "7", "quantity": 2}],
            "tags": ["a", {"deep": 1.5}],
        },
    }


def test_an_empty_list_of_options_says_that_limited_data_use_is_off():
    assert normalized({"data_processing_options": []}) == ({"data_processing_options": []}, [])


def test_a_finding_knows_the_line_of_the_mapping():
    here = Position("m.yaml", 3, 5)
    draft = Draft("d", {"user_data": {"em": "x"}}, ReadingSettings(), (), {"user_data.em": here})
    _, findings = normalize(draft, load_meta_spec(), NOW)
    assert [finding.position for finding in findings] == [here]


def test_the_explanation_shows_each_step_that_changed_something():
    trace = Trace()
    normalized({"user_data": {"em": " Jane@X.de", "ph": "abc", "fn": "a" * 64}}, trace)
    assert [step["step"] for step in trace.records["user_data.em"].steps] == [
        "lower case, outer spaces removed",
        "SHA-256",
    ]
    assert trace.records["user_data.fn"].steps == [
        {"step": "already hashed, passed through", "value": "a" * 64}
    ]
    assert trace.records["user_data.ph"].dropped == (
        "user_data.ph was left out: it has letters in it and fewer than 7 digits in a row."
    )


def test_an_explained_event_is_the_same_event():
    fields = {"user_data": {"em": ["A@b.de", "x"], "ph": "+1 650 555 1212", "client_ip_address": "10.0.0.1"}}
    assert normalized(fields) == normalized(fields, Trace())


def test_the_explanation_shows_every_value_of_a_list_and_a_time_set_to_now():
    trace = Trace()
    normalized({"event_time": SECONDS + 30, "user_data": {"em": ["A@x.de", "B@x.de"]}}, trace)
    words = "lower case, outer spaces removed"
    shown = [(step["step"], step["value"]) for step in trace.records["user_data.em"].steps]
    assert [value for step, value in shown if step == words] == ["a@x.de", "b@x.de"]
    assert trace.records["event_time"].steps == [
        {"step": "a little ahead of our clock, set to now", "value": SECONDS}
    ]


@pytest.mark.parametrize("make", [lambda inner: [inner], lambda inner: {"a": inner}], ids=["list", "object"])
def test_custom_data_may_be_nested_to_a_depth_and_what_is_deeper_is_left_out(make):
    depth = load_meta_spec().limits.custom_depth
    deepest = 1
    for _ in range(depth):
        deepest = make(deepest)
    kept, findings = custom({"own": deepest})
    assert (kept, findings) == ({"own": deepest}, [])

    kept, findings = custom({"own": make(deepest)})
    assert findings == [("value_left_out", "$.custom_data.own")]
    assert "1" not in repr(kept)


@pytest.mark.parametrize(
    ("name", "kept"), [("x" * 200, True), ("x" * 201, False), ("", False), ("\ud800", False)]
)
def test_a_name_of_custom_data_is_a_text_of_at_most_200_characters(name, kept):
    sent, findings = custom({name: 1})
    assert (sent, [code for code, _ in findings]) == (({name: 1}, []) if kept else ({}, ["value_left_out"]))
