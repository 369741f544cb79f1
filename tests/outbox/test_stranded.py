"""Events for a dataset that is not configured: found, moved whole, and never twice at the new one."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from bridge.outbox import Move, Query, Stranded

HELD = {"status": "held", "body": None, "reason": "no e-mail"}
TO_MAIN = Move("111", "main", "222")


def move_everything(outbox, move, now):
    became = Counter()
    while portion := outbox.stranded.move_portion(move, now):
        became += portion
    return became


def test_what_is_kept_for_datasets_that_are_not_configured_is_counted(outbox, webhook, event):
    outbox.add(webhook("1", event("a", dataset_id="111"), event("", dataset_id="111", **HELD)))
    outbox.add(webhook("2", event("b", dataset_id="222"), event("c", dataset_id="111", destination="other")))

    assert outbox.stranded.found({("main", "222")}) == [
        Stranded("main", "111", 1, 1),
        Stranded("other", "111", 1, 0),
    ]
    assert outbox.stranded.movable(TO_MAIN) == {"waiting": 1, "held": 1, "fetching": 0, "left": 1}
    assert outbox.stranded.movable(Move("111", "main", "222", across=True)) == {
        "waiting": 2,
        "held": 1,
        "fetching": 0,
        "left": 0,
    }


def test_moved_events_go_to_the_new_dataset_and_say_so(outbox, webhook, event, now):
    outbox.add(webhook("1", event("a", dataset_id="111"), event("", dataset_id="111", **HELD)))
    outbox.add(webhook("2", event("t", dataset_id="111", test_event_code="T1")))

    assert move_everything(outbox, TO_MAIN, now) == {"waiting": 2, "held": 1}
    assert outbox.stranded.found({("main", "222")}) == []
    claims = [
        outbox.claim(lane, worker="w", now=now, lease_until=now + timedelta(minutes=1))
        for lane in outbox.lanes()
        if lane.dataset_id == "222"
    ]
    assert [(claim.lane.test_event_code, len(claim.events)) for claim in claims] == [(None, 1), ("T1", 1)]
    modes = {record.event_id: (record.mode, record.dataset_id) for record in outbox.find(Query())}
    assert modes == {"a": ("live", "222"), "t": ("test", "222"), "": ("live", "222")}
    for record in outbox.find(Query()):
        [line] = outbox.show(record.id).attempts
        assert (line.outcome, line.reason) == ("retargeted", "moved from dataset 111 to 222")


def test_an_event_that_is_already_stored_for_the_new_dataset_is_skipped(outbox, webhook, event, now):
    first = outbox.add(webhook("1", event("a", dataset_id="222")))
    moved = outbox.add(webhook("2", event("a", dataset_id="111")))

    assert move_everything(outbox, TO_MAIN, now) == {"skipped": 1}
    record = outbox.show(moved.events[0].id).event
    reason = f"the same event is already stored as {first.events[0].id}"
    assert (record.status, record.reason) == ("skipped", reason)


def test_a_destination_that_was_renamed_gets_its_events_back(outbox, webhook, event, now):
    outbox.add(webhook("1", event("a", dataset_id="111", destination="before"), event("b", dataset_id="111")))
    renamed = Move("111", "main", "111", across=True)

    assert outbox.stranded.movable(renamed) == {"waiting": 1, "held": 0, "fetching": 0, "left": 0}
    assert move_everything(outbox, renamed, now) == {"waiting": 1}
    assert {record.destination for record in outbox.find(Query())} == {"main"}


def test_what_a_worker_has_in_hand_or_was_sent_stays_where_it_is(outbox, webhook, event, now):
    outbox.add(webhook("1", event("a", dataset_id="111")))
    [lane] = outbox.lanes()
    assert outbox.claim(lane, worker="w", now=now, lease_until=now + timedelta(minutes=1))

    assert move_everything(outbox, TO_MAIN, now) == {}


def test_a_webhook_whose_events_were_moved_is_a_duplicate_at_the_new_dataset(outbox, webhook, event, now):
    outbox.add(webhook("1", event("a", dataset_id="111")))
    move_everything(outbox, TO_MAIN, now)

    assert outbox.add(webhook("1", event("a", dataset_id="222"))).duplicate


def test_the_repeat_key_of_a_moved_webhook_moves_along_beside_the_keys_of_others(outbox, webhook, event, now):
    outbox.add(webhook("another", event("b", dataset_id="222")))
    outbox.add(webhook("1", event("a", dataset_id="222"), mapping="crm"))
    outbox.add(webhook("1", event("a2", dataset_id="111")))
    move_everything(outbox, TO_MAIN, now)

    assert outbox.add(webhook("1", event("a2", dataset_id="222"))).duplicate


def test_a_repeat_key_that_a_newer_webhook_holds_at_the_new_dataset_stays_its_own(
    outbox, webhook, event, now
):
    outbox.add(webhook("1", event("old", dataset_id="111")))
    newer = outbox.add(webhook("1", event("new", dataset_id="222")))
    assert not newer.duplicate

    assert move_everything(outbox, TO_MAIN, now) == {"waiting": 1}

    again = outbox.add(webhook("1", event("new", dataset_id="222")))
    assert (again.duplicate, again.events) == (True, newer.events)
