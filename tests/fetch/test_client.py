"""The client of all sources over real HTTPS: paused when a source is in trouble, sparing when it is not."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.fetch.client import SourceClient, is_safe_target, open_client
from bridge.fetch.exchange import SourceResponse
from bridge.fetch.gate import OpenGate, SharedGate
from bridge.fetch.outcomes import FoundRecord, NoRecord, TryLater, Unusable
from bridge.models import FetchRequest
from bridge.outbox.pauses import source_scope
from bridge.settings import Rate, Source, load_settings

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
CRM = Source("crm", "https://api.example.com", rate=Rate(1000, 1))
SCOPE = source_scope("crm")
REFUSED_KEY = "it refused the key, or what the key may read (HTTP 401)"
REPAIR = f"{REFUSED_KEY}; check sources.crm in bridge.yaml"


@dataclass
class Bench:
    """A client of an API that answers as it is told, on a database, with a clock that is set by hand."""

    outbox: object
    now: datetime = NOW
    status: int = 200
    headers: dict = field(default_factory=dict)
    source: Source = CRM
    calls: list = field(default_factory=list)
    notifications: list = field(default_factory=list)
    slept: list = field(default_factory=list)

    def client(self):
        gate = SharedGate(self.outbox, lambda: self.now, self.notifications.append)
        return SourceClient(
            {"crm": self.source}, self._answer, gate, lambda: self.now, sleep=self.slept.append
        )

    def _answer(self, call):
        self.calls.append(call)
        if self.status == 0:
            return SourceResponse(None, failure="it could not be connected to")
        return SourceResponse(self.status, self.headers, b'{"id":7}', took_ms=3)

    @property
    def pause(self):
        return self.outbox.pauses().get(SCOPE)

    @property
    def notices(self):
        return [(one.kind, one.destination, one.text) for one in self.notifications]


@pytest.fixture
def bench(outbox):
    return Bench(outbox)


def get(path="/persons/7", keep=0, **others):
    return FetchRequest(
        **{"step": "person", "source": "crm", "method": "GET", "target": path, "keep_seconds": keep, **others}
    )


def test_a_record_is_found(bench):
    found = bench.client().call(get())
    assert (found, found.data) == (FoundRecord(b'{"id":7}', 3), {"id": 7})
    assert (bench.pause, bench.notices) == (None, [])


def test_there_is_no_such_record(bench):
    bench.status = 404
    assert bench.client().call(get()) == NoRecord(3)
    assert bench.pause is None


def test_a_source_that_is_not_in_the_settings_is_waited_for(bench):
    called = bench.client().call(get(source="other"))
    assert called == TryLater("bridge.yaml has no such source", wait=timedelta(seconds=30))


# --- pauses -----------------------------------------------------------------------------------------------


def test_a_refused_key_pauses_the_source_with_one_alert(bench):
    bench.status = 401
    client = bench.client()
    assert client.call(get()) == TryLater(REFUSED_KEY, "setup")
    paused = client.call(get())
    assert paused == TryLater(f"crm is paused: {REPAIR}", wait=timedelta(seconds=30))
    for _ in range(5):  # each probe is refused as well
        bench.now = bench.pause.until
        client.call(get())
    assert len(bench.calls) == 6
    assert bench.notices == [("paused", "source crm", REPAIR)]
    assert bench.pause.trips == 6


def test_a_probe_that_is_answered_resumes_the_source(bench):
    bench.status = 403
    client = bench.client()
    client.call(get())
    bench.status, bench.now = 404, bench.pause.until
    assert client.call(get()) == NoRecord(3)
    assert bench.pause is None
    assert [kind for kind, _, _ in bench.notices] == ["paused", "resumed"]


def test_one_node_probes_at_a_time(bench):
    bench.status = 401
    first, second = bench.client(), bench.client()
    first.call(get())
    bench.now = bench.pause.until
    assert bench.outbox.take_probe(SCOPE, bench.now, bench.now + timedelta(seconds=30))
    assert isinstance(second.call(get()), TryLater)
    assert len(bench.calls) == 1


@pytest.mark.parametrize("status", [0, 500, 503, 408])
def test_several_failures_in_a_row_pause_the_source(bench, status):
    bench.status = status
    client = bench.client()
    for number in range(3):
        assert bench.pause is None, number
        assert isinstance(client.call(get()), TryLater)
    assert (bench.pause.kind, len(bench.notices)) == ("circuit", 1)
    assert len(bench.calls) == 3


def test_an_answer_in_between_starts_the_count_anew(bench):
    client = bench.client()
    for status in (500, 500, 200, 500, 500):
        bench.status = status
        client.call(get())
    assert bench.pause is None


def test_a_limit_pauses_for_as_long_as_the_source_asks_and_alerts_nobody(bench):
    bench.status, bench.headers = 429, {"retry-after": "90"}
    client = bench.client()
    assert client.call(get()) == TryLater(
        "its rate limit is reached (HTTP 429)", "limit", timedelta(seconds=90)
    )
    assert (bench.pause.kind, bench.pause.until) == ("limit", NOW + timedelta(seconds=90))
    bench.now, bench.status, bench.headers = bench.pause.until, 200, {}
    assert isinstance(client.call(get()), FoundRecord)
    assert (bench.pause, bench.notices) == (None, [])


def test_a_storm_of_429_is_asked_less_and_less_often(bench):
    bench.status = 429
    client = bench.client()
    for _ in range(8):
        client.call(get())
        bench.now = bench.pause.until
    lengths = [30, 60, 120, 240, 480, 900, 900, 900]  # seconds
    assert bench.now - NOW == timedelta(seconds=sum(lengths))


def test_what_was_on_its_way_when_the_limit_was_reached_ends_no_pause_and_shortens_none(bench):
    bench.status, bench.headers = 429, {"retry-after": "90"}
    bench.client().call(get())
    pause = bench.pause
    gate = SharedGate(bench.outbox, lambda: bench.now)
    for late in (FoundRecord(b"{}"), NoRecord(), Unusable("it answered HTTP 400")):
        gate.observe(CRM, late)
    for late in (timedelta(), timedelta(seconds=1), timedelta(seconds=90)):
        gate.observe(CRM, TryLater("its rate limit is reached (HTTP 429)", "limit", late))
    assert bench.pause == pause
    gate.observe(CRM, TryLater("its rate limit is reached (HTTP 429)", "limit", timedelta(seconds=120)))
    assert bench.pause.until == NOW + timedelta(seconds=120)


def test_an_answer_that_uses_the_limit_up_pauses_before_it_is_passed(bench):
    bench.headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "8"}
    client = bench.client()
    assert isinstance(client.call(get()), FoundRecord)
    assert (bench.pause.kind, bench.pause.until) == ("limit", NOW + timedelta(seconds=8))
    assert isinstance(client.call(get("/persons/8")), TryLater)
    assert len(bench.calls) == 1


# --- rate, cache, one at a time ---------------------------------------------------------------------------


def test_a_call_waits_for_its_turn_when_that_comes_soon(bench):
    bench.source = replace(CRM, rate=Rate(4, 1))
    client = bench.client()
    for number in range(3):
        assert isinstance(client.call(get(f"/persons/{number}")), FoundRecord)
    assert bench.slept == [0.25, 0.5]


def test_a_turn_that_is_far_off_is_not_waited_for(bench):
    bench.source = replace(CRM, rate=Rate(1, 60))
    client = bench.client()
    client.call(get())
    assert client.call(get("/persons/8")) == TryLater("the rate of crm is kept", wait=timedelta(minutes=1))
    assert (len(bench.calls), bench.slept) == (1, [])


def test_what_is_kept_needs_neither_a_turn_nor_a_source_that_works(bench):
    bench.source = replace(CRM, rate=Rate(1, 60))
    client = bench.client()
    client.call(get(keep=600))
    bench.status = 500
    assert client.call(get(keep=600)) == FoundRecord(b'{"id":7}', 3, cached=True)


def test_a_thousand_requests_for_ten_records_make_ten_calls(bench):
    client = bench.client()
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda n: client.call(get(f"/persons/{n % 10}", keep=600)), range(1000)))
    assert len(bench.calls) == 10
    assert all(isinstance(outcome, FoundRecord) for outcome in outcomes)


# --- targets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    ["/persons/7", "/persons/7?fields=a,b&x=%2F", "/", "/a%20b", "/crm.lead.get", "/x?next=/../y", "/@a:b"],
)
def test_a_path_that_stays_below_its_source_is_called(target):
    assert is_safe_target(target)


@pytest.mark.parametrize(
    "target",
    [
        "persons",
        "",
        "/../admin",
        "/persons/..",
        "/persons/./7",
        "/persons/%2e%2E/admin",
        "/persons/.%2e",
        "/persons/..%2fadmin",
        "/persons/x%5c..%5cadmin",
        "/a b",
        "/a\r\nX-Header: b",
        "/a\x00",
        "/zoë",
        "/a\\..\\b",
        "/a#b",
        "/a|b",
        '/a"b',
    ],
)
def test_a_path_that_could_leave_its_source_is_never_called(bench, target):
    assert bench.client().call(get(target)) == Unusable("the path has parts that a URL cannot have")
    assert bench.calls == []


@given(st.text())
def test_no_path_with_dots_or_other_characters_passes(text):
    if is_safe_target(text):
        assert text.startswith("/")
        assert text.isascii()
        assert not any(character in text for character in " \t\r\n\\#")
        assert "/../" not in text


# --- over the wire ----------------------------------------------------------------------------------------


def test_the_client_speaks_https(api, source_of, exchange_with, outbox):
    source = source_of(api, "/api/v2")
    client = SourceClient({"crm": source}, exchange_with(), SharedGate(outbox, lambda: NOW), lambda: NOW)
    assert client.call(get()).data == {"data": {"id": 7, "email": "zoe@example.com"}}
    assert api.requests[0].startswith(b"GET /api/v2/persons/7 HTTP/1.1\r\n")


def test_one_request_is_on_its_way_at_a_time(api, source_of, exchange_with, json_answer):
    go_on = threading.Event()

    def play(_request, sock):
        go_on.wait(20)
        sock.sendall(json_answer({"id": 7}))

    api.play = play
    client = SourceClient({"crm": source_of(api)}, exchange_with(), OpenGate(), lambda: NOW)
    with ThreadPoolExecutor(4) as threads:
        results = [threads.submit(client.call, get()) for _ in range(4)]
        while not api.requests or sum(future.running() for future in results) < 4:
            pass
        go_on.set()
        assert [result.result(30).data for result in results] == [{"id": 7}] * 4


def test_the_client_of_a_person_needs_no_database(start_api, tmp_path):
    api = start_api(None)
    (tmp_path / "bridge.yaml").write_text(
        f"sources: {{crm: {{url: 'http://127.0.0.1:{api.port}/v2', insecure: yes}}}}"
    )
    client = open_client(load_settings(None, {}, folder=tmp_path))
    assert client.call(get()).data["data"]["id"] == 7
    assert api.requests[0].startswith(b"GET /v2/persons/7 ")
