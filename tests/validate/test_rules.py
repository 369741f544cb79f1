"""Every rule: one event that trips it, and one next to it that does not."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from bridge.meta_spec.right_place import folded
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.spec import with_severities
from bridge.validate import accepted_until, validate, validate_body, validate_foreign

SPEC = load_meta_spec()
GONE = "(gone)"
NOW = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp())
DAY = 86_400
HASH = "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"
EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

# kind of event, what trips the rule, the finding (code, path), what does not trip it
SCHEMA = [
    ("purchase", {"event_name": GONE}, ("missing_field", "$.event_name"), {}),
    ("purchase", {"event_time": GONE}, ("missing_field", "$.event_time"), {}),
    ("purchase", {"action_source": GONE}, ("missing_field", "$.action_source"), {}),
    ("purchase", {"user_data": GONE}, ("no_identity", "$.user_data"), {}),
    ("purchase", {"custom_data": GONE}, ("missing_field", "$.custom_data"), {}),
    (
        "purchase",
        {"custom_data.value": GONE},
        ("missing_field", "$.custom_data.value"),
        {"custom_data.value": 0},
    ),
    ("purchase", {"custom_data.currency": GONE}, ("missing_field", "$.custom_data.currency"), {}),
    (
        "lead",
        {"custom_data": {"value": 1}},
        ("value_without_currency", "$.custom_data.currency"),
        {"custom_data": {"value": 1, "currency": "EUR"}},
    ),
    ("app", {"app_data": GONE}, ("missing_field", "$.app_data"), {}),
    ("app", {"app_data.extinfo": GONE}, ("missing_field", "$.app_data.extinfo"), {}),
    (
        "app",
        {"app_data.advertiser_tracking_enabled": GONE},
        ("missing_field", "$.app_data.advertiser_tracking_enabled"),
        {"app_data.advertiser_tracking_enabled": 0},
    ),
    (
        "app",
        {"app_data.extinfo": ["a2"]},
        ("bad_extinfo", "$.app_data.extinfo"),
        {"app_data.extinfo.0": "a2"},
    ),
    (
        "app",
        {"app_data.extinfo.0": "x2"},
        ("bad_extinfo", "$.app_data.extinfo[0]"),
        {"app_data.extinfo.1": ""},
    ),
    ("app", {"app_data.extinfo.4": ""}, ("bad_extinfo", "$.app_data.extinfo[4]"), {"app_data.extinfo.5": ""}),
    ("whatsapp", {"messaging_channel": GONE}, ("missing_field", "$.messaging_channel"), {}),
    (
        "whatsapp",
        {"event_name": "Lead"},
        ("not_a_messaging_event", "$.event_name"),
        {"event_name": "OrderShipped"},
    ),
    ("whatsapp", {"user_data.ctwa_clid": GONE}, ("missing_field", "$.user_data.ctwa_clid"), {}),
    (
        "whatsapp",
        {"user_data.page_id": GONE},
        ("no_messaging_account", "$.user_data"),
        {"user_data.page_id": GONE, "user_data.whatsapp_business_account_id": "7"},
    ),
    ("messenger", {"user_data.page_id": GONE}, ("missing_field", "$.user_data.page_id"), {}),
    (
        "messenger",
        {"user_data.page_scoped_user_id": GONE},
        ("missing_field", "$.user_data.page_scoped_user_id"),
        {},
    ),
    ("messenger", {"custom_data.currency": GONE}, ("missing_field", "$.custom_data.currency"), {}),
    ("instagram", {"user_data.ig_sid": GONE}, ("missing_field", "$.user_data.ig_sid"), {}),
    ("instagram", {"user_data.ig_account_id": GONE}, ("missing_field", "$.user_data.ig_account_id"), {}),
    (
        "crm",
        {"custom_data.lead_event_source": GONE},
        ("missing_field", "$.custom_data.lead_event_source"),
        {},
    ),
    (
        "limited",
        {"data_processing_options_country": GONE, "data_processing_options_state": GONE},
        ("missing_field", "$.data_processing_options_country"),
        {
            "data_processing_options_country": GONE,
            "data_processing_options_state": GONE,
            "user_data.client_ip_address": "203.0.113.7",
        },
    ),
    (
        "limited",
        {"data_processing_options_state": GONE},
        ("missing_field", "$.data_processing_options_state"),
        {"data_processing_options_state": 0},
    ),
    (
        "limited",
        {"data_processing_options_state": 1014},
        ("not_allowed", "$.data_processing_options_state"),
        {"data_processing_options_state": 1000},
    ),
    ("limited", {"data_processing_options": ["X"]}, ("not_allowed", "$.data_processing_options[0]"), {}),
    ("append", {"original_event_data": GONE}, ("missing_field", "$.original_event_data"), {}),
    (
        "append",
        {"original_event_data.event_time": GONE},
        ("missing_field", "$.original_event_data.event_time"),
        {},
    ),
    (
        "append",
        {"attribution_data.decline_reason": "too_late"},
        ("not_allowed", "$.attribution_data.decline_reason"),
        {"attribution_data.decline_reason": "lookback"},
    ),
    (
        "append",
        {"attribution_data.attribution_model": "last click"},
        ("not_allowed", "$.attribution_data.attribution_model"),
        {"attribution_data.attribution_model": "last_click"},
    ),
    ("append", {"attribution_data.share": 1}, ("unknown_key", "$.attribution_data.share"), {}),
    ("purchase", {"advertiser_tracking_enabled": 1}, ("unknown_key", "$.advertiser_tracking_enabled"), {}),
    ("app", {"app_data.madid": "x"}, ("unknown_key_left_out", "$.app_data.madid"), {}),
    ("purchase", {"test_event_code": "TEST1"}, ("test_event_code_inside", "$.test_event_code"), {}),
    (
        "purchase",
        {"user_data.email": HASH},
        ("unknown_key_left_out", "$.user_data.email"),
        {"user_data.f5first": HASH},
    ),
    (
        "purchase",
        {"custom_data.contents.0.name": "x"},
        ("unknown_key", "$.custom_data.contents[0].name"),
        {"custom_data.contents.0.title": "x", "custom_data.anything": {"a": [1]}},
    ),
    ("purchase", {"custom_data.contents.0.id": GONE}, ("missing_field", "$.custom_data.contents[0].id"), {}),
    (
        "purchase",
        {"custom_data.contents.0.quantity": GONE},
        ("missing_field", "$.custom_data.contents[0].quantity"),
        {},
    ),
    (
        "purchase",
        {"custom_data.contents.0.quantity": 1.5},
        ("wrong_type", "$.custom_data.contents[0].quantity"),
        {"custom_data.contents.0.quantity": 2},
    ),
    (
        "purchase",
        {"custom_data.contents": "[]"},
        ("wrong_type", "$.custom_data.contents"),
        {"custom_data.contents": []},
    ),
    (
        "purchase",
        {"custom_data.num_items": -1},
        ("not_an_amount", "$.custom_data.num_items"),
        {"custom_data.num_items": 0},
    ),
    (
        "purchase",
        {"custom_data.value": "129,95"},
        ("not_an_amount", "$.custom_data.value"),
        {"custom_data.value": 1},
    ),
    (
        "purchase",
        {"custom_data.value": -1},
        ("not_an_amount", "$.custom_data.value"),
        {"custom_data.value": 0},
    ),
    ("purchase", {"custom_data.currency": "EURO"}, ("not_a_currency", "$.custom_data.currency"), {}),
    (
        "purchase",
        {"custom_data.content_type": "products"},
        ("not_allowed", "$.custom_data.content_type"),
        {"custom_data.content_type": "product_group"},
    ),
    (
        "store",
        {"custom_data.delivery_category": "pickup"},
        ("not_allowed", "$.custom_data.delivery_category"),
        {"custom_data.delivery_category": "curbside"},
    ),
    (
        "purchase",
        {"action_source": "in_store"},
        ("in_store_action_source", "$.action_source"),
        {"action_source": "other"},
    ),
    ("purchase", {"action_source": "web"}, ("not_allowed", "$.action_source"), {"action_source": "email"}),
    ("purchase", {"event_time": "1795219140"}, ("not_a_time", "$.event_time"), {}),
    ("purchase", {"event_time": 0}, ("not_a_time", "$.event_time"), {}),
    ("purchase", {"event_source_url": "shop.example"}, ("not_a_web_address", "$.event_source_url"), {}),
    ("lead", {"event_name": ""}, ("event_name_length", "$.event_name"), {}),
    ("lead", {"event_name": "n" * 51}, ("event_name_length", "$.event_name"), {"event_name": "n" * 50}),
    (
        "lead",
        {"user_data.ph": "16505551212"},
        ("not_hashed", "$.user_data.ph"),
        {"user_data.ph": HASH + ".AQ"},
    ),
    ("lead", {"user_data.ph": [HASH.upper()]}, ("not_hashed", "$.user_data.ph[0]"), {"user_data.ph": [HASH]}),
    ("lead", {"user_data.em": "d" * 32}, ("not_hashed", "$.user_data.em"), {}),
    (
        "whatsapp",
        {"user_data.page_id": "page"},
        ("not_digits", "$.user_data.page_id"),
        {"user_data.page_id": 1},
    ),
    ("lead", {"user_data.client_ip_address": HASH}, ("not_an_address", "$.user_data.client_ip_address"), {}),
    ("lead", {"user_data.fbc": HASH}, ("not_a_browser_id", "$.user_data.fbc"), {}),
    ("lead", {"user_data.fbp": "fb.1.2"}, ("not_a_browser_id", "$.user_data.fbp"), {}),
    (
        "crm",
        {"user_data.lead_id": 123},
        ("not_a_lead_id", "$.user_data.lead_id"),
        {"user_data.lead_id": "1" * 17},
    ),
    (
        "lead",
        {"user_data.external_id": ""},
        ("wrong_size", "$.user_data.external_id"),
        {"user_data.external_id": "1"},
    ),
    ("lead", {"opt_out": "true"}, ("wrong_type", "$.opt_out"), {"opt_out": True}),
]

EVENT = [
    (
        "lead",
        {"event_time": NOW - 7 * DAY - 1},
        ("event_time_too_old", "$.event_time"),
        {"event_time": NOW - 7 * DAY},
    ),
    (
        "store",
        {"event_time": NOW - 62 * DAY - 1},
        ("event_time_too_old", "$.event_time"),
        {"event_time": NOW - 62 * DAY},
    ),
    ("lead", {"event_time": NOW + 1}, ("event_time_in_future", "$.event_time"), {"event_time": NOW}),
    ("lead", {"event_time": NOW + 1.0}, ("event_time_in_future", "$.event_time"), {"event_time": float(NOW)}),
    ("lead", {"event_time": NOW * 1000}, ("event_time_milliseconds", "$.event_time"), {"event_time": NOW}),
    (
        "lead",
        {"user_data": {}},
        ("no_identity", "$.user_data"),
        {"user_data": {"fbp": "fb.1.1795000000000.1"}},
    ),
    ("lead", {"user_data": {"em": []}}, ("no_identity", "$.user_data"), {}),
    (
        "lead",
        {"user_data": {"fn": HASH, "ge": HASH}},
        ("too_broad", "$.user_data"),
        {"user_data": {"fn": HASH, "ln": HASH}},
    ),
    ("lead", {"user_data": {"client_user_agent": "M"}}, ("too_broad", "$.user_data"), {}),
    (
        "lead",
        {"user_data": {"ct": HASH, "country": HASH, "zp": HASH}},
        ("too_broad", "$.user_data"),
        {"user_data": {"ct": HASH, "client_ip_address": "203.0.113.7"}},
    ),
    (
        "lead",
        {"user_data": {"db": HASH, "client_user_agent": "M"}},
        ("too_broad", "$.user_data"),
        {"user_data": {"db": HASH, "client_user_agent": "M", "ge": HASH}},
    ),
    (
        "purchase",
        {"user_data.client_user_agent": GONE},
        ("website_without_user_agent", "$.user_data.client_user_agent"),
        {"user_data.client_user_agent": GONE, "action_source": "other"},
    ),
    (
        "purchase",
        {"event_source_url": GONE},
        ("website_without_page", "$.event_source_url"),
        {"event_source_url": GONE, "action_source": "other"},
    ),
    ("lead", {"event_name": "lead"}, ("standard_name_misspelled", "$.event_name"), {"event_name": "Lead"}),
    (
        "lead",
        {"event_name": "Add To Cart"},
        ("standard_name_misspelled", "$.event_name"),
        {"event_name": "AddToCart"},
    ),
    (
        "lead",
        {"event_name": "page_view"},
        ("standard_name_misspelled", "$.event_name"),
        {"event_name": "Cart"},
    ),
    (
        "lead",
        {"event_name": "DiabetesQuiz"},
        ("sensitive_event_name", "$.event_name"),
        {"event_name": "Quiz"},
    ),
    (
        "lead",
        {"event_name": "credit score"},
        ("sensitive_event_name", "$.event_name"),
        {"event_name": "Scoreboard"},
    ),
    (
        "lead",
        {"event_name": "Lead +49 151 2345678"},
        ("personal_data_in_event_name", "$.event_name"),
        {"event_name": "L 12"},
    ),
    (
        "purchase",
        {"custom_data.currency": "XQQ"},
        ("unknown_currency", "$.custom_data.currency"),
        {"custom_data.currency": "eur"},
    ),
    ("lead", {"event_id": GONE}, ("event_id_missing", "$.event_id"), {}),
    ("lead", {"event_id": f"{NOW}123"}, ("event_id_changes", "$.event_id"), {"event_id": f"{NOW - DAY}123"}),
    (
        "lead",
        {"user_data.fbc": "fb.1.1700000000000.a"},
        ("click_id_expired", "$.user_data.fbc"),
        {"user_data.fbc": f"fb.1.{(NOW - 89 * DAY) * 1000}.a"},
    ),
    ("lead", {"user_data.fbp": "fb.1.1795000000.1"}, ("click_id_time", "$.user_data.fbp"), {}),
    ("lead", {"user_data.fbc": "fb.1.1899999999999.a"}, ("click_id_time", "$.user_data.fbc"), {}),
    (
        "purchase",
        {"custom_data.contents": [], "custom_data.content_ids": GONE},
        ("items_missing", "$.custom_data.contents"),
        {"custom_data.contents": []},
    ),
    (
        "append",
        {"original_event_data.event_time": NOW - 2 * DAY - 1},
        ("append_too_late", "$.original_event_data.event_time"),
        {"original_event_data.event_time": NOW - 2 * DAY},
    ),
    ("crm", {"action_source": "other"}, ("crm_action_source", "$.action_source"), {}),
    (
        "purchase",
        {"custom_data.event_id": "order-1"},
        ("misplaced_in_custom_data", "$.custom_data.event_id"),
        {"custom_data.delivered_by": "bike"},
    ),
]

HASHED_PHONE = hashlib.sha256(b"4915112345678").hexdigest()
FOREIGN = [
    ("lead", {"user_data.ph": [None]}, ("null_sent", "$.user_data.ph"), {}),
    ("lead", {"user_data.fn": None}, ("null_sent", "$.user_data.fn"), {}),
    (
        "purchase",
        {"custom_data.value": "129.95"},
        ("number_as_text", "$.custom_data.value"),
        {"custom_data.value": 129.95},
    ),
    (
        "purchase",
        {"custom_data.contents.0.item_price": "1"},
        ("number_as_text", "$.custom_data.contents[0].item_price"),
        {},
    ),
    ("lead", {"event_id": "for jane@x.de"}, ("personal_data_in_id", "$.event_id"), {"event_id": "for jane"}),
    (
        "lead",
        {"event_id": "lead-4915112345678", "user_data.ph": [HASHED_PHONE]},
        ("personal_data_in_id", "$.event_id"),
        {"event_id": "lead-4915112345679", "user_data.ph": [HASHED_PHONE]},
    ),
    (
        "purchase",
        {"event_source_url": "https://x.de/?email=j%40x.de"},
        ("personal_data_in_url", "$.event_source_url"),
        {"event_source_url": "https://x.de/?id=7"},
    ),
    (
        "purchase",
        {"custom_data.first_name": "Jane"},
        ("personal_data_in_custom_data", "$.custom_data.first_name"),
        {"custom_data.content_name": "Jane"},
    ),
    (
        "purchase",
        {"custom_data.notes": [{"text": "jane@x.de"}]},
        ("personal_data_in_custom_data", "$.custom_data.notes[0].text"),
        {"custom_data.notes": [{"text": "jane at x"}]},
    ),
    (
        "lead",
        {"user_data.em": EMPTY_HASH},
        ("placeholder_hash_sent", "$.user_data.em"),
        {"user_data.em": HASH},
    ),
    (
        "lead",
        {"user_data.client_ip_address": "10.0.0.1"},
        ("private_address", "$.user_data.client_ip_address"),
        {"user_data.client_ip_address": "11.0.0.1"},
    ),
    (
        "lead",
        {"user_data.client_ip_address": "1.2.3.4.5"},
        ("not_an_address", "$.user_data.client_ip_address"),
        {},
    ),
    (
        "lead",
        {"user_data.em": [HASH] * 11},
        ("too_many_values", "$.user_data.em"),
        {"user_data.em": [HASH] * 10},
    ),
]


def found(event, now):
    return [(finding.code, finding.path) for finding in validate_foreign(event, SPEC, now)]


def made(kinds, kind, changes):
    return kinds.changed(
        kind, {path: kinds.gone if value == GONE else value for path, value in changes.items()}
    )


@pytest.mark.parametrize(("kind", "trips", "finding", "passes"), SCHEMA + EVENT + FOREIGN)
def test_a_rule_is_tripped_by_one_event_and_not_by_its_neighbour(kind, trips, finding, passes, kinds, now):
    assert finding in found(made(kinds, kind, trips), now)
    assert finding not in found(made(kinds, kind, passes), now)


@pytest.mark.parametrize(("kind", "trips", "finding", "passes"), SCHEMA)
def test_what_breaks_the_schema_is_an_error_but_for_keys_that_are_left_out(
    kind, trips, finding, passes, kinds, now
):
    severities = {found.code: found.severity for found in validate(made(kinds, kind, trips), SPEC, now)}
    assert severities[finding[0]] == ("warning" if finding[0] == "unknown_key_left_out" else "error")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("user_data.email", "user_data.em"),
        ("user_data.phone_number", "user_data.ph"),
        ("user_data.clientIpAddress", "user_data.client_ip_address"),
        ("user_data.client_ip", "user_data.client_ip_address"),
        ("user_data.event_id", "event_id"),
        ("user_data.extinfo", "app_data.extinfo"),
        ("user_data.test_event_code", "test_event_code"),
        ("app_data.madid", "user_data.madid"),
        ("advertiser_tracking_enabled", "app_data.advertiser_tracking_enabled"),
        ("eventName", "event_name"),
        ("value", "custom_data.value"),
        ("currency", "custom_data.currency"),
        ("fbp", "user_data.fbp"),
        ("em", "user_data.em"),
        ("timestamp", "event_time"),
        ("url", "event_source_url"),
        ("custom_data.contents.0.sku", "custom_data.contents[].id"),
        ("custom_data.contents.0.qty", "custom_data.contents[].quantity"),
        ("user_data.shoe_size", None),
        ("shoe_size", None),
    ],
)
def test_a_known_word_in_the_wrong_place_is_answered_with_the_right_one(path, place, kinds, now):
    [finding] = [
        found
        for found in validate(
            made(kinds, "app" if path.startswith("app") else "purchase", {path: "x"}), SPEC, now
        )
        if found.code in {"unknown_key", "unknown_key_left_out"}
    ]
    assert finding.suggestion == place
    assert place is None or place in finding.fix


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("event_id", "Move it to the top level of the event (event_id)."),
        ("actionSource", "Move it to the top level of the event (action_source)."),
        ("test_event_code", "Move it to the top level of the body, beside data (test_event_code)."),
        ("client_ip", "Move it to user_data.client_ip_address."),
        ("extinfo", "Move it to app_data.extinfo."),
    ],
)
def test_a_key_of_another_block_in_custom_data_is_sent_where_it_belongs(key, words, kinds, now):
    event = made(kinds, "purchase", {f"custom_data.{key}": "x"})
    assert [(found.severity, found.fix) for found in validate(event, SPEC, now)] == [("warning", words)]


def test_every_key_that_custom_data_should_not_hold_has_a_right_place():
    assert SPEC.not_in_custom_data.isdisjoint(SPEC.event_schema["properties"]["custom_data"]["properties"])
    assert [key for key in SPEC.not_in_custom_data if folded(key) not in SPEC.right_places] == []


def test_every_rule_is_tripped_somewhere():
    tripped = {finding[0] for _, _, finding, _ in SCHEMA + EVENT + FOREIGN}
    expected = {code for code, rule in SPEC.rules.items() if rule.area in {"schema", "event"}}
    # `invalid` and `wrong_form` are for keywords that the schema does not use without their own rule.
    if untested := sorted(expected - tripped - {"invalid", "wrong_form"}):
        pytest.fail(f"add a row for each of these codes to a table of this file: {untested}", pytrace=False)


def test_every_good_event_passes_without_a_finding(kinds, now):
    assert {kind: found(kinds.event(kind), now) for kind in kinds.names} == {kind: [] for kind in kinds.names}


BODIES = [
    ("body_not_an_object", [], "$"),
    ("data_not_a_list", {}, "$.data"),
    ("data_not_a_list", {"data": []}, "$.data"),
    ("data_not_a_list", {"data": "[{}]"}, "$.data"),
    ("event_not_an_object", {"data": ["x"]}, "$.data[0]"),
    ("unknown_body_key", {"data": ["lead"], "events": 1}, "$"),
    ("test_event_code_empty", {"data": ["lead"], "test_event_code": ""}, "$.test_event_code"),
    ("partner_agent_form", {"data": ["lead"], "partner_agent": "x" * 23}, "$.partner_agent"),
    ("partner_agent_form", {"data": ["lead"], "partner_agent": "1"}, "$.partner_agent"),
    ("repeated_event", {"data": ["lead", "lead"]}, "$.data[1].event_id"),
    ("too_many_events", {"data": ["whatsapp"] * 1001}, "$.data"),
]


def filled(body, kinds):
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        return body
    return {**body, "data": [kinds.event(kind) if kind in kinds.names else kind for kind in body["data"]]}


@pytest.mark.parametrize(("code", "body", "path"), BODIES)
def test_a_body_that_is_wrong_around_its_events_is_told_so(code, body, path, kinds, now):
    findings = validate_body(filled(body, kinds), SPEC, now)
    assert [(finding.code, finding.path) for finding in findings] == [(code, path)]


def test_a_good_body_passes(kinds, now):
    body = {
        "data": [kinds.event(kind) for kind in kinds.names],
        "test_event_code": "TEST1",
        "partner_agent": "pa-1",
    }
    for place, event in enumerate(body["data"]):
        event["event_id"] = f"e-{place}"
    assert validate_body(body, SPEC, now) == ()


def test_findings_of_an_event_in_a_body_start_at_the_body(kinds, now):
    body = {"data": [kinds.event("lead"), kinds.changed("crm", {"user_data.lead_id": 1})]}
    body["data"][1]["event_id"] = "other"
    assert [finding.path for finding in validate_body(body, SPEC, now)] == ["$.data[1].user_data.lead_id"]


def test_every_body_rule_is_tripped_somewhere():
    codes = {code for code, rule in SPEC.rules.items() if rule.area == "body"}
    assert {code for code in codes if not code.startswith("graph_")} == {code for code, _, _ in BODIES}


@pytest.mark.parametrize(("kind", "days"), [("lead", 7), ("crm", 7), ("store", 62)])
def test_an_event_is_accepted_until_five_minutes_before_its_window_ends(kind, days, kinds):
    event = kinds.event(kind)
    assert accepted_until(event, SPEC) == event["event_time"] + days * DAY - 300


def test_a_key_that_might_be_personal_is_not_repeated(kinds, now):
    event = kinds.changed("lead", {"user_data": {"em": HASH, "jane@example.com": 1}})
    text = repr(validate(event, SPEC, now))
    assert "unknown_key" in text
    assert "jane" not in text


def test_a_rule_can_be_made_stricter(kinds, now):
    strict = with_severities(SPEC, {"website_without_user_agent": "error"})
    event = kinds.changed("purchase", {"user_data.client_user_agent": kinds.gone})
    assert [finding.severity for finding in validate(event, SPEC, now)] == ["warning"]
    assert [finding.severity for finding in validate(event, strict, now)] == ["error"]


def messages(event, now):
    return {finding.code: finding.message for finding in validate_foreign(event, SPEC, now)}


@pytest.mark.parametrize(
    ("kind", "changes", "code", "words"),
    [
        ("purchase", {"event_name": GONE}, "missing_field", "event_name"),
        ("limited", {"data_processing_options_state": GONE}, "missing_field", "data_processing_options"),
        ("limited", {"data_processing_options": ["X"]}, "not_allowed", "LDU"),
        ("purchase", {"custom_data.contents": 1}, "wrong_type", "a list"),
    ],
)
def test_the_message_names_the_field_and_what_is_expected(kind, changes, code, words, kinds, now):
    assert words in messages(made(kinds, kind, changes), now)[code]


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        pytest.param("events", "events", id="a name"),
        pytest.param("x" * 63, "x" * 63, id="a long name"),
        pytest.param("x" * 64, "a key", id="longer than any name"),
        pytest.param("jane@example.com", "a key", id="something personal"),
    ],
)
def test_an_unknown_key_of_the_body_is_named_unless_it_might_be_personal(key, shown, kinds, now):
    (finding,) = validate_body({"data": [kinds.event("lead")], key: 1}, SPEC, now)
    assert shown in finding.message
    assert shown == key or key not in repr(finding)


def test_a_body_may_hold_as_many_events_as_a_batch(kinds, now):
    body = {"data": [kinds.event("whatsapp")] * SPEC.limits.batch_events}
    assert validate_body(body, SPEC, now) == ()


@pytest.mark.parametrize(
    "nested", [lambda inner: [inner], lambda inner: {"a": inner}], ids=["list", "object"]
)
def test_personal_data_is_found_twenty_levels_deep(nested, kinds, now):
    deepest = "jane@example.com"
    for _ in range(19):
        deepest = nested(deepest)
    event = kinds.changed("lead", {"custom_data": {"own": deepest}})
    assert "personal_data_in_custom_data" in messages(event, now)
    event = kinds.changed("lead", {"custom_data": {"own": nested(deepest)}})
    assert "personal_data_in_custom_data" not in messages(event, now)  # deeper than Meta reads


@pytest.mark.parametrize(
    "nested", [lambda inner: [inner], lambda inner: {"a": inner}], ids=["list", "object"]
)
def test_an_event_that_is_nested_without_end_is_judged_by_the_rest_of_it(nested, kinds, now):
    endless = "x"
    for _ in range(5_000):
        endless = nested(endless)
    event = kinds.changed("lead", {"event_name": kinds.gone})
    event["custom_data"] = {"own": endless}
    assert ("missing_field", "$.event_name") in found(event, now)


@pytest.mark.parametrize(("away", "warned"), [(3599, True), (3600, False), (-3599, True), (-3600, False)])
def test_an_id_that_is_the_time_within_an_hour_is_taken_for_the_time_of_sending(away, warned, kinds, now):
    event = kinds.changed("lead", {"event_id": str(NOW + away)})
    assert ("event_id_changes" in messages(event, now)) is warned


@pytest.mark.parametrize("url", ["https://[::1/thanks", "https://shop.example/a%zz b", "http://"])
def test_a_url_that_holds_nothing_personal_is_not_said_to(url, kinds, now):
    assert "personal_data_in_url" not in messages(kinds.changed("purchase", {"event_source_url": url}), now)


@pytest.mark.parametrize(
    ("made", "code"),
    [
        pytest.param(SPEC.milliseconds_from - 1, "click_id_time", id="too small for milliseconds"),
        pytest.param(SPEC.milliseconds_from, "click_id_expired", id="the earliest milliseconds"),
    ],
)
def test_a_click_id_is_expired_by_milliseconds_and_malformed_by_less(made, code, kinds, now):
    event = kinds.changed("purchase", {"user_data.fbc": f"fb.1.{made}.IwAR2x"})
    assert (code, "$.user_data.fbc") in found(event, now)
