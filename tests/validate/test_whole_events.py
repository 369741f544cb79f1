"""Whole events: the sample payloads of the reference, one of Meta's own SDK, and one from a draft."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from facebook_business.adobjects.serverside.action_source import ActionSource
from facebook_business.adobjects.serverside.content import Content
from facebook_business.adobjects.serverside.custom_data import CustomData
from facebook_business.adobjects.serverside.event import Event
from facebook_business.adobjects.serverside.user_data import UserData

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Draft, ReadingSettings
from bridge.normalize import normalize
from bridge.serialization import encode
from bridge.validate import validate, validate_body, validate_foreign

SPEC = load_meta_spec()
NOW = datetime(2026, 11, 21, 0, 1, tzinfo=UTC)

SAMPLES = {
    "web purchase": """{"data": [{
      "event_name": "Purchase", "event_time": 1795219200, "event_id": "order-58213",
      "action_source": "website", "event_source_url": "https://shop.example/checkout/thank-you",
      "user_data": {
        "em": ["8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"],
        "ph": ["c6a349dfaaf5c3a368d3135014cc1bc7aebf18f654f313f9c1d0b018a897b209"],
        "country": ["79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"],
        "client_ip_address": "203.0.113.7", "client_user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
        "fbc": "fb.1.1795000000000.IwAR2xYzAbCdEf", "fbp": "fb.1.1795000000000.1019141"},
      "custom_data": {"value": 129.95, "currency": "EUR", "order_id": "58213", "content_type": "product",
        "content_ids": ["SKU-1"], "contents": [{"id": "SKU-1", "quantity": 1, "item_price": 129.95}],
        "num_items": 1}
    }], "test_event_code": "TEST12345"}""",
    "CRM stage": """{"data": [{
      "event_name": "Marketing Qualified Lead", "event_time": 1795219200, "event_id": "hs-9981-mql",
      "action_source": "system_generated",
      "user_data": {"lead_id": 1234567890123456,
        "em": ["8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"]},
      "custom_data": {"event_source": "crm", "lead_event_source": "HubSpot"}
    }]}""",
    "in-store purchase": """{"data": [{
      "event_name": "Purchase", "event_time": 1793404800, "event_id": "pos-7731",
      "action_source": "physical_store",
      "user_data": {"ph": ["c6a349dfaaf5c3a368d3135014cc1bc7aebf18f654f313f9c1d0b018a897b209"],
        "external_id": ["43a2f41a7bffacce74013d74a2f459db5d69d38e061cb8d0e5e262102e2d98d7"]},
      "custom_data": {"value": 42.5, "currency": "USD", "order_id": "pos-7731",
        "contents": [{"id": "A1", "quantity": 2, "item_price": 21.25}]}
    }]}""",
    "WhatsApp lead": """{"data": [{
      "event_name": "LeadSubmitted", "event_time": 1795219200,
      "action_source": "business_messaging", "messaging_channel": "whatsapp",
      "user_data": {"page_id": "102030405060708", "ctwa_clid": "ARA-example-click-id"}
    }]}""",
}


@pytest.mark.parametrize("body", SAMPLES.values(), ids=SAMPLES)
def test_the_sample_payloads_pass_without_a_finding(body):
    assert validate_body(json.loads(body), SPEC, NOW) == ()


def test_an_event_of_metas_own_sdk_passes():
    person = UserData(
        emails=["Jane@Example.com"],
        phones=["+16505551212"],
        country_codes=["us"],
        client_ip_address="203.0.113.7",
        client_user_agent="Mozilla/5.0",
        fbp="fb.1.1795000000000.1019141",
    )
    goods = CustomData(
        value=12.5, currency="usd", contents=[Content(product_id="a", quantity=2, item_price=6.25)]
    )
    event = Event(
        event_name="Purchase",
        event_time=int(NOW.timestamp()),
        event_id="1",
        event_source_url="https://shop.example/",
        action_source=ActionSource.WEBSITE,
        user_data=person,
        custom_data=goods,
    ).normalize()
    body = json.loads(json.dumps({"data": [event]}, default=lambda enum: enum.value))
    assert validate_body(body, SPEC, NOW) == ()


def test_a_draft_becomes_exactly_this_body():
    draft = Draft(
        "purchase",
        {
            "event_name": "Purchase",
            "event_time": "2026-11-21T00:00:00Z",
            "event_id": "order-58213",
            "action_source": "website",
            "event_source_url": "https://shop.example/checkout/thank-you",
            "user_data": {
                "em": " Jane@Example.com",
                "country": "United States",
                "ip": "203.0.113.7:443",
                "fbclid": "IwAR2xYzAbCdEf",
            },
            "custom_data": {
                "value": "129.95",
                "currency": "eur",
                "contents": [{"id": "SKU-1", "quantity": "1"}],
            },
        },
        ReadingSettings(),
        ("main",),
        {},
    )
    event, findings = normalize(draft, SPEC, NOW)
    assert findings == ()
    assert encode(event).decode() == (
        '{"event_name":"Purchase","event_time":1795219200,"event_id":"order-58213","action_source":"website",'
        '"event_source_url":"https://shop.example/checkout/thank-you","user_data":{'
        '"em":["8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"],'
        '"country":["79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"],'
        '"client_ip_address":"203.0.113.7","fbc":"fb.1.1795219200000.IwAR2xYzAbCdEf"},'
        '"custom_data":{"value":129.95,"currency":"EUR","contents":[{"id":"SKU-1","quantity":1}]}}'
    )


def test_what_was_cleaned_trips_no_rule_that_only_foreign_events_can_trip(kinds):
    fields = {
        **kinds.event("purchase"),
        "event_id": "x-jane@x.de",
        "event_source_url": "https://x.de/?email=jane@x.de",
        "user_data": {
            "em": ["jane@x.de", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]
        },
    }
    fields["custom_data"] |= {"note": "jane@x.de", "first_name": "Jane"}
    event, _ = normalize(Draft("d", fields, ReadingSettings(), (), {}), SPEC, NOW)
    assert validate_foreign(event, SPEC, NOW) == validate(event, SPEC, NOW)
