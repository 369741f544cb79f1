"""Over real sockets: what a sender sees, what is kept, and how the connection fails on order."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
import urllib3

from bridge.errors import CannotOpen
from bridge.simulator import Simulator
from tests.simulator.conftest import DATASET, HASH, NOW, PURCHASE, Client, changed, error_of

EVENTS = f"/v25.0/{DATASET}/events"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
TEXT = orjson.dumps(PURCHASE).decode()


def test_an_accepted_request_is_answered_as_meta_does_and_shown(simulator, client):
    response = client.post(PURCHASE, changed(PURCHASE, {"event_id": "2"}), test_event_code="TEST42")
    answer = orjson.loads(response.data)
    trace_id = answer.pop("fbtrace_id")
    assert (response.status, answer) == (200, {"events_received": 2, "messages": []})
    assert re.fullmatch(r"A[A-Za-z0-9_-]{22}", trace_id)
    assert [(r.dataset_id, r.version, r.test_event_code, r.times, r.event) for r in simulator.received()] == [
        (DATASET, "v25.0", "TEST42", 1, PURCHASE),
        (DATASET, "v25.0", "TEST42", 1, changed(PURCHASE, {"event_id": "2"})),
    ]
    assert simulator.counts() == {"requests": 1, "events": 2, "test_events": 2, "refused": 0}


def multipart(*fields: tuple[str, str]) -> dict[str, Any]:
    body, kind = urllib3.encode_multipart_formdata(list(fields))
    return {"body": body, "headers": {"Content-Type": kind}}


@pytest.mark.parametrize(
    ("query", "options"),
    [
        pytest.param(
            "",
            {"body": orjson.dumps({"data": [PURCHASE], "access_token": "t"}), "headers": JSON},
            id="JSON, token in the body",
        ),
        pytest.param(
            "?access_token=t",
            {"body": orjson.dumps({"data": [PURCHASE]}), "headers": JSON},
            id="token in the query",
        ),
        pytest.param(
            "",
            {"body": orjson.dumps({"data": [PURCHASE]}), "headers": {**JSON, "Authorization": "Bearer t"}},
            id="token in the header",
        ),
        pytest.param(
            "?access_token=t",
            {"body": orjson.dumps({"data": [TEXT]}), "headers": JSON},
            id="a list of JSON texts",
        ),
        pytest.param(
            "?access_token=t",
            {"body": orjson.dumps({"data": f"[{TEXT}]"}), "headers": JSON},
            id="data is one JSON text",
        ),
        pytest.param(
            "", {"body": urlencode({"data": f"[{TEXT}]", "access_token": "t"}), "headers": FORM}, id="form"
        ),
        pytest.param(
            "",
            {
                "body": urlencode({"data": orjson.dumps([TEXT]).decode(), "access_token": "t"}),
                "headers": FORM,
            },
            id="form with a list of texts",
        ),
        pytest.param(
            "",
            {"body": urlencode({"data[0]": TEXT, "access_token": "t"}), "headers": FORM},
            id="form with brackets",
        ),
        pytest.param("", multipart(("data", f"[{TEXT}]"), ("access_token", "t")), id="multipart"),
    ],
)
def test_events_are_read_from_every_form_a_sender_may_use(simulator, client, query, options):
    response = client.request("POST", EVENTS + query, **options)
    assert error_of(response) == (200, None, None)
    assert simulator.events == [PURCHASE]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(b'{"data": [', JSON, id="cut JSON"),
        pytest.param(b"[]", JSON, id="JSON that is no object"),
        pytest.param(b"{}", JSON, id="no data"),
        pytest.param(b'{"data": NaN}', JSON, id="NaN"),
        pytest.param(b"", JSON, id="nothing"),
        pytest.param(b"data=rubbish", FORM, id="form with rubbish"),
        pytest.param(b"rubbish", {"Content-Type": "multipart/form-data"}, id="multipart without boundary"),
        pytest.param(b"\xff\xfe", FORM, id="not UTF-8"),
        pytest.param(b'{"data": [1], "test_event_code": ""}', JSON, id="empty test code"),
        pytest.param(b'{"data": [1], "partner_agent": "1"}', JSON, id="short partner agent"),
    ],
)
def test_a_body_that_makes_no_sense_is_code_100(simulator, client, body, headers):
    response = client.request("POST", EVENTS + "?access_token=t", body=body, headers=headers)
    assert error_of(response)[:2] == (400, 100)
    assert simulator.events == []


def test_one_bad_event_refuses_the_whole_request(simulator, client):
    response = client.post(PURCHASE, changed(PURCHASE, {"event_time": 1}))
    assert error_of(response) == (400, 100, 2804003)
    assert simulator.events == []
    assert [(r.status, r.code, r.subcode, r.events) for r in simulator.rejected()] == [(400, 100, 2804003, 2)]


def test_a_thousand_events_are_taken_in_one_request(simulator, client):
    response = client.post(*[changed(PURCHASE, {"event_id": str(number)}) for number in range(1000)])
    assert orjson.loads(response.data)["events_received"] == 1000
    assert len(simulator.events) == 1000


def test_repeats_are_counted_by_dataset_name_and_id(simulator, client):
    client.post(PURCHASE, changed(PURCHASE, {"event_name": "Lead"}))
    client.post(PURCHASE)
    assert simulator.repeats() == {(DATASET, "Purchase", "order-58213"): 2}
    assert [received.times for received in simulator.received()] == [1, 1, 2]


@pytest.mark.parametrize(
    ("locale", "title"),
    [
        ("en", "Event Timestamp Too Old"),
        ("da-DK", "Hændelsens tidsstempel er for gammelt"),
        ("de_DE", "Zeitstempel des Events ist zu alt"),
        ("fr", "Horodatage de l’évènement trop ancien"),
        ("xx", "Event Timestamp Too Old"),
    ],
)
def test_titles_come_in_the_language_of_the_owner_and_codes_do_not(locale, title):
    with Simulator(clock=lambda: NOW, locale=locale) as simulator:
        client = Client(simulator)
        response = client.post(changed(PURCHASE, {"event_time": 1}))
        client.pool.clear()
    error = orjson.loads(response.data)["error"]
    assert (error["error_user_title"], error["code"], error["error_subcode"]) == (title, 100, 2804003)
    assert (error["message"], error["is_transient"]) == ("Invalid parameter", False)


@pytest.mark.parametrize(
    ("version", "expected", "warned"),
    [
        pytest.param("v26.0", (200, None, None), False, id="current"),
        pytest.param("v21.0", (200, None, None), True, id="61 days left"),
        pytest.param("v20.0", (200, None, None), True, id="expired, upgraded"),
        pytest.param("v2.0", (200, None, None), True, id="ancient"),
        pytest.param("v99.0", (400, 2500, None), False, id="never was"),
        pytest.param("", (400, 2635, None), False, id="none"),
    ],
)
def test_versions_live_and_end_as_announced(client, version, expected, warned):
    response = client.post(PURCHASE, version=version)
    assert error_of(response) == expected
    assert ("X-Ad-Api-Version-Warning" in response.headers) is warned


def test_an_expired_version_can_be_refused():
    with Simulator(clock=lambda: NOW, refuse_expired_versions=True) as simulator:
        client = Client(simulator)
        assert error_of(client.post(PURCHASE, version="v20.0")) == (400, 2635, None)
        assert error_of(client.post(PURCHASE, version="v25.0")) == (200, None, None)
        client.pool.clear()


@pytest.mark.parametrize(
    ("dataset", "token", "expected"),
    [
        pytest.param(DATASET, "good", (200, None, None), id="the right token"),
        pytest.param(DATASET, "", (400, 104, None), id="no token"),
        pytest.param(DATASET, "expired", (401, 190, 463), id="an expired token"),
        pytest.param(DATASET, "unheard-of", (401, 190, None), id="an invented token"),
        pytest.param(DATASET, "elsewhere", (400, 100, 33), id="a token for another dataset"),
        pytest.param("555", "good", (400, 100, 33), id="an unknown dataset"),
    ],
)
def test_tokens_open_their_datasets_only(dataset, token, expected):
    datasets = {DATASET: {"good", "expired"}, "777": {"elsewhere"}}
    with Simulator(clock=lambda: NOW, datasets=datasets, expired_tokens={"expired"}) as simulator:
        client = Client(simulator)
        response = client.request(
            "POST",
            f"/v25.0/{dataset}/events?access_token={token}",
            body=orjson.dumps({"data": [PURCHASE]}),
            headers=JSON,
        )
        client.pool.clear()
        assert error_of(response) == expected
        assert "good" not in repr(simulator.rejected())


def test_a_token_can_die_and_come_back(simulator, client):
    simulator.expire_token("token")
    assert error_of(client.post(PURCHASE)) == (401, 190, 463)
    simulator.restore_token("token")
    assert error_of(client.post(PURCHASE)) == (200, None, None)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        pytest.param("GET", EVENTS, (400, 100, 33), id="reading the edge"),
        pytest.param("DELETE", EVENTS, (400, 100, 33), id="deleting the edge"),
        pytest.param("POST", "/v25.0/nonsense/events", (400, 2500, None), id="no dataset"),
        pytest.param("GET", "/favicon.ico", (400, 2500, None), id="nothing there"),
    ],
)
def test_other_requests_are_refused_as_the_graph_does(client, method, path, expected):
    assert error_of(client.request(method, path)) == expected


@pytest.mark.parametrize(
    ("plan", "expected", "taken"),
    [
        pytest.param("500", (500, 1, None), 0, id="500"),
        pytest.param("503", (503, 2, None), 0, id="503"),
        pytest.param("429:retry-after=2", (429, 4, None), 0, id="429"),
        pytest.param("4", (400, 4, None), 0, id="a limit inside a 400"),
        pytest.param("190/460", (401, 190, 460), 0, id="password changed"),
        pytest.param("294", (403, 294, None), 0, id="a permission"),
        pytest.param("100/2804065:status=400", (400, 100, 2804065), 0, id="page and dataset"),
        pytest.param("2-after-accept", (503, 2, None), 1, id="taken, and said to have failed"),
        pytest.param("ok", (200, None, None), 1, id="nothing"),
    ],
)
def test_an_ordered_error_looks_like_metas(simulator, client, plan, expected, taken):
    simulator.fail(plan)
    assert error_of(client.post(PURCHASE)) == expected
    assert len(simulator.events) == taken
    assert error_of(client.post(PURCHASE)) == (200, None, None)


@pytest.mark.parametrize(
    ("plan", "status", "kind", "body"),
    [
        pytest.param("html", 502, "text/html", b"<!DOCTYPE html>", id="html"),
        pytest.param("empty", 200, "application/json", b"", id="empty"),
        pytest.param("garbage", 200, "application/json", b'{"events_recei', id="cut"),
        pytest.param(
            "events_received=0", 200, "application/json", b'{"events_received":0,', id="none received"
        ),
    ],
)
def test_an_answer_can_be_useless(simulator, client, plan, status, kind, body):
    simulator.fail(plan)
    response = client.post(PURCHASE)
    assert (response.status, response.headers["Content-Type"].partition(";")[0]) == (status, kind)
    assert response.data.startswith(body)


@pytest.mark.parametrize(
    ("plan", "error", "taken"),
    [
        pytest.param("reset", urllib3.exceptions.ProtocolError, 0, id="reset"),
        pytest.param("reset-after-accept", urllib3.exceptions.ProtocolError, 1, id="reset after acceptance"),
        pytest.param("timeout", urllib3.exceptions.ReadTimeoutError, 0, id="timeout"),
        pytest.param(
            "timeout-after-accept", urllib3.exceptions.ReadTimeoutError, 1, id="timeout after acceptance"
        ),
    ],
)
def test_an_answer_can_get_lost(simulator, client, plan, error, taken):
    simulator.fail(plan)
    with pytest.raises(error):
        client.post(PURCHASE, timeout=0.2)
    assert simulator.events == [PURCHASE] * taken
    assert error_of(client.post(PURCHASE)) == (200, None, None)


def test_a_refused_request_is_answered_even_when_its_answer_was_to_get_lost(simulator, client):
    simulator.fail("reset-after-accept")
    assert error_of(client.post(changed(PURCHASE, {"x": 1}))) == (400, 100, 2804019)


def test_a_slow_answer_waits_as_long_as_it_was_told():
    pauses: list[float] = []
    with Simulator(clock=lambda: NOW, pause=pauses.append, faults="slow=2s, slow=250ms:warning") as simulator:
        client = Client(simulator)
        client.post(PURCHASE)
        assert client.post(PURCHASE).headers["X-Ad-Api-Version-Warning"] == "v25.0 is about to end."
        client.pool.clear()
    assert pauses == [2.0, 0.25]


def test_usage_headers_tell_percent_minutes_and_seconds(simulator, client):
    simulator.fail("80004:usage=100:wait=3:retry-after=180")
    headers = client.post(PURCHASE).headers
    used = {"call_count": 100, "total_cputime": 50, "total_time": 50}
    assert orjson.loads(headers["X-App-Usage"]) == used
    assert orjson.loads(headers["X-Business-Use-Case-Usage"]) == {
        DATASET: [
            {
                "type": "ads_management",
                **used,
                "estimated_time_to_regain_access": 3,
                "ads_api_access_tier": "standard_access",
            }
        ]
    }
    assert orjson.loads(headers["X-Ad-Account-Usage"])["reset_time_duration"] == 180
    assert headers["Retry-After"] == "180"


def test_trace_ids_repeat_for_one_seed():
    def first(seed: int) -> str:
        with Simulator(clock=lambda: NOW, seed=seed) as simulator:
            client = Client(simulator)
            trace_id = orjson.loads(client.post(PURCHASE).data)["fbtrace_id"]
            client.pool.clear()
        return str(trace_id)

    assert first(1) == first(1) != first(2)


def test_faults_are_ordered_seen_and_forgotten_over_http(client):
    assert orjson.loads(client.request("POST", "/faults", body=b"500*2, timeout").data) == {
        "faults": ["500*2", "timeout"]
    }
    client.request("POST", "/faults", body=b'{"faults": "html"}')
    assert error_of(client.post(PURCHASE)) == (500, 1, None)
    assert orjson.loads(client.request("GET", "/faults").data) == {"faults": ["500", "timeout", "html"]}
    assert client.request("POST", "/faults", body=b"boom").status == 400
    assert orjson.loads(client.request("DELETE", "/faults").data) == {"faults": []}
    assert error_of(client.post(PURCHASE)) == (200, None, None)


def test_tokens_are_killed_over_http(client):
    client.request("POST", "/tokens", body=b'{"dead": ["token"]}')
    assert error_of(client.post(PURCHASE)) == (401, 190, 463)
    client.request("POST", "/tokens", body=b'{"alive": ["token"]}')
    assert error_of(client.post(PURCHASE)) == (200, None, None)


def test_what_came_is_shown_as_json_and_forgotten(client):
    client.post(PURCHASE, test_event_code="TEST1")
    client.post(PURCHASE)
    client.post({})
    shown = orjson.loads(client.request("GET", "/received").data)
    at = NOW.isoformat()
    kept = {"dataset_id": DATASET, "version": "v25.0", "received_at": at, "event": dict(PURCHASE)}
    assert shown == {
        "counts": {"requests": 3, "events": 2, "test_events": 1, "refused": 1},
        "events": [
            {**kept, "test_event_code": "TEST1", "times": 1},
            {**kept, "test_event_code": None, "times": 2},
        ],
        "repeats": [{"dataset_id": DATASET, "event_name": "Purchase", "event_id": "order-58213", "times": 2}],
        "refused": [
            {
                "dataset_id": DATASET,
                "received_at": at,
                "status": 400,
                "code": 100,
                "subcode": 2804019,
                "message": "Missing key \"event_name\" on param $['data'][0].",
                "events": 1,
            }
        ],
    }
    client.request("DELETE", "/received")
    assert orjson.loads(client.request("GET", "/received").data)["events"] == []


def test_the_page_shows_events_to_people_and_runs_nothing_they_sent(simulator, client):
    simulator.fail("ok*2, ok, 500")
    client.post(changed(PURCHASE, {"event_name": "<script>alert(1)</script>"}), test_event_code="TEST<1>")
    client.post(PURCHASE)
    client.post(PURCHASE)
    client.post(PURCHASE)
    page = client.request("GET", "/")
    text = page.data.decode()
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script" not in text
    assert '<span class="test">test TEST&lt;1&gt;</span>' in text
    assert '<span class="again">2 times</span>' in text
    assert HASH in text
    assert "An unknown error has occurred." in text


def test_only_the_newest_events_are_kept_and_all_are_counted():
    with Simulator(clock=lambda: NOW, keep=2) as simulator:
        client = Client(simulator)
        client.post(*[changed(PURCHASE, {"event_id": str(number)}) for number in range(5)])
        client.pool.clear()
        assert [event["event_id"] for event in simulator.events] == ["3", "4"]
        assert simulator.counts()["events"] == 5


def test_many_senders_at_once_lose_nothing(simulator):
    def send(name: str) -> None:
        client = Client(simulator)
        for number in range(10):
            assert client.post(changed(PURCHASE, {"event_id": f"{name}-{number}"})).status == 200
        client.pool.clear()

    senders = [threading.Thread(target=send, args=(str(number),)) for number in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert len({event["event_id"] for event in simulator.events}) == 80


def test_a_body_without_length_is_refused(client):
    response = client.request("POST", EVENTS, body=iter([b"{}"]), headers={"Transfer-Encoding": "chunked"})
    assert response.status == 411


def test_stopping_wakes_senders_that_wait_and_gives_the_port_back():
    simulator = Simulator(clock=lambda: NOW, faults="timeout").start()
    client = Client(simulator)
    port = int(simulator.url.rpartition(":")[2])
    failed: list[BaseException] = []

    def wait() -> None:
        try:
            client.post(PURCHASE)
        except urllib3.exceptions.HTTPError as error:
            failed.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not simulator.counts()["requests"]:  # the request has come and waits
        pass
    simulator.stop()
    waiting.join()
    client.pool.clear()
    assert len(failed) == 1
    simulator.stop()
    Simulator(port=port).start().stop()


def test_a_taken_port_is_a_sentence():
    with (
        Simulator() as running,
        pytest.raises(CannotOpen, match=r"cannot listen on 127\.0\.0\.1"),
    ):
        Simulator(port=int(running.url.rpartition(":")[2])).start()


def test_the_clock_decides_what_is_too_old():
    with Simulator(clock=lambda: datetime(2027, 6, 1, tzinfo=UTC)) as simulator:
        client = Client(simulator)
        assert error_of(client.post(PURCHASE)) == (400, 100, 2804003)
        client.pool.clear()
