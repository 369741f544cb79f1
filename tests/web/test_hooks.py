"""What `POST /hooks/<mapping>` answers: one test for each row of the table in the documentation."""

from __future__ import annotations

import gzip
import json
from hashlib import sha256
from typing import Any

import pytest

from bridge.errors import CannotStore
from bridge.simulator import Simulator
from bridge.web.context import OpenedLater
from tests.web.conftest import ADMIN, ENVIRONMENT, EVENT, MAPPINGS, NOW

JANE = {"id": 7, "mail": " Jane@Example.com "}
NOBODY = {"id": 8}


def without_ids(body: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without what is different every time."""
    events = [{key: value for key, value in event.items() if key != "id"} for event in body.get("events", ())]
    return {key: value for key, value in {**body, "events": events}.items() if key != "request_id"}


LEAD_7 = {"event_name": "Lead", "event_id": "lead-7", "destination": "main"}


def test_stored_and_to_be_delivered(web):
    answer = web.post("/hooks/lead", JANE)

    assert answer.status_code == 200
    assert without_ids(answer.json) == {"status": "queued", "events": [{**LEAD_7, "status": "waiting"}]}
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    [stored] = web.stored()
    assert (stored.id, stored.status) == (answer.json["events"][0]["id"], "waiting")


FORM = "application/x-www-form-urlencoded"
NUL = "{%22id%22:%227%5Cu0000%22,%22mail%22:%22jane%5Cu0000@example.com%22}"


@pytest.mark.parametrize("body", [f"payload={NUL}", f"payload={NUL}&form=9"], ids=["one field", "several"])
def test_no_nul_that_json_in_a_form_field_writes_is_stored(start, body):
    nested = EVENT.replace("{id}", "{payload.id}").replace("email: mail", "email: payload.mail")
    web = start(mappings={"nested": nested})
    answer = web.client.post("/hooks/nested", data=body, content_type=FORM)

    assert without_ids(answer.json) == {"status": "queued", "events": [{**LEAD_7, "status": "waiting"}]}
    [stored] = web.stored()
    sent = json.loads(web.context.outbox().show(stored.id).body)
    assert sent["user_data"] == {"em": [sha256(b"jane@example.com").hexdigest()]}


def test_the_same_webhook_again(web):
    first = web.post("/hooks/lead", JANE)
    again = web.post("/hooks/lead", JANE)

    assert again.status_code == 200
    assert again.json["status"] == "duplicate"
    assert again.json["events"] == first.json["events"]
    assert len(web.stored()) == 1


def test_a_condition_that_does_not_hold(web):
    answer = web.post("/hooks/paid", {**JANE, "status": "open"})

    assert (answer.status_code, answer.json["status"]) == (200, "skipped")
    assert len(answer.json["reasons"]) == 1
    assert [event.status for event in web.stored()] == ["skipped"]


@pytest.mark.parametrize(
    ("given", "status", "stored", "decision"),
    [
        pytest.param({"agreed": "yes"}, "queued", "waiting", "granted", id="granted"),
        pytest.param({"agreed": "no"}, "suppressed", "suppressed", "denied", id="denied"),
        pytest.param({}, "held", "held", "unknown", id="nothing said"),
    ],
)
def test_the_decision_on_consent_is_kept_with_the_event(web, given, status, stored, decision):
    answer = web.post("/hooks/consent", {**JANE, **given})

    assert (answer.status_code, answer.json["status"]) == (200, status)
    [event] = web.stored()
    assert (event.status, event.consent, event.consent_source) == (stored, decision, "agreed")


def test_problems_of_a_sender_that_cannot_act_are_held(web):
    answer = web.post("/hooks/lead", NOBODY)

    assert (answer.status_code, answer.json["status"]) == (200, "held")
    assert {finding["severity"] for finding in answer.json["findings"]} == {"error"}
    assert [event.status for event in web.stored()] == ["held"]


@pytest.mark.parametrize("mapping", ["automation", "browser"])
def test_problems_of_a_sender_that_can_act_are_answered_and_held(web, mapping):
    answer = web.post(f"/hooks/{mapping}", NOBODY)

    assert answer.status_code == 422
    error = answer.json["error"]
    assert error["code"] == "problems"
    assert "$.user_data" in {entry["path"] for entry in error["details"]}
    assert all(set(entry) == {"code", "path", "message", "fix", "where"} for entry in error["details"])
    assert [event.status for event in web.stored()] == ["held"]


def test_waiting_for_meta_that_accepts(start):
    with Simulator(clock=lambda: NOW) as meta:
        web = start(environment={**ENVIRONMENT, "CAPI_BRIDGE_GRAPH_URL": meta.url})
        answer = web.post("/hooks/lead?wait=true", JANE)
        received = meta.events

    assert answer.status_code == 200
    assert answer.json["fbtrace_id"]
    body = {key: value for key, value in without_ids(answer.json).items() if key != "fbtrace_id"}
    assert body == {"status": "sent", "events_received": 1, "events": [{**LEAD_7, "status": "sent"}]}
    assert [event["event_id"] for event in received] == ["lead-7"]
    assert [event.status for event in web.stored()] == ["sent"]


def test_waiting_for_meta_that_refuses(start):
    with Simulator(clock=lambda: NOW) as meta:
        meta.fail("100/2804050*")
        web = start(environment={**ENVIRONMENT, "CAPI_BRIDGE_GRAPH_URL": meta.url})
        answer = web.post("/hooks/lead?wait=true", JANE)

    assert answer.status_code == 502
    error = answer.json["error"]
    assert (error["code"], error["meta_code"], error["meta_subcode"]) == ("refused_by_meta", 100, 2804050)
    assert error["fbtrace_id"]
    assert error["details"][0]["fix"]
    assert answer.json["events"][0]["status"] == "refused"


@pytest.mark.parametrize(("fault", "status"), [("", 200), ("100/2804050*", 502)], ids=["accepted", "refused"])
def test_metas_words_are_told_when_the_delivery_process_was_quicker(start, fault, status):
    """The event is sent by somebody else between being stored and being delivered for this request."""
    with Simulator(clock=lambda: NOW) as meta:
        if fault:
            meta.fail(fault)
        web = start(environment={**ENVIRONMENT, "CAPI_BRIDGE_GRAPH_URL": meta.url})
        own_way = web.context.deliver

        def overtaken(ids):
            own_way(ids)
            return own_way(ids)

        web.use(deliver=overtaken)
        answer = web.post("/hooks/lead?wait=true", JANE)

    assert answer.status_code == status
    told = answer.json if status == 200 else answer.json["error"]
    assert told["fbtrace_id"]
    if status == 502:
        assert (told["meta_code"], told["meta_subcode"]) == (100, 2804050)
        assert told["details"][0]["fix"]


def test_waiting_for_meta_that_cannot_be_reached_is_an_ordinary_queued(web):
    answer = web.post("/hooks/lead?wait=true", JANE)

    assert (answer.status_code, answer.json["status"]) == (200, "queued")
    assert [event.status for event in web.stored()] == ["waiting"]


@pytest.mark.parametrize(
    ("body", "line", "column", "hint"),
    [
        pytest.param(b'{"id": 1,\n "mail": "a@b.de",\n}', 2, 18, "comma", id="trailing comma"),
        pytest.param(b'{"id": {{1.id}}}', 1, 9, "{{", id="unrendered template"),
        pytest.param(b"", None, None, "empty", id="empty body"),
    ],
)
def test_a_body_that_cannot_be_read(web, body, line, column, hint):
    answer = web.post("/hooks/lead", body, content_type="application/json")

    assert answer.status_code == 400
    text = json.dumps(answer.json)
    assert hint in text
    if line:
        assert f"line {line}" in text
        assert f"column {column}" in text
    assert web.stored() == []


@pytest.mark.parametrize("headers", [{}, {"X-Token": "guess"}], ids=["no token", "wrong token"])
def test_a_wrong_token_learns_nothing(web, headers):
    answer = web.post("/hooks/secret", JANE, headers)

    assert answer.status_code == 401
    assert answer.json["error"] == {
        "code": "not_authentic",
        "message": "the sender could not be authenticated",
        "details": [],
    }
    assert web.stored() == []


def test_an_unknown_mapping(web):
    answer = web.post("/hooks/nothing-here", JANE)

    assert answer.status_code == 404
    assert answer.json["error"] == {
        "code": "unknown_mapping",
        "message": "there is no mapping 'nothing-here'; compare the name with those of the mapping files",
        "details": [],
    }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/hooks/small", b'{"id": "' + b"x" * 1100 + b'"}', id="over the mapping's bound"),
        pytest.param("/hooks/lead", b'{"id": "' + b"x" * 2_097_152 + b'"}', id="over the bridge's bound"),
        pytest.param("/hooks/lead", b"[" * 100 + b"]" * 100, id="too deep"),
    ],
)
def test_a_body_that_is_too_large(web, path, body):
    answer = web.post(path, body, content_type="application/json")

    assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")


def test_a_compressed_body_that_swells_over_the_bound(web):
    bomb = gzip.compress(b'{"id": "' + b"x" * 3_000_000 + b'"}')
    answer = web.post("/hooks/lead", bomb, {"Content-Encoding": "gzip"}, content_type="application/json")
    assert answer.status_code == 413


def test_a_content_type_the_mapping_does_not_take(web):
    answer = web.post("/hooks/json-only", b"id=1&mail=a", content_type="application/x-www-form-urlencoded")

    assert answer.status_code == 415


class BrokenOutbox:
    """An outbox whose disk is full."""

    def pack(self, webhook: object) -> None:
        raise CannotStore("the webhook could not be stored (OperationalError)", retry_after_seconds=7)

    def close(self) -> None:
        """Nothing to close."""


def test_what_cannot_be_stored_is_to_be_sent_again(start):
    web = start(outbox=OpenedLater(BrokenOutbox))

    answer = web.post("/hooks/lead", JANE)

    assert (answer.status_code, answer.json["error"]["code"]) == (503, "cannot_store")
    assert answer.headers["Retry-After"] == "7"


def test_a_mapping_that_never_loaded_is_our_fault_and_not_the_senders(start):
    web = start(mappings={"broken": "version: 1\nevnt_name: Lead\n"})

    answer = web.post("/hooks/broken", JANE)

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json["error"] == {
        "code": "cannot_store",
        "message": "this mapping has errors and is not active yet, so nothing was stored; send the webhook "
        "again later; on the bridge, `capi-bridge check` lists the errors",
        "details": [],
    }


@pytest.mark.parametrize(
    "named",
    [
        pytest.param("samples: [samples/real.json]\n", id="a sample"),
        pytest.param(
            "tests: [{name: t, given: samples/real.json, expect: [{}]}]\n", id="what a test is given"
        ),
    ],
)
def test_a_mapping_whose_sample_is_missing_takes_webhooks(named, start):
    web = start(mappings={"sampled": f"{MAPPINGS['lead']}{named}"})

    assert web.post("/hooks/sampled", JANE).json["status"] == "queued"
    assert web.client.get("/readyz").json["status"] == "ready"


def test_a_mapping_that_broke_while_running_stays_as_it_was(start):
    web = start()
    web.post("/hooks/lead", {**JANE, "id": 1})
    (web.folder / "mappings" / "lead.yaml").write_text("version: 1\nevnt_name: Lead\n")
    web.context.mappings.refresh()

    assert web.post("/hooks/lead", {**JANE, "id": 2}).json["status"] == "queued"
    ready = web.client.get("/readyz")
    assert (ready.status_code, ready.json["status"]) == (200, "degraded")
    assert "lead.yaml" in json.dumps(ready.json["reasons"])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_a_clear_refusal(web, number):
    answer = web.post("/hooks/lead", b'{"id": %s}' % number.encode(), content_type="application/json")

    assert answer.status_code == 400
    assert number.lstrip("-") in json.dumps(answer.json)


def test_an_address_that_is_not_there_and_a_method_that_is_not_taken(web):
    assert web.client.get("/nowhere").status_code == 404
    wrong = web.client.put("/hooks/lead")
    assert wrong.status_code == 405
    assert set(wrong.json) == {"error", "request_id"}
    assert web.client.get("/api/events", headers=ADMIN).status_code == 200
