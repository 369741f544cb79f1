"""The short ways send exactly what the cleaners beside them send, or leave a value to them."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import ReadingSettings
from bridge.normalize.careful import NotOrdinary, add_item, add_person, custom_value, field_value
from bridge.normalize.context import CleaningContext, Known, ValueDropped
from bridge.normalize.custom_data import CUSTOM_DATA_READERS
from bridge.normalize.event_fields import READERS
from bridge.normalize.field import cleaners
from bridge.normalize.ordinary import short_way_of, short_way_of_person
from bridge.normalize.product_items import ITEM_READERS

SPEC = load_meta_spec()
CONTEXT = CleaningContext("us")
KNOWN = Known(ReadingSettings(), 1_795_244_386, (), SPEC)
KNOWN_WITH_PHONE = Known(ReadingSettings(), 1_795_244_386, ("4915112345678",), SPEC)
CLEANERS = {
    f"{name}{'' if hashed else ' as it is'}": cleaner
    for hashed in (True, False)
    for name, cleaner in cleaners(SPEC, hashed).items()
}
WORDS = st.text("abzABZ019@.-_+' \"éßİ(/:", max_size=40)
TEXTS = st.one_of(
    st.text(max_size=40),
    WORDS,
    st.from_regex(r"\+[1-9][0-9]{5,15}"),
    st.from_regex(r"[a-zA-Z0-9._+-]{1,12}@[a-z0-9-]{1,8}(\.[a-z0-9-]{1,8}){0,3}"),
    st.from_regex(r"(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]"),
    st.from_regex(r"fb\.[0-9]\.[0-9]{13}\.[A-Za-z0-9_-]{1,40}"),
    st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){3}"),
    st.from_regex(r"Mozilla/5\.0 \([ -~]{1,40}\s?"),
    st.sampled_from(sorted(SPEC.placeholders)),
    st.from_regex(r"([a-z]{1,6}[-_:]){0,2}[0-9a-zA-Z_-]{1,24}"),
    st.from_regex(r"(tel|sms|wa|order)[-_:][0-9]{1,15}"),
    st.from_regex(r"[0-9]{1,8}([-_][0-9]{1,8}){1,4}"),
    st.uuids().map(str),
    st.uuids().map(lambda one: f"order-{one}"),
    st.from_regex(r"[0-9]{8}-[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{12}"),
    st.sampled_from(["49151123-4567-4562-b3fc-2c963f66afa6", "a-49151-12345678", "a_4915112345678"]),
)


@pytest.mark.parametrize("name", CLEANERS)
@settings(max_examples=150, deadline=None)
@given(value=st.one_of(TEXTS, st.integers(-5, 2**70), st.booleans(), st.floats(), st.none()))
def test_a_short_way_sends_what_its_cleaner_sends(name, value):
    cleaner = CLEANERS[name]
    short = short_way_of_person(cleaner, SPEC)
    sent = short(value, CONTEXT) if short is not None else None
    if sent is not None:
        assert cleaner.clean(value, CONTEXT)[1] == sent


ORDINARY = {
    "em": "jane@example.com",
    "ph": "+4915112345678",
    "fn": "mary",
    "ln": "doe",
    "db": "1995-05-03",
    "external_id": "10427",
    "client_ip_address": "203.0.113.7",
    "client_user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
    "fbc": "fb.1.1554763741205.IwAR2F4-dbP0l7Mn",
    "fbp": "fb.1.1596403881668.1116446470",
    "app_user_id": "10427",
}


def test_what_machines_write_takes_the_short_way_of_every_field_that_has_one():
    ways = {name: short_way_of_person(cleaner, SPEC) for name, cleaner in cleaners(SPEC).items()}
    own = {name: short for name, short in ways.items() if short and not cleaners(SPEC)[name].common}
    assert {name: short(ORDINARY[name], CONTEXT) for name, short in own.items()} == {
        name: cleaners(SPEC)[name].clean(value, CONTEXT)[1] for name, value in ORDINARY.items()
    }


@pytest.mark.parametrize(
    ("field", "value", "plain"),
    [
        pytest.param("em", "jane@example.com", ["jane@example.com"], id="one"),
        pytest.param(
            "em", ["jane@example.com", "j@example.com"], ["jane@example.com", "j@example.com"], id="two"
        ),
        pytest.param(
            "em", '["jane@example.com","j@example.com"]', ["jane@example.com", "j@example.com"], id="as JSON"
        ),
        pytest.param("ph", 4915112345678, ["4915112345678"], id="a number"),
        pytest.param("external_id", "[77]", ["77"], id="a number as JSON"),
    ],
)
def test_a_person_s_value_alone_is_sent_as_among_others(field, value, plain):
    sent: dict[str, Any] = {}
    add_person(sent, cleaners(SPEC)[field], value, CONTEXT, KNOWN)
    assert sent == {field: [sha256(one.encode()).hexdigest() for one in plain]}


@pytest.mark.parametrize(("field", "value"), [("em", "nobody"), ("em", "[]"), ("fn", ["Mary", "{{name}}"])])
def test_a_value_alone_that_needs_a_word_goes_the_general_way(field, value):
    with pytest.raises(NotOrdinary):
        add_person({}, cleaners(SPEC)[field], value, CONTEXT, KNOWN)


FIELDS = [
    field
    for block, readers in (
        ("", READERS),
        ("custom_data.", CUSTOM_DATA_READERS),
        ("custom_data.contents.", ITEM_READERS),
    )
    for field in (f"{block}{name}" for name in readers)
    if short_way_of(field)
]
VALUES = st.one_of(
    TEXTS,
    st.integers(-5, 2**70),
    st.integers(1_700_000_000, 1_800_000_000),
    st.floats(),
    st.integers(1, 10**9).map(lambda cents: cents / 100),
    st.decimals(0, 10**6, places=2).map(str),
    st.sampled_from(["EUR", "usd", "DKK", "XXX", "kr"]),
    st.integers(1_577_836_800, 1_893_456_000).map(lambda at: datetime.fromtimestamp(at, UTC).isoformat()),
    st.from_regex(r"https://example\.com/[a-z0-9/?=&@.-]{0,20}"),
    st.lists(st.one_of(st.integers(-1, 10**12), st.from_regex(r"[a-z0-9]{1,9}")), max_size=3),
)


def by_the_general_way(field: str, value: Any, known: Known) -> Any:
    block, _, name = field.rpartition(".")
    if block == "custom_data.contents":
        item: dict[str, Any] = {}
        add_item(item, name, value, known)
        return item[name]
    return (custom_value if block else field_value)(name, value, known)


@pytest.mark.parametrize("field", FIELDS)
@settings(max_examples=200, deadline=None)
@given(value=VALUES, known=st.sampled_from([KNOWN, KNOWN_WITH_PHONE]))
def test_a_short_way_of_an_event_s_field_sends_what_the_general_way_sends(field, value, known):
    sent = short_way_of(field)(value, known)
    if sent is not None:
        general = by_the_general_way(field, value, known)
        assert (sent, type(sent)) == (general, type(general))


@pytest.mark.parametrize(
    ("field", "value", "sent"),
    [
        *(
            ("event_id", text, text)
            for text in (
                "order-1042",
                "1042",
                "evt_1NG8Du2eZvKYlo2C",
                "5725767000003000010",
                "cart-line-7-b",
                "3fa85f64-5717-4562-b3fc-2c963f66afa6",
                "12345678-1234-4234-9234-123456789012",
                "form-f2538757-c446-4a3a-85eb-af2226a3406f",
            )
        ),
        ("event_time", 1_795_244_000, 1_795_244_000),
        ("event_time", "2026-11-21T10:00:00+01:00", 1_795_251_600),
        ("event_source_url", "https://example.com/shoes", "https://example.com/shoes"),
        ("custom_data.value", 12, 12),
        ("custom_data.value", 9.5, 9.5),
        ("custom_data.value", 10.0, 10),
        ("custom_data.value", "9.50", 9.5),
        ("custom_data.currency", "EUR", "EUR"),
        ("custom_data.order_id", 1042, "1042"),
        ("custom_data.order_id", "1042", "1042"),
        ("custom_data.content_ids", [1, "2"], ["1", "2"]),
        ("custom_data.num_items", 3, 3),
        ("custom_data.contents.id", "77", "77"),
        ("custom_data.contents.quantity", 2, 2),
        ("custom_data.contents.item_price", 4.75, 4.75),
    ],
)
def test_what_machines_write_takes_the_short_way_of_an_event_s_field(field, value, sent):
    later = Known(ReadingSettings(), 1_800_000_000, (), SPEC)
    assert short_way_of(field)(value, later) == sent == by_the_general_way(field, value, later)


@pytest.mark.parametrize(
    ("field", "value"),
    [("order_id", "4915112345678"), ("content_ids", [4915112345678]), ("value", "9.50 USD")],
)
def test_a_value_alone_that_concerns_another_goes_the_general_way(field, value):
    with pytest.raises((NotOrdinary, ValueDropped)):
        custom_value(field, value, KNOWN_WITH_PHONE)
    assert short_way_of(f"custom_data.{field}")(value, KNOWN_WITH_PHONE) is None


@pytest.mark.parametrize(
    "value",
    [
        "tel:15551234567",
        "1555-1234567",
        "49151123-4567-8000-8000-000000000000",
        "00000000-0000-0000-0000-0000",
    ],
)
def test_an_id_that_may_hold_a_phone_number_or_nothing_goes_the_general_way(value):
    assert short_way_of("event_id")(value, KNOWN_WITH_PHONE) is None
