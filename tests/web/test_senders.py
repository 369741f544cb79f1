"""What particular senders need: browsers, handshakes, tests, proxies, limits; and our own faults."""

from __future__ import annotations

import hmac
import json
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import TooManyRequests
from bridge.outbox import Query
from bridge.settings import Rate, load_settings
from bridge.web.rate_limit import RateLimiter
from bridge.web.request import HttpRequest, public_url, sender_address
from tests.web.conftest import ADMIN, ENVIRONMENT, EVENT

JANE = {"id": 7, "mail": " Jane@Example.com "}
SITE = "https://www.example.com"


# --- browsers ------------------------------------------------------------


def test_a_browser_may_ask_before_it_posts_json(web):
    answer = web.client.options("/hooks/browser", headers={"Origin": SITE})

    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == SITE
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Content-Type" in answer.headers["Access-Control-Allow-Headers"]
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("body", [JANE, {"id": 1}], ids=["taken", "with problems"])
def test_a_browser_may_read_its_answer_also_a_refusal(web, body):
    answer = web.post("/hooks/browser", body, {"Origin": SITE})

    assert answer.status_code in {200, 422}
    assert answer.headers["Access-Control-Allow-Origin"] == SITE
    assert answer.headers["Vary"] == "Origin"


def test_a_beacon_is_taken(web):
    beacon = web.post(
        "/hooks/browser", json.dumps(JANE), {"Origin": SITE}, content_type="text/plain;charset=UTF-8"
    )
    assert (beacon.status_code, beacon.json["status"]) == (200, "queued")


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
@pytest.mark.parametrize(
    ("mapping", "origin"),
    [
        pytest.param("browser", "https://www.example.org", id="another website"),
        pytest.param("browser", "https://www.example.com.evil.example", id="one that begins alike"),
        pytest.param("browser", "http://www.example.com", id="the same without encryption"),
        pytest.param("browser", "https://www.example.com:8443", id="another port"),
        pytest.param("browser", "null", id="a page without an origin"),
        pytest.param("any-browser", SITE, id="no website is listed"),
    ],
)
def test_a_page_that_is_not_listed_may_not_read_its_answer_and_nothing_is_lost(web, method, mapping, origin):
    answer = web.client.open(f"/hooks/{mapping}", method=method, json=JANE, headers={"Origin": origin})
    assert answer.status_code == 200
    assert [name for name, _ in answer.headers if name.startswith("Access-Control-")] == []
    assert answer.headers["Vary"] == "Origin"
    assert len(web.stored()) == (method == "POST")


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
def test_a_page_may_not_read_answers_meant_for_servers(web, method):
    answer = web.client.open("/hooks/lead", method=method, json=JANE, headers={"Origin": SITE})
    assert "Access-Control-Allow-Origin" not in answer.headers


# --- handshakes ------------------------------------------------------------

BY_GET = (
    EVENT
    + """\
receive:
  handshake: {on: get, expect: {$query.hub.verify_token: "${LEAD_SECRET}"}, answer: $query.hub.challenge}
  verify: {scheme: token, header: X-Token, secret: "${LEAD_SECRET}"}
"""
)
BY_FIELD = (
    EVENT
    + """\
receive: {handshake: {on: field, expect: {type: url_verification}, answer: challenge}}
"""
)


def test_a_challenge_is_echoed_as_plain_text(start):
    web = start(mappings={"by-get": BY_GET, "by-field": BY_FIELD})

    by_get = web.client.get("/hooks/by-get?hub.verify_token=lead-secret&hub.challenge=4711")
    assert (by_get.status_code, by_get.text, by_get.mimetype) == (200, "4711", "text/plain")
    by_field = web.post("/hooks/by-field", {"type": "url_verification", "challenge": "abc"})
    assert (by_field.status_code, by_field.text) == (200, "abc")
    assert web.stored() == []


def test_a_wrong_challenge_learns_nothing_and_webhooks_still_pass(start):
    web = start(mappings={"by-get": BY_GET, "by-field": BY_FIELD})

    wrong = web.client.get("/hooks/by-get?hub.verify_token=x&hub.challenge=4711")
    assert wrong.status_code == 401
    assert "4711" not in wrong.text
    assert web.post("/hooks/by-field", JANE).json["status"] == "queued"


AS_JSON = (
    EVENT
    + """\
receive: {handshake: {on: field, answer: {json: {challenge: challenge}}}, answer: {text: "[accepted]"}}
"""
)
AS_HEADER = EVENT + "receive: {handshake: {on: header, answer: {header: X-Hook-Secret}}}\n"
COMPUTED = (
    EVENT
    + """\
receive:
  verify: {scheme: hmac, header: X-Sig, secret: "${LEAD_SECRET}"}
  handshake:
    on: field
    expect: {event: url_validation}
    answer: {json: {plain: token, encrypted: {hmac_of: token}}}
  answer: {json: {ok: true}}
"""
)


def test_a_challenge_is_answered_as_json_or_in_a_header(start):
    web = start(mappings={"json": AS_JSON, "header": AS_HEADER})

    by_json = web.post("/hooks/json", {"challenge": "abc"})
    assert (by_json.status_code, by_json.mimetype, by_json.text) == (
        200, "application/json", '{"challenge":"abc"}',
    )  # fmt: skip
    by_header = web.post("/hooks/header", {}, {"X-Hook-Secret": "b537207f20cbfa02357cf448134da559"})
    assert by_header.headers["X-Hook-Secret"] == "b537207f20cbfa02357cf448134da559"
    assert (by_header.status_code, by_header.text) == (200, "")
    assert web.stored() == []


def signed_header(body: str) -> dict[str, str]:
    return {"X-Sig": hmac.digest(b"lead-secret", body.encode(), "sha256").hex()}


def test_a_computed_answer_is_for_those_only_who_know_the_secret(start):
    web = start(mappings={"computed": COMPUTED})
    body = json.dumps({"event": "url_validation", "token": "qgg8vlvZRS6UYooatFL8Aw"})
    known = hmac.digest(b"lead-secret", b"qgg8vlvZRS6UYooatFL8Aw", "sha256").hex()

    stranger = web.post("/hooks/computed", body)
    assert stranger.status_code == 401
    assert known not in stranger.text
    answer = web.post("/hooks/computed", body, signed_header(body))
    assert answer.json == {"plain": "qgg8vlvZRS6UYooatFL8Aw", "encrypted": known}


@pytest.mark.parametrize("token", ['{"mail": "x"}', "v0:1:body", "a" * 129, "", 7.5, None, {"a": 1}])
def test_nothing_that_could_be_a_body_is_signed_for_anybody(start, token):
    web = start(mappings={"computed": COMPUTED})
    body = json.dumps({"event": "url_validation", "token": token})
    assert "encrypted" not in web.post("/hooks/computed", body, signed_header(body)).text


def test_a_sender_gets_its_own_word_only_for_what_was_stored(start):
    web = start(mappings={"json": AS_JSON, "computed": COMPUTED})

    stored = web.post("/hooks/json", JANE)
    again = web.post("/hooks/json", JANE)
    assert [(answer.status_code, answer.mimetype, answer.text) for answer in (stored, again)] == [
        (200, "text/plain", "[accepted]"), (200, "text/plain", "[accepted]"),
    ]  # fmt: skip
    assert web.post("/hooks/json", "{").status_code == 400
    assert "accepted" not in web.post("/hooks/json", "{").text
    body = json.dumps(JANE)
    assert web.post("/hooks/computed", body).status_code == 401
    assert web.post("/hooks/computed", body, signed_header(body)).json == {"ok": True}


def test_a_check_by_get_before_the_first_post_is_answered_200(web):
    assert web.client.get("/hooks/lead").status_code == 200
    assert web.client.head("/hooks/lead").status_code == 200
    assert web.client.get("/hooks/nothing").status_code == 404


# --- tests ------------------------------------------------------------


@pytest.mark.parametrize("how", ["query", "header"])
def test_an_authenticated_sender_may_ask_for_a_test(web, how):
    path = "/hooks/secret?test_event_code=TEST1" if how == "query" else "/hooks/secret"
    headers = {"X-Token": "lead-secret", **({"X-Test-Event-Code": "TEST1"} if how == "header" else {})}

    answer = web.post(path, JANE, headers)

    assert answer.status_code == 200
    assert answer.json["test"]["test_event_code"] == ["TEST1"]
    assert "does not discard" in answer.json["test"]["note"]
    assert [event.test_event_code for event in web.stored()] == ["TEST1"]


def test_a_stranger_may_not_ask_for_a_test(web):
    answer = web.post("/hooks/lead?test_event_code=TEST1", JANE)
    assert answer.status_code == 401
    assert web.stored() == []
    assert web.post("/hooks/lead?test_event_code=TEST1", JANE, ADMIN).status_code == 200


def test_the_live_profile_refuses_a_test_instead_of_sending_it_live(start):
    web = start(environment={**ENVIRONMENT, "CAPI_BRIDGE_PROFILE": "live"})
    answer = web.post("/hooks/secret?test_event_code=TEST1", JANE, {"X-Token": "lead-secret"})
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "test_code_refused")
    assert web.stored() == []


SETTINGS = """\
destinations: {main: {dataset_id: 1, access_token: t, test_event_code: {code: OF-DESTINATION, for: 30m}}}
hooks: {paid: {test_event_code: OF-HOOK}}
keys: {admin: admin-token}
"""


def test_the_nearest_test_code_counts_and_ends_in_time(start):
    web = start(
        settings=SETTINGS,
        mappings={"own": EVENT + "test_event_code: OF-MAPPING\n"},
        environment={"LEAD_SECRET": "s"},
    )
    saved = web.context.settings.destinations["main"].test_event_code.until - timedelta(minutes=30)
    web.clock[0] = saved
    paid = {**JANE, "status": "paid"}

    def code_after(path, body):
        web.post(path, body, ADMIN)
        return web.stored(limit=1)[0].test_event_code

    assert code_after("/hooks/lead", {**JANE, "id": 1}) == "OF-DESTINATION"
    assert code_after("/hooks/paid", {**paid, "id": 2}) == "OF-HOOK"
    assert code_after("/hooks/own", {**JANE, "id": 3}) == "OF-MAPPING"
    assert code_after("/hooks/own?test_event_code=ASKED", {**JANE, "id": 4}) == "ASKED"
    web.later(minutes=31)
    assert code_after("/hooks/lead", {**JANE, "id": 5}) is None


def test_test_mode_is_marked_loudly(start):
    web = start(settings=SETTINGS, environment={"LEAD_SECRET": "s"})
    web.clock[0] = web.context.settings.destinations["main"].test_event_code.until - timedelta(minutes=1)

    assert web.post("/hooks/lead", JANE).json["test"]["test_event_code"] == ["OF-DESTINATION"]
    ready = web.client.get("/readyz").json
    assert {entry["where"] for entry in ready["test_mode"]} == {"destination main", "mapping paid"}
    assert 'bridge_test_mode{destination="main"} 1.0' in web.client.get("/metrics").text
    web.later(minutes=2)
    assert 'bridge_test_mode{destination="main"} 0.0' in web.client.get("/metrics").text


# --- proxies ------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        pytest.param("203.0.113.9", "", "203.0.113.9", id="no proxy"),
        pytest.param("203.0.113.9", "198.51.100.1", "203.0.113.9", id="a stranger's claim"),
        pytest.param("10.0.0.1", "198.51.100.1", "198.51.100.1", id="through our proxy"),
        pytest.param("10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1", id="a claim in front"),
        pytest.param("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1", id="through two of our proxies"),
        pytest.param("10.0.0.1", "", "10.0.0.1", id="the proxy itself"),
        pytest.param("10.0.0.1", "198.51.100.1:4711", "198.51.100.1", id="with a port"),
        pytest.param("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1", id="IPv6 with a port"),
        pytest.param("10.0.0.1", "2001:db8::1", "2001:db8::1", id="IPv6"),
        pytest.param("10.0.0.1", "garbage", "garbage", id="something that is no address"),
        pytest.param("", "", None, id="a socket without addresses"),
    ],
)
def test_the_senders_address_is_the_last_that_is_not_ours(peer, forwarded, expected):
    request = HttpRequest("id", "POST", "/hooks/lead", "", {"x-forwarded-for": forwarded}, peer)
    assert sender_address(request, (ip_network("10.0.0.0/8"),)) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param("public_url: https://hooks.example.com\n", "https://hooks.example.com", id="as set"),
        pytest.param("trusted_proxies: 127.0.0.1\n", "https://bridge.internal", id="as our proxy says"),
        pytest.param("", "http://bridge.internal", id="as it came"),
    ],
)
def test_the_url_is_the_one_the_sender_used(tmp_path, settings, expected):
    (tmp_path / "bridge.yaml").write_text(settings)
    headers = {"host": "bridge.internal", "x-forwarded-proto": "https"}
    request = HttpRequest("id", "POST", "/hooks/lead?a=%20b", "a=%20b", headers, "127.0.0.1")
    told = public_url(request, load_settings(None, {}, folder=tmp_path))
    assert told == f"{expected}/hooks/lead?a=%20b"


# --- limits ------------------------------------------------------------


def test_over_the_rate_a_sender_is_told_when_to_come_back(start):
    web = start(settings="hooks: {lead: {rate_limit: 2/m}}\n", environment=ENVIRONMENT)
    answers = [web.post("/hooks/lead", {**JANE, "id": number}) for number in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
    assert answers[2].json["error"]["code"] == "too_many_requests"
    assert web.post("/hooks/paid", {**JANE, "status": "paid"}).status_code == 200
    assert len(web.context.outbox().find(Query())) == 3


def test_strangers_cannot_use_up_what_the_sender_of_a_mapping_may_send(start):
    web = start(settings="hooks: {secret: {rate_limit: 1/m}}\n", environment=ENVIRONMENT)
    assert [web.post("/hooks/secret", JANE).status_code for _ in range(5)] == [401] * 5
    assert web.post("/hooks/secret", JANE, {"X-Token": "lead-secret"}).status_code == 200


def test_each_address_has_its_own_rate(start):
    web = start(settings="limits: {rate_per_address: 1/m}\n", environment=ENVIRONMENT)

    def post(number, address):
        return web.post("/hooks/lead", {"id": number}, environ_base={"REMOTE_ADDR": address}).status_code

    assert [post(1, "192.0.2.1"), post(2, "192.0.2.1"), post(3, "192.0.2.2")] == [200, 429, 200]


def admitted(limiter: RateLimiter, key: str, rate: Rate) -> bool:
    try:
        limiter.admit(key, rate, "too many")
    except TooManyRequests:
        return False
    return True


@given(
    count=st.integers(1, 20),
    waits=st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=60),
)
def test_no_window_ever_admits_more_than_its_rate_and_one_burst(count, waits):
    clock = [1000.0]
    limiter = RateLimiter(now=lambda: clock[0])
    times = []
    for wait in waits:
        clock[0] += wait
        if admitted(limiter, "key", Rate(count, 1.0)):
            times.append(clock[0])
    for start in times:
        inside = [moment for moment in times if start <= moment < start + 1.0]
        assert len(inside) <= 2 * count


def test_keys_do_not_disturb_each_other_and_a_rate_recovers():
    clock = [0.0]
    limiter = RateLimiter(now=lambda: clock[0])
    rate = Rate(1, 10.0)
    assert all(admitted(limiter, f"key {number}", rate) for number in range(2000))
    assert not any(admitted(limiter, f"key {number}", rate) for number in range(2000))
    clock[0] = 10.1
    assert admitted(limiter, "key 0", rate)


# --- our own faults ------------------------------------------------------------


def exploding_mapping(mapping: Any) -> Any:
    """Return a mapping whose translation breaks down, as only a fault of ours could make it."""

    def explode(scope: Any) -> str | None:
        raise RuntimeError(f"cannot map {scope.root}")

    return replace(
        mapping,
        events=tuple(replace(event, conditions=(explode,), on_demand=None) for event in mapping.events),
    )


class ExplodingFolder:
    def __init__(self, mappings: Any, *, on_get: bool) -> None:
        self._mappings = mappings
        self._on_get = on_get

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mappings, name)

    def get(self, name: str) -> Any:
        if self._on_get:
            raise RuntimeError("jane@example.com")
        return exploding_mapping(self._mappings.get(name))


class Log:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def _keep(self, event: str, **values: Any) -> None:
        self.lines.append({"event": event, **values})

    info = error = warning = _keep


def changed(web: Any, **parts: Any) -> Log:
    """Give the application other parts, and a log that can be read."""
    log = Log()
    web.use(log=log, **parts)
    return log


def exploding(web: Any, *, on_get: bool) -> Log:
    return changed(web, mappings=ExplodingFolder(web.context.mappings, on_get=on_get))


@pytest.mark.parametrize("mapping", ["lead", "automation"])
def test_a_webhook_whose_translation_breaks_down_is_kept_for_repair(web, mapping):
    log = exploding(web, on_get=False)

    answer = web.post(f"/hooks/{mapping}", JANE)

    assert (answer.status_code, answer.json["status"]) == (200, "held")
    [event] = web.stored()
    assert (event.status, event.findings[0]["code"]) == ("held", "internal_fault")
    assert web.context.outbox().raw(event.webhook_id).body == json.dumps(JANE).encode()
    assert log.lines[0]["error"] == "RuntimeError"
    assert "Jane" not in json.dumps(log.lines)


def test_any_other_fault_is_a_503_that_asks_to_come_again(web):
    log = exploding(web, on_get=True)

    answer = web.post("/hooks/lead", JANE)

    assert (answer.status_code, answer.json["error"]["code"]) == (503, "internal_fault")
    assert int(answer.headers["Retry-After"]) > 0
    assert log.lines[0]["error"] == "RuntimeError"
    assert "jane" not in json.dumps(log.lines).lower()


# --- the request id and the log ------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_id", "is_kept"),
    [
        ("abc-12345", True),
        ("x" * 65, False),
        ("short", False),
        ("a b c d e f", False),
        ('"}{injected', False),
    ],
)
def test_a_request_id_goes_with_the_webhook_when_it_is_harmless(web, given_id, is_kept):
    answer = web.post("/hooks/lead", JANE, {"X-Request-Id": given_id})

    assert (answer.json["request_id"] == given_id) is is_kept
    assert answer.headers["X-Request-Id"] == answer.json["request_id"]
    [event] = web.stored()
    assert web.context.outbox().show(event.id).request_id == answer.json["request_id"]


def test_a_mapping_that_does_not_load_has_its_name_in_the_log_and_a_stranger_has_none(start):
    web = start(mappings={"broken": "version: 1\nevnt_name: Lead\n"})
    log = changed(web)
    web.post("/hooks/broken", JANE)
    web.post("/hooks/jane-doe", JANE)

    assert [(line["mapping"], line["code"]) for line in log.lines] == [("broken", 503), ("-", 404)]


def test_one_line_is_logged_for_each_webhook_and_no_person_is_in_it(web):
    log = changed(web)
    web.post(
        "/hooks/lead?name=Jane", JANE, {"X-Forwarded-For": "203.0.113.77", "User-Agent": "Jane's browser"}
    )
    web.post("/hooks/lead", b'{"mail": "jane@example.com",}', content_type="application/json")

    assert [(line["event"], line["mapping"], line["status"], line["code"]) for line in log.lines] == [
        ("webhook", "lead", "queued", 200),
        ("webhook", "lead", "unreadable_body", 400),
    ]
    text = json.dumps(log.lines).lower()
    assert [word for word in ("jane", "203.0.113", "example.com") if word in text] == []
