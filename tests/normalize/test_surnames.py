"""Null, None and Test: surnames where the rest of the record is a real person's, placeholders elsewhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from bridge.explain.trace import Trace
from bridge.mapping import load_mapping
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Draft, ReadingSettings, Request
from bridge.normalize import normalize, normalize_value
from bridge.pipeline import translate

SPEC = load_meta_spec()
NOW = datetime(2026, 11, 21, tzinfo=UTC)
EMAIL, PHONE = "jennifer@example.com", "+49 151 2345678"

RECORDS = [
    ({"fn": "Jennifer", "ln": "Null", "em": EMAIL}, "null"),
    ({"fn": "Jennifer", "ln": " Null ", "ph": PHONE}, "null"),
    ({"fn": "Jennifer", "ln": "None", "em": EMAIL}, "none"),
    ({"fn": "Max", "ln": "Test", "em": EMAIL}, "test"),
    ({"fn": ["Jennifer"], "ln": "Null", "em": [EMAIL]}, "null"),
    ({"full_name": "Jennifer Null", "em": EMAIL}, "null"),
    ({"full_name": "Null, Jennifer", "em": EMAIL}, "null"),
    ({"fn": "Jennifer", "ln": "null", "em": EMAIL}, None),
    ({"fn": "Jennifer", "ln": "NULL", "em": EMAIL}, None),
    ({"fn": "Jennifer", "ln": "Undefined", "em": EMAIL}, None),
    ({"fn": "Jennifer", "ln": "Null"}, None),
    ({"fn": "Jennifer", "ln": "Null", "em": "none"}, None),
    ({"ln": "Null", "em": EMAIL}, None),
    ({"fn": "Test", "ln": "Test", "em": EMAIL}, None),
    ({"fn": "None", "ln": "None", "em": EMAIL, "ph": PHONE}, None),
    ({"fn": "{{1.first}}", "ln": "Null", "em": EMAIL}, None),
    ({"full_name": "Test Test", "em": EMAIL}, None),
    ({"full_name": "Null", "em": EMAIL}, None),
]


def hashed(name):
    return name and [sha256(name.encode()).hexdigest()]


@pytest.mark.parametrize(("record", "surname"), RECORDS)
def test_a_placeholder_is_a_surname_in_the_record_of_a_real_person(record, surname):
    draft = Draft("d", {"event_time": 1, "user_data": record}, ReadingSettings(), (), {})
    event, _ = normalize(draft, SPEC, NOW)
    assert event["user_data"].get("ln") == hashed(surname)
    assert normalize(draft, SPEC, NOW, Trace())[0] == event


@pytest.mark.parametrize("surname", ["Null", "None", "Test"])
def test_alone_it_is_no_surname(surname):
    assert normalize_value("last_name", surname, now=NOW).sent is None


@pytest.mark.parametrize(
    ("settings", "given", "surname"),
    [
        ("", {"last": "Null"}, "null"),
        ("", {"last": "null"}, None),
        ("", {"last": "null", "family": "Doe"}, "doe"),
        ("settings: {empty_values: ['null']}\n", {"last": "Null"}, None),
    ],
)
def test_a_mapping_lets_a_surname_through_that_is_empty_elsewhere(settings, given, surname):
    source = (
        "version: 1\nevent_name: Lead\naction_source: system_generated\n"
        f"user_data: {{email: email, first_name: first, last_name: [last, family], city: last}}\n{settings}"
    )
    mapping = load_mapping(Path("mappings/x.yaml"), source=source.encode(), environment={}, spec=SPEC)
    body = json.dumps({"email": EMAIL, "first": "Jennifer", **given}).encode()
    request = Request("POST", "https://b/h", {"content-type": "application/json"}, {}, body, None, NOW)
    (event,) = translate(request, mapping, SPEC).events
    assert event.data["user_data"].get("ln") == hashed(surname)
    assert "ct" not in event.data["user_data"]
