"""Dry runs, validation, the admin's API, liveness, readiness, metrics and the description."""

from __future__ import annotations

import json

import jsonschema
import pytest

from bridge.web.context import OpenedLater
from bridge.web.openapi import document
from bridge.web.routes import ROUTES
from tests.web.conftest import ADMIN, ENVIRONMENT, EVENT, NOW

JANE = {"id": 7, "mail": " Jane@Example.com "}
HASH = "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"
LEAD = {
    "event_name": "Lead",
    "event_time": int(NOW.timestamp()),
    "event_id": "lead-7",
    "action_source": "system_generated",
    "user_data": {"em": [HASH]},
}
PREVIEW = {"events", "findings", "skipped", "held", "suppressed", "explain", "request"}


# --- dry runs ------------------------------------------------------------


def test_a_dry_run_shows_what_would_be_sent_and_stores_nothing(web):
    answer = web.post("/dry-run/lead", JANE)

    assert answer.status_code == 200
    assert set(answer.json) >= PREVIEW
    assert answer.json["events"] == [LEAD]
    assert answer.json["request"] == {"data": [LEAD]}
    assert answer.json["explain"]
    assert web.stored() == []
    assert ENVIRONMENT["META_ACCESS_TOKEN"] not in answer.text


def test_a_dry_run_lists_what_the_mapping_and_the_webhook_do_not_share(web):
    answer = web.post("/dry-run/lead", {"id": 1, "mial": "jane@example.com"}).json
    [line] = answer["empty"]
    assert (line["field"], line["tried"], line["suggestion"]) == ("user_data.email", ["mail"], "mial")
    assert [field["path"] for field in answer["unused"]] == ["mial"]


def test_a_dry_run_tells_what_is_skipped_suppressed_and_held(web):
    skipped = web.post("/dry-run/paid", {**JANE, "status": "open"}).json
    suppressed = web.post("/dry-run/consent", {**JANE, "agreed": "no"}).json
    held = web.post("/dry-run/lead", {"id": 1}).json

    assert [len(told["events"]) for told in (skipped, suppressed, held)] == [0, 0, 0]
    assert skipped["skipped"][0]["reason"]
    assert suppressed["suppressed"][0]["reason"]
    assert held["held"][0]["findings"][0]["severity"] == "error"


def test_a_dry_run_asks_for_what_the_real_endpoint_asks_for_or_the_admin_token(web):
    assert web.post("/dry-run/secret", JANE).status_code == 401
    assert web.post("/dry-run/secret", JANE, {"X-Token": "lead-secret"}).status_code == 200
    assert web.post("/dry-run/secret", JANE, ADMIN).status_code == 200


def test_only_the_admin_sees_the_person_in_an_explanation(web):
    assert "jane@example.com" not in web.post("/dry-run/lead?reveal=true", JANE).text.lower()
    assert "jane@example.com" in web.post("/dry-run/lead?reveal=true", JANE, ADMIN).text.lower()


def test_a_mapping_under_the_pen_is_tried(web):
    asked = {"mapping": EVENT, "payload": JANE, "now": "2026-11-21T12:00:00Z"}
    answer = web.post("/dry-run", asked, ADMIN)

    assert answer.status_code == 200
    assert answer.json["events"] == [LEAD]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        pytest.param(
            {"mapping": "version: 1\nevnt_name: x\n", "payload": {}}, 422, id="a mapping with errors"
        ),
        pytest.param({"payload": {}}, 400, id="no mapping"),
        pytest.param({"mapping": 5}, 400, id="a mapping that is no text"),
        pytest.param({"mapping": EVENT, "payload": "{,"}, 400, id="a payload that cannot be read"),
        pytest.param({"mapping": EVENT, "now": "whenever"}, 400, id="no time"),
        pytest.param({"mapping": EVENT, "headers": ["x"]}, 400, id="headers that are no object"),
        pytest.param([], 400, id="a list"),
    ],
)
def test_a_mistake_under_the_pen_is_told(web, asked, status):
    answer = web.post("/dry-run", asked, ADMIN)
    assert (answer.status_code, set(answer.json)) == (status, {"error", "request_id"})


def test_a_mapping_under_the_pen_never_sees_the_environment(web):
    text = EVENT + 'receive: {verify: {scheme: token, header: X, secret: "${META_ACCESS_TOKEN}"}}\n'
    answer = web.post("/dry-run", {"mapping": text, "payload": JANE}, ADMIN)
    assert answer.status_code == 200
    assert "meta-token" not in answer.text


@pytest.mark.parametrize("path", ["/dry-run", "/validate"])
def test_dry_runs_of_texts_and_validation_ask_for_the_admin_token(web, path):
    assert web.post(path, {"data": []}).status_code == 401
    assert web.post(path, {"data": []}, {"Authorization": "Bearer guess"}).status_code == 401


def test_in_a_demo_they_are_open(start):
    web = start(environment={})
    assert web.post("/validate", {"data": [LEAD]}).status_code == 200
    assert web.post("/dry-run", {"mapping": EVENT, "payload": JANE}).status_code == 200


def test_a_finished_body_is_judged(web):
    assert web.post("/validate", {"data": [LEAD]}, ADMIN).json["findings"] == []
    [finding] = web.post("/validate", {"data": [{**LEAD, "event_time": 1}]}, ADMIN).json["findings"]
    assert (finding["code"], finding["severity"]) == ("event_time_too_old", "error")
    assert set(finding) == {
        "severity", "code", "message", "fix", "path", "file", "line", "column", "suggestion",
    }  # fmt: skip


# --- the admin's API ------------------------------------------------------------

ADMIN_ENDPOINTS = [
    ("GET", "/api/mappings"),
    ("GET", "/api/mappings/lead"),
    ("GET", "/api/counts"),
    ("GET", "/api/events"),
    ("GET", "/api/events/x"),
    ("POST", "/api/events/x/replay"),
    ("POST", "/api/events/x/discard"),
    ("POST", "/api/replay"),
    ("POST", "/api/import/lead"),
    ("POST", "/api/jobs"),
    ("GET", "/api/jobs"),
    ("GET", "/api/jobs/x"),
    ("GET", "/api/jobs/x/result"),
    ("POST", "/api/jobs/x/cancel"),
]


@pytest.mark.parametrize(("method", "path"), ADMIN_ENDPOINTS)
@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer guess"}, {"Authorization": "admin-token"}, {"X-Admin-Token": ""}],
    ids=["none", "wrong", "no bearer", "empty"],
)
def test_the_api_is_for_the_admin_alone(web, method, path, headers):
    answer = web.client.open(path, method=method, headers=headers)
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "not_authentic")


@pytest.mark.parametrize(("method", "path"), ADMIN_ENDPOINTS)
def test_without_an_admin_token_nobody_is_the_admin(start, method, path):
    web = start(environment={k: v for k, v in ENVIRONMENT.items() if k != "CAPI_BRIDGE_ADMIN_TOKEN"})
    for headers in ({}, {"Authorization": "Bearer "}, {"X-Admin-Token": ""}):
        assert web.client.open(path, method=method, headers=headers).status_code == 401


def test_a_demo_shows_its_events_on_its_own_machine_only(start):
    web = start(environment={})
    assert web.client.get("/api/events").status_code == 200
    assert web.client.get("/api/events", environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 401
    assert web.client.get("/api/events", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401


def test_events_are_listed_filtered_and_paged(web):
    for number in range(5):
        web.post("/hooks/lead", {**JANE, "id": number})
    web.post("/hooks/lead", {"id": 9})

    def page(query):
        answer = web.client.get(f"/api/events?{query}", headers=ADMIN).json
        return [event["event_id"] for event in answer["events"]], answer["next"]

    assert page("status=held") == (["lead-9"], None)
    first, onward = page("status=waiting&limit=3")
    assert first == ["lead-4", "lead-3", "lead-2"]
    assert page(f"status=waiting&limit=3&before={onward}") == (["lead-1", "lead-0"], None)


@pytest.mark.parametrize(
    "query", ["status=nope", "limit=0", "limit=x", "limit=99999", "since=soon", "maping=lead"]
)
def test_a_filter_that_makes_no_sense_is_told(web, query):
    assert web.client.get(f"/api/events?{query}", headers=ADMIN).status_code == 400


@pytest.mark.parametrize("since", ["1h", "today", "1700000000", "2020-01-01", "2020-01"])
def test_times_are_written_as_on_the_command_line(web, since):
    web.post("/hooks/lead", JANE)
    answer = web.client.get(f"/api/events?since={since}&mapping=lead", headers=ADMIN)
    assert (answer.status_code, len(answer.json["events"])) == (200, 1)


def test_one_event_is_shown_whole(web):
    [event] = web.post("/hooks/lead", JANE).json["events"]
    shown = web.client.get(f"/api/events/{event['id']}", headers=ADMIN).json
    assert (shown["status"], shown["body"], shown["attempts"]) == ("waiting", LEAD, [])


@pytest.mark.parametrize("event_id", ["x", "01a1fcef-d037-723e-af54-1cda694aa12a", "%00"])
@pytest.mark.parametrize("action", ["", "/replay", "/discard"])
def test_an_event_that_is_not_there_is_told(web, event_id, action):
    answer = web.client.open(
        f"/api/events/{event_id}{action}", method="POST" if action else "GET", headers=ADMIN
    )
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "no_such_event")


def test_a_held_event_is_replayed_with_the_corrected_mapping(web):
    [event] = web.post("/hooks/lead", {"id": 9}).json["events"]
    replay = f"/api/events/{event['id']}/replay"
    assert web.post(replay, None, ADMIN).json["still_held"] == 1

    file = web.folder / "mappings" / "lead.yaml"
    file.write_text(EVENT + "defaults: {external_id: everybody}\n")
    web.context.mappings.refresh()

    assert web.post(replay, None, ADMIN).json["remapped"] == 1
    assert [event.status for event in web.stored()] == ["waiting"]


def test_an_event_is_discarded_with_a_reason(web):
    [event] = web.post("/hooks/lead", JANE).json["events"]
    answer = web.post(f"/api/events/{event['id']}/discard", {"reason": "a test"}, ADMIN)
    assert (answer.status_code, answer.json["discarded"]) == (200, 1)
    assert [(event.status, event.reason) for event in web.stored()] == [("discarded", "a test")]


def test_many_are_replayed_by_a_filter_and_counted_first(web):
    web.post("/hooks/lead", {"id": 9})
    assert web.post("/api/replay", {"status": "held", "dry_run": True}, ADMIN).json["matching"] == 1
    assert web.post("/api/replay", {"status": "held"}, ADMIN).json["still_held"] == 1
    assert web.post("/api/replay", {}, ADMIN).status_code == 400
    assert web.post("/api/replay", b"{", ADMIN).status_code == 400


def test_mappings_and_counts_are_told(start):
    web = start(mappings={"broken": "version: 1\nevnt_name: Lead\n"})
    web.post("/hooks/lead", JANE)

    told = web.client.get("/api/mappings", headers=ADMIN).json
    assert {"lead", "secret"} <= {mapping["name"] for mapping in told["mappings"]}
    assert "broken.yaml" in json.dumps(list(told["problems"]))
    lines = web.client.get("/api/mappings/lead", headers=ADMIN).json["lines"]
    assert {line["field"]: (line["found"], line["webhooks"]) for line in lines}["user_data.em"] == (1, 1)
    assert web.client.get("/api/mappings/nothing", headers=ADMIN).status_code == 404
    counts = web.client.get("/api/counts", headers=ADMIN).json
    assert (counts["received"], counts["balanced"], counts["by_status"]["waiting"]) == (1, True, 1)


# --- operating ------------------------------------------------------------


def test_a_bridge_in_order_is_alive_and_ready(web):
    assert web.client.get("/healthz").json["status"] == "ok"
    ready = web.client.get("/readyz")
    assert (ready.status_code, ready.json["status"], ready.json["reasons"]) == (200, "ready", [])


def test_a_webhook_that_could_not_be_stored_degrades_until_one_is(web):
    def change(sql: str) -> None:
        with web.context.outbox()._database.engine.begin() as connection:
            connection.exec_driver_sql(sql)

    change("CREATE TRIGGER full BEFORE INSERT ON webhooks BEGIN SELECT RAISE(FAIL, 'full'); END")
    assert web.post("/hooks/lead", JANE).status_code == 503
    ready = web.client.get("/readyz")
    assert (ready.status_code, [reason["code"] for reason in ready.json["reasons"]]) == (200, ["not_stored"])
    assert "the last webhook here could not be stored: " in ready.json["reasons"][0]["message"]
    change("DROP TRIGGER full")
    assert web.post("/hooks/lead", JANE).status_code == 200
    assert web.client.get("/readyz").json["reasons"] == []


class DeadOutbox:
    why_not_stored = None

    def probe(self, patience_seconds: float) -> None:
        """Writing works."""

    def depths(self, now: object) -> list[object]:
        raise OSError("no such host")

    def close(self) -> None:
        """Nothing to close."""


def test_a_database_that_does_not_answer_makes_the_bridge_unready(start):
    web = start(outbox=OpenedLater(DeadOutbox))
    ready = web.client.get("/readyz")
    assert (ready.status_code, [reason["code"] for reason in ready.json["reasons"]]) == (503, ["database"])
    assert web.client.get("/healthz").status_code == 200


def test_a_file_that_never_loaded_degrades_and_is_named(start):
    web = start(mappings={"broken": "version: 1\nevnt_name: Lead\n"})
    ready = web.client.get("/readyz")
    assert (ready.status_code, ready.json["status"]) == (200, "degraded")
    assert ready.json["reasons"] == [
        {
            "level": "degrades",
            "code": "mapping_not_loaded",
            "message": "broken.yaml does not load, its webhooks are answered 503: line 1: an event needs "
            "action_source (`capi-bridge check` says more)",
        }
    ]


def test_what_waits_too_long_degrades(web):
    web.post("/hooks/lead", JANE)
    web.later(hours=2)
    ready = web.client.get("/readyz").json
    assert (ready["status"], [reason["code"] for reason in ready["reasons"]]) == (
        "degraded",
        ["delivery_behind"],
    )


def test_metrics_count_what_happened(web):
    web.post("/hooks/lead", JANE)
    web.post("/hooks/lead", JANE)
    web.post("/hooks/lead", {"id": 9})
    web.post("/hooks/nobody-knows-this", JANE)

    answer = web.client.get("/metrics")

    assert answer.content_type.startswith("text/plain")
    lines = answer.text.splitlines()
    assert 'bridge_webhooks_total{mapping="lead",status="queued"} 1.0' in lines
    assert 'bridge_webhooks_total{mapping="lead",status="duplicate"} 1.0' in lines
    assert 'bridge_webhooks_total{mapping="lead",status="held"} 1.0' in lines
    assert 'bridge_webhooks_total{mapping="-",status="unknown_mapping"} 1.0' in lines
    assert 'bridge_events_stored_total{mapping="lead",status="waiting"} 1.0' in lines
    assert 'bridge_waiting_events{destination="main"} 1.0' in lines
    assert "nobody-knows-this" not in answer.text


def test_the_description_is_openapi_and_names_every_endpoint(web):
    described = web.client.get("/openapi.json").json
    assert described["openapi"].startswith("3.1")
    rules = {
        rule.rule.replace("<path:", "{").replace("<", "{").replace(">", "}")
        for rule in web.client.application.url_map.iter_rules()
        if rule.rule != "/" and not rule.rule.startswith("/console")  # pages for people
    }
    assert rules == set(described["paths"])


def test_every_schema_of_the_description_is_a_schema_and_every_reference_leads_somewhere():
    described = document(ROUTES)
    for schema in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    text = json.dumps(described)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(described["components"]["schemas"])
    operations = [op["operationId"] for path in described["paths"].values() for op in path.values()]
    assert len(operations) == len(set(operations))


def test_answers_are_as_the_description_says(web):
    described = document(ROUTES)
    answers = [
        ("/hooks/{name}", "post", web.post("/hooks/lead", JANE)),
        ("/hooks/{name}", "post", web.post("/hooks/lead", b"{", content_type="application/json")),
        ("/dry-run/{name}", "post", web.post("/dry-run/lead", JANE)),
        ("/validate", "post", web.post("/validate", {"data": [1]}, ADMIN)),
        ("/api/events", "get", web.client.get("/api/events")),
    ]
    for path, method, answer in answers:
        shape = described["paths"][path][method]["responses"][str(answer.status_code)]
        schema = shape["content"]["application/json"]["schema"]
        whole = {**schema, "components": described["components"]}
        jsonschema.Draft202012Validator(whole).validate(answer.json)


@pytest.mark.parametrize("path", ["/hooks/secret", "/dry-run/secret"])
@pytest.mark.parametrize("code", ["a%00b", "x" * 51], ids=["NUL", "too long"])
def test_a_test_code_that_cannot_be_one_is_400_and_stores_nothing(web, path, code):
    body, headers = {"id": 1, "mail": "a@example.com"}, {"X-Token": "lead-secret"}
    answer = web.post(f"{path}?test_event_code={code}", body, headers)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "bad_test_event_code")
    assert web.stored() == []


@pytest.mark.parametrize("name", ["mapping", "destination", "event_name", "event_id", "reason", "status"])
def test_a_nul_in_a_filter_is_400(web, name):
    assert web.client.get(f"/api/events?{name}=a%00b", headers=ADMIN).status_code == 400


@pytest.mark.parametrize(
    ("headers", "is_indented"),
    [
        pytest.param({"User-Agent": "curl/8.5.0"}, True, id="curl"),
        pytest.param({"User-Agent": "HTTPie/3.2.4"}, True, id="HTTPie"),
        pytest.param({"User-Agent": "Mozilla/5.0", "Accept": "text/html,*/*"}, True, id="a browser"),
        pytest.param({"User-Agent": "Make/production"}, False, id="a sender"),
        pytest.param({}, False, id="nobody said"),
    ],
)
@pytest.mark.parametrize("path", ["/hooks/lead", "/dry-run/lead", "/hooks/nope"])
def test_json_is_indented_for_people_and_short_for_programs(web, headers, is_indented, path):
    answer = web.post(path, JANE, headers)
    lines = answer.text.splitlines()
    assert (len(lines) > 1, answer.text.endswith("\n")) == (is_indented, is_indented)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["request_id"]


@pytest.mark.parametrize("name", ["event", "mapping", "settings"])
def test_the_schemas_are_served(web, name):
    answer = web.client.get(f"/schemas/{name}.json")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/schema+json")
    assert "$schema" in json.loads(answer.text)
    assert web.client.get("/schemas/secret.json").status_code == 404
