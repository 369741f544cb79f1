"""A good event of every kind, and a way to change one thing in it."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import pytest

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
HASH = "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"
EXTINFO = ["i2", "com.example.app", "1.0", "1.0.3", "13.4.1", "iPhone5,1", "en_US", "PST", "AT&T"]
EXTINFO += ["320", "568", "2", "2", "13", "8", "USA/New York"]

PURCHASE = {
    "event_name": "Purchase",
    "event_time": SECONDS - 60,
    "event_id": "order-58213",
    "action_source": "website",
    "event_source_url": "https://shop.example/checkout/thank-you",
    "user_data": {
        "em": [HASH],
        "country": [HASH],
        "client_ip_address": "203.0.113.7",
        "client_user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
        "fbc": "fb.1.1795000000000.IwAR2xYzAbCdEf",
        "fbp": "fb.1.1795000000000.1019141",
    },
    "custom_data": {
        "value": 129.95,
        "currency": "EUR",
        "order_id": "58213",
        "content_type": "product",
        "content_ids": ["SKU-1"],
        "contents": [{"id": "SKU-1", "quantity": 1, "item_price": 129.95}],
        "num_items": 1,
    },
}
BASE = {"event_time": SECONDS - 60, "event_id": "e-1"}
EVENTS = {
    "purchase": PURCHASE,
    "lead": {**BASE, "event_name": "Lead", "action_source": "phone_call", "user_data": {"ph": [HASH]}},
    "store": {
        **BASE,
        "event_name": "Purchase",
        "event_time": SECONDS - 40 * 86_400,
        "action_source": "physical_store",
        "user_data": {"ph": HASH, "external_id": "c-7"},
        "custom_data": {"value": 42.5, "currency": "USD", "contents": [{"id": "A1", "quantity": 2}]},
    },
    "crm": {
        **BASE,
        "event_name": "Marketing Qualified Lead",
        "action_source": "system_generated",
        "user_data": {"lead_id": 1234567890123456},
        "custom_data": {"event_source": "crm", "lead_event_source": "Some CRM"},
    },
    "app": {
        **BASE,
        "event_name": "AddToCart",
        "action_source": "app",
        "user_data": {"madid": "38400000-8cf0-11bd-b23e-10b96e40000d"},
        "app_data": {"advertiser_tracking_enabled": 1, "extinfo": EXTINFO},
        "custom_data": {"content_ids": ["a"]},
    },
    "whatsapp": {
        "event_name": "LeadSubmitted",
        "event_time": SECONDS - 60,
        "action_source": "business_messaging",
        "messaging_channel": "whatsapp",
        "user_data": {"page_id": "102030405060708", "ctwa_clid": "ARA-example-click-id"},
    },
    "messenger": {
        "event_name": "Purchase",
        "event_time": SECONDS - 60,
        "action_source": "business_messaging",
        "messaging_channel": "messenger",
        "user_data": {"page_id": 1, "page_scoped_user_id": "2"},
        "custom_data": {"value": 1, "currency": "EUR"},
    },
    "instagram": {
        "event_name": "ViewContent",
        "event_time": SECONDS - 60,
        "action_source": "business_messaging",
        "messaging_channel": "instagram",
        "user_data": {"ig_account_id": "1", "ig_sid": "2"},
    },
    "limited": {
        **BASE,
        "event_name": "Lead",
        "action_source": "chat",
        "user_data": {"em": HASH},
        "data_processing_options": ["LDU"],
        "data_processing_options_country": 1,
        "data_processing_options_state": 1013,
    },
    "append": {
        **BASE,
        "event_name": "AppendAttribution",
        "action_source": "email",
        "user_data": {"em": HASH, "client_user_agent": "Mozilla"},
        "original_event_data": {"event_name": "Purchase", "event_time": SECONDS - 100, "order_id": "7"},
        "attribution_data": {"ad_id": "1", "attribution_share": 0.5, "attribution_value": 3},
        "custom_data": {"currency": "EUR"},
    },
}
GONE = object()


def changed(event, changes):
    """Return a deep copy with each dotted path set to a value, or removed when the value is GONE."""
    copied = copy.deepcopy(event)
    for path, value in changes.items():
        *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        part = copied
        for step in parents:
            part = part[step]
        if value is GONE:
            del part[last]
        else:
            part[last] = value
    return copied


@pytest.fixture
def now():
    return NOW


class Kinds:
    """The good events by name, and a changed copy of one."""

    names = tuple(EVENTS)
    gone = GONE
    hash = HASH
    seconds = SECONDS

    @staticmethod
    def event(kind, **_):
        return copy.deepcopy(EVENTS[kind])

    @staticmethod
    def changed(kind, changes):
        return changed(EVENTS[kind], changes)


@pytest.fixture
def kinds():
    return Kinds
