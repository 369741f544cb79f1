"""Storing: what is answered is on disk, once, whole, whatever arrives beside it. On both databases."""

from __future__ import annotations

import sqlite3
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.consent_decision import ConsentDecision
from bridge.errors import CannotStore, WrongUse
from bridge.finding import Finding, Position
from bridge.outbox import Bounds, Outbox, Query, Receipt, StoredEvent, upgrade
from bridge.outbox.backpressure import UNBOUNDED


def in_threads(number, work):
    threads = [threading.Thread(target=work, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_webhook_and_its_events_are_there_when_add_returns(
    outbox, open_store, database_url, webhook, event, now
):
    finding = Finding(
        "error", "too_broad", "only a country", "map an e-mail", "$.user_data", Position("a.yaml", 3, 1)
    )
    consent = ConsentDecision("unknown", "marketing.email")
    said = {"reason": "only a country", "findings": (finding,), "match_score": 12, "consent": consent}
    held = event("order-2", status="held", label="second", **said)
    receipt = outbox.add(webhook("1", event("order-1"), held))
    other_process = open_store(database_url)
    assert receipt.duplicate is False
    assert [(line.event_id, line.status) for line in receipt.events] == [
        ("order-1", "waiting"),
        ("order-2", "held"),
    ]
    assert other_process.show(receipt.events[1].id).event.as_json() == {
        "id": receipt.events[1].id,
        "webhook_id": receipt.webhook_id,
        "mapping": "shop",
        "label": "second",
        "destination": "main",
        "dataset_id": "1234567890123456",
        "test_event_code": None,
        "mode": "live",
        "event_name": "Purchase",
        "event_id": "order-2",
        "event_time": int(now.timestamp()) - 60,
        "status": "held",
        "reason": "only a country",
        "findings": [finding.as_json()],
        "match_score": 12,
        "accepted_until": int(now.timestamp()) + 600_000,
        "received_at": "2026-11-21T12:00:00.000+00:00",
        "changed_at": "2026-11-21T12:00:00.000+00:00",
        "attempts": 0,
        "next_attempt_at": None,
        "value": None,
        "currency": None,
        "order_id": None,
        "reason_code": "too_broad",
        "consent": "unknown",
        "consent_source": "marketing.email",
    }


def test_the_same_webhook_again_is_a_duplicate_with_the_events_it_became(outbox, webhook):
    first = outbox.add(webhook("1"))
    again = outbox.add(webhook("1", received_at=webhook("1").received_at + timedelta(minutes=59)))
    assert again == first._replace(duplicate=True)
    assert outbox.counts().received == 1


def test_a_repeat_key_counts_for_its_own_mapping_only(outbox, webhook, event):
    outbox.add(webhook("1", event("a")))
    assert outbox.add(webhook("1", event("b"), mapping="form")).duplicate is False


def test_a_webhook_without_a_repeat_key_is_always_new(outbox, webhook, event):
    assert [outbox.add(webhook(None, event(name))).duplicate for name in "abc"] == [False, False, False]


def test_after_its_window_a_repeat_key_is_free_again(outbox, webhook, event, now):
    outbox.add(webhook("1", event("a")))
    late = now + timedelta(hours=1)
    assert outbox.add(webhook("1", event("b"), received_at=late)).duplicate is False
    assert outbox.add(webhook("1", event("c"), received_at=late + timedelta(minutes=1))).duplicate is True


def test_in_one_transaction_each_repeat_key_is_judged_by_its_own_time(outbox, webhook, event, now):
    first = outbox.add(webhook("1", event("a")))
    outbox.add(webhook("2", event("b")))
    late = now + timedelta(hours=2)
    receipts = outbox.add_all(
        [
            webhook("3", event("c"), received_at=late),
            webhook("2", event("d"), received_at=late),
            webhook("1", event("e")),
            webhook("3", event("f"), received_at=late),
            webhook("3", event("g"), received_at=late + timedelta(hours=2)),
        ]
    )
    assert [receipt.duplicate for receipt in receipts] == [False, False, True, True, False]
    assert receipts[2] == first._replace(duplicate=True)
    assert [line.event_id for receipt in receipts for line in receipt.events] == ["c", "d", "a", "c", "g"]


@pytest.mark.parametrize("number", [7, 31, 33, 64, 131])
def test_a_group_of_any_size_is_stored_whole(outbox, webhook, number):
    receipts = outbox.add_all([webhook(str(index)) for index in range(number)])
    assert [receipt.events[0].event_id for receipt in receipts] == [
        f"order-{index}" for index in range(number)
    ]
    assert (outbox.counts().received, outbox.discrepancies()) == (number, [])


def test_fifty_equal_posts_at_once_store_one_webhook(outbox, webhook):
    receipts = []
    in_threads(50, lambda _index: receipts.append(outbox.add(webhook("1"))))
    assert sorted(receipt.duplicate for receipt in receipts) == [False] + [True] * 49
    assert len({receipt.webhook_id for receipt in receipts}) == 1
    assert outbox.counts().received == 1


def test_many_threads_each_get_the_receipt_of_their_own_webhook(outbox, webhook):
    receipts = {}

    def post(index):
        for number in range(20):
            key = f"{index}-{number}"
            receipts[key] = outbox.add(webhook(key))

    in_threads(8, post)
    assert {key: receipt.events[0].event_id for key, receipt in receipts.items()} == {
        key: f"order-{key}" for key in receipts
    }
    assert outbox.counts().by_status["waiting"] == 160


def test_two_processes_posting_the_same_keys_in_opposite_order_never_block_each_other(
    outbox, open_store, database_url, webhook
):
    other = open_store(database_url)
    keys = [str(number) for number in range(40)]

    def post(index):
        store, order = ((outbox, keys), (other, keys[::-1]))[index]
        for start in range(0, 40, 10):
            store.add_all([webhook(key) for key in order[start : start + 10]])

    in_threads(2, post)
    assert outbox.counts().received == 40


def test_an_event_that_already_stands_is_kept_as_skipped_and_names_the_first(outbox, webhook, event):
    first = outbox.add(webhook("1", event("order-1"))).events[0]
    second = outbox.add(webhook("2", event("order-1"))).events[0]
    assert second == StoredEvent(
        second.id, "Purchase", "order-1", "main", "skipped", f"the same event is already stored as {first.id}"
    )
    assert outbox.counts().by_status["waiting"] == 1


def test_two_equal_events_in_one_webhook_count_once(outbox, webhook, event):
    receipt = outbox.add(webhook("1", event("order-1"), event("order-1")))
    assert [line.status for line in receipt.events] == ["waiting", "skipped"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"event_name": "Lead"}, id="another event name"),
        pytest.param({"dataset_id": "999"}, id="another dataset"),
        pytest.param({"test_event_code": "TEST1"}, id="a rehearsal"),
        pytest.param({"status": "held"}, id="held"),
        pytest.param({"status": "suppressed"}, id="no consent"),
    ],
)
def test_an_event_does_not_stand_in_the_way_of(outbox, webhook, event, other):
    outbox.add(webhook("1", event("order-1", **other)))
    assert outbox.add(webhook("2", event("order-1"))).events[0].status == "waiting"


@pytest.mark.parametrize("event_id", [None, ""], ids=["none", "empty"])
def test_events_without_an_id_are_never_taken_for_each_other(outbox, webhook, event, event_id):
    statuses = [outbox.add(webhook(key, event(event_id))).events[0].status for key in "12"]
    assert statuses == ["waiting", "waiting"]


def test_a_webhook_that_cannot_be_written_does_not_drag_others_down(outbox, webhook, event):
    receipts, refused = [], []

    def post(index):
        score = 10**30 if index == 3 else 5  # no database has room for such a number
        try:
            receipts.append(outbox.add(webhook(str(index), event(f"order-{index}", match_score=score))))
        except CannotStore:
            refused.append(index)

    in_threads(8, post)
    assert (len(receipts), refused, outbox.counts().received) == (7, [3], 7)


@pytest.mark.parametrize(
    "text", [pytest.param("a\x00b", id="NUL"), pytest.param("a\ud800b", id="lone surrogate")]
)
def test_odd_texts_in_notes_do_not_make_a_webhook_unstorable(outbox, webhook, event, text):
    receipt = outbox.add(webhook("1", event(text, body=b"{}", reason=text, label=text), request_id=text))
    shown = outbox.show(receipt.events[0].id)
    assert (shown.event.event_id, shown.body) == (
        text.replace("\x00", "\ufffd").replace("\ud800", "?"),
        b"{}",
    )


def test_a_waiting_event_without_a_body_is_a_mistake_of_the_caller(outbox, webhook, event):
    with pytest.raises(WrongUse, match="body"):
        outbox.add(webhook("1", event("order-1", body=None)))


def test_the_raw_webhook_comes_back_as_it_was_and_is_not_readable_on_disk(
    outbox, webhook, request_of, tmp_path
):
    request = request_of(b'{"email": "jane@example.com", "emoji": "\xf0\x9f\x8e\x89"}')
    receipt = outbox.add(webhook("1", request=request))
    assert outbox.raw(receipt.webhook_id) == request
    assert not any(b"jane@example.com" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_add_all_stores_all_or_nothing(outbox, webhook, event):
    bad = webhook("2", event("order-2", match_score=10**30))
    with pytest.raises(CannotStore):
        outbox.add_all([webhook("1"), bad])
    assert outbox.counts().received == 0


def test_over_the_bound_of_the_queue_senders_are_told_to_come_back(database_url, open_store, webhook):
    open_store(database_url).add_all([webhook(str(number)) for number in range(5)])
    full = open_store(database_url, bounds=Bounds(queue_events=5))
    with pytest.raises(CannotStore, match="5 events to be sent") as refusal:
        full.add(webhook("more"))
    assert refusal.value.retry_after_seconds == 30
    assert full.counts().received == 5


def test_a_locked_sqlite_file_is_an_honest_refusal_and_works_again_later(new_sqlite_url, open_store, webhook):
    url = new_sqlite_url()
    outbox = open_store(url, busy_seconds=0.05)
    stranger = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    stranger.execute("BEGIN EXCLUSIVE")
    with pytest.raises(CannotStore, match="another program holds the lock"):
        outbox.add(webhook("1"))
    stranger.execute("ROLLBACK")
    stranger.close()
    assert outbox.add(webhook("1")).duplicate is False


def test_a_probe_tells_whether_something_can_be_written(new_sqlite_url, open_store):
    url = new_sqlite_url()
    outbox = open_store(url, busy_seconds=0.05)
    outbox.probe(1)
    stranger = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    stranger.execute("BEGIN EXCLUSIVE")
    with pytest.raises(CannotStore, match="another program holds the lock"):
        outbox.probe(1)
    stranger.close()
    outbox.probe(1)


def test_a_probe_leaves_nothing_that_counts(outbox):
    outbox.probe(1)
    outbox.probe(1)
    assert outbox.counts().received == 0


def test_no_error_text_quotes_what_was_being_stored(outbox, webhook, event):
    with pytest.raises(CannotStore) as refusal:
        outbox.add(webhook("1", event("jane@example.com", match_score=10**30)))
    assert "jane" not in str(refusal.value)


def test_find_by_every_part_of_a_query(outbox, webhook, event, now):
    outbox.add(webhook("1", event("a")))
    outbox.add(webhook("2", event("b", status="held", reason="50%_off is odd"), mapping="form"))
    outbox.add(
        webhook("3", event("c", event_name="Lead", destination="other"), received_at=now + timedelta(hours=1))
    )

    def found(**parts):
        return [record.event_id for record in outbox.find(Query(**parts))]

    assert found() == ["c", "b", "a"]
    assert found(statuses=frozenset({"held"})) == ["b"]
    assert found(statuses=frozenset({"waiting", "sending"})) == ["c", "a"]
    assert found(mapping="form") == ["b"]
    assert found(destination="other") == ["c"]
    assert found(event_name="Lead") == ["c"]
    assert found(event_id="a") == ["a"]
    assert found(reason="50%_OFF") == ["b"]
    assert found(reason="50__off") == []
    assert found(since=now + timedelta(minutes=1)) == ["c"]
    assert found(until=now + timedelta(minutes=1)) == ["b", "a"]
    assert found(limit=1) == ["c"]
    first_page = outbox.find(Query(limit=2))
    assert found(before=first_page[-1].id) == ["a"]
    assert found(ids=(first_page[0].id, first_page[1].id)) == ["c", "b"]
    assert found(webhook_id=first_page[0].webhook_id) == ["c"]
    assert outbox.count(Query(limit=1)) == 3


@pytest.mark.parametrize("wrong", ["", "x", "00000000-0000-0000-0000-000000000000"])
def test_an_id_that_is_none_finds_nothing(outbox, wrong):
    assert outbox.show(wrong) is None
    assert outbox.raw(wrong) is None
    assert outbox.find(Query(ids=(wrong,))) == []


@pytest.fixture(name="files", params=[UNBOUNDED, Bounds(9, 1)], ids=["unbounded", "with bounds"])
def files_fixture(request, tmp_path, open_store) -> tuple[Path, Outbox]:
    path = tmp_path / "new" / "bridge.db"
    upgrade(f"sqlite:///{path}")
    return path, open_store(f"sqlite:///{path}", bounds=request.param)


def test_the_files_of_a_database_are_readable_by_their_owner_alone(files, webhook):
    path, outbox = files
    outbox.add(webhook())
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert {"bridge.db", "bridge.db-wal"} <= modes.keys()
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
def test_a_database_file_that_is_gone_is_noticed_and_not_written_into(files, webhook, tmp_path, replaced):
    path, outbox = files
    assert outbox.counts().received == 0
    moved = path.rename(tmp_path / "moved.db")
    if replaced:
        path.write_bytes(b"")
    [refused] = outbox.submit([outbox.pack(webhook("1"))]).result(30)
    assert isinstance(refused, CannotStore)
    assert "deleted or replaced" in str(refused)
    for work in (
        lambda: outbox.add(webhook("2")),
        outbox.counts,
        lambda: outbox.add(webhook("3")),
    ):
        with pytest.raises(CannotStore, match="deleted or replaced"):
            work()
    assert path.exists() is replaced
    path.unlink(missing_ok=True)
    moved.rename(path)
    [stored] = outbox.submit([outbox.pack(webhook("4"))]).result(30)
    assert isinstance(stored, Receipt)
    assert outbox.counts().received == 1


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
def test_a_part_of_the_database_that_is_gone_is_noticed_and_what_was_stored_is_saved_at_the_end(
    files, webhook, open_store, suffix, replaced
):
    path, outbox = files
    outbox.add(webhook("1"))
    part = path.with_name(f"{path.name}{suffix}")
    part.unlink()
    if replaced:
        part.write_bytes(b"")
    for work in (lambda: outbox.add(webhook("2")), outbox.counts):
        with pytest.raises(CannotStore, match=f"bridge.db{suffix}, a part of the database, was deleted"):
            work()
    outbox.close()
    part.unlink(missing_ok=True)
    assert open_store(f"sqlite:///{path}").counts().received == 1


def test_parts_of_the_database_may_come_and_go_while_no_connection_is_open(files, webhook):
    path, outbox = files
    for number in range(3):
        outbox.add(webhook(str(number)))
        outbox.close()
        assert not path.with_name(f"{path.name}-wal").exists()
    assert outbox.counts().received == 3
