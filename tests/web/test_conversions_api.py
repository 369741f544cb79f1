"""The drop-in for Meta's own address: what goes in, what is stored, and Meta's shapes of answers."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.simulator import Simulator
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
