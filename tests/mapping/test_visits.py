"""`visit`: what an event asks for, which empty fields the visit fills, and what is wrong with a block."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.explain.render import field_lines
from bridge.mapping import CompiledMapping
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Request, Translation, Verified
from bridge.pipeline import translate
from bridge.serialization import encode

NOW = datetime(2026, 11, 21, tzinfo=UTC)
AT = int(NOW.timestamp())
FBC, FBP = "fb.1.1795000000000.AbC", "fb.1.1795000000000.123"
LEAD = """
event_id: lead-{id}
event_time: at
user_data:
  email: email
  fbc: fbc
"""
BY_EMAIL = f"{LEAD}visit: {{by: [email], add: [fbc, fbp]}}\n"
JANE = {"id": 7, "email": "jane@example.com", "at": AT - 60}
VISIT = {"fbc": FBC, "fbp": FBP, "found_by": "email", "began_at": AT - 86_400 * 9, "utm_campaign": "spring"}


@pytest.fixture
def run(load):
    """Translate a webhook with a mapping given as text; `visit` is what would be found, None for nothing."""

    def translated(text: str, data: Any, visit: Any = None, **options: Any) -> Translation:
        mapping = text if isinstance(text, CompiledMapping) else load(text)
        recorded = mapping.recorded({} if visit is None else {"visit": visit})
        options = {"fetched": recorded, **options}
        request = Request(
            "POST", "https://x.example/", {"content-type": "application/json"}, {}, encode(data), None, NOW
        )
        return translate(Verified(request), mapping, load_meta_spec(), **options)

    return translated


def user_data(translation: Translation) -> dict[str, Any]:
    (event,) = translation.events
    return {name: value for name, value in (event.data or {}).get("user_data", {}).items() if name != "em"}


# --- what is asked -----------------------------------------------------------------------------------


def question(translation: Translation) -> dict[str, Any]:
    (call,) = translation.calls
    return json.loads(call.body or b"")


def test_an_event_asks_with_its_keys_in_their_order_and_with_its_own_time(run):
    text = f"""{LEAD}  phone: phone
visit:
  by: [{{visitor_id: hidden.visitor_id}}, {{cb_event_id: hidden.event}}, email, phone]
  within: 30 days
  wait: 2 minutes
settings: {{phone_country: DE}}
"""
    data = {**JANE, "phone": ["0151 1", "0151 2"], "hidden": {"visitor_id": " aa ", "event": ""}}
    translation = run(text, data, fetched=None)
    assert [(event.verdict, event.reason) for event in translation.events] == [
        ("fetching", "waits for $visit")
    ]
    assert question(translation) == {
        "keys": [
            ["visitor_id", "aa"],
            ["email", "jane@example.com"],
            ["phone", "0151 1"],
            ["phone", "0151 2"],
        ],
        "before": AT - 60,
        "within": 30 * 86_400,
        "received_at": AT,
        "wait_until": AT + 120,
        "country": "DE",
    }


@pytest.mark.parametrize(
    ("at", "before"),
    [
        pytest.param(AT - 60, AT - 60, id="the time of the event"),
        pytest.param(None, AT, id="no time: when the webhook came"),
        pytest.param("tomorrow", AT, id="a time that cannot be read"),
        pytest.param(AT + 7200, AT, id="a clock that is ahead: never later than the webhook"),
        pytest.param("2026-11-20T10:00:00+02:00", AT - 57_600, id="a written time"),
    ],
)
def test_a_visit_is_looked_for_before_the_event(run, at, before):
    assert question(run(BY_EMAIL, {**JANE, "at": at}, fetched=None))["before"] == before


def test_the_number_of_a_country_that_the_webhook_names_is_read_there(run):
    text = f"{LEAD}  phone: phone\nvisit: {{by: [phone]}}\nsettings: {{phone_country: $.country}}\n"
    asked = question(run(text, {**JANE, "phone": "0151 2", "country": "AT"}, fetched=None))
    assert asked["country"] == "AT"


def test_an_event_without_any_key_asks_nobody(run):
    (event,) = run(BY_EMAIL, {"id": 7, "at": AT}, fetched=None).events
    assert (event.verdict, event.needs) == ("held", None)  # nothing identifies the person at all


@pytest.mark.parametrize("others", [{"fbc": FBC}, {}], ids=["complete without", "with an empty field"])
def test_every_event_is_joined_so_that_its_visitor_is_learnt(run, others):
    assert len(run(BY_EMAIL, {**JANE, **others}, fetched=None).calls) == 1


def test_what_is_skipped_or_has_no_consent_asks_nobody(run):
    text = f"{BY_EMAIL}when: {{type: lead}}\n"
    assert run(text, JANE, fetched=None).calls == ()
    text = f"{BY_EMAIL}consent: {{from: ads, granted: [yes], denied: [no]}}\n"
    assert run(text, {**JANE, "ads": "no"}, fetched=None).calls == ()


def test_each_event_of_a_webhook_asks_for_its_own_person_and_moment(run, load):
    text = """version: 1
action_source: website
for_each: orders
visit: {by: [email], add: [fbc]}
events:
  - {event_name: Lead, event_id: "lead-{id}", event_time: lead_at, user_data: {email: email}}
  - {event_name: Purchase, event_id: "sale-{id}", event_time: paid_at, user_data: {email: payer},
     custom_data: {value: "{id}"}, defaults: {currency: EUR}}
"""
    orders = [
        {
            "id": number,
            "email": f"a{number}@b.de",
            "payer": f"p{number}@b.de",
            "lead_at": AT - 9,
            "paid_at": AT - 5,
        }
        for number in (1, 2)
    ]
    mapping = load(text, head=False)
    asked = [json.loads(call.body) for call in run(mapping, {"orders": orders}, fetched=None).calls]
    assert [(one["keys"][0][1], AT - one["before"]) for one in asked] == [
        ("a1@b.de", 9),
        ("p1@b.de", 5),
        ("a2@b.de", 9),
        ("p2@b.de", 5),
    ]


def test_a_mapping_without_visit_asks_for_none_and_keeps_its_code(load):
    assert (load(LEAD).fetch, load(LEAD).events[0].visit) == ((), None)
    assert load(LEAD).events[0].code is not None


# --- what a visit fills ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "visit", "expected"),
    [
        pytest.param({}, VISIT, {"fbc": FBC, "fbp": FBP}, id="empty fields"),
        pytest.param(
            {"fbc": "fb.1.1795100000000.Own"}, VISIT, {"fbc": "fb.1.1795100000000.Own", "fbp": FBP}, id="own"
        ),
        pytest.param({}, None, {}, id="no visit"),
        pytest.param({}, {"found_by": "email"}, {}, id="a visit without a click"),
    ],
)
def test_only_empty_fields_are_filled(run, given, visit, expected):
    assert user_data(run(BY_EMAIL, {**JANE, **given}, visit)) == expected


def test_a_click_id_of_the_webhook_comes_before_that_of_a_visit(run):
    text = BY_EMAIL.replace("  fbc: fbc\n", "  fbclid: click\n")
    filled = user_data(run(text, {**JANE, "click": "OwnClick1234567890"}, VISIT))
    assert filled["fbc"].endswith(".OwnClick1234567890")


def test_nothing_is_added_that_is_not_named(run):
    visit = {
        **VISIT,
        "visitor_id": "a" * 32,
        "ip": "8.8.8.8",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
    }
    assert user_data(run(BY_EMAIL, JANE, visit)).keys() == {"fbc", "fbp"}


@pytest.mark.parametrize(
    ("seen_at", "is_added"),
    [
        pytest.param(AT - 60, True, id="at the event"),
        pytest.param(AT - 86_000, True, id="within a day"),
        pytest.param(AT - 90_000, False, id="older than a day"),
    ],
)
def test_an_address_is_added_while_it_is_fresh(run, seen_at, is_added):
    text = f"{LEAD}visit: {{by: [email], add: [external_id, ip, user_agent]}}\n"
    agent = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
    visit = {"visitor_id": "a" * 32, "ip": "8.8.8.8", "user_agent": agent, "address_at": seen_at}
    filled = user_data(run(text, JANE, visit))
    fresh = {"client_ip_address": "8.8.8.8", "client_user_agent": agent} if is_added else {}
    assert filled.keys() == {"external_id", *fresh}
    assert {name: filled[name] for name in fresh} == fresh


def test_what_is_known_of_a_visit_is_read_like_any_field(run):
    text = f"""{BY_EMAIL}custom_data:
  properties: {{campaign: [campaign, $visit.utm_campaign], page: $visit.first.landing_page}}
"""
    visit = {**VISIT, "first": {"landing_page": "https://www.example.com/a"}}
    (event,) = run(text, JANE, visit).events
    assert event.data["custom_data"] == {"campaign": "spring", "page": "https://www.example.com/a"}


def test_a_default_comes_after_the_visit(run):
    (event,) = run(f"{BY_EMAIL}defaults: {{user_data.fbp: fb.1.1.1}}\n", JANE, VISIT).events
    assert event.data["user_data"]["fbp"] == FBP


# --- why ---------------------------------------------------------------------------------------------


def explained(translation: Translation, field: str) -> list[str]:
    (record,) = [one for one in translation.explanation[0]["fields"] if one["field"] == field]
    return [line.strip() for line in field_lines(record)[1:]]


@pytest.mark.parametrize(
    ("visit", "expected"),
    [
        pytest.param(
            VISIT, ["tried fbc: absent", "from the visit of 12 Nov 2026, found by the e-mail"], id="found"
        ),
        pytest.param(None, ["tried fbc: absent", "tried $visit.fbc: no earlier visit was found"], id="none"),
        pytest.param(
            {"found_by": "fbp"},
            ["tried fbc: absent", "tried $visit.fbc: the visit, found by the browser id (fbp) has none"],
            id="a visit without a click",
        ),
    ],
)
def test_an_explanation_says_which_visit_filled_a_field_and_how_it_was_found(run, visit, expected):
    assert explained(run(BY_EMAIL, JANE, visit, explain=True), "user_data.fbc") == expected


def test_an_explanation_of_a_path_into_the_visit_says_the_same(run):
    text = f"{BY_EMAIL}custom_data: {{properties: {{campaign: $visit.utm_campaign}}}}\n"
    lines = explained(run(text, JANE, VISIT, explain=True), "custom_data.campaign")
    assert lines == ["from $visit.utm_campaign (the visit of 12 Nov 2026, found by the e-mail)"]


# --- what is wrong -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "place", "suggestion"),
    [
        pytest.param("visit: {by: [emial]}", "unknown_word", (10, 14), "email", id="a misspelt key"),
        pytest.param("visit: {add: [fbc]}", "missing_key", (10, 8), None, id="no key at all"),
        pytest.param("visit: {by: [phone]}", "key_unmapped", (10, 14), None, id="a key no event has"),
        pytest.param("visit: {by: [visitor_id]}", "missing_key", (10, 14), None, id="a key that is no field"),
        pytest.param("visit: {by: [{email: a, phone: b}]}", "wrong_shape", (10, 14), None, id="two in one"),
        pytest.param("visit: {by: [email, email]}", "same_field_twice", (10, 21), None, id="twice"),
        pytest.param(
            "visit: {by: [email], add: [fbx]}", "unknown_word", (10, 28), "fbc", id="a field it has not"
        ),
        pytest.param("visit: {by: [email], wait: 2 hours}", "too_long", (10, 28), None, id="a long wait"),
        pytest.param(
            "visit: {by: [email], witin: 3 days}", "unknown_key", (10, 22), "within", id="a misspelt word"
        ),
        pytest.param("visit: email", "wrong_shape", (10, 8), None, id="no block"),
        pytest.param(
            "visit: {by: [email]}\nreferrer_url: $visit.referer",
            "unknown_key",
            (11, 15),
            "$visit.referrer",
            id="a part",
        ),
        pytest.param(
            "visit: {by: [email]}\nreferrer_url: $visit.first.landingpage",
            "unknown_key",
            (11, 15),
            "$visit.first.landing_page",
            id="a part of the first visit",
        ),
        pytest.param(
            "referrer_url: $visit.referrer", "unknown_system_value", (10, 15), None, id="no visit block"
        ),
        pytest.param(
            'visit: {by: [email]}\ntests: [{name: a, given: {}, with: {visit: {fbcc: x}}, expect_held: ""}]',
            "unknown_key",
            (11, 45),
            "fbc",
            id="a recorded visit",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(problems, text, code, place, suggestion):
    found = problems(f"{LEAD}{text}\n")
    assert [(one.code, one.suggestion) for one in found] == [(code, suggestion)]
    assert (found[0].position.line, found[0].position.column) == place


def test_a_visit_cannot_be_found_by_what_it_fills_itself(problems):
    text = "user_data: {email: email, fbp: [fbp, $visit.fbp]}\nvisit: {by: [fbp, email]}\n"
    (finding,) = problems(text)
    assert finding.code == "visit_cycle"
    assert "name it under add" in finding.fix


@pytest.mark.parametrize(
    ("visit", "given", "added"),
    [
        pytest.param(VISIT, {}, ("fbc", "fbp"), id="fields were empty"),
        pytest.param(VISIT, {"fbc": FBC}, ("fbp",), id="one was filled by the webhook"),
        pytest.param({"began_at": AT - 60}, {}, (), id="the visit has nothing to add"),
        pytest.param({**VISIT, "fbp": "no browser id"}, {}, ("fbc",), id="what it has cannot be sent"),
    ],
)
def test_the_match_strength_is_known_without_what_the_visit_added(run, visit, given, added):
    (event,) = run(BY_EMAIL, {**JANE, **given}, visit).events
    weights = load_meta_spec().match.weights
    assert event.match.score - event.match.without_visit == sum(weights[name] for name in added)


def test_without_a_visit_there_is_no_second_match_strength(run, load):
    (event,) = run(BY_EMAIL, JANE).events
    (other,) = run(LEAD, JANE).events
    assert (event.match.without_visit, other.match.without_visit) == (None, None)
