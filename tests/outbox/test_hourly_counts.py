"""What is counted for each hour is what a scan would count, whatever happens to webhooks and events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from bridge.outbox import (
    Correction,
    ErasureRequest,
    ImportPosition,
    Move,
    Person,
    Query,
    Replacements,
    ReplayPage,
    Settled,
    Span,
)
from bridge.outbox.claims import Lease
from bridge.outbox.database import Database
from bridge.outbox.fetch_queue import Decided
from bridge.outbox.hourly_counts import EventCount, WebhookCount
from bridge.outbox.overview import HeldFor
from bridge.outbox.records import NewFetch, to_ms
from bridge.outbox.tables import hourly_counts
from tests.outbox.conftest import DATASET, NOW, new_event, new_webhook

HOUR = timedelta(hours=1)
THIS_HOUR = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HELD = {"status": "held", "body": None, "reason": "no e-mail"}
FETCHING = {"status": "fetching", "body": None}


def counted(outbox) -> dict[str, int]:
    """What is kept of each status, having made sure that a scan agrees."""
    assert outbox.discrepancies() == []
    totals = outbox.counts()
    assert totals.reconciled
    return {status: number for status, number in totals.by_status.items() if number}


def claimed(outbox):
    return outbox.claim(outbox.lanes()[0], worker="w", now=NOW, lease_until=NOW + MINUTE)


def ids(outbox, **query):
    return [event.id for event in outbox.find(Query(**query))]


def store_again(outbox):
    outbox.add(new_webhook("1"))


def store_an_id_that_is_taken(outbox):
    outbox.add(new_webhook("other", new_event("order-1")))


def send(outbox):
    claim = claimed(outbox)
    outbox.settle_span(Span(claim.id), Settled("sent"), None, NOW)


def settle_each_apart(outbox):
    claim = claimed(outbox)
    became = [Settled("refused", "bad"), Settled("waiting", "later", to_ms(NOW)), Settled("sent")]
    rows = [event.id for event in claim.events]
    outbox.settle_some(claim, dict(zip(rows, became, strict=True)), None, NOW)


def expire(outbox):
    outbox.expire(NOW + timedelta(days=30), Settled("expired", "too old"))


def discard(outbox):
    outbox.discard(ids(outbox), "not wanted", NOW)


def discard_and_replay(outbox):
    discard(outbox)
    due = dict.fromkeys(ids(outbox, statuses=frozenset({"discarded"})), NOW)
    outbox.replay(ReplayPage({}, due), NOW)


def correct_what_is_held(outbox):
    held = outbox.find(Query(statuses=frozenset({"held"})))[0]
    corrected = (new_event("h"), new_event("more"), new_event("sup", status="suppressed", body=None))
    outbox.replay(ReplayPage({held.webhook_id: Correction("second", corrected)}, {}), NOW)


def send_what_is_held_again(outbox):
    outbox.add(new_webhook("held", new_event("h")))


def replace_a_held_row(outbox):
    held = ids(outbox, statuses=frozenset({"held"}))
    replacing = Replacements([held], NOW)
    outbox.add_all([new_webhook("row", new_event("row"))], ImportPosition("file", 1, NOW), replacing)


def move_to_another_dataset(outbox):
    outbox.stranded.move_portion(Move(DATASET, "new", "2222222222222222", across=True), NOW)


def fetch(outbox):
    claim = outbox.fetches.claim(Lease("w", to_ms(NOW + MINUTE)), NOW, 10, (), ("crm",))
    decided = Decided(Correction("first", (new_event("f"),), note="fetched"), b"record")
    outbox.fetches.settle(claim, [(claim.webhooks[0], decided)], NOW)


def erase(outbox):
    person = Person(order_ids=("order-1",), external_ids=("customer-77",))
    outbox.erasures.erase(person, ErasureRequest("test", {"external_id": 1}), NOW)


def purge(outbox):
    for _ in range(2):  # held events and what waits stay; the second look finds what became loose
        outbox.purge(NOW + timedelta(days=60), raw_webhooks=HOUR, events=HOUR)


def send_and_purge(outbox):
    send(outbox)
    purge(outbox)


BEFORE = {"waiting": 4, "held": 1, "fetching": 1, "suppressed": 1}


@pytest.mark.parametrize(
    ("change", "became"),
    [
        (store_again, {}),
        (store_an_id_that_is_taken, {"skipped": 1}),
        (claimed, {"waiting": 1, "sending": 3}),
        (send, {"waiting": 1, "sent": 3}),
        (settle_each_apart, {"waiting": 2, "refused": 1, "sent": 1}),
        (expire, {"waiting": 0, "expired": 4}),
        (discard, {"waiting": 0, "held": 0, "fetching": 0, "discarded": 6}),
        (discard_and_replay, {"held": 0, "fetching": 0, "discarded": 2}),
        (correct_what_is_held, {"held": 0, "waiting": 6, "suppressed": 2}),
        (send_what_is_held_again, {"held": 0, "waiting": 5}),
        (replace_a_held_row, {"held": 0, "discarded": 1, "waiting": 5}),
        (move_to_another_dataset, {}),
        (fetch, {"fetching": 0, "waiting": 5}),
        (erase, {"waiting": 3}),
        (purge, {"suppressed": 0}),
        (send_and_purge, {"suppressed": 0, "waiting": 1}),
    ],
)
def test_the_counts_are_what_a_scan_counts(outbox, change, became):
    mentions = b'{"user_data":{"external_id":["customer-77"]}}'
    outbox.add_all(
        [
            new_webhook("1", new_event("order-1", body=mentions)),
            new_webhook("2", new_event("order-2"), new_event("order-3"), received_at=NOW - 2 * HOUR),
            new_webhook("test", new_event("t", destination="other", dataset_id="7"), mapping="crm"),
            new_webhook("held", new_event("h", **HELD)),
            new_webhook("nothing", new_event("s", status="suppressed", body=None)),
            new_webhook("f", new_event("f", **FETCHING), fetch=NewFetch("crm", NOW + HOUR)),
        ]
    )
    assert counted(outbox) == BEFORE

    change(outbox)

    assert counted(outbox) == {status: number for status, number in (BEFORE | became).items() if number}


def test_counts_are_read_by_the_hour_in_which_the_webhooks_came(outbox, webhook, event):
    outbox.add(webhook("1", event("1"), event("2", status="held", body=None, destination="other")))
    outbox.add(webhook("2", event("3", test_event_code="TEST1"), mapping="crm"))
    outbox.add(webhook("3", event("4", dataset_id="1000000000000000"), received_at=NOW + HOUR))
    outbox.add(webhook("4", event("5"), received_at=NOW - HOUR))
    outbox.add(webhook("none")._replace(events=(), received_at=NOW + 59 * MINUTE))
    read = outbox.hourly.events
    all_of_them = [
        EventCount(THIS_HOUR - HOUR, "shop", "main", "live", "waiting", 1),
        EventCount(THIS_HOUR, "crm", "main", "test", "waiting", 1),
        EventCount(THIS_HOUR, "shop", "main", "live", "waiting", 1),
        EventCount(THIS_HOUR, "shop", "other", "live", "held", 1),
        EventCount(THIS_HOUR + HOUR, "shop", "main", "demo", "waiting", 1),
    ]

    assert read(NOW - HOUR) == all_of_them
    assert read(NOW + 59 * MINUTE) == all_of_them[1:]
    assert read(NOW - HOUR, NOW) == all_of_them[:1]
    assert read(NOW - HOUR, NOW + MINUTE) == all_of_them[:4]
    assert read(NOW, mapping="crm") == all_of_them[1:2]
    assert read(NOW, mode="demo") == all_of_them[4:]
    assert read(NOW, destinations=frozenset({"other"})) == all_of_them[3:4]
    assert read(NOW, destinations=frozenset()) == []
    assert outbox.hourly.webhooks(NOW - HOUR, NOW + MINUTE) == [
        WebhookCount(THIS_HOUR - HOUR, "shop", 1, 1),
        WebhookCount(THIS_HOUR, "crm", 1, 1),
        WebhookCount(THIS_HOUR, "shop", 2, 2),
    ]
    assert outbox.hourly.webhooks(NOW, mapping="crm") == [WebhookCount(THIS_HOUR, "crm", 1, 1)]


def test_what_is_held_is_counted_by_the_beginning_of_its_reason(outbox, webhook, event):
    long = "contents[3] " * 100
    for number, reason in enumerate([long, long + "and more", "no e-mail", None]):
        outbox.add(webhook(f"{number}", event(f"{number}", **HELD | {"reason": reason})))

    assert outbox.overview.held() == [
        HeldFor("shop", long[:200], 2),
        HeldFor("shop", None, 1),
        HeldFor("shop", "no e-mail", 1),
    ]
    assert len(ids(outbox, reason=long[:200])) == 2
    assert outbox.discrepancies() == []


def rows(database_url):
    database = Database(database_url)
    try:
        return database.read(lambda c: [tuple(row) for row in c.execute(hourly_counts.select())])
    finally:
        database.close()


def write(database_url, statement):
    database = Database(database_url)
    try:
        database.write(lambda connection: connection.execute(statement))
    finally:
        database.close()


def test_an_hour_that_is_over_is_added_up_and_what_came_to_nothing_is_forgotten(
    outbox, database_url, webhook
):
    outbox.add_all([webhook("1"), webhook("2")])
    send(outbox)
    write(database_url, update(hourly_counts).values(writer=9))
    outbox.add_all([webhook("3"), webhook("4")])
    send(outbox)
    hour = to_ms(THIS_HOUR) // 3_600_000
    live = (hour, "shop", "main", DATASET, "live")
    assert len([row for row in rows(database_url) if row[:6] == (*live, "sent")]) == 2

    outbox.purge(NOW + 5 * HOUR, raw_webhooks=timedelta(days=7), events=timedelta(days=30))

    assert sorted((*row[:6], row[-1]) for row in rows(database_url)) == [
        (hour, "shop", "", "", "", "received", 4),
        (hour, "shop", "", "", "", "webhooks", 4),
        (*live, "sent", 4),
    ]


def test_a_count_that_is_wrong_is_found(outbox, database_url, webhook):
    outbox.add(webhook("1"))
    write(database_url, update(hourly_counts).values(number=2).where(hourly_counts.c.status == "waiting"))
    found = outbox.discrepancies()
    write(database_url, update(hourly_counts).values(number=1).where(hourly_counts.c.status == "waiting"))

    assert found == ["1 hourly count differs from a scan", "1 event received, 2 accounted for"]
    assert outbox.discrepancies() == []
