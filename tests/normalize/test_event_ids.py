"""Ids of events: what holds contact data is hashed, what identifies nothing is replaced or left out."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256

import pytest

from bridge.coerce.identifiers import identifies
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Draft, ReadingSettings
from bridge.normalize import normalize

NOW = datetime(2026, 11, 28, tzinfo=UTC)
SPEC = load_meta_spec()


def normalized(fields, made="made-here"):
    draft = Draft("d", fields, ReadingSettings(), (), {}, made_event_id=made)
    event, findings = normalize(draft, SPEC, NOW)
    return event, [(finding.code, finding.path) for finding in findings]


@pytest.mark.parametrize(
    "given",
    [
        "1.20211E+17",
        "lead-1.20211E+17",
        "4,9E+12",
        "4.9e12",
        "1E+17",
        Decimal("1.20211E+17"),
        1.20211e17,
        "order-{{1.id}}",
        "lead-undefined",
        "user_null",
        "order-${id}",
        "*|ORDER_ID|*",
        "%ORDERID%",
        "order-[object Object]",
        "[[order_id]]",
        "lead-{id}",
        "<order_id>",
        "id:NaN",
        "id-#REF!",
    ],
)
def test_an_id_that_identifies_nothing_is_replaced_by_one_made_from_the_webhook(given):
    assert not identifies(given)
    event, findings = normalized({"event_id": given})
    assert event["event_id"] == "made-here"
    assert [path for _, path in findings] == ["$.event_id"]


@pytest.mark.parametrize(
    "given",
    [
        "12E34",
        "820982911946154508",
        "123-4567890-1234567",
        "4006381333931",
        "2026-11-28",
        "undefinedly",
        "nonesuch-7",
        "a%20b",
        "100%",
        "lead_7.5",
        "null7",
        "gid://shopify/Order/820982911946154508",
    ],
)
def test_an_id_shared_with_the_pixel_never_changes(given):
    assert identifies(given)
    assert normalized({"event_id": given}) == ({"event_id": given}, [])


@pytest.mark.parametrize("given", ["lead-+49 151 23456789", "lead-jane@example.com", "0151 23456789"])
def test_an_id_with_contact_data_is_sent_as_its_hash(given):
    event, findings = normalized({"event_id": given})
    assert event["event_id"] == sha256(given.encode()).hexdigest()
    assert findings == [("personal_data_in_id", "$.event_id")]


def test_the_digits_of_the_mapped_phone_are_contact_data_in_an_id():
    fields = {"event_id": "lead-4915123456789", "user_data": {"ph": "0151 23456789", "country": "de"}}
    event, findings = normalized(fields)
    assert event["event_id"] == sha256(b"lead-4915123456789").hexdigest()
    assert findings == [("personal_data_in_id", "$.event_id")]


@pytest.mark.parametrize(
    ("fields", "event_id"),
    [
        ({"action_source": "website", "user_data": {"fbp": "fb.1.1596403881668.1116446470"}}, None),
        ({"action_source": "website", "user_data": {"external_id": "7"}}, None),
        ({"action_source": "website", "user_data": {"em": "jane@example.com"}}, "made-here"),
        ({"action_source": "system_generated", "user_data": {"external_id": "7"}}, "made-here"),
    ],
)
def test_a_made_id_is_sent_only_where_the_pixel_cannot_have_sent_the_same_event(fields, event_id):
    assert normalized(fields)[0].get("event_id") == event_id
