"""Every documented rule: what just passes, and what trips it with which code."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.simulator.data import load_simulator_data
from bridge.simulator.judge import judge
from tests.simulator.conftest import DAY, HASH, LEAVE_OUT, NOW, PURCHASE, SECONDS, changed

LEAD: dict[str, Any] = {
    "event_name": "Lead",
    "event_time": SECONDS,
    "action_source": "system_generated",
    "user_data": {"em": HASH},
}
EXTINFO = ["i2", "com.example.app", "1.0", "1.0.3", "13.4.1", *[""] * 11]
APP = changed(
    LEAD, {"action_source": "app", "app_data": {"advertiser_tracking_enabled": 1, "extinfo": EXTINFO}}
)
WHATSAPP = {
    "event_name": "LeadSubmitted",
    "event_time": SECONDS,
    "action_source": "business_messaging",
    "messaging_channel": "whatsapp",
    "user_data": {"page_id": "102030405060708", "ctwa_clid": "ARA-example-click-id"},
}
MESSENGER = changed(
    WHATSAPP, {"messaging_channel": "messenger", "user_data": {"page_id": "1", "page_scoped_user_id": "2"}}
)
INSTAGRAM = changed(
    WHATSAPP, {"messaging_channel": "instagram", "user_data": {"ig_account_id": "1", "ig_sid": "2"}}
)
APPEND = changed(
    LEAD,
    {
        "event_name": "AppendAttribution",
        "original_event_data": {"event_name": "Purchase", "event_time": SECONDS - 2 * DAY},
    },
)


def verdict(*events: Any) -> str | None:
    """Return the name of the refusal and its subcode, or None."""
    data = load_simulator_data()
    refusal = judge(list(events), data, NOW)
    return None if refusal is None else f"{refusal.name} {data.rejections[refusal.name]['subcode']}"


SCHEMA, OLD, FUTURE = "schema 2804019", "too_old 2804003", "in_the_future 2804004"
CONTENTS, NOBODY = "contents_invalid 2804008", "customer_information 2804050"
VALUE, CURRENCY = "purchase_value_missing 2804009", "purchase_currency_missing 2804010"
INVALID_CURRENCY, NO_CURRENCY = "currency_invalid 2804011", "value_without_currency 2804023"
EXTINFO_BAD = "extinfo_invalid 2804043"


@pytest.mark.parametrize(
    ("event", "changes", "expected"),
    [
        # the closed event
        pytest.param(PURCHASE, {}, None, id="a purchase as documented"),
        pytest.param(PURCHASE, {"test_event_code": "TEST1"}, SCHEMA, id="test code inside the event"),
        pytest.param(PURCHASE, {"advertiser_tracking_enabled": 1}, SCHEMA, id="unknown key on the event"),
        pytest.param(PURCHASE, {"event_name": LEAVE_OUT}, SCHEMA, id="no name"),
        pytest.param(PURCHASE, {"event_name": ""}, SCHEMA, id="empty name"),
        pytest.param(PURCHASE, {"event_name": 7}, SCHEMA, id="name is a number"),
        pytest.param(LEAD, {"event_name": "n" * 50}, None, id="name of 50"),
        pytest.param(LEAD, {"event_name": "n" * 51}, SCHEMA, id="name of 51"),
        pytest.param(PURCHASE, {"event_time": LEAVE_OUT}, SCHEMA, id="no time"),
        pytest.param(PURCHASE, {"event_time": "1795219200"}, SCHEMA, id="time is text"),
        pytest.param(PURCHASE, {"event_time": 1795219200.5}, SCHEMA, id="time has a fraction"),
        pytest.param(PURCHASE, {"event_time": True}, SCHEMA, id="time is a boolean"),
        pytest.param(PURCHASE, {"user_data": LEAVE_OUT}, SCHEMA, id="no user_data"),
        pytest.param(PURCHASE, {"action_source": LEAVE_OUT}, SCHEMA, id="no action source"),
        pytest.param(PURCHASE, {"action_source": "in_store"}, SCHEMA, id="in_store is no action source"),
        pytest.param(PURCHASE, {"event_source_url": "shop.example"}, SCHEMA, id="page without https"),
        pytest.param(PURCHASE, {"opt_out": "true"}, SCHEMA, id="opt_out is text"),
        pytest.param(PURCHASE, {"event_id": 7}, SCHEMA, id="event_id is a number"),
        pytest.param(PURCHASE, {"event_id": None}, None, id="null counts as absent"),
        pytest.param(LEAD, {"customer_segmentation": "vip"}, SCHEMA, id="unknown segmentation"),
        # time
        pytest.param(LEAD, {"event_time": SECONDS}, None, id="now"),
        pytest.param(LEAD, {"event_time": SECONDS + 1}, FUTURE, id="a second ahead"),
        pytest.param(LEAD, {"event_time": SECONDS * 1000}, FUTURE, id="milliseconds"),
        pytest.param(LEAD, {"event_time": SECONDS - 7 * DAY}, None, id="seven days"),
        pytest.param(LEAD, {"event_time": SECONDS - 7 * DAY - 1}, OLD, id="a second over seven days"),
        pytest.param(
            LEAD,
            {"action_source": "physical_store", "event_time": SECONDS - 62 * DAY},
            None,
            id="store, 62 days",
        ),
        pytest.param(
            LEAD,
            {"action_source": "physical_store", "event_time": SECONDS - 62 * DAY - 1},
            OLD,
            id="store, a second over 62 days",
        ),
        # appended attribution
        pytest.param(APPEND, {}, None, id="append, 48 hours after"),
        pytest.param(
            APPEND, {"original_event_data.event_time": SECONDS - 2 * DAY - 1}, OLD, id="append too late"
        ),
        pytest.param(APPEND, {"original_event_data": LEAVE_OUT}, SCHEMA, id="append to nothing"),
        pytest.param(APPEND, {"original_event_data.event_time": "x"}, SCHEMA, id="append to no time"),
        # user_data
        pytest.param(LEAD, {"user_data.mail": HASH}, SCHEMA, id="unknown key in user_data"),
        pytest.param(LEAD, {"user_data.em": "ann@example.com"}, SCHEMA, id="plain e-mail"),
        pytest.param(LEAD, {"user_data.em": HASH.upper()}, SCHEMA, id="upper-case hash"),
        pytest.param(LEAD, {"user_data.em": HASH[:32]}, SCHEMA, id="md5"),
        pytest.param(LEAD, {"user_data.em": HASH + ".AQICAQEC"}, None, id="hash with token"),
        pytest.param(LEAD, {"user_data.em": HASH + ".x"}, SCHEMA, id="hash with rubbish behind it"),
        pytest.param(LEAD, {"user_data.em": [HASH, HASH[::-1]]}, None, id="two hashes"),
        pytest.param(LEAD, {"user_data.em": [HASH, "x"]}, SCHEMA, id="one hash and rubbish"),
        pytest.param(LEAD, {"user_data.em": {"a": HASH}}, SCHEMA, id="an object for a hash"),
        pytest.param(LEAD, {"user_data.ph": None}, None, id="null beside a good one"),
        pytest.param(LEAD, {"user_data.external_id": ["a", "b"]}, None, id="plain external ids"),
        pytest.param(LEAD, {"user_data.external_id": [""]}, SCHEMA, id="empty external id"),
        pytest.param(LEAD, {"user_data.client_ip_address": "2001:db8::1"}, None, id="IPv6"),
        pytest.param(LEAD, {"user_data.client_ip_address": "203.0.113.7.AQICAQEC"}, None, id="IP with token"),
        pytest.param(LEAD, {"user_data.client_ip_address": "203.0.113.7:443"}, SCHEMA, id="IP with port"),
        pytest.param(LEAD, {"user_data.client_ip_address": ["203.0.113.7"]}, SCHEMA, id="IP in a list"),
        pytest.param(LEAD, {"user_data.fbc": "fb.1.1554763741205.IwAR2F4-dbP0l7M"}, None, id="fbc"),
        pytest.param(LEAD, {"user_data.fbc": "IwAR2F4-dbP0l7M"}, SCHEMA, id="bare fbclid"),
        pytest.param(LEAD, {"user_data.fbp": "fb.1.1596403881668.1116446470"}, None, id="fbp"),
        pytest.param(LEAD, {"user_data.fbp": "fb.1.1596403881668.x"}, SCHEMA, id="fbp without number"),
        pytest.param(LEAD, {"user_data.lead_id": 1234567890123456}, None, id="lead id as number"),
        pytest.param(LEAD, {"user_data.lead_id": "12345678901234567"}, None, id="lead id as text"),
        pytest.param(LEAD, {"user_data.lead_id": "12345"}, SCHEMA, id="short lead id"),
        pytest.param(LEAD, {"user_data.lead_id": 1.5e15}, SCHEMA, id="lead id as float"),
        # somebody can be found
        pytest.param(LEAD, {"user_data": {}}, NOBODY, id="no identifiers"),
        pytest.param(LEAD, {"user_data": {"em": None}}, NOBODY, id="only a null"),
        pytest.param(LEAD, {"user_data": {"em": []}}, NOBODY, id="only an empty list"),
        pytest.param(LEAD, {"user_data": {"client_user_agent": "Mozilla"}}, NOBODY, id="only a user agent"),
        pytest.param(LEAD, {"user_data": {"client_ip_address": "203.0.113.7"}}, None, id="only an address"),
        pytest.param(
            LEAD,
            {"user_data": dict.fromkeys(("ct", "country", "st", "zp", "ge"), HASH)},
            NOBODY,
            id="a place and a gender",
        ),
        pytest.param(LEAD, {"user_data": {"db": HASH, "client_user_agent": "M"}}, NOBODY, id="a birthday"),
        pytest.param(LEAD, {"user_data": {"fn": HASH, "ge": HASH}}, NOBODY, id="first name and gender"),
        pytest.param(LEAD, {"user_data": {"ln": HASH, "ge": HASH}}, NOBODY, id="last name and gender"),
        pytest.param(LEAD, {"user_data": {"fn": HASH, "ln": HASH}}, None, id="both names"),
        # custom_data
        pytest.param(PURCHASE, {"custom_data": LEAVE_OUT}, VALUE, id="purchase without custom_data"),
        pytest.param(PURCHASE, {"custom_data.value": LEAVE_OUT}, VALUE, id="purchase without value"),
        pytest.param(PURCHASE, {"custom_data.currency": LEAVE_OUT}, CURRENCY, id="purchase without currency"),
        pytest.param(PURCHASE, {"custom_data.currency": "EURO"}, INVALID_CURRENCY, id="no such currency"),
        pytest.param(PURCHASE, {"custom_data.currency": "mru"}, INVALID_CURRENCY, id="unsupported currency"),
        pytest.param(PURCHASE, {"custom_data.currency": "eur"}, None, id="lower-case currency"),
        pytest.param(PURCHASE, {"custom_data.value": "129.95"}, None, id="value as text"),
        pytest.param(PURCHASE, {"custom_data.value": 0}, None, id="a free purchase"),
        pytest.param(PURCHASE, {"custom_data.value": "129,95"}, SCHEMA, id="value with a comma"),
        pytest.param(PURCHASE, {"custom_data.value": True}, SCHEMA, id="value is a boolean"),
        pytest.param(PURCHASE, {"custom_data.value": "Infinity"}, SCHEMA, id="value is endless"),
        pytest.param(LEAD, {"custom_data": {"value": 1}}, NO_CURRENCY, id="lead with value only"),
        pytest.param(LEAD, {"custom_data": {"currency": "EUR"}}, None, id="lead with currency only"),
        pytest.param(PURCHASE, {"custom_data.contents": '[{"id":"a"}]'}, CONTENTS, id="contents as text"),
        pytest.param(PURCHASE, {"custom_data.contents": ["SKU-1"]}, CONTENTS, id="contents of texts"),
        pytest.param(PURCHASE, {"custom_data.contents": []}, None, id="no contents"),
        pytest.param(PURCHASE, {"custom_data.contents": [{"quantity": 1}]}, SCHEMA, id="item without id"),
        pytest.param(PURCHASE, {"custom_data.contents": [{"id": "a"}]}, SCHEMA, id="item without quantity"),
        pytest.param(
            PURCHASE,
            {"custom_data.contents": [{"id": "a", "quantity": 1, "name": "x"}]},
            SCHEMA,
            id="item: name",
        ),
        pytest.param(
            PURCHASE,
            {"custom_data.contents": [{"id": "a", "quantity": "1"}]},
            SCHEMA,
            id="item: quantity is text",
        ),
        pytest.param(PURCHASE, {"custom_data.content_type": "sku"}, SCHEMA, id="unknown content type"),
        pytest.param(PURCHASE, {"custom_data.content_ids": "a,b"}, SCHEMA, id="content_ids as text"),
        pytest.param(PURCHASE, {"custom_data.delivery_category": "mail"}, SCHEMA, id="unknown delivery"),
        pytest.param(LEAD, {"custom_data": {"event_source": "crm"}}, SCHEMA, id="crm without its name"),
        pytest.param(
            LEAD,
            {"custom_data": {"event_source": "crm", "lead_event_source": "Acme"}},
            None,
            id="crm with its name",
        ),
        # limited data use
        pytest.param(LEAD, {"data_processing_options": []}, None, id="LDU off"),
        pytest.param(LEAD, {"data_processing_options": ["LDU"]}, SCHEMA, id="LDU without place"),
        pytest.param(PURCHASE, {"data_processing_options": ["LDU"]}, None, id="LDU, place by address"),
        pytest.param(PURCHASE, {"data_processing_options": ["ldu"]}, SCHEMA, id="no such option"),
        pytest.param(LEAD, {"data_processing_options_country": 1}, SCHEMA, id="country without state"),
        pytest.param(
            LEAD,
            {
                "data_processing_options": ["LDU"],
                "data_processing_options_country": 1,
                "data_processing_options_state": 1013,
            },
            None,
            id="LDU for Rhode Island",
        ),
        pytest.param(
            LEAD,
            {"data_processing_options_country": 1, "data_processing_options_state": 1014},
            SCHEMA,
            id="no such state",
        ),
        # apps
        pytest.param(APP, {}, None, id="app event"),
        pytest.param(APP, {"app_data": LEAVE_OUT}, SCHEMA, id="app event without app_data"),
        pytest.param(
            APP, {"app_data.advertiser_tracking_enabled": LEAVE_OUT}, SCHEMA, id="app: tracking unsaid"
        ),
        pytest.param(APP, {"app_data.advertiser_tracking_enabled": 2}, SCHEMA, id="app: tracking 2"),
        pytest.param(APP, {"app_data.extinfo": LEAVE_OUT}, EXTINFO_BAD, id="app: no extinfo"),
        pytest.param(APP, {"app_data.extinfo": EXTINFO[:15]}, EXTINFO_BAD, id="app: 15 fields"),
        pytest.param(APP, {"app_data.extinfo": ["i1", *EXTINFO[1:]]}, EXTINFO_BAD, id="app: version tag"),
        pytest.param(
            APP,
            {"app_data.extinfo": [*EXTINFO[:4], "", *EXTINFO[5:]]},
            EXTINFO_BAD,
            id="app: no system version",
        ),
        # messaging
        pytest.param(WHATSAPP, {}, None, id="whatsapp"),
        pytest.param(WHATSAPP, {"messaging_channel": LEAVE_OUT}, SCHEMA, id="no channel"),
        pytest.param(WHATSAPP, {"messaging_channel": "sms"}, SCHEMA, id="unknown channel"),
        pytest.param(
            WHATSAPP, {"event_name": "Lead"}, "messaging_event_name 2804066", id="Lead in a message"
        ),
        pytest.param(
            WHATSAPP,
            {"user_data": {"page_id": "1"}},
            "ctwa_clid_missing 2804071",
            id="whatsapp without click",
        ),
        pytest.param(
            WHATSAPP,
            {"user_data": {"ctwa_clid": "x"}},
            "page_or_account_missing 2804116",
            id="whatsapp without page",
        ),
        pytest.param(
            WHATSAPP,
            {"user_data": {"ctwa_clid": "x", "whatsapp_business_account_id": "1"}},
            None,
            id="whatsapp with account",
        ),
        pytest.param(
            WHATSAPP,
            {"event_name": "Purchase", "custom_data": {"value": 1}},
            "messaging_currency_missing 2804081",
            id="message purchase without currency",
        ),
        pytest.param(MESSENGER, {}, None, id="messenger"),
        pytest.param(
            MESSENGER, {"user_data": {"em": HASH}}, "page_id_missing 2804069", id="messenger without page"
        ),
        pytest.param(
            MESSENGER,
            {"user_data": {"page_id": "1"}},
            "page_scoped_user_mismatch 2804073",
            id="messenger without user",
        ),
        pytest.param(INSTAGRAM, {}, None, id="instagram"),
        pytest.param(
            INSTAGRAM,
            {"user_data": {"ig_account_id": "1"}},
            "instagram_user_missing 2804075",
            id="no ig user",
        ),
        pytest.param(
            INSTAGRAM, {"user_data": {"ig_sid": "1"}}, "instagram_account_missing 2804079", id="no ig account"
        ),
    ],
)
def test_an_event_is_judged_by_the_documented_rules(event, changes, expected):
    assert verdict(changed(event, changes)) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param([LEAD] * 1000, None, id="a thousand"),
        pytest.param([LEAD] * 1001, "parameter", id="a thousand and one"),
        pytest.param([], "parameter", id="none"),
        pytest.param({"event_name": "Lead"}, "parameter", id="an object"),
        pytest.param(None, "parameter", id="null"),
        pytest.param([LEAD, "Lead"], "schema", id="a text among them"),
        pytest.param([LEAD, [LEAD]], "schema", id="a list among them"),
        pytest.param([LEAD, changed(LEAD, {"x": 1})], "schema", id="one bad among good ones"),
    ],
)
def test_a_batch_is_taken_whole_or_not_at_all(data, expected):
    refusal = judge(data, load_simulator_data(), NOW)
    assert (refusal and refusal.name) == expected


def test_a_refusal_names_the_place_and_the_key_as_meta_does():
    event = changed(PURCHASE, {"custom_data.contents": [{"id": "a", "quantity": 1, "name": "Rose"}]})
    refusal = judge([LEAD, event], load_simulator_data(), NOW)
    assert refusal.message == "Unexpected key \"name\" on param $['data'][1]['custom_data']['contents'][0]."


def test_a_refusal_never_shows_the_value():
    refusal = judge([changed(LEAD, {"user_data.em": "ann@example.com"})], load_simulator_data(), NOW)
    assert refusal.message == "Param $['data'][0]['user_data']['em'] is not a valid hash."
