"""Webhooks that name a person only: the record is fetched behind the answer, and nothing is lost."""

from __future__ import annotations

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text as sql

from bridge.errors import CannotStore
from bridge.fetch.exchange import SourceResponse
from bridge.fetch.fetcher import Fetcher, fetch_context
from bridge.fetch.one_webhook import held
from bridge.ingest.entries import HELD_BY_AN_ERROR, new_webhook
from bridge.ingest.replay import discard, remapping, replay
from bridge.ingest.retarget import planned_move, retarget
from bridge.lint.check import load_checked
from bridge.mapping import MappingFolder
from bridge.models import Request, Verified
from bridge.outbox import Query
from bridge.outbox.claims import Lease
from bridge.outbox.database import Database
from bridge.outbox.erasure import Person
from bridge.outbox.erasures import ErasureRequest
from bridge.outbox.records import to_ms
from bridge.pipeline import translate
from bridge.settings import DeliverySettings, Destination, Rate, Settings, Source

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
DATASET = "1234567890123456"
LEASE = DeliverySettings().lease
CRM = Source("crm", "https://api.example.com", rate=Rate(10_000, 1))
MAIN = Destination("main", DATASET, "token")
PERSON = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: deal-{id}
event_time: at
receive: {repeat_key: "{id}"}
when: {type: deal}
fetch:
  person:
    from: crm
    path: /persons/{person_id}
    take: data
    keep: 10 minutes
    on_missing: MISSING
    on_failure: FAILED
user_data:
  email: $person.email
  external_id: person_id
"""


@dataclass
class Bench:
    """Everything a test of fetching touches. `answer` plays the API: the path to its status and JSON."""

    outbox: Any
    folder: Any
    spec: Any
    now: datetime = NOW
    source: Source = CRM
    destination: Destination = MAIN
    answer: Any = None
    calls: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    sources: tuple[str, ...] = ("crm",)
    loaded: tuple[str | None, tuple[str, ...], MappingFolder] | None = None

    @property
    def settings(self) -> Settings:
        return Settings(
            database_url="",
            graph_url="http://meta.invalid",
            mappings=(self.folder,),
            destinations={"main": self.destination},
            demo=False,
            folder=self.folder,
            secret_key_file=self.folder / "key",
            sources=dict.fromkeys(self.sources, self.source),
        )

    def write(self, text: str = PERSON, *, missing: str = "continue", failed: str = "hold") -> None:
        text = text.replace("MISSING", missing).replace("FAILED", failed)
        (self.folder / "deals.yaml").write_text(text)

    @property
    def mappings(self) -> MappingFolder:
        """Return the mappings as the file is now, read again when it was changed."""
        file = self.folder / "deals.yaml"
        text = file.read_text() if file.exists() else None
        if self.loaded is None or self.loaded[:2] != (text, self.sources):
            self.loaded = text, self.sources, self._load()
        return self.loaded[2]

    def _load(self) -> MappingFolder:
        return MappingFolder(
            [self.folder],
            environment={},
            spec=self.spec,
            destinations={"main"},
            sources=self.sources,
            load=load_checked,
        )

    def receive(self, number: int = 1, person: int | None = 7, **others: Any) -> Any:
        at = int(self.now.timestamp())
        body = {"type": "deal", "id": number, "person_id": person, "at": at, **others}
        request = Request("POST", "/hooks/deals", {}, {}, json.dumps(body).encode(), None, self.now)
        mapping = self.mappings.get("deals")
        translation = translate(Verified(request), mapping, self.spec)
        return self.outbox.add(
            new_webhook(
                translation,
                request,
                self.settings,
                self.spec,
                request_id="r",
                repeat_window_seconds=mapping.receive.repeat_window_seconds,
            )
        )

    def exchange(self, call: Any) -> SourceResponse:
        self.calls.append(call.target)
        answer = self.answer(call.target) if self.answer else (200, person_of(call.target))
        if answer is None:
            return SourceResponse(None, failure="it could not be connected to")
        status, value = answer
        return SourceResponse(status, {}, json.dumps(value).encode(), took_ms=9)

    def fetcher(self, exchange: Any = None) -> Fetcher:
        context = fetch_context(
            self.outbox,
            self.settings,
            self.mappings,
            clock=lambda: self.now,
            exchange=exchange or self.exchange,
            notify=lambda notification: self.notices.append(notification.kind),
        )
        return Fetcher(context)

    def events(self, **query: Any) -> list[Any]:
        return self.outbox.find(Query(**query))

    def counts(self) -> dict[str, int]:
        totals = self.outbox.counts()
        assert totals.reconciled
        assert self.outbox.discrepancies() == []
        return {status: number for status, number in totals.by_status.items() if number}

    def emails(self) -> list[str]:
        """Return the hashed addresses of the events that wait to be sent."""
        bodies = [json.loads(self.outbox.show(event.id).body) for event in self.events(statuses={"waiting"})]
        return sorted(body["user_data"].get("em", ["none"])[0] for body in bodies)

    def erase(self, person: Person) -> Any:
        return self.outbox.erasures.erase(person, ErasureRequest("test", {"email": 1}), self.now).erased

    def replay(self, *, fetch_again: bool = False) -> dict[str, int]:
        remap = remapping(self.settings, self.spec, self.mappings, lambda: self.now, fetch_again=fetch_again)
        return dict(replay(self.outbox, Query(statuses=frozenset({"held"})), remap, self.now))


def person_of(target: str) -> dict[str, Any]:
    number = target.rpartition("/")[2]
    return {"data": {"id": number, "email": f"person{number}@example.com", "secret": "not read"}}


@pytest.fixture
def bench(outbox, tmp_path, spec):
    (tmp_path / "mappings").mkdir()
    bench = Bench(outbox, tmp_path / "mappings", spec)
    bench.write()
    return bench


def test_the_sender_is_answered_before_anything_is_fetched(bench):
    receipt = bench.receive()
    assert [event.status for event in receipt.events] == ["fetching"]
    assert (bench.calls, bench.counts()) == ([], {"fetching": 1})
    [depth] = bench.outbox.fetches.depths(bench.now + timedelta(seconds=90))
    assert (depth.source, depth.webhooks, depth.oldest_seconds) == ("crm", 1, 90.0)


def test_the_event_gets_the_person_that_was_fetched_and_keeps_its_id(bench):
    receipt = bench.receive()
    assert bench.fetcher().run_once() == 1
    [event] = bench.events()
    assert (event.id, event.status, event.event_id) == (receipt.events[0].id, "waiting", "deal-1")
    assert len(bench.emails()[0]) == 64
    assert bench.outbox.fetches.depths(bench.now) == []
    [line] = bench.outbox.show(event.id).attempts
    assert (line.outcome, line.reason) == ("fetched", "fetched person from crm (9 ms)")


@pytest.mark.parametrize(
    ("others", "status"),
    [
        pytest.param({"type": "note"}, "skipped", id="not meant by `when`"),
    ],
)
def test_what_is_decided_without_a_record_costs_no_call(bench, others, status):
    bench.receive(**others)
    assert bench.fetcher().run_once() == 0
    assert (bench.calls, bench.counts()) == ([], {status: 1})


def test_the_same_webhook_again_is_a_duplicate_while_its_record_is_fetched(bench):
    bench.receive()
    again = bench.receive()
    assert (again.duplicate, [event.status for event in again.events]) == (True, ["fetching"])
    bench.fetcher().run_once()
    assert (bench.calls, bench.counts()) == (["/persons/7"], {"waiting": 1})


def test_two_hundred_webhooks_of_ten_persons_make_ten_calls(bench):
    for number in range(200):
        bench.receive(number, person=number % 10)
    assert bench.fetcher().run_once() == 200
    assert sorted(bench.calls) == sorted(f"/persons/{number}" for number in range(10))
    assert bench.counts() == {"waiting": 200}
    assert len(set(bench.emails())) == 10


# --- records that are not there ---------------------------------------------------------------------------


def test_a_record_that_was_deleted_meanwhile_leaves_the_event_as_it_is(bench):
    bench.answer = lambda _target: (404, {})
    bench.receive()
    bench.fetcher().run_once()
    assert (bench.counts(), bench.emails()) == ({"waiting": 1}, ["none"])


def test_or_holds_it_and_a_replay_asks_again(bench):
    bench.write(missing="hold")
    bench.answer = lambda _target: (404, {})
    bench.receive()
    bench.fetcher().run_once()
    [event] = bench.events()
    assert event.status == "held"
    assert "no such record" in event.reason
    bench.answer, bench.now = None, bench.now + timedelta(hours=1)
    assert bench.replay() == {"fetching": 1}
    assert bench.counts() == {"fetching": 1}
    bench.fetcher().run_once()
    assert bench.counts() == {"waiting": 1}


@pytest.mark.parametrize("status", [400, 422])
def test_an_answer_that_would_always_be_the_same_is_not_asked_for_again(bench, status):
    bench.answer = lambda _target: (status, {"message": "person7@example.com is wrong"})
    bench.receive()
    bench.fetcher().run_once()
    [event] = bench.events()
    assert (event.status, len(bench.calls)) == ("held", 1)
    assert f"HTTP {status}" in event.reason
    assert "person7" not in json.dumps(event.as_json())


# --- an API that is down ----------------------------------------------------------------------------------


def test_a_dead_api_of_two_hours_loses_nothing(bench):
    bench.answer = lambda _target: None
    for number in range(40):
        bench.receive(number, person=number)
    fetcher = bench.fetcher()
    for _ in range(120):
        fetcher.run_once()
        bench.now += timedelta(minutes=1)
    assert bench.counts() == {"fetching": 40}
    assert bench.notices == ["paused"]
    assert len(bench.calls) < 120  # the breaker probes, and does not ask for each of them each time
    [reason] = {event.reason for event in bench.events()}
    assert reason.startswith("source crm is paused since ")
    assert reason.endswith(": it could not be connected to")
    bench.answer = None
    for _ in range(40):
        bench.now += timedelta(minutes=1)
        fetcher.run_once()
    assert bench.counts() == {"waiting": 40}
    assert bench.notices == ["paused", "resumed"]
    assert len(set(bench.emails())) == 40


def test_an_expired_token_pauses_the_source_with_one_alert_and_loses_nothing(bench):
    bench.answer = lambda _target: (401, {})
    for number in range(20):
        bench.receive(number, person=number)
    fetcher = bench.fetcher()
    for _ in range(60):
        fetcher.run_once()
        bench.now += timedelta(minutes=5)
    assert (bench.counts(), bench.notices) == ({"fetching": 20}, ["paused"])
    assert len(bench.calls) <= 30
    bench.answer = None
    for _ in range(10):
        bench.now += timedelta(minutes=15)
        fetcher.run_once()
    assert (bench.counts(), bench.notices) == ({"waiting": 20}, ["paused", "resumed"])


def test_a_storm_of_429_is_waited_out(bench):
    bench.answer = lambda _target: (429, {"error": {"rate_reset": 20}})
    for number in range(10):
        bench.receive(number, person=number)
    fetcher = bench.fetcher()
    for _ in range(20):
        fetcher.run_once()
        bench.now += timedelta(seconds=20)
    assert (bench.counts(), bench.notices, len(bench.calls)) == ({"fetching": 10}, [], 20)
    bench.answer = None
    bench.now += timedelta(minutes=1)
    fetcher.run_once()
    bench.now += timedelta(minutes=1)
    fetcher.run_once()
    assert bench.counts() == {"waiting": 10}


@pytest.mark.parametrize(("failed", "status"), [("hold", "held"), ("send_without", "waiting")])
def test_what_cannot_be_fetched_for_a_day_is_held_or_sent_without(bench, failed, status):
    bench.write(failed=failed)
    bench.answer = lambda _target: (503, {})
    for number in range(1, 6):
        bench.receive(number, person=number)
    fetcher = bench.fetcher()
    while bench.now < NOW + timedelta(hours=24):
        fetcher.run_once()
        bench.now += timedelta(minutes=40)
    assert bench.counts() == {"fetching": 5}
    bench.now = NOW + timedelta(hours=24, seconds=1)
    fetcher.run_once()
    assert bench.counts() == {status: 5}
    if status == "held":
        assert "given up after 24 hours" in bench.events()[0].reason
        bench.answer = None
        assert bench.replay() == {"fetching": 5}
        bench.now += timedelta(hours=1)
        fetcher.run_once()
        assert bench.counts() == {"waiting": 5}


def test_an_event_is_sent_without_its_record_before_it_is_too_old_for_meta(bench):
    bench.write(failed="send_without")
    bench.answer = lambda _target: None
    bench.receive(at=int((NOW - timedelta(days=6, hours=22)).timestamp()))
    fetcher = bench.fetcher()
    for _ in range(13):
        fetcher.run_once()
        bench.now += timedelta(minutes=10)
    assert bench.counts() == {"waiting": 1}
    [event] = bench.events()
    assert event.accepted_until > event.changed_at.timestamp()


# --- several at a time, and killed ------------------------------------------------------------------------


def test_a_fetcher_that_is_killed_loses_nothing_and_doubles_nothing(bench):
    bench.receive()
    claim = bench.outbox.fetches.claim(Lease("killed", _ms(bench.now + LEASE)), bench.now, 10, (), ("crm",))
    assert [webhook.mapping for webhook in claim.webhooks] == ["deals"]
    assert bench.fetcher().run_once() == 0  # another one has it
    bench.now += LEASE + timedelta(seconds=1)
    assert bench.fetcher().run_once() == 1
    assert (bench.calls, bench.counts()) == (["/persons/7"], {"waiting": 1})


def test_a_fetcher_that_was_suspended_for_too_long_writes_nothing(bench):
    bench.receive()

    def slow(call):
        bench.now += LEASE + timedelta(seconds=1)
        assert bench.fetcher().run_once() == 1
        return bench.exchange(call)

    assert bench.fetcher(slow).run_once() == 0
    assert (len(bench.calls), bench.counts()) == (2, {"waiting": 1})
    [event] = bench.events()
    assert len(bench.outbox.show(event.id).attempts) == 1


@pytest.mark.parametrize(
    ("point", "again"),
    [("settle fetch: before the commit", 1), ("settle fetch: after the commit", 0)],
)
def test_one_that_dies_while_it_stores_a_claim_loses_nothing_and_doubles_nothing(
    bench, database_url, open_store, point, again
):
    for number in range(10):
        bench.receive(number, person=number)

    class Killed(BaseException):
        pass

    def die(name):
        if name == point:
            raise Killed

    survivor, bench.outbox = bench.outbox, open_store(database_url, failpoint=die)
    with pytest.raises(Killed):
        bench.fetcher().run_once()
    bench.outbox = survivor
    bench.now += LEASE + timedelta(seconds=1)
    assert bench.fetcher().run_once() == again * 10
    assert bench.counts() == {"waiting": 10}
    assert len(bench.emails()) == len(set(bench.emails())) == 10


@pytest.mark.parametrize("number", [1, 10])
def test_however_many_webhooks_are_claimed_they_are_claimed_and_settled_in_three_transactions(
    bench, database_url, open_store, number
):
    points = []
    bench.outbox = open_store(database_url, failpoint=points.append)
    for one in range(number):
        bench.receive(one, person=one)
    points.clear()
    assert bench.fetcher().run_once() == number
    written = [point.partition(":")[0] for point in points if point.endswith("after the commit")]
    assert written == ["claim fetch", "turn", "settle fetch"]


def test_a_webhook_that_cannot_be_stored_does_not_hold_up_the_others_of_its_claim(bench):
    for number in range(1, 5):
        bench.receive(number, person=number)
    claim = bench.outbox.fetches.claim(Lease("w", to_ms(bench.now + LEASE)), bench.now, 10, (), ("crm",))
    settlements = [(webhook, held(webhook, HELD_BY_AN_ERROR)) for webhook in claim.webhooks]
    webhook, decided = settlements[1]
    [event] = decided.correction.events
    unstorable = replace(decided.correction, events=(event._replace(event_time=2**70),))
    settlements[1] = (webhook, replace(decided, correction=unstorable))
    with pytest.raises(CannotStore):
        bench.outbox.fetches.settle(claim, settlements, bench.now)
    assert bench.counts() == {"held": 3, "fetching": 1}
    bench.now += LEASE + timedelta(seconds=1)
    bench.fetcher().run_once()
    assert bench.counts() == {"held": 3, "waiting": 1}


def test_what_is_discarded_while_it_is_fetched_for_does_not_hold_up_the_others_of_its_claim(bench):
    _, second, _ = (bench.receive(number, person=number) for number in range(1, 4))

    def discard_the_second(call):
        discard(bench.outbox, Query(webhook_id=second.webhook_id), "no", bench.now)
        return bench.exchange(call)

    assert bench.fetcher(discard_the_second).run_once() == 2
    assert bench.counts() == {"waiting": 2, "discarded": 1}


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
def test_connections_that_break_while_a_record_is_fetched_lose_nothing(bench, database_url):
    cut = sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    for number in range(3):
        bench.receive(number, person=number)

    def break_all(call):
        with closing(Database(database_url)) as another:
            another.write(lambda connection: connection.execute(cut))
        return bench.exchange(call)

    assert bench.fetcher(break_all).run_once() == 3
    assert (len(bench.calls), bench.counts()) == (3, {"waiting": 3})


def test_many_fetchers_share_the_work(bench):
    for number in range(60):
        bench.receive(number, person=number)
    fetchers = [bench.fetcher() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda fetcher: fetcher.run_once(), fetchers))
    assert sum(done) == 60
    assert (len(bench.calls), bench.counts()) == (60, {"waiting": 60})


def test_a_running_fetcher_ends_when_it_is_asked_to(bench):
    for number in range(30):
        bench.receive(number, person=number)
    stop = threading.Event()
    thread = threading.Thread(target=bench.fetcher().run_forever, args=(stop,))
    thread.start()
    while bench.outbox.counts().by_status["fetching"]:
        stop.wait(0.02)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    assert bench.counts() == {"waiting": 30}


def test_a_fetcher_that_stops_stores_what_it_knows_and_gives_the_rest_back(bench):
    for number in range(10):
        bench.receive(number, person=number)
    stop = threading.Event()

    def stop_at_the_third(call):
        if len(bench.calls) == 2:
            stop.set()
        return bench.exchange(call)

    bench.fetcher(stop_at_the_third).run_forever(stop)
    assert bench.counts() == {"waiting": 3, "fetching": 7}
    assert bench.fetcher().run_once() == 7
    assert len(bench.calls) == 10


def test_a_fault_of_ours_holds_the_webhook(bench):
    bench.receive()

    def broken(_call):
        raise RuntimeError("a fault of ours")

    bench.fetcher(broken).run_once()
    [event] = bench.events()
    assert (event.status, event.findings[0]["code"]) == ("held", "internal_fault")
    bench.now += timedelta(minutes=1)
    bench.replay()
    bench.fetcher().run_once()
    assert bench.counts() == {"waiting": 1}


# --- what changed meanwhile -------------------------------------------------------------------------------


def test_a_mapping_that_is_gone_is_waited_for(bench):
    bench.receive()
    text = (bench.folder / "deals.yaml").read_text()
    (bench.folder / "deals.yaml").unlink()
    bench.now += timedelta(minutes=1)
    bench.fetcher().run_once()
    [event] = bench.events()
    assert (event.status, event.reason) == ("fetching", "waits for crm: the mapping deals is not in use now")
    (bench.folder / "deals.yaml").write_text(text)
    bench.now += timedelta(minutes=15)
    bench.fetcher().run_once()
    assert bench.counts() == {"waiting": 1}


def test_a_source_that_is_gone_is_waited_for_whatever_it_was_paused_for_before(bench):
    bench.answer = lambda _target: (401, {})
    bench.receive()
    bench.fetcher().run_once()
    assert bench.events()[0].reason.startswith("source crm is paused since ")
    bench.sources, bench.answer = ("crn",), None
    for _ in range(20):
        bench.now += timedelta(minutes=2)
        bench.fetcher().run_once()
    [event] = bench.events()
    assert (event.status, event.reason) == ("fetching", "waits for crm: the mapping deals is not in use now")
    assert len(bench.calls) == 1
    bench.sources = ("crm",)
    for _ in range(10):
        bench.now += timedelta(minutes=15)
        bench.fetcher().run_once()
    assert bench.counts() == {"waiting": 1}


def test_a_node_without_the_source_leaves_webhooks_to_one_that_has_it(bench):
    bench.receive()
    bench.sources = ("crn",)
    assert bench.fetcher().run_once() == 0
    bench.sources = ("crm",)
    assert bench.fetcher().run_once() == 1
    assert (bench.calls, bench.counts()) == (["/persons/7"], {"waiting": 1})


def test_a_mapping_that_fetches_no_more_finishes_what_waits(bench):
    bench.receive()
    bench.write(
        "version: 1\nevent_name: Lead\naction_source: system_generated\nuser_data: {external_id: person_id}\n"
    )
    bench.now += timedelta(minutes=1)
    bench.fetcher().run_once()
    assert (bench.calls, bench.counts()) == ([], {"waiting": 1})


def test_a_dataset_that_was_changed_meanwhile_gets_nothing_of_the_old_one(bench):
    bench.receive()
    bench.destination = Destination("main", "9999999999", "token")
    bench.fetcher().run_once()
    [event] = bench.events()
    assert (event.status, event.reason, bench.calls) == ("held", "its dataset is not configured any more", [])


def test_events_that_are_fetched_for_are_moved_to_the_dataset_that_was_meant(bench):
    bench.receive(1)
    bench.receive(2, person=8)
    claim = bench.outbox.fetches.claim(
        Lease("w", to_ms(bench.now + timedelta(minutes=1))), bench.now, 1, (), ("crm",)
    )
    bench.destination = Destination("main", "9999999999", "token")
    configured = [("main", "9999999999")]
    assert [(one.waiting, one.fetching) for one in bench.outbox.stranded.found(configured)] == [(0, 2)]
    move = planned_move(bench.settings, MAIN.dataset_id, "main", across=False)
    assert bench.outbox.stranded.movable(move) == {"waiting": 0, "held": 0, "fetching": 1, "left": 0}
    assert retarget(bench.outbox, move, bench.now) == {"waiting": 0, "held": 0, "fetching": 1, "skipped": 0}
    bench.outbox.fetches.release(claim)
    assert retarget(bench.outbox, move, bench.now)["fetching"] == 1
    assert bench.outbox.stranded.found(configured) == []
    bench.fetcher().run_once()
    assert bench.counts() == {"waiting": 2}
    assert {event.dataset_id for event in bench.events()} == {"9999999999"}


# --- privacy ----------------------------------------------------------------------------------------------


def test_only_what_the_mapping_reads_is_kept_and_it_is_encrypted(bench):
    receipt = bench.receive()
    bench.fetcher().run_once()
    kept = bench.outbox.fetches.kept(receipt.webhook_id)
    assert b"person7@example.com" in kept
    assert b"not read" not in kept


def test_a_replay_uses_what_was_kept_unless_it_is_asked_to_fetch_again(bench):
    bench.write(PERSON.replace("  external_id: person_id\n", ""))
    bench.answer = lambda _target: (200, {"data": {"email": "nobody"}})
    bench.receive()
    bench.fetcher().run_once()
    assert bench.counts() == {"held": 1}
    bench.answer = None  # somebody corrects the record
    assert bench.replay() == {"still_held": 1}
    assert len(bench.calls) == 1
    assert bench.replay(fetch_again=True) == {"fetching": 1}
    bench.fetcher().run_once()
    assert (len(bench.calls), bench.counts()) == (2, {"waiting": 1})


def test_a_replay_with_a_changed_mapping_fetches_what_that_reads(bench):
    bench.write(PERSON.replace("  external_id: person_id\n", ""))
    bench.answer = lambda _target: (200, {"data": {"mail": "zoe@example.com"}})
    bench.receive()
    bench.fetcher().run_once()
    bench.write(PERSON.replace("$person.email", "$person.mail"))
    assert bench.replay() == {"fetching": 1}
    bench.fetcher().run_once()
    assert bench.counts() == {"waiting": 1}
    assert bench.emails() != ["none"]


def test_fetching_again_uses_nothing_that_is_still_in_memory(bench):
    bench.write(PERSON.replace("  external_id: person_id\n", ""))
    bench.answer = lambda _target: (200, {"data": {"email": "nobody"}})
    bench.receive()
    fetcher = bench.fetcher()
    fetcher.run_once()
    bench.answer = None
    bench.replay(fetch_again=True)
    fetcher.run_once()
    assert (len(bench.calls), bench.counts()) == (2, {"waiting": 1})


def test_what_was_fetched_is_forgotten_with_the_raw_webhook(bench):
    receipt = bench.receive()
    bench.fetcher().run_once()
    bench.outbox.purge(
        bench.now + timedelta(days=1), raw_webhooks=timedelta(hours=1), events=timedelta(days=30)
    )
    assert bench.outbox.fetches.kept(receipt.webhook_id) is None
    assert bench.counts() == {"waiting": 1}


def test_a_webhook_that_is_still_fetched_for_outlives_its_retention(bench):
    bench.answer = lambda _target: None
    bench.receive()
    bench.outbox.purge(
        bench.now + timedelta(days=1), raw_webhooks=timedelta(hours=1), events=timedelta(hours=1)
    )
    bench.answer = None
    bench.fetcher().run_once()
    assert bench.counts() == {"waiting": 1}


def test_a_person_is_erased_who_is_mentioned_only_in_what_was_fetched(bench):
    bench.receive()
    bench.receive(2, person=8)
    bench.fetcher().run_once()
    seven, eight = (Person(emails=(f"person{number}@example.com",)) for number in (7, 8))
    assert bench.erase(seven).raw_webhooks == 1
    assert bench.outbox.erasures.find(seven).webhook_ids == ()
    assert len(bench.outbox.erasures.find(eight).webhook_ids) == 1


def test_a_person_is_erased_while_the_record_is_fetched(bench):
    bench.receive(note="zoe@example.com")

    def slow(call):
        bench.erase(Person(emails=("zoe@example.com",)))
        return bench.exchange(call)

    bench.fetcher(slow).run_once()
    assert (bench.events(), bench.counts()) == ([], {})


def test_what_is_in_memory_is_forgotten_when_somebody_is_erased(bench):
    fetcher = bench.fetcher()
    for number in (1, 2):
        bench.receive(number)
        fetcher.run_once()
    assert len(bench.calls) == 1
    address = "person7@example.com"
    bench.erase(Person(frozenset({hashlib.sha256(address.encode()).hexdigest()}), (address,)))
    bench.answer = lambda _target: (404, {})
    bench.receive(3)
    fetcher.run_once()
    assert len(bench.calls) == 2
    assert bench.emails() == ["none"]


def test_what_is_discarded_is_not_fetched_for(bench):
    bench.receive()
    discard(bench.outbox, Query(statuses=frozenset({"fetching"})), "not wanted", bench.now)
    assert bench.counts() == {"discarded": 1}
    assert bench.fetcher().run_once() == 0


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
