"""Jobs do every row once, whoever is killed, slow or in doubt. On both databases."""

from __future__ import annotations

import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import BridgeError, CannotStore, Invalid, LeaseLost, TooManyRequests, UnknownMapping
from bridge.jobs.bulk_import import read_import
from bridge.jobs.job_kind import JobContext
from bridge.jobs.runner import KINDS, STEPS, do_job
from bridge.mapping import MappingFolder
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.monitoring.log import get_logger
from bridge.outbox import Bounds, ErasureRequest, Job, NewWebhook, Outbox, Person, Query, Settled, Span
from bridge.outbox.job_queue import LEASE, MOST_OPEN
from bridge.settings import load_settings
from tests.outbox.conftest import DATASET, NOW, new_event, new_webhook, request_of

LEAD = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
user_data: {email: mail}
"""
HELD = {"status": "held", "body": None, "reason": "no e-mail"}


class Clock:
    def __init__(self) -> None:
        self.moment = NOW + timedelta(minutes=1)

    def __call__(self) -> datetime:
        return self.moment

    def later(self, **length: float) -> None:
        self.moment += timedelta(**length)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def around(tmp_path: Path, clock: Clock) -> Callable[[Outbox], JobContext]:
    """Make what jobs on an outbox work with."""
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "lead.yaml").write_text(LEAD)
    environment = {"META_DATASET_ID": DATASET, "META_ACCESS_TOKEN": "t"}
    settings = load_settings(None, environment, folder=tmp_path)
    spec = load_meta_spec()
    folder = MappingFolder(settings.mappings, environment={}, spec=spec, destinations=settings.destinations)
    return lambda outbox: JobContext(outbox, settings, spec, folder, clock)


@pytest.fixture
def context(outbox: Outbox, around: Callable[[Outbox], JobContext]) -> JobContext:
    return around(outbox)


def asked(context: JobContext, kind: str, **options: Any) -> Job:
    return context.outbox.jobs.add(KINDS[kind].read(context, options), context.clock())


def imported(context: JobContext, content: bytes, **options: Any) -> Job:
    wanted = read_import(context, {"mapping": "lead", **options}, content)
    return context.outbox.jobs.add(wanted, context.clock())


def work_off(context: JobContext) -> None:
    while job := context.outbox.jobs.claim(context.clock()):
        do_job(context, job, threading.Event(), get_logger())


def finished(context: JobContext, job: Job) -> Job:
    work_off(context)
    return now_is(context, job)


def now_is(context: JobContext, job: Job) -> Job:
    found = context.outbox.jobs.get(job.id)
    assert found is not None
    return found


def lines(context: JobContext, job: Job) -> list[Any]:
    content, following = context.outbox.jobs.output(job.id, 0)
    assert following is None
    return [json.loads(line) for line in content.splitlines()]


def held_leads(number: int) -> list[NewWebhook]:
    """Make webhooks that were held by mistake, and would become a lead with the mapping as it is now."""
    return [
        new_webhook(
            str(key),
            new_event("", **HELD),
            mapping="lead",
            request=replace(
                request_of(b'{"id": %d, "mail": "jane@example.com"}' % key),
                headers={"content-type": "application/json"},
            ),
        )
        for key in range(number)
    ]


def settle_everything(outbox: Outbox, now: datetime) -> int:
    """Do what delivery does; return how many events were sent."""
    sent = 0
    for lane in outbox.lanes():
        while claim := outbox.claim(lane, worker="w", now=now, lease_until=now + timedelta(minutes=1)):
            outbox.settle_span(
                Span(claim.id, claim.events[0].id, claim.events[-1].id), Settled("sent"), None, now
            )
            sent += len(claim.events)
    return sent


def statuses(outbox: Outbox) -> dict[str, int]:
    return {status: number for status, number in outbox.counts().by_status.items() if number}


def killed_after(steps: Iterator[Job], number: int) -> None:
    """Take a few steps, then vanish as a killed process does: without letting go of anything."""
    list(itertools.islice(steps, number))


# --- what each kind does ---------------------------------------------------------------------------


def test_a_replay_maps_held_webhooks_again_however_many_there_are(context):
    context.outbox.add_all(held_leads(250))
    job = asked(context, "replay", status="held")
    assert (job.state, job.done, job.total, job.request) == (
        "queued", 0, 250, {"status": ["held"], "limit": 10_000_000},
    )  # fmt: skip
    job = finished(context, job)
    assert (job.state, job.done, job.counts, job.has_result) == ("done", 250, {"remapped": 250}, False)
    assert statuses(context.outbox) == {"waiting": 250}


def test_a_replay_keeps_a_rate_over_all_its_pages(context, clock):
    context.outbox.add_all([new_webhook(str(number)) for number in range(130)])
    settle_everything(context.outbox, clock())
    job = finished(context, asked(context, "replay", status="sent", per_second=2))
    assert job.counts == {"replayed": 130}
    due = sorted(event.next_attempt_at for event in context.outbox.find(Query(limit=1000)))
    assert due == [job.created_at + timedelta(seconds=number / 2) for number in range(130)]


def test_events_that_come_after_a_job_are_not_meant_by_it(context, clock):
    context.outbox.add_all([new_webhook("before")])
    job = asked(context, "discard", mapping="shop", because="a test")
    clock.later(seconds=1)
    context.outbox.add(new_webhook("after", received_at=clock()))
    assert finished(context, job).counts == {"discarded": 1}
    assert statuses(context.outbox) == {"discarded": 1, "waiting": 1}


def test_a_discard_gives_events_up_and_says_why(context):
    context.outbox.add_all([new_webhook(str(number)) for number in range(205)])
    job = finished(context, asked(context, "discard", status="waiting", because="a test", limit=203))
    assert (job.state, job.done, job.counts) == ("done", 203, {"discarded": 203})
    reasons = Counter(event.reason for event in context.outbox.find(Query(limit=1000)))
    assert reasons == {"a test": 203, None: 2}


def test_an_export_writes_each_event_once_newest_first(context):
    context.outbox.add_all([new_webhook(str(number)) for number in range(600)])
    job = finished(context, asked(context, "export", mapping="shop", bodies=True))
    assert (job.state, job.done, job.total, job.has_result) == ("done", 600, 600, True)
    written = lines(context, job)
    assert [line["event_id"] for line in written] == [f"order-{number}" for number in reversed(range(600))]
    assert written[0]["body"] == {"event_name": "Purchase", "event_id": "order-599"}


def test_an_export_as_csv_has_one_header(context):
    context.outbox.add_all([new_webhook(str(number)) for number in range(300)])
    job = finished(context, asked(context, "export", format="csv"))
    rows = context.outbox.jobs.output(job.id, 0)[0].decode().splitlines()
    assert (len(rows), sum(row.startswith("id,webhook_id,") for row in rows)) == (301, 1)


def test_a_large_result_is_read_part_by_part(context):
    context.outbox.add_all([new_webhook(str(number)) for number in range(3000)])
    job = finished(context, asked(context, "export"))
    whole, part = b"", 0
    sizes = []
    while part is not None:
        content, part = context.outbox.jobs.output(job.id, part)
        sizes.append(len(content))
        whole += content
    assert len(sizes) > 1
    assert max(sizes) < 1_400_000
    assert len(whole.splitlines()) == 3000


CSV = b"id;mail\n" + b"".join(b"%d;p%d@example.com\n" % (number, number) for number in range(230))


def test_an_import_stores_each_row_and_reports_what_is_held(context):
    job = imported(context, CSV + b"230;\n231;a;b\n", format="csv")
    assert (job.total, job.request) == (
        232,
        {
            "mapping": "lead",
            "format": "csv",
            "encoding": "utf-8-sig",
            "read_as": "columns separated by semicolons, read as UTF-8",
            "file_name": "",
            "dry_run": False,
        },
    )
    job = finished(context, job)
    assert (job.state, job.done, job.counts) == ("done", 232, {"waiting": 230, "held": 1, "unreadable": 1})
    assert [(line["row"], line["status"]) for line in lines(context, job)] == [
        (232, "held"),
        (233, "unreadable"),
    ]
    assert statuses(context.outbox) == {"waiting": 230, "held": 1}


def test_a_dry_run_of_an_import_stores_nothing(context):
    job = finished(context, imported(context, CSV, dry_run="true"))
    assert (job.state, job.counts) == ("done", {"waiting": 230, "events": 230, "with_email": 230})
    assert context.outbox.counts().received == 0


def test_an_import_waits_between_portions_to_keep_a_rate(context):
    waited: list[float] = []
    slow = replace(context, wait=waited.append)
    finished(slow, imported(slow, CSV, per_second="50"))
    assert len(waited) == 5
    assert all(0 < seconds <= 1 for seconds in waited)


def test_a_comparison_writes_a_line_for_each_webhook_that_would_change(context):
    context.outbox.add_all([hook._replace(events=(new_event(),)) for hook in held_leads(1)])
    context.outbox.add_all(
        [hook._replace(events=(new_event(str(hook.request_id)),)) for hook in held_leads(70)[1:]]
    )
    text = LEAD + "when: {id: [60, 61, 62, 63, 64, 65, 66, 67, 68, 69]}\n"
    job = finished(context, asked(context, "compare", mapping="lead", text=text))
    assert (job.state, job.done, job.total) == ("done", 70, 70)
    assert job.counts == {"compared": 70, "changed": 60, "worse": 60}
    [first, *_] = written = lines(context, job)
    assert len(written) == 60
    assert [(event["before"], event["after"]) for event in first["events"]] == [("ready", "skipped")]
    assert "jane@example.com" not in json.dumps(written)


# --- once, whatever happens ------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_replay_whose_process_was_killed_sends_nothing_twice(context, clock, steps):
    context.outbox.add_all([new_webhook(str(number)) for number in range(250)])
    settle_everything(context.outbox, clock())
    job = asked(context, "replay", mapping="shop")
    claimed = context.outbox.jobs.claim(clock())
    killed_after(STEPS["replay"](context, claimed), steps)
    assert settle_everything(context.outbox, clock()) == 100 * steps

    assert context.outbox.jobs.claim(clock()) is None, "its lease has not ended"
    clock.later(seconds=LEASE.total_seconds())
    job = finished(context, job)
    assert (job.state, job.done, job.counts) == ("done", 250, {"replayed": 250})
    assert settle_everything(context.outbox, clock()) == 250 - 100 * steps


def test_an_import_whose_process_was_killed_stores_each_row_once_without_any_repeat_key(context, clock):
    job = imported(context, CSV)
    killed_after(STEPS["import"](context, context.outbox.jobs.claim(clock())), 2)
    clock.later(seconds=LEASE.total_seconds())
    assert finished(context, job).counts == {"waiting": 230}
    assert context.outbox.counts().received == 230


def test_a_process_that_was_only_slow_notices_that_another_has_taken_over(context, clock):
    context.outbox.add_all([new_webhook(str(number)) for number in range(250)])
    settle_everything(context.outbox, clock())
    job = asked(context, "replay", mapping="shop")
    slow = STEPS["replay"](context, context.outbox.jobs.claim(clock()))
    next(slow)
    clock.later(seconds=LEASE.total_seconds())
    finished(context, job)
    with pytest.raises(LeaseLost):
        next(slow)
    assert now_is(context, job).counts == {"replayed": 250}


def test_a_cancelled_job_does_not_take_another_step(context, clock):
    context.outbox.add_all([new_webhook(str(number)) for number in range(250)])
    job = asked(context, "discard", mapping="shop", because="a test")
    steps = STEPS["discard"](context, context.outbox.jobs.claim(clock()))
    next(steps)
    context.outbox.jobs.cancel(job.id, clock())
    with pytest.raises(LeaseLost):
        next(steps)
    job = finished(context, job)
    assert (job.state, job.done) == ("cancelled", 100)
    assert statuses(context.outbox) == {"discarded": 100, "waiting": 150}


def test_a_job_that_is_asked_to_stop_goes_on_at_once_with_the_next_process(context, clock):
    context.outbox.add_all([new_webhook(str(number)) for number in range(250)])
    job = asked(context, "discard", mapping="shop", because="a test")
    stop = threading.Event()
    stop.set()
    do_job(context, context.outbox.jobs.claim(clock()), stop, get_logger())
    assert (now_is(context, job).state, now_is(context, job).done) == ("running", 100)
    assert finished(context, job).counts == {"discarded": 250}


def test_a_job_that_kills_its_process_each_time_is_given_up(context, clock):
    context.outbox.add_all([new_webhook("1")])
    job = asked(context, "discard", mapping="shop", because="a test")
    for _ in range(5):
        assert context.outbox.jobs.claim(clock()).id == job.id
        clock.later(seconds=LEASE.total_seconds())
    assert context.outbox.jobs.claim(clock()) is None
    assert (now_is(context, job).state, now_is(context, job).message) == (
        "failed",
        "the job was interrupted 5 times at the same place; the log says why",
    )


def test_a_lease_of_a_clock_that_was_set_wrong_holds_nobody_up(context, clock):
    job = asked(context, "export")
    clock.later(days=40)
    context.outbox.jobs.claim(clock())
    clock.later(days=-40)
    assert finished(context, job).state == "done"


def test_a_full_outbox_is_waited_for_and_the_job_says_so(database_url, open_store, around, clock):
    job = imported(around(open_store(database_url)), CSV)
    full = around(open_store(database_url, bounds=Bounds(queue_events=0)))
    stop = threading.Event()
    stop.set()
    do_job(full, full.outbox.jobs.claim(clock()), stop, get_logger())
    waiting = now_is(full, job)
    assert (waiting.state, waiting.done, waiting.message) == (
        "running",
        0,
        "waits: the queue is full: 0 events to be sent",
    )
    assert finished(around(open_store(database_url)), job).counts == {"waiting": 230}


def test_a_mapping_that_is_gone_fails_the_job_and_no_other(context, around, tmp_path):
    gone = imported(context, CSV)
    other = asked(context, "export")
    (tmp_path / "mappings" / "lead.yaml").rename(tmp_path / "mappings" / "other.yaml")
    context.mappings.refresh()
    assert finished(context, gone).message == "there is no mapping 'lead'"
    assert [now_is(context, job).state for job in (gone, other)] == ["failed", "done"]


# --- bounds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "options", "error"),
    [
        pytest.param("replay", {}, "no filter was given", id="no filter"),
        pytest.param("replay", {"limit": 5}, "no filter was given", id="a limit is no filter"),
        pytest.param("replay", {"maping": "lead"}, "there is a filter of an unknown name", id="typo"),
        pytest.param("replay", {"status": "held", "per_second": 0}, "per_second is not", id="rate of zero"),
        pytest.param("replay", {"status": "held", "per_second": "x"}, "per_second is not", id="no rate"),
        pytest.param(
            "replay", {"status": "held", "per_second": float("nan")}, "per_second", id="not a number"
        ),
        pytest.param("discard", {"status": "held"}, "nothing says why", id="no reason"),
        pytest.param("discard", {"status": "held", "because": " "}, "nothing says why", id="blank reason"),
        pytest.param("export", {"format": "xlsx"}, "unknown format", id="unknown format"),
        pytest.param("export", {"limit": 100_001}, "limit is not a number from 1 to 100000", id="too many"),
        pytest.param("compare", {"mapping": "lead"}, "text is missing", id="no text"),
        pytest.param("compare", {"mapping": "lead", "text": "", "limit": 0}, "limit is", id="limit of 0"),
        pytest.param(
            "compare", {"mapping": "nope", "text": LEAD}, "there is no mapping 'nope'", id="unknown"
        ),
        pytest.param(
            "compare", {"mapping": "lead", "text": LEAD, "x": 1}, "unknown option", id="unknown option"
        ),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_queued(context, kind, options, error):
    with pytest.raises(BridgeError, match=error):
        asked(context, kind, **options)
    assert context.outbox.jobs.newest() == []


def test_a_mapping_with_mistakes_is_refused_with_all_of_them(context):
    with pytest.raises(Invalid) as refusal:
        asked(context, "compare", mapping="lead", text="version: 1\nevnt_name: Lead\n")
    assert len(refusal.value.findings) > 1


@pytest.mark.parametrize(
    ("options", "content", "error"),
    [
        pytest.param({"mapping": "nope"}, CSV, UnknownMapping, id="unknown mapping"),
        pytest.param({}, b"", BridgeError, id="empty"),
        pytest.param({}, b"a,b\n", BridgeError, id="a header only"),
        pytest.param({}, b"a,a\n1,2\n", BridgeError, id="two columns of one name"),
        pytest.param({"format": "xlsx"}, b"PK", BridgeError, id="a spreadsheet"),
        pytest.param({"rate": "1"}, CSV, BridgeError, id="unknown option"),
        pytest.param({}, b"a\n" * 8_388_609, BridgeError, id="too large"),
    ],
)
def test_a_file_that_cannot_be_imported_is_refused_at_once(context, options, content, error):
    with pytest.raises(error) as refusal:
        imported(context, content, **options)
    assert not isinstance(refusal.value, CannotStore)
    assert context.outbox.jobs.newest() == []


def test_the_number_of_open_jobs_is_bounded(context, clock):
    for _ in range(MOST_OPEN):
        asked(context, "export")
    with pytest.raises(TooManyRequests):
        asked(context, "export")
    context.outbox.jobs.cancel(context.outbox.jobs.newest(1)[0].id, clock())
    asked(context, "export")


# --- what is kept ----------------------------------------------------------------------------------


def parts(context: JobContext) -> int:
    from bridge.outbox.database import Database
    from bridge.outbox.tables import job_parts

    database: Database = context.outbox._database
    return len(database.read(lambda connection: connection.execute(job_parts.select()).all()))


def test_a_file_is_kept_no_longer_than_its_job_needs_it_and_encrypted(context):
    job = imported(context, CSV)
    assert parts(context) == 1
    finished(context, job)
    assert parts(context) == 0
    imported(context, CSV)
    context.outbox.jobs.cancel(context.outbox.jobs.newest(1)[0].id, context.clock())
    assert parts(context) == 0


def test_finished_jobs_and_their_results_are_deleted_in_time(context, clock):
    context.outbox.add_all([new_webhook("1")])
    done = finished(context, asked(context, "export"))
    waiting = asked(context, "export")
    clock.later(days=8)
    purged = context.outbox.purge(clock(), raw_webhooks=timedelta(days=7), events=timedelta(days=30))
    assert purged.jobs == 1
    assert [job.id for job in context.outbox.jobs.newest()] == [waiting.id]
    assert context.outbox.jobs.get(done.id) is None
    assert parts(context) == 0


def test_erasing_a_person_forgets_what_finished_jobs_have_written(context):
    context.outbox.add_all([new_webhook("1")])
    job = finished(context, asked(context, "export"))
    assert job.has_result
    person = Person(emails=("jane@example.com",))
    context.outbox.erasures.erase(person, ErasureRequest("test", {"email": 1}), context.clock())
    assert not now_is(context, job).has_result


# --- erasing -----------------------------------------------------------------------------------------

EMAIL_HASH = "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"


def of_jane(number: int) -> list[NewWebhook]:
    """Make webhooks of a person: half by the hash in an event, half by the raw body."""
    body = b'{"user_data":{"em":["%b"]}}' % EMAIL_HASH.encode()
    return [
        new_webhook(str(key), new_event(f"hers-{key}", body=body), request=None)
        if key % 2
        else new_webhook(str(key), new_event("", **HELD), request=request_of(b'{"x": "jane@example.com"}'))
        for key in range(number)
    ]


def test_a_person_is_erased_by_a_job_that_leaves_a_receipt_without_the_person(context):
    context.outbox.add_all([*of_jane(10), new_webhook("other", new_event("other"))])
    job = asked(context, "erase", email=" Jane@Example.com ", phone="0151 2345678", country="DE")
    assert job.request == {
        "asked_by": "API", "looked_for": {"email": 1, "phone": 1}, "destination": None, "never_send": False,
    }  # fmt: skip
    job = finished(context, job)
    assert (job.state, job.counts) == ("done", {"events": 10, "raw_webhooks": 5})
    [receipt] = context.outbox.erasures.receipts()
    assert (receipt.id, receipt.erased.events, receipt.erased.raw_webhooks) == (job.id, 10, 5)
    assert [record.event_id for record in context.outbox.find(Query())] == ["other"]
    assert (parts(context), context.outbox.erasures.unfinished()) == (0, [])


@pytest.mark.parametrize("taken", range(4))
def test_an_erasure_that_is_killed_is_finished_by_the_next_process(context, clock, taken):
    context.outbox.add_all(of_jane(10))
    job = asked(context, "erase", email="jane@example.com", never_send=True)
    claimed = context.outbox.jobs.claim(clock())
    killed_after(STEPS["erase"](context, claimed), taken)
    clock.later(seconds=LEASE.total_seconds() + 1)
    assert finished(context, job).state == "done"
    [receipt] = context.outbox.erasures.receipts()
    assert (receipt.erased.events, receipt.erased.raw_webhooks) == (10, 5)
    assert statuses(context.outbox) == {}
    context.outbox.add_all([new_webhook("back", new_event("back", body=of_jane(2)[1].events[0].body))])
    assert statuses(context.outbox) == {"suppressed": 1}


def test_an_erasure_of_nobody_is_refused_before_it_is_queued(context):
    jane = {"email": "jane@example.com"}
    nobody: list[dict[str, Any]] = [{}, {"email": ""}, {"email": {}}, {"phone": "0151 2345678"}]
    for options in (*nobody, {"emial": "jane@example.com"}, {**jane, "destination": "nowhere"}):
        with pytest.raises(BridgeError) as refused:
            asked(context, "erase", **options)
        assert "jane" not in str(refused.value)
    assert context.outbox.jobs.newest() == []


def test_an_id_that_is_none_leads_nowhere(context, clock):
    for text in ("", "x", "01a1fcef-d037-723e-af54-1cda694aa12a", "\x00"):
        assert context.outbox.jobs.get(text) is None
        context.outbox.jobs.cancel(text, clock())
        assert context.outbox.jobs.output(text, 0) == (b"", None)
