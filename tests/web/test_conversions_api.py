"""The drop-in for Meta's own address: what goes in, what is stored, and Meta's shapes of answers."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.simulator import Simulator
from bridge.web.drop_in.conversions_api_messages import body_findings
from bridge.web.intake_paths import intake_at
from tests.web.conftest import ENVIRONMENT, NOW

DATASET = ENVIRONMENT["META_DATASET_ID"]
TOKEN = ENVIRONMENT["META_ACCESS_TOKEN"]
PATH = f"/v25.0/{DATASET}/events"
JANE = "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"
SECONDS = int(NOW.timestamp())
LEAD = {
    "event_name": "Lead",
    "event_time": SECONDS - 60,
    "event_id": "lead-1",
    "action_source": "system_generated",
    "user_data": {"em": " Jane@Example.COM "},
}
CLEAN = {**LEAD, "user_data": {"em": [JANE]}}
DANA = sha256(b"dana@example.com").hexdigest()


def body_of(web: Any, event_id: str) -> Any:
    return orjson.loads(web.context.outbox().show(event_id).body)


def meta_error(answer: Any) -> tuple[Any, ...]:
    error = answer.json["error"]
    assert {"message", "type", "code", "fbtrace_id"} <= set(error)
    return answer.status_code, error["code"], error.get("error_subcode")


@pytest.mark.parametrize(
    ("body", "more"),
    [
        pytest.param({"data": [LEAD], "access_token": TOKEN}, {}, id="JSON, a list"),
        pytest.param({"data": json.dumps([LEAD]), "access_token": TOKEN}, {}, id="JSON, a list as text"),
        pytest.param({"data": [json.dumps(LEAD)], "access_token": TOKEN}, {}, id="JSON, a list of texts"),
    ],
)
def test_json_in_every_form_of_data_is_taken_and_hashed(web, body, more):
    answer = web.post(PATH, body, **more)

    assert answer.status_code == 200
    assert {k: v for k, v in answer.json.items() if k not in {"fbtrace_id", "request_id"}} == {
        "events_received": 1,
        "messages": [],
    }
    [stored] = web.stored()
    assert (stored.status, stored.dataset_id, stored.mapping) == ("waiting", DATASET, "drop-in")
    assert body_of(web, stored.id) == CLEAN


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_form_is_taken_too(web, content_type):
    answer = web.client.post(
        PATH, data={"data": json.dumps([LEAD]), "access_token": TOKEN}, content_type=content_type
    )
    assert (answer.status_code, answer.json["events_received"]) == (200, 1)


def test_no_nul_of_a_form_reaches_meta(web):
    event = {**LEAD, "event_id": "lead\0-1", "custom_data": {"note\0": "a\0b"}}
    web.client.post(PATH, data={"data": json.dumps([event]), "access_token": TOKEN})
    assert body_of(web, web.stored()[0].id) == {**CLEAN, "custom_data": {"note": "ab"}}


@pytest.mark.parametrize(
    ("query", "headers", "fields"),
    [
        pytest.param(f"?access_token={TOKEN}", {}, {}, id="in the query"),
        pytest.param("", {"Authorization": f"Bearer {TOKEN}"}, {}, id="in the header"),
        pytest.param("", {"Authorization": f"OAuth {TOKEN}"}, {}, id="in the header, OAuth"),
        pytest.param("", {}, {"access_token": TOKEN}, id="in the body"),
        pytest.param(
            "", {"X-Admin-Token": "admin-token"}, {"access_token": "any"}, id="with the admin token"
        ),
    ],
)
def test_the_token_may_stand_in_three_places(web, query, headers, fields):
    assert web.post(PATH + query, {"data": [LEAD], **fields}, headers).status_code == 200


@pytest.mark.parametrize(
    ("path", "fields", "expected"),
    [
        pytest.param(PATH, {}, (400, 104, None), id="no token"),
        pytest.param(PATH, {"access_token": "guess"}, (401, 190, None), id="wrong token"),
        pytest.param("/v25.0/999/events", {"access_token": TOKEN}, (400, 100, 33), id="another dataset"),
        pytest.param("/v25.0/999/events", {"access_token": "guess"}, (401, 190, None), id="both wrong"),
        pytest.param(
            f"/latest/{DATASET}/events", {"access_token": TOKEN}, (400, 2500, None), id="no version"
        ),
    ],
)
def test_who_may_not_write_is_refused_in_metas_words(web, path, fields, expected):
    assert meta_error(web.post(path, {"data": [LEAD], **fields})) == expected
    assert web.stored() == []


@pytest.mark.parametrize(
    ("data", "subcode"),
    [
        pytest.param(None, None, id="no data"),
        pytest.param([], None, id="empty data"),
        pytest.param("not json", None, id="text that is no JSON"),
        pytest.param({"event_name": "Lead"}, None, id="an object in place of the list"),
        pytest.param([1, 2], None, id="numbers"),
        pytest.param([LEAD] * 1001, None, id="too many"),
        pytest.param([{**LEAD, "event_time": SECONDS - 8 * 86_400}], 2804003, id="too old"),
        pytest.param([{**LEAD, "event_time": SECONDS + 3600}], 2804004, id="in the future"),
        pytest.param([{**LEAD, "user_data": {}}], 2804050, id="nobody"),
        pytest.param([{**LEAD, "user_data": {"em": "null"}}], 2804050, id="a placeholder"),
        pytest.param([{**LEAD, "surprise": 1}], 2804019, id="an unknown key"),
        pytest.param(
            [{**LEAD, "event_name": "Purchase", "custom_data": {"currency": "EUR"}}], 2804009, id="no value"
        ),
        pytest.param(
            [{**LEAD, "event_name": "Purchase", "custom_data": {"value": 3}}], 2804010, id="no currency"
        ),
    ],
)
def test_what_meta_would_refuse_is_refused_as_meta_does(web, data, subcode):
    answer = web.post(PATH, {"data": data, "access_token": TOKEN})

    assert meta_error(answer) == (400, 100, subcode)
    assert web.stored() == []


def test_one_bad_event_refuses_all_of_them_and_is_named(web):
    answer = web.post(PATH, {"data": [LEAD, {**LEAD, "event_time": 1}], "access_token": TOKEN})

    assert meta_error(answer) == (400, 100, 2804003)
    assert "$['data'][1]" in answer.json["error"]["message"]
    assert web.stored() == []


def test_a_test_code_travels_with_the_events(web):
    web.post(PATH, {"data": [LEAD], "test_event_code": "TEST77", "access_token": TOKEN})

    assert [event.test_event_code for event in web.stored()] == ["TEST77"]


def test_the_live_profile_refuses_a_test_code(start):
    web = start(environment={**ENVIRONMENT, "CAPI_BRIDGE_PROFILE": "live"})
    answer = web.post(PATH, {"data": [LEAD], "test_event_code": "TEST77", "access_token": TOKEN})

    assert meta_error(answer) == (400, 100, None)
    assert web.stored() == []


def test_calls_are_counted_beside_the_webhooks(web):
    web.post(PATH, {"data": [LEAD], "access_token": TOKEN})
    web.post(PATH, {"data": [LEAD], "access_token": "guess"})
    lines = web.client.get("/metrics").text.splitlines()
    assert 'bridge_webhooks_total{mapping="drop-in",status="queued"} 1.0' in lines
    assert 'bridge_webhooks_total{mapping="drop-in",status="meta_190"} 1.0' in lines
    assert 'bridge_events_stored_total{mapping="drop-in",status="waiting"} 1.0' in lines


def test_the_same_call_again_is_received_once(web):
    calls = [web.post(PATH, {"data": [LEAD], "access_token": TOKEN}) for _ in range(3)]

    assert [call.json["events_received"] for call in calls] == [1, 1, 1]
    assert len(web.stored()) == 1


def test_metas_refusal_is_handed_on_when_one_waits_for_it(start):
    with Simulator(clock=lambda: NOW) as meta:
        meta.fail("100/2804050*")
        web = start(environment={**ENVIRONMENT, "CAPI_BRIDGE_GRAPH_URL": meta.url})
        answer = web.post(PATH + "?wait=true", {"data": [LEAD], "access_token": TOKEN})

    assert meta_error(answer) == (400, 100, 2804050)


def test_a_demo_takes_any_dataset_and_any_token(start):
    web = start(environment={})
    assert web.post("/v26.0/42/events", {"data": [LEAD], "access_token": "anything"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "advice"),
    [
        pytest.param({"data": LEAD}, "put it into a list", id="data is one event"),
        pytest.param(LEAD, "The body is an event itself", id="the body is an event"),
        pytest.param([LEAD], "put it under data", id="the body is the list"),
        pytest.param({"events": [LEAD]}, "not from events", id="the list is called events"),
        pytest.param({"data": []}, "data is empty", id="no events"),
        pytest.param({"data": ["{}", 1]}, "Each element of data is one event", id="a number among them"),
        pytest.param(
            {"data": [LEAD], "test_event_code": ["TEST77"]}, '"TEST12345"', id="the test code is a list"
        ),
    ],
)
def test_what_has_another_form_than_meta_s_is_answered_with_advice(web, body, advice):
    error = web.post(f"{PATH}?access_token={TOKEN}", body).json["error"]
    assert advice in error["error_user_msg"]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        pytest.param({"test_event_code": "TEST1"}, "beside data, as test_event_code", id="test code"),
        pytest.param({"email": "jane@example.com"}, "user_data.em", id="e-mail"),
        pytest.param({"value": 12}, "custom_data.value", id="value"),
        pytest.param({"eventId": "7"}, "event_id", id="camel case"),
        pytest.param({"client_ip": "203.0.113.7"}, "user_data.client_ip_address", id="visitor"),
    ],
)
def test_a_known_word_beside_the_event_name_is_refused_with_its_right_place(web, changes, place):
    answer = web.post(PATH, {"data": [{**LEAD, **changes}], "access_token": TOKEN})
    assert meta_error(answer) == (400, 100, 2804019)
    assert place in answer.json["error"]["error_user_msg"]


@pytest.mark.parametrize(
    ("changes", "more", "message"),
    [
        pytest.param(
            {"user_data": {"email": "jane@example.com"}},
            {},
            "data[0]: user_data.email was read as user_data.em. "
            "Write user_data.em: Meta does not know user_data.email.",
            id="a long name is read as Meta's",
        ),
        pytest.param(
            {"advertiser_tracking_enabled": True},
            {},
            "data[0]: advertiser_tracking_enabled was read as app_data.advertiser_tracking_enabled. "
            "Write app_data.advertiser_tracking_enabled: Meta does not know advertiser_tracking_enabled.",
            id="a key of app_data beside the event name",
        ),
        pytest.param(
            {"user_data": {"em": JANE, "phone_number": "1"}},
            {},
            "data[0]: user_data.phone_number is not a key Meta knows; the bridge leaves it out. "
            "Meta knows it as user_data.ph.",
            id="an unknown name is left out",
        ),
        pytest.param(
            {"user_data": {"em": JANE, "client_ip_address": "10.0.0.1"}},
            {},
            "data[0]: user_data.client_ip_address was left out: the address is private or reserved, "
            "so it is not the visitor's. Send the address the visitor came from.",
            id="a useless value is left out",
        ),
        pytest.param(
            {"event_time": (SECONDS - 60) * 1000},
            {},
            "data[0]: event_time is not as Meta documents it; it was sent in the documented form. "
            "Compare it with the type and form in Meta's documentation.",
            id="milliseconds",
        ),
        pytest.param(
            {"user_data": json.dumps({"em": JANE})},
            {},
            "data[0]: user_data is not as Meta documents it; it was sent in the documented form. "
            "Compare it with the type and form in Meta's documentation.",
            id="a block as JSON text",
        ),
        pytest.param(
            {"custom_data": {"value": "1.5", "currency": "EUR"}},
            {},
            "data[0]: custom_data.value is not as Meta documents it; it was sent in the documented form. "
            "Compare it with the type and form in Meta's documentation.",
            id="a number as text",
        ),
        pytest.param(
            {"custom_data": {"event_id": "7"}},
            {},
            "data[0]: Meta takes custom_data.event_id for a custom property, and does not use it. "
            "Move it to the top level of the event (event_id).",
            id="a key of the event in custom_data",
        ),
        pytest.param(
            {"app_data": {"extinfo": {str(number): "a2" if number == 0 else "1" for number in range(16)}}},
            {},
            "data[0]: app_data.extinfo is not as Meta documents it; it was sent in the documented form. "
            "Compare it with the type and form in Meta's documentation.",
            id="a numbered object, as Meta's Node SDK writes it",
        ),
        pytest.param(
            {"event_id": None},
            {},
            "data[0]: There is no event_id; the bridge sent one that it made from the event. "
            "Send an id that both sides know: the order, the lead, the submission.",
            id="an id was made",
        ),
        pytest.param(
            {"custom_data": {"order_id": "{{order.id}}"}},
            {},
            "data[0]: custom_data.order_id was left out: it is a placeholder (such as null, unknown or "
            "test, or a template that was not filled in), not a value. "
            "Fill it in, or leave it out when there is no value.",
            id="an id that was never filled in",
        ),
        pytest.param(
            {},
            {"partner_agent": "plother"},
            "partner_agent is not passed on to Meta as it was sent: a request of the bridge holds the "
            "events of many calls, and carries the partner_agent of their destination. "
            "Set partner_agent of the destination in bridge.yaml to the same text.",
            id="another partner_agent",
        ),
        *[
            pytest.param(
                {},
                {key: "x"},
                f"{key} is not passed on to Meta: the bridge sends events in batches of its own. "
                "Nothing to do: the events are sent without it.",
                id=key,
            )
            for key in (
                "namespace_id",
                "upload_id",
                "upload_tag",
                "upload_source",
                "events_of",
            )
        ],
    ],
)
def test_what_was_left_out_or_put_right_is_in_the_messages(web, changes, more, message):
    answer = web.post(PATH, {"data": [{**LEAD, **changes}], "access_token": TOKEN, **more})
    assert (answer.status_code, answer.json["messages"]) == (200, [message])


def test_the_partner_agent_of_the_destination_is_what_every_request_carries():
    assert body_findings({"data": [], "partner_agent": "plshop"}, load_meta_spec(), "plshop") == ()


@pytest.mark.parametrize(
    "custom_data",
    [
        pytest.param({"value": 1.50, "currency": "eur"}, id="a currency in small letters"),
        pytest.param({"content_ids": [7, "8"]}, id="ids that are numbers"),
        pytest.param({"own": {"a": [1, 2.5, True, "x"]}}, id="a property"),
    ],
)
def test_what_meta_takes_as_it_is_gives_no_message(web, custom_data):
    body = orjson.dumps({"data": [{**LEAD, "custom_data": custom_data}], "access_token": TOKEN})
    assert web.post(PATH, body, content_type="application/json").json["messages"] == []


def test_the_same_finding_of_many_events_is_one_message(web):
    events = [
        {**LEAD, "event_id": str(number), "user_data": {"email": "jane@x.de"}} for number in range(1, 7)
    ]
    [message] = web.post(PATH, {"data": events, "access_token": TOKEN}).json["messages"]
    assert message.startswith(
        "data[0], data[1], data[2] and 3 more: user_data.email was read as user_data.em."
    )


def test_there_are_at_most_a_hundred_messages_and_one_that_says_so(web):
    items = [{"id": "1", f"odd_{number}": 1, "quantity": 1} for number in range(200)]
    event = {**LEAD, "custom_data": {"contents": items}}
    said = web.post(PATH, {"data": [event], "access_token": TOKEN}).json["messages"]
    assert (len(said), said[-1]) == (101, "There are 100 more messages of this kind.")


def test_meta_s_own_name_wins_over_a_long_one_in_the_same_event(web):
    people = {"email": "other@example.com", "em": "jane@example.com"}
    web.post(PATH, {"data": [{**LEAD, "user_data": people}], "access_token": TOKEN})
    assert body_of(web, web.stored()[0].id) == CLEAN


WITHOUT_ID = {key: value for key, value in LEAD.items() if key != "event_id"}
ON_A_WEBSITE = {
    **WITHOUT_ID,
    "action_source": "website",
    "event_source_url": "https://example.com/",
    "user_data": {
        "em": ["a@x.de", "b@x.de"],
        "fbp": "fb.1.1795000000000.12",
        "client_user_agent": "Mozilla/5.0",
    },
}


@pytest.mark.parametrize(
    ("event", "again", "is_sent"),
    [
        pytest.param(
            WITHOUT_ID, dict(reversed(WITHOUT_ID.items())), True, id="no browser twin: an id is sent"
        ),
        pytest.param(
            ON_A_WEBSITE,
            {**ON_A_WEBSITE, "user_data": {**ON_A_WEBSITE["user_data"], "em": ["b@x.de", "a@x.de"]}},
            False,
            id="perhaps a browser twin: none is sent",
        ),
    ],
)
def test_an_event_without_an_id_is_known_again_in_another_call(web, event, again, is_sent):
    for events in ([event], [LEAD, again]):
        assert web.post(PATH, {"data": events, "access_token": TOKEN}).status_code == 200

    first, repeat, lead = sorted(
        web.stored(), key=lambda one: (one.event_id == "lead-1", one.status == "skipped")
    )
    assert (first.status, repeat.status, lead.status) == ("waiting", "skipped", "waiting")
    assert first.event_id == repeat.event_id
    assert body_of(web, first.id).get("event_id") == (first.event_id if is_sent else None)


def test_two_people_without_an_id_are_two_events(web):
    other = {**WITHOUT_ID, "user_data": {"em": "john@example.com"}}
    web.post(PATH, {"data": [WITHOUT_ID, other], "access_token": TOKEN})
    assert [record.status for record in web.stored()] == ["waiting", "waiting"]


def purchase(number: int) -> dict[str, Any]:
    """Return a purchase as large as an ordinary one: 30 values and more."""
    return {
        "event_name": "Purchase",
        "event_time": SECONDS - number,
        "event_id": f"order-{number}",
        "action_source": "website",
        "event_source_url": f"https://shop.example/checkout/thank-you?order={number}",
        "user_data": {
            "em": [f"jane{number}@example.com"],
            "ph": ["+16155550142"],
            "fn": ["Jane"],
            "ln": ["Doe"],
            "ct": ["Nashville"],
            "st": ["TN"],
            "zp": ["37221"],
            "country": ["US"],
            "external_id": [f"customer-{number}"],
            "client_ip_address": "203.0.113.7",
            "client_user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0",
            "fbc": f"fb.1.{SECONDS * 1000}.IwAR2xYzAbCdEf",
            "fbp": "fb.1.1795000000000.1019141",
        },
        "custom_data": {
            "value": 129.95,
            "currency": "EUR",
            "order_id": str(number),
            "content_type": "product",
            "contents": [
                {"id": "SKU-1", "quantity": 1, "item_price": 100},
                {"id": "SKU-2", "quantity": 1, "item_price": 29.95},
            ],
            "content_ids": ["SKU-1", "SKU-2"],
            "num_items": 2,
        },
    }


@pytest.mark.parametrize("form", [False, True], ids=["JSON", "form, as Meta's Python SDK posts it"])
def test_a_thousand_ordinary_purchases_are_taken_at_once(web, form):
    events = [purchase(number) for number in range(1000)]
    fields = {"data": json.dumps([json.dumps(event) for event in events]), "access_token": TOKEN}
    answer = (
        web.client.post(PATH, data=fields)
        if form
        else web.post(PATH, {"data": events, "access_token": TOKEN})
    )
    assert (answer.status_code, answer.json["events_received"], answer.json["messages"]) == (200, 1000, [])
    assert len(web.stored(limit=1001)) == 1000


def test_more_values_than_a_thousand_events_can_have_are_refused(web):
    events = [{**LEAD, "custom_data": {"own": [0] * 2000}}] * 101
    assert meta_error(web.post(PATH, {"data": events, "access_token": TOKEN})) == (400, 100, None)


@pytest.mark.parametrize("inside", ["", r'"\u0000"'], ids=["nothing inside", "a NUL inside"])
def test_a_text_with_endless_nesting_is_refused(web, inside):
    deep = "[" * 500 + inside + "]" * 500
    for data in (f'[{{"custom_data": {deep}}}]', json.dumps([{**LEAD, "custom_data": f'{{"a": {deep}}}'}])):
        answer = web.post(PATH, {"data": data, "access_token": TOKEN})
        assert meta_error(answer) == (400, 100, None)


GATEWAY = f"/capi/{DATASET}/events"


def test_a_gateway_s_sender_is_answered_202(web):
    """Meta's Java and PHP SDKs post so (`CAPIGatewayIngressRequest`); only 202 is success to them."""
    content_type = "application/json; charset=utf-8"
    body = json.dumps({"accessKey": TOKEN, "data": [LEAD]})
    answer = web.post(GATEWAY, body, content_type=content_type)

    assert (answer.status_code, answer.json["events_received"]) == (202, 1)
    assert [body_of(web, record.id) for record in web.stored()] == [CLEAN]


DEVICE = [
    "a2",
    "com.example.app",
    "1.0",
    "1.0.1",
    "13",
    "Pixel",
    "en_US",
    "CET",
    "",
    "1080",
    "2400",
    "2",
    "8",
    "64",
    "32",
]
# What each SDK's source makes of an event: Java writes its objects by Gson, PHP its arrays by json_encode.
FROM_SDKS = [
    pytest.param(
        {
            "user_data": {"em": [JANE], "external_id": ["c-7", None]},
            "custom_data": {
                "value": 12.5,
                "currency": "eur",
                "contents": [{"id": "A1", "quantity": 2, "item_price": 6.25}],
                "num_items": "2",
                "customProperties": {"color": "brown"},
            },
            "action_source": "app",
            "app_data": {
                **dict.fromkeys(("application_tracking_enabled", "advertiser_tracking_enabled"), False),
                **dict.fromkeys(("consider_views", "include_dwell_data", "include_video_data"), False),
                "extinfo": {"extendedDeviceInfoArray": [*(part or None for part in DEVICE), "Europe/Berlin"]},
            },
        },
        {
            "user_data": {"em": [JANE], "external_id": [sha256(b"c-7").hexdigest()]},
            "custom_data": {
                "value": 12.5,
                "currency": "EUR",
                "contents": [{"id": "A1", "quantity": 2, "item_price": 6.25}],
                "num_items": 2,
                "color": "brown",
            },
            "action_source": "app",
            "app_data": {
                **dict.fromkeys(("application_tracking_enabled", "advertiser_tracking_enabled"), 0),
                **dict.fromkeys(("consider_views", "include_dwell_data", "include_video_data"), False),
                "extinfo": [*DEVICE, "Europe/Berlin"],
            },
        },
        id="Java",
    ),
    pytest.param(
        {
            "user_data": {"em": {"0": JANE, "2": DANA}, "ct": DANA},
            "custom_data": [],
            "data_processing_options": [],
        },
        {"user_data": {"em": [JANE, DANA], "ct": [DANA]}, "data_processing_options": []},
        id="PHP",
    ),
    pytest.param(
        {
            "custom_data": {"content_ids": {"1": "A1", "2": 7}},
            "app_data": [],
        },
        {"custom_data": {"content_ids": ["A1", "7"]}},
        id="PHP, a list with gaps",
    ),
]


@pytest.mark.parametrize(("changes", "sent"), FROM_SDKS)
def test_an_event_as_metas_java_or_php_sdk_writes_it_for_a_gateway_arrives(web, changes, sent):
    body = json.dumps({"data": [{**LEAD, **changes}], "accessKey": TOKEN})
    answer = web.post(GATEWAY, body, content_type="application/json; charset=utf-8")

    assert (answer.status_code, answer.json["events_received"]) == (202, 1)
    assert [body_of(web, record.id) for record in web.stored()] == [{**CLEAN, **sent}]


@pytest.mark.parametrize("path", [GATEWAY, PATH, "/hooks/lead"])
def test_slashes_that_were_doubled_where_a_url_was_put_together_do_not_count(path):
    found = intake_at("POST", path)
    assert found is not None
    for doubled in (f"/{path}", f"{path}//", path.replace("/", "//")):
        assert intake_at("POST", doubled) == found


def test_a_call_of_either_kind_is_known_again_at_the_other_endpoint(web):
    for path in (GATEWAY, PATH):
        web.post(path, {"accessKey": TOKEN, "data": [LEAD]})
    assert [record.status for record in web.stored()] == ["waiting"]


@pytest.mark.parametrize(
    ("path", "fields", "expected"),
    [
        pytest.param(GATEWAY, {}, (400, 104, None), id="no key"),
        pytest.param(GATEWAY, {"accessKey": "guess"}, (401, 190, None), id="wrong key"),
        pytest.param("/capi/999/events", {"accessKey": TOKEN}, (400, 100, 33), id="another pixel"),
    ],
)
def test_who_may_not_write_through_the_gateway_is_refused(web, path, fields, expected):
    assert meta_error(web.post(path, {"data": [LEAD], **fields})) == expected
    assert web.stored() == []


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "user_data", "em"]), inner)
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_is_sent_the_answer_is_one_of_metas_refusals(web, body):
    answer = web.post(f"{PATH}?access_token={TOKEN}", body, content_type="application/json")

    assert answer.status_code in {400, 413, 415}
    assert answer.json["error"]["code"] in {100, 104}
