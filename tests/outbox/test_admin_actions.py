"""Steering: replay keeps the ids, repair maps again, forgetting forgets. On both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.crypto import Cipher
from bridge.errors import WrongUse
from bridge.ingest.replay import Pace, discard, each, replay
from bridge.outbox import Attempt, Correction, HeldEvent, Query, Settled, Span
from bridge.outbox.database import Database
from bridge.outbox.ids import new_id
from bridge.outbox.records import text_id, to_ms
from bridge.outbox.tables import metadata
from tests.outbox.conftest import DATASET

HELD = {"status": "held", "body": None, "reason": "no e-mail"}


def nothing(_webhook):
    return "still_held"


def settle_everything(outbox, now, settled):
    for lane in outbox.lanes():
        claim = outbox.claim(lane, worker="w", now=now, lease_until=now + timedelta(minutes=1))
        if claim:
            outbox.settle_span(Span(claim.id, claim.events[0].id, claim.events[-1].id), settled, None, now)


def statuses(outbox):
    return {status: number for status, number in outbox.counts().by_status.items() if number}


@pytest.mark.parametrize("end", ["sent", "refused", "expired", "discarded"])
def test_replay_sends_the_same_body_with_the_same_ids(outbox, webhook, now, end):
    receipt = outbox.add(webhook("1"))
    before = outbox.show(receipt.events[0].id)
    settle_everything(outbox, now, Settled(end, "why"))
    assert replay(outbox, Query(), nothing, now) == {"replayed": 1}
    assert replay(outbox, Query(), nothing, now) == {"replayed": 1}
    after = outbox.show(receipt.events[0].id)
    assert (after.event, after.body) == (before.event, before.body)
    (lane,) = outbox.lanes()
    claim = outbox.claim(lane, worker="w", now=now, lease_until=now + timedelta(minutes=1))
    assert [found.body for found in claim.events] == [before.body]


def test_replay_leaves_alone_what_must_not_be_sent(outbox, webhook, event, now):
    outbox.add(
        webhook("1", event("a", status="suppressed", body=None), event("b", status="skipped", body=None))
    )
    outbox.add(webhook("2", event("old", accepted_until=int(now.timestamp()) + 1)))
    settle_everything(outbox, now, Settled("refused", "why"))
    outbox.add(webhook("3", event("taken")))
    settle_everything(outbox, now, Settled("refused", "why"))
    outbox.add(webhook("4", event("taken")))
    later = now + timedelta(minutes=1)
    outbox.claim(outbox.lanes()[0], worker="w", now=later, lease_until=later + timedelta(minutes=1))
    assert replay(outbox, Query(), nothing, later) == {
        "suppressed": 1,
        "skipped": 1,
        "too_old": 1,
        "duplicate": 1,
        "sending": 1,
    }


def test_a_bound_on_the_rate_spreads_replayed_events_over_time(outbox, webhook, now):
    outbox.add_all([webhook(str(number)) for number in range(10)])
    settle_everything(outbox, now, Settled("refused", "why"))
    seen = []
    pace = Pace(per_second=2, progress=lambda done, total: seen.append((done, total)))
    assert replay(outbox, Query(), nothing, now, pace) == {"replayed": 10}
    due = [record.next_attempt_at - now for record in outbox.find(Query())]
    assert sorted(due) == [timedelta(seconds=number / 2) for number in range(10)]
    assert seen == [(10, 10)]


def test_a_held_event_is_mapped_again_keeps_its_id_and_shows_both_revisions(
    outbox, webhook, event, now, request_of
):
    request = request_of(b'{"mail": "x"}')
    receipt = outbox.add(webhook("1", event("", **HELD), request=request))
    asked = []

    def remap(webhook):
        asked.append((webhook.mapping, webhook.request, webhook.events))
        return Correction("second", (event("order-1"),))

    assert replay(outbox, Query(statuses=frozenset({"held"})), remap, now) == {"remapped": 1}
    assert asked == [("shop", request, (HeldEvent("main", DATASET, None),))]
    shown = outbox.show(receipt.events[0].id)
    assert (shown.event.status, shown.event.event_id, shown.event.reason) == ("waiting", "order-1", None)
    assert shown.body == event("order-1").body
    assert [(line.outcome, line.reason) for line in shown.attempts] == [
        ("remapped", "mapped again with revision second, before with first")
    ]
    settle_everything(outbox, now, Settled("sent"))
    assert statuses(outbox) == {"sent": 1}


def test_mapping_again_touches_held_events_only_adds_new_ones_and_discards_gone_ones(
    outbox, webhook, event, now
):
    outbox.add(
        webhook(
            "1",
            event("sent", label="a"),
            event("", label="b", **HELD),
            event("", label="gone", **HELD),
        )
    )
    settle_everything(outbox, now, Settled("sent"))
    corrected = (
        event("sent", label="a"),
        event("corrected", label="b"),
        event("new", label="c", destination="other"),
    )
    counts = replay(outbox, Query(statuses=frozenset({"held"})), lambda *_: Correction("2", corrected), now)
    assert counts == {"remapped": 2, "discarded": 1}
    assert sorted((record.event_id, record.status) for record in outbox.find(Query())) == [
        ("", "discarded"),
        ("corrected", "waiting"),
        ("new", "waiting"),
        ("sent", "sent"),
    ]
    assert outbox.counts().received == 4


def test_a_webhook_that_could_not_be_mapped_at_all_becomes_its_events(outbox, webhook, event, now):
    receipt = outbox.add(webhook("1", event("", label="", **HELD)))
    corrected = (event("one", label="first"), event("two", label="second"))
    assert replay(outbox, Query(), lambda *_: Correction("2", corrected), now) == {"remapped": 2}
    assert outbox.show(receipt.events[0].id).event.event_id == "one"
    assert statuses(outbox) == {"waiting": 2}


def test_what_is_still_wrong_stays_held_with_the_new_reason(outbox, webhook, event, now):
    receipt = outbox.add(webhook("1", event("", **HELD)))
    still = Correction("2", (event("", status="held", body=None, reason="no phone either"),))
    assert replay(outbox, Query(), lambda *_: still, now) == {"still_held": 1}
    assert outbox.show(receipt.events[0].id).event.reason == "no phone either"


def test_a_corrected_event_that_already_stands_becomes_skipped(outbox, webhook, event, now):
    outbox.add(webhook("1", event("order-1")))
    outbox.add(webhook("2", event("", **HELD)))
    counts = replay(
        outbox, Query(statuses=frozenset({"held"})), lambda *_: Correction("2", (event("order-1"),)), now
    )
    assert counts == {"skipped": 1}


def test_without_the_raw_webhook_or_a_mapping_a_held_event_stays_held(outbox, webhook, event, now):
    outbox.add(webhook("1", event("", **HELD), request=None))
    outbox.add(webhook("2", event("", **HELD)))
    assert replay(outbox, Query(), nothing, now) == {"raw_gone": 1, "still_held": 1}
    assert statuses(outbox) == {"held": 2}


def test_discard_gives_up_what_was_not_sent_and_says_why(outbox, webhook, event, now):
    outbox.add(webhook("1", event("sent")))
    settle_everything(outbox, now, Settled("sent"))
    outbox.add(webhook("2", event("waits"), event("", **HELD)))
    assert discard(outbox, Query(), "a test order", now) == 2
    assert statuses(outbox) == {"sent": 1, "discarded": 2}
    assert {record.reason for record in outbox.find(Query(statuses=frozenset({"discarded"})))} == {
        "a test order"
    }
    assert outbox.due_lanes(now) == set()


def test_walking_through_all_events_meets_each_once(outbox, webhook):
    outbox.add_all([webhook(str(number)) for number in range(25)])
    walked = [record.id for record in each(outbox, Query(limit=1_000_000), page=4)]
    assert walked == [record.id for record in outbox.find(Query())]
    assert len(list(each(outbox, Query(limit=10), page=4))) == 10


def test_forgetting_lets_go_of_what_is_old_and_done_only(outbox, webhook, event, now):
    old = now - timedelta(days=40)
    outbox.add(webhook("old and sent", event("a"), received_at=old))
    settle_everything(outbox, now, Settled("sent"))
    waiting = outbox.add(webhook("old and waiting", event("b"), received_at=old))
    outbox.add(webhook("old and held", event("e", **HELD), received_at=old))
    recent = outbox.add(webhook("recent", event("c"), received_at=now - timedelta(days=8)))
    fresh = outbox.add(webhook("fresh", event("d")))
    forgotten = outbox.purge(now, raw_webhooks=timedelta(days=7), events=timedelta(days=30))
    assert (forgotten.raw_webhooks, forgotten.webhooks, forgotten.repeat_keys) == (4, 1, 4)
    assert [record.event_id for record in outbox.find(Query())] == ["d", "c", "e", "b"]
    assert [bool(outbox.raw(receipt.webhook_id)) for receipt in (waiting, recent, fresh)] == [
        False,
        False,
        True,
    ]


def left_in(url):
    """Return how many rows each table holds, without those that hold none."""
    database = Database(url)
    try:
        counted = {
            table.name: database.read(lambda c, table=table: len(c.execute(table.select()).all()))
            for table in metadata.sorted_tables
        }
    finally:
        database.close()
    return {name: number for name, number in counted.items() if number}


def test_of_what_is_forgotten_nothing_stays_in_any_table(outbox, database_url, webhook, event, now):
    old = now - timedelta(days=40)
    outbox.add(webhook("1", event("a"), event("b", **HELD), received_at=old))
    refused = Attempt(text_id(new_id(to_ms(old))), "main", DATASET, None, 1, old, 7, "refuse")
    [lane] = outbox.lanes()
    claim = outbox.claim(lane, worker="w", now=now, lease_until=now + timedelta(minutes=1))
    outbox.settle_span(Span(claim.id), Settled("refused", "bad"), refused, now)
    discard(outbox, Query(statuses=frozenset({"held"})), "a test", now)
    assert left_in(database_url)["event_attempts"] == 1

    outbox.purge(now, raw_webhooks=timedelta(days=7), events=timedelta(days=30))

    assert left_in(database_url) == {"lanes": 1}


def test_a_webhook_that_cannot_be_decrypted_stops_no_replay_of_others(
    database_url, open_store, webhook, event, now
):
    held = event("", status="held", body=None, reason="no e-mail")
    lost = open_store(database_url, cipher=Cipher(["a key that is lost since"]))
    lost.add(webhook("1", held))
    outbox = open_store(database_url)
    outbox.add(webhook("2", held))
    assert (lost.lacks_key(), outbox.lacks_key()) == (True, True)

    counts = replay(outbox, Query(), lambda *_: Correction("second", (event("order"),)), now)
    assert counts == {"remapped": 1, "cannot_open": 1}


def test_a_key_is_accepted_for_what_another_encrypted_until_it_is_lost_too(database_url, open_store, webhook):
    first, second, third = (
        open_store(database_url, cipher=Cipher([f"key number {n} of the tests"])) for n in "123"
    )
    first.add(webhook("1"))
    second.accept_key()
    assert (second.lacks_key(), third.lacks_key()) == (False, True)
    third.accept_key()
    assert (second.lacks_key(), third.lacks_key(), first.lacks_key()) == (True, False, False)


def test_a_mapping_that_is_gone_is_named_as_the_reason(outbox, webhook, event, now):
    outbox.add(webhook("1", event("", status="held", body=None)))
    assert replay(outbox, Query(), lambda *_: "unknown_mapping", now) == {"unknown_mapping": 1}


@pytest.mark.parametrize("name", ["mapping", "destination", "event_name", "event_id", "reason"])
def test_a_nul_in_a_filter_is_wrong_use_on_every_database(outbox, name):
    with pytest.raises(WrongUse, match="NUL"):
        outbox.find(Query(**{name: "a\x00b"}))
