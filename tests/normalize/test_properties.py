"""Whatever a stranger sends: no exception, cleaning twice is cleaning once, nothing leaks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.explain.trace import Trace
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Draft, ReadingSettings
from bridge.normalize import normalize, normalize_value
from bridge.serialization import encode
from bridge.validate import validate, validate_body, validate_foreign
from bridge.validate.match_strength import match_strength

SPEC = load_meta_spec()
NOW = datetime(2026, 11, 21, tzinfo=UTC)
PEOPLE = sorted(SPEC.user_data)
FIELDS = sorted(SPEC.event_schema["properties"])
CUSTOM = sorted(SPEC.event_schema["properties"]["custom_data"]["properties"])
APP = sorted(SPEC.event_schema["properties"]["app_data"]["properties"])

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(st.characters(codec=None, categories=None))
    | st.sampled_from(
        [
            "",
            "null",
            "{{1.x}}",
            "+49 151 2345678",
            "jane@x.de",
            "\u202ejane@x.de",
            "e\u0301",
            "A\u0342:\u0316",
            "👩‍👩‍👧",
            "ﬁ",
            "ß",
            "İ",
            "ΑΣ Β",
        ]
    )
    | st.sampled_from(
        [
            10**400,
            -(10**400),
            Decimal("1E+999999"),
            Decimal("NaN"),
            float("nan"),
            float("-inf"),
            "\x00",
            "\ud800",
        ]
    )
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
DRAFTS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(FIELDS, ANYTHING),
        "user_data": st.dictionaries(st.sampled_from(PEOPLE), ANYTHING, max_size=8) | ANYTHING,
        "custom_data": st.dictionaries(st.sampled_from(CUSTOM) | st.text(max_size=12), ANYTHING, max_size=6)
        | ANYTHING,
        "app_data": st.dictionaries(st.sampled_from(APP), ANYTHING, max_size=3) | ANYTHING,
    },
)
SETTINGS = st.builds(
    ReadingSettings,
    timezone=st.sampled_from([None, "Europe/Berlin", "Nowhere/At/All", "+01:00", ""]),
    date_format=st.sampled_from([None, "DD.MM.YYYY", "MM/DD/YYYY HH:mm", "(", "%"]),
    number_format=st.sampled_from([None, "1.234,56", "1,234.56", "x", ""]),
    phone_country=st.sampled_from([None, "DE", "us", "Schweiz", "??"]),
    name_order=st.sampled_from([None, "last_first", "?"]),
)


PLAIN = ReadingSettings()


def draft(fields, reading=PLAIN):
    return Draft("d", fields, reading, (), {})


@settings(max_examples=200, deadline=None)
@given(fields=DRAFTS, reading=SETTINGS)
def test_any_draft_becomes_an_event_that_can_be_written_and_judged(fields, reading):
    event, findings = normalize(draft(fields, reading), SPEC, NOW)
    again, same = normalize(draft(fields, reading), SPEC, NOW, Trace())
    assert (encode(event), findings) == (encode(again), same)
    assert json.loads(encode(event)) is not None
    for finding in (*findings, *validate(event, SPEC, NOW), *validate_foreign(event, SPEC, NOW)):
        assert finding.code in SPEC.rules
    match_strength(event, SPEC)


@settings(max_examples=200, deadline=None)
@given(body=ANYTHING | st.fixed_dictionaries({"data": st.lists(DRAFTS | ANYTHING, max_size=3)}))
def test_any_body_can_be_judged(body):
    for finding in validate_body(body, SPEC, NOW):
        assert finding.code in SPEC.rules


@settings(max_examples=200, deadline=None)
@given(
    field=st.sampled_from(PEOPLE + FIELDS + CUSTOM),
    value=ANYTHING,
    country=st.sampled_from([None, "US", "de", "x", ""]),
)
def test_any_value_is_cleaned_or_dropped_with_a_reason(field, value, country):
    result = normalize_value(field, value, country, now=NOW)
    assert (result.sent is None) == (result.dropped is not None)


@settings(max_examples=200, deadline=None)
@given(
    field=st.sampled_from([name for name in PEOPLE if not SPEC.user_data[name].virtual]),
    value=SCALARS,
    country=st.sampled_from([None, "US", "DE", "GB"]),
)
def test_cleaning_twice_is_cleaning_once_and_what_is_sent_fits_its_pattern(field, value, country):
    once = normalize_value(field, value, country, now=NOW)
    if once.sent is None:
        return
    assert SPEC.user_data[field].pattern.fullmatch(str(once.sent))
    # Without its plus a number may look national, so the plus that Meta does not want is put back.
    plus = "+" if field == "ph" and len(once.normalized) < 64 else ""
    twice = normalize_value(field, plus + once.normalized, country, now=NOW)
    assert (twice.normalized, twice.sent) == (once.normalized, once.sent)
    assert (
        normalize_value(field, once.sent, country, now=NOW).sent == once.sent
        or SPEC.user_data[field].hashed == "no"
    )


# A person nobody is: each text is rare enough that finding it anywhere proves a leak.
MARK = "zqxjane"
PERSON = {
    "em": f"{MARK}@example.com",
    "ph": "+49 151 98765432",
    "fn": MARK.title(),
    "ln": f"{MARK}-Doe",
    "ct": f"{MARK}town",
    "st": f"{MARK}shire",
    "zp": f"{MARK}1",
    "external_id": f"{MARK}-7",
    "full_name": f"{MARK} Doe",
}
RAW = [MARK, MARK.title(), "98765432", "4915198765432"]


@pytest.mark.parametrize("wrong", [None, "x", "\ud800", {}, 10**30], ids=repr)
def test_no_raw_value_of_a_person_reaches_an_event_a_finding_or_an_exception(wrong):
    people = {
        **PERSON,
        "ge": PERSON["em"],
        "db": PERSON["em"],
        "country": PERSON["em"],
        "madid": PERSON["ph"],
    }
    people |= {
        "client_ip_address": PERSON["em"],
        "fbc": PERSON["em"],
        "fbp": PERSON["ph"],
        "lead_id": PERSON["em"],
    }
    people |= dict.fromkeys(
        ("subscription_id", "anon_id", "ctwa_clid", "ig_sid", "fb_login_id"), PERSON["em"]
    )
    people |= {"fbclid": PERSON["em"], "page_id": PERSON["ph"], "unknown": wrong}
    fields = {
        "event_name": f"Lead {PERSON['em']}",
        "event_time": PERSON["em"],
        "event_id": f"lead-{PERSON['em']}",
        "action_source": PERSON["em"],
        "event_source_url": f"https://x.de/{PERSON['em']}/?email={PERSON['em']}&phone=%2B4915198765432#{PERSON['em']}",
        "referrer_url": f"https://{PERSON['em']}/?q={MARK}%40example.com",
        "user_data": people,
        "custom_data": {
            "value": PERSON["em"],
            "currency": PERSON["em"],
            "content_name": PERSON["em"],
            "contents": [{"id": PERSON["em"], "quantity": PERSON["em"]}, PERSON["em"]],
            "note": [PERSON["em"], {"deep": PERSON["ph"], "name": {"first_name": MARK}}],
            "first_name": PERSON["fn"],
            PERSON["em"]: 1,
        },
        "app_data": {"extinfo": [PERSON["em"]], "vendor_id": PERSON["em"]},
    }
    plain_ids = ReadingSettings(hash_external_id=False)
    fields["user_data"]["external_id"] = PERSON["em"]
    event, findings = normalize(draft(fields, plain_ids), SPEC, NOW)
    found = (*findings, *validate(event, SPEC, NOW), *validate_foreign(fields, SPEC, NOW))
    text = encode(event).decode() + repr(found)
    assert [raw for raw in RAW if raw in text] == []


@pytest.mark.parametrize("field", PEOPLE)
def test_ten_megabytes_of_text_are_dropped(field):
    assert normalize_value(field, "a@" * 5_000_000, now=NOW).sent is None
    assert normalize_value(field, "é" * 5_000_000, now=NOW).sent is None


@pytest.mark.parametrize("name", ["plan", "content_category"])
@pytest.mark.parametrize(("length", "kept"), [(4096, True), (4097, False)])
def test_a_text_of_custom_data_may_have_4096_characters(name, length, kept):
    event, findings = normalize(draft({"custom_data": {name: "x" * length}}), SPEC, NOW)
    assert (name in event.get("custom_data", {}), not findings) == (kept, kept)


@pytest.mark.parametrize(
    ("value", "kept"), [(2**63 - 1, True), (-(2**63 - 1), True), (2**63, False), (-(2**63), False)]
)
def test_a_whole_number_of_custom_data_fits_into_64_bits(value, kept):
    event, _ = normalize(draft({"custom_data": {"points": value}}), SPEC, NOW)
    assert ("points" in event.get("custom_data", {})) is kept
