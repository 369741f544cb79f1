"""Events: several from one webhook, lists, defaults, consent, copying, taking back, ids, where they go."""

from __future__ import annotations

import pytest

from bridge.consent_decision import ConsentDecision
from bridge.errors import Invalid
from bridge.models import Draft, Webhook

TIME = 1795219200


def outcome(draft: Draft) -> tuple:
    return draft.label, draft.verdict, draft.reason


SHARED = """version: 1
action_source: website
user_data: {email: email, phone: phone}
custom_data: {value: total, currency: currency, properties: {plan: plan}}
defaults: {currency: EUR}
when: {test: {is_not: true}}
"""
DATA = {"email": "a@b.de", "phone": "1", "total": "5", "plan": "pro", "stage": "won", "n": 1}


def test_events_share_what_stands_beside_them_and_lay_their_own_over_it(drafts):
    first, second = drafts(
        SHARED
        + "events:\n"
        + "  - {event_name: Purchase, event_id: 'p-{n}'}\n"
        + "  - {name: lead, event_name: Lead, event_id: 'l-{n}', user_data: {email: stage},"
        + " defaults: {country: de}, custom_data: {currency: stage, properties: {seats: n}},"
        + " send_to: [main, agency]}\n",
        DATA,
        head=False,
    )
    assert first.fields == {
        "event_name": "Purchase",
        "action_source": "website",
        "event_id": "p-1",
        "event_time": TIME,
        "user_data": {"em": "a@b.de", "ph": "1"},
        "custom_data": {"value": "5", "plan": "pro", "currency": "EUR"},
    }
    assert second.fields == {
        "event_name": "Lead",
        "action_source": "website",
        "event_id": "l-1",
        "event_time": TIME,
        "user_data": {"em": "won", "ph": "1", "country": "de"},
        "custom_data": {"value": "5", "currency": "won", "plan": "pro", "seats": 1},
    }
    assert (first.label, first.send_to) == ("Purchase", ("main",))
    assert (second.label, second.send_to) == ("lead", ("main", "agency"))


def test_an_event_takes_back_shared_fields(drafts):
    (draft,) = drafts(
        SHARED
        + "events:\n  - event_name: Lead\n    event_id: n\n"
        + "    user_data: {phone: {remove: yes}}\n    remove: [value, currency]\n",
        DATA,
        head=False,
    )
    assert draft.fields["user_data"] == {"em": "a@b.de"}
    assert draft.fields["custom_data"] == {"plan": "pro"}


def test_conditions_beside_the_events_and_inside_must_both_hold(drafts):
    text = (
        SHARED
        + "events:\n  - {event_name: Lead, when: {stage: won}}\n  - {event_name: Contact, when: {stage: x}}\n"
    )
    assert [outcome(draft) for draft in drafts(text, DATA, head=False)] == [
        ("Lead", "ready", None),
        ("Contact", "skipped", "when: stage is not x"),
    ]
    assert {draft.verdict for draft in drafts(text, {**DATA, "test": True}, head=False)} == {"skipped"}


def test_mode_first_stops_at_the_first_event_that_is_not_skipped(drafts):
    text = (
        SHARED
        + "mode: first\nevents:\n  - {event_name: Lead, when: {stage: x}}\n  - {event_name: Contact}\n"
        + "  - {event_name: Schedule}\n"
    )
    assert [(draft.label, draft.verdict) for draft in drafts(text, DATA, head=False)] == [
        ("Lead", "skipped"),
        ("Contact", "ready"),
    ]


@pytest.mark.parametrize(
    ("for_each", "data"),
    [
        pytest.param("orders", {"orders": [{"id": 1}, {"id": 2}], "shop": "x"}, id="a list in the webhook"),
        pytest.param(
            "orders", {"orders": {"7": {"id": 1}, "9": {"id": 2}}, "shop": "x"}, id="a numbered map"
        ),
        pytest.param("$.orders", {"orders": '[{"id": 1}, {"id": 2}]', "shop": "x"}, id="JSON inside a text"),
    ],
)
def test_every_entry_of_a_list_is_mapped_on_its_own(drafts, for_each, data):
    text = f"for_each: {for_each}\nevent_id: 'o-{{id}}-{{$index}}'\ncustom_data: {{content_name: $.shop}}\n"
    found = [(draft.fields["event_id"], draft.fields["custom_data"]) for draft in drafts(text, data)]
    assert found == [("o-1-0", {"content_name": "x"}), ("o-2-1", {"content_name": "x"})]


def test_the_webhook_itself_may_be_the_list(drafts):
    found = [
        draft.fields["event_id"]
        for draft in drafts("for_each: $\nevent_id: id\n", [{"id": "a"}, {"id": "b"}])
    ]
    assert found == ["a", "b"]


def test_contents_may_be_json_inside_a_text(drafts):
    (draft,) = drafts("custom_data: {contents: {for_each: items, id: sku}}\n", {"items": '[{"sku": "A"}]'})
    assert draft.fields["custom_data"] == {"contents": [{"id": "A"}]}


def test_the_webhook_itself_may_be_one_entry_instead_of_a_list(drafts):
    assert [draft.fields["event_id"] for draft in drafts("for_each: $\nevent_id: id\n", {"id": "a"})] == ["a"]


def test_fields_made_out_of_another_one_know_its_line(drafts):
    (draft,) = drafts("user_data:\n  full_name: name\n  fbclid: click\n", {})
    lines = {
        field: position.line for field, position in draft.positions.items() if field.startswith("user_data.")
    }
    assert lines == {
        "user_data.full_name": 5,
        "user_data.fn": 5,
        "user_data.ln": 5,
        "user_data.fbclid": 6,
        "user_data.fbc": 6,
    }


def test_a_click_id_brings_the_time_of_the_click_along(drafts):
    rules = "user_data:\n  fbclid: {from: page, split: '=', take: 2, clicked_at: [clicked, visited]}\n"
    (draft,) = drafts(rules, {"page": "/?fbclid=Iw", "clicked": "", "visited": "2026-11-01"})
    assert draft.fields["user_data"] == {"clicked_at": "2026-11-01", "fbclid": "Iw"}


@pytest.mark.parametrize(
    "line",
    [
        "email: {from: email, clicked_at: at}",
        "fbc: {from: cookie, clicked_at: at}",
        "fbclid: [{from: click, clicked_at: at}, page]",
        "fbclid: {from: {from: click, clicked_at: at}, split: '='}",
    ],
)
def test_the_time_of_a_click_belongs_to_fbclid_itself(drafts, line):
    with pytest.raises(Invalid) as invalid:
        drafts(f"user_data:\n  {line}\n", {})
    (finding,) = invalid.value.findings
    assert (finding.code, finding.message) == ("wrong_block", "clicked_at can only be used with fbclid")


def test_a_list_that_is_not_there_is_a_skipped_event_that_says_so(drafts):
    (draft,) = drafts("for_each: orders\n", {"order": []})
    assert outcome(draft) == ("for_each", "skipped", "for_each: the webhook has no list orders")


def test_a_list_that_is_too_long_is_mapped_up_to_the_bound_and_the_rest_is_held(drafts):
    found = drafts(
        "for_each: orders\nevent_id: id\n", {"orders": [{"id": number} for number in range(100_000)]}
    )
    assert len(found) == 1_001
    assert {draft.verdict for draft in found[:-1]} == {"ready"}
    assert (found[-1].verdict, [finding.code for finding in found[-1].findings]) == (
        "held",
        ["too_many_items"],
    )


def test_contents_hold_one_object_for_every_entry_that_counts(drafts):
    (draft,) = drafts(
        "custom_data:\n  contents:\n    for_each: items\n    when: {gift: {is_not: true}}\n"
        "    id: [sku, $.fallback]\n    quantity: n\n    brand: {text: 'b{$index}'}\n",
        {"items": [{"sku": "A", "n": 1}, {"gift": True, "sku": "B"}, {"n": 2}], "fallback": "F"},
    )
    assert draft.fields["custom_data"] == {
        "contents": [{"id": "A", "quantity": 1, "brand": "b0"}, {"id": "F", "quantity": 2, "brand": "b2"}]
    }


def test_too_many_contents_hold_the_event(drafts):
    (draft,) = drafts("custom_data: {contents: {for_each: items, id: $index}}\n", {"items": [{}] * 1_001})
    assert [finding.code for finding in draft.findings] == ["too_many_items"]
    assert "custom_data" not in draft.fields


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        pytest.param("Lead", {}, ("Lead", "ready", None), id="a plain text"),
        pytest.param("'{kind} Lead'", {"kind": "New"}, ("New Lead", "ready", None), id="a text with a field"),
        pytest.param("{from: s, lookup: {a: Lead}}", {"s": " A"}, ("Lead", "ready", None), id="a lookup"),
        pytest.param(
            "{from: s, lookup: {a: Lead}, otherwise: skip}",
            {"s": "b"},
            ("event 1", "skipped", "event_name: no row of its lookup matches, and otherwise says skip"),
            id="no row, skip",
        ),
        pytest.param(
            "{from: s, lookup: {a: Lead}, otherwise: skip}",
            {},
            ("event 1", "skipped", "event_name: no row of its lookup matches, and otherwise says skip"),
            id="nothing to look up, skip",
        ),
        pytest.param(
            "{from: s, lookup: {a: Lead}, otherwise: Other}",
            {"s": "b"},
            ("Other", "ready", None),
            id="a text",
        ),
        pytest.param(
            "{from: s, lookup: {a: Lead}, otherwise: keep}", {"s": "b"}, ("b", "ready", None), id="keep"
        ),
    ],
)
def test_the_name_of_an_event(drafts, name, data, expected):
    (draft,) = drafts(f"version: 1\naction_source: website\nevent_name: {name}\n", data, head=False)
    assert outcome(draft) == expected


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param({"s": "b"}, "no_lookup_row", id="no row"),
        pytest.param({}, "event_name_empty", id="empty"),
    ],
)
def test_an_event_without_a_name_carries_an_error(drafts, data, code):
    text = "version: 1\naction_source: website\nevent_name: {from: s, lookup: {a: Lead}}\n"
    (draft,) = drafts(text, data, head=False)
    assert "event_name" not in draft.fields
    assert [(finding.severity, finding.code) for finding in draft.findings] == [("error", code)]


CONSENT = "consent: {from: ads, granted: [yes, granted], denied: [no, denied]"


@pytest.mark.parametrize(
    ("unknown", "data", "expected", "decision"),
    [
        pytest.param("", {"ads": "Granted "}, ("Lead", "ready", None), "granted", id="granted"),
        pytest.param("", {"ads": True}, ("Lead", "ready", None), "granted", id="true is yes"),
        pytest.param("", {"ads": "no"}, ("Lead", "suppressed", "consent: denied"), "denied", id="denied"),
        pytest.param(
            "",
            {"ads": ["granted", "denied"]},
            ("Lead", "suppressed", "consent: denied"),
            "denied",
            id="denied wins",
        ),
        pytest.param(
            "", {}, ("Lead", "held", "consent: nothing was said"), "unknown", id="nothing said is held"
        ),
        pytest.param(
            ", unknown: send", {}, ("Lead", "ready", None), "unknown", id="unknown is sent if asked"
        ),
        pytest.param(
            ", unknown: suppress",
            {"ads": "perhaps"},
            ("Lead", "suppressed", "consent: the value is neither among granted nor among denied"),
            "unknown",
            id="unknown is suppressed when asked",
        ),
    ],
)
def test_consent_decides_before_anything_is_filled_in(drafts, unknown, data, expected, decision):
    (draft,) = drafts(f"{CONSENT}{unknown}}}\nuser_data: {{email: email}}\n", {**data, "email": "a@b.de"})
    assert outcome(draft) == expected
    assert draft.consent == ConsentDecision(decision, "ads")
    assert bool(draft.fields) == (expected[1] == "ready")
    assert [finding.code for finding in draft.findings] == (
        ["consent_unknown"] if expected[1] == "held" else []
    )


@pytest.mark.parametrize(
    ("written", "source"),
    [
        pytest.param("marketing.email", "marketing.email", id="a path"),
        pytest.param("[ads, $query.ads]", "ads, $query.ads", id="the first of some paths"),
        pytest.param('"{ads}-{legal}"', "ads, legal", id="a text with fields in it"),
        pytest.param("{text: granted}", "", id="a word of the mapping itself"),
    ],
)
def test_a_decision_names_the_paths_that_it_was_read_from(drafts, written, source):
    (draft,) = drafts(f"consent: {{from: {written}, granted: granted, unknown: send}}\n", {})
    assert draft.consent is not None
    assert draft.consent.source == source


def test_where_no_consent_is_asked_for_there_is_no_decision(drafts):
    (draft,) = drafts("user_data: {email: email}\n", {"email": "a@b.de", "consent": "granted"})
    assert draft.consent is None


def test_limited_data_use_is_asked_for_when_its_conditions_hold(drafts):
    text = "consent: {limited_data_use: {state: CA}}\nuser_data: {email: email}\n"
    (limited,) = drafts(text, {"state": "ca", "email": "a@b.de"})
    (plain,) = drafts(text, {"state": "ny", "email": "a@b.de"})
    asked = {name: value for name, value in limited.fields.items() if name.startswith("data_processing")}
    assert asked == {
        "data_processing_options": ["LDU"],
        "data_processing_options_country": 0,
        "data_processing_options_state": 0,
    }
    assert not any(name.startswith("data_processing") for name in plain.fields)


COPIED = {
    "plan": "pro",
    "seats": 5,
    "trial": False,
    "email": "a@b.de",
    "customer_phone": "1",
    "billingCity": "Berlin",
    "value": "7",
    "contact": "x@y.de",
    "blank": "",
    "nested": {"a": 1},
    "internal": "x",
}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(
            "", {"plan": "pro", "seats": 5, "trial": False, "internal": "x"}, id="all that is simple"
        ),
        pytest.param(", except: [internal, Seats]", {"plan": "pro", "trial": False}, id="all but"),
        pytest.param(", only: [plan, value]", {"plan": "pro", "value": "7"}, id="only"),
    ],
)
def test_copy_takes_simple_properties_and_never_what_looks_personal(drafts, options, expected):
    (draft,) = drafts(f"copy: {{from: answers{options}}}\n", {"answers": COPIED})
    assert draft.fields["custom_data"] == expected


def test_a_field_that_is_mapped_is_not_overwritten_by_copy(drafts):
    (draft,) = drafts(
        "custom_data: {properties: {plan: mine}}\ncopy: {from: $}\n", {"mine": "m", "plan": "p"}
    )
    assert draft.fields["custom_data"] == {"plan": "m", "mine": "m"}


def test_defaults_fill_what_is_empty_by_the_name_of_the_field_alone(drafts):
    (draft,) = drafts(
        "user_data: {email: email}\ncustom_data: {currency: cur}\nevent_source_url: url\n"
        "defaults:\n  country: de\n  currency: EUR\n  event_source_url: https://x.example\n"
        "  custom_data.content_type: product\n",
        {"email": "a@b.de", "cur": "n/a"},
    )
    assert draft.fields["user_data"] == {"em": "a@b.de", "country": "de"}
    assert draft.fields["custom_data"] == {"currency": "EUR", "content_type": "product"}
    assert draft.fields["event_source_url"] == "https://x.example"


def test_an_id_that_is_not_mapped_is_the_same_for_the_same_webhook_and_differs_otherwise(load, webhook):
    head = "version: 1\naction_source: website\nfor_each: $.items\n"
    mapping = load(f"{head}events: [{{event_name: Lead}}, {{event_name: Contact}}]\n", head=False)
    data = {"items": [{"a": 1}, {"a": 1}]}
    ids = [draft.made_event_id for draft in mapping.drafts(webhook(data, body=b"one"))]
    again = [draft.made_event_id for draft in mapping.drafts(webhook(data, body=b"one"))]
    other = [draft.made_event_id for draft in mapping.drafts(webhook(data, body=b"two"))]
    assert ids == again
    assert len({*ids, *other}) == 8
    assert all(len(one) == 32 for one in ids)


def test_an_id_that_is_not_mapped_follows_the_repeat_key(load, webhook):
    mapping = load("receive: {repeat_key: [$headers.X-Id, nr]}\n")
    first = webhook({"nr": 1}, headers={"x-id": "a"}, body=b"one")
    second = webhook({"nr": 1}, headers={"x-id": "a"}, body=b"sent again, differently")
    third = webhook({"nr": 2}, headers={"x-id": "a"}, body=b"one")
    assert mapping.repeat_key(first) == mapping.repeat_key(second) != mapping.repeat_key(third)
    made = [mapping.drafts(one)[0].made_event_id for one in (first, second, third)]
    assert made[0] == made[1] != made[2]


def test_without_a_repeat_key_the_body_tells_repeats(load, webhook):
    mapping = load("receive: {repeat_key: $headers.X-Id}\n")
    one, two = webhook({}, body=b"one"), webhook({}, body=b"two")
    same_body = Webhook(one.request, {"x": 1})
    assert mapping.repeat_key(one) == mapping.repeat_key(same_body) != mapping.repeat_key(two)


def test_repeat_keys_of_several_parts_do_not_run_into_each_other(load, webhook):
    mapping = load("receive: {repeat_key: [a, b]}\n")
    assert mapping.repeat_key(webhook({"a": "1", "b": "23"})) != mapping.repeat_key(
        webhook({"a": "12", "b": "3"})
    )


@pytest.mark.parametrize(
    ("country", "data", "expected"),
    [
        pytest.param("DE", {}, "DE", id="a code"),
        pytest.param("de", {}, "DE", id="a code in small letters"),
        pytest.param("$.address.country", {"address": {"country": "at"}}, "AT", id="from the webhook"),
        pytest.param(
            "$.address.country", {"address": {"country": "Austria"}}, "Austria", id="a name from the webhook"
        ),
        pytest.param("$.address.country", {}, None, id="not there"),
    ],
)
def test_the_country_of_phone_numbers(drafts, country, data, expected):
    (draft,) = drafts(f"settings: {{phone_country: {country}}}\n", data)
    assert draft.settings.phone_country == expected


def test_every_field_knows_its_line(drafts):
    (draft,) = drafts(
        "user_data:\n  email: email\ncustom_data:\n  properties:\n    plan: plan\ndefaults:\n  country: de\n",
        {},
    )
    lines = {field: position.line for field, position in draft.positions.items()}
    assert lines == {
        "event_name": 2,
        "action_source": 3,
        "user_data": 4,
        "user_data.em": 5,
        "custom_data": 6,
        "custom_data.plan": 8,
        "user_data.country": 10,
    }


def test_app_events_and_messages_are_filled_like_everything_else(drafts):
    (draft,) = drafts(
        "app_data:\n  advertiser_tracking_enabled: att\n  extinfo: [{text: i2}, bundle, '', missing, os]\n"
        "original_event_data: {event_name: first, order_id: id}\nmessaging_channel: {text: whatsapp}\n",
        {"att": 1, "bundle": "com.example", "os": "17.1", "first": "Lead", "id": 9},
    )
    assert draft.fields["app_data"] == {
        "advertiser_tracking_enabled": 1,
        "extinfo": ["i2", "com.example", "", "", "17.1"],
    }
    assert draft.fields["original_event_data"] == {"event_name": "Lead", "order_id": 9}
    assert draft.fields["messaging_channel"] == "whatsapp"


@pytest.mark.parametrize(
    ("mapping", "data", "codes"),
    [
        pytest.param("event_time: at\n", {"at": ""}, ["event_time_not_found"], id="an empty time"),
        pytest.param("event_time: at\n", {}, ["event_time_not_found"], id="no time"),
        pytest.param("event_time: [at, created]\n", {"x": 1}, ["event_time_not_found"], id="none of several"),
        pytest.param("event_id: nr\n", {"nr": None}, ["event_id_not_found"], id="no id"),
        pytest.param(
            "event_id: order-{nr}\n", {"nr": " "}, ["event_id_not_found"], id="a text without its field"
        ),
        pytest.param(
            "event_time: at\nevent_id: nr\n",
            {},
            ["event_time_not_found", "event_id_not_found"],
            id="neither",
        ),
        pytest.param("event_time: at\nevent_id: nr\n", {"at": 1770000000, "nr": 7}, [], id="both are there"),
        pytest.param("event_source_url: page\n", {}, [], id="neither is mapped"),
    ],
)
def test_a_mapped_time_or_id_that_is_missing_is_a_finding(drafts, mapping, data, codes):
    (draft,) = drafts(mapping, data)
    assert [finding.code for finding in draft.findings] == codes
    assert all(finding.position and finding.fix for finding in draft.findings)
