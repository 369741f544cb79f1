"""What people and monitoring ask of the outbox, beside lists of events. On both databases."""

from __future__ import annotations

from datetime import timedelta

from bridge.outbox import ImportPosition
from bridge.outbox.overview import HeldFor
from bridge.outbox.recent import SentBody
from tests.outbox.conftest import NOW

MINUTE = timedelta(minutes=1)
NO_EVENT = "0190a000-0000-7000-8000-000000000000"


def test_the_status_of_events_is_told_for_those_that_exist(outbox, webhook, event):
    stored = outbox.add(webhook("1", event("1"), event("2", status="held", reason="no e-mail"))).events
    asked = [*(line.id for line in stored), NO_EVENT, "none"]
    assert outbox.statuses(asked) == {
        stored[0].id: ("waiting", None),
        stored[1].id: ("held", "no e-mail"),
    }


def test_an_import_goes_on_after_the_last_row_stored_with_its_webhooks(outbox, webhook):
    assert outbox.imports.up_to("file") == 0
    outbox.add_all([webhook("1")], ImportPosition("file", 1, NOW))
    outbox.add_all([webhook("2"), webhook("3")], ImportPosition("file", 3, NOW))
    assert (outbox.imports.up_to("file"), outbox.imports.up_to("another")) == (3, 0)


def test_what_is_held_is_counted_by_mapping_and_reason_the_most_frequent_first(outbox, webhook, event):
    def held(event_id, reason):
        return event(event_id, status="held", reason=reason)

    outbox.add(webhook("1", held("1", "no time"), held("2", "no e-mail"), held("3", "no e-mail"), event("4")))
    outbox.add(webhook("5", held("5", "no time"), mapping="crm"))
    assert outbox.overview.held() == [
        HeldFor("shop", "no e-mail", 2),
        HeldFor("crm", "no time", 1),
        HeldFor("shop", "no time", 1),
    ]


def test_the_last_webhook_of_each_mapping_is_known(outbox, webhook, now):
    outbox.add(webhook("1", received_at=now - MINUTE))
    outbox.add(webhook("2", received_at=now))
    outbox.add(webhook("3", mapping="crm", received_at=now - MINUTE))
    assert outbox.overview.last_webhooks() == {"shop": now, "crm": now - MINUTE}


def test_recent_webhooks_are_the_newest_of_each_mapping(outbox, webhook, event, now):
    outbox.add(webhook("1", event("1", body=b'{"n":1}'), received_at=now - 2 * MINUTE))
    outbox.add(webhook("2", event("2", status="held", body=None), received_at=now - MINUTE))
    outbox.add(webhook("3", event("3", body=b'{"n":3}'), received_at=now))
    outbox.add(webhook("4", event("4", test_event_code="TEST1", body=b'{"n":4}'), received_at=now))
    recent = outbox.recent
    newest = recent.webhooks(most=3)["shop"]
    every = recent.webhooks(most=9)["shop"]

    assert every[:3] == newest
    assert len(every) == 4
    assert recent.held_among(every) == {every[2]}
    assert recent.bodies(every) == [
        SentBody("shop", "Purchase", b'{"n":3}'),
        SentBody("shop", "Purchase", b'{"n":1}'),
    ]


def test_webhooks_of_a_mapping_are_counted_from_one_moment_up_to_another(outbox, webhook, now):
    for age in (0, 1, 2):
        outbox.add(webhook(str(age), received_at=now - age * MINUTE))
    outbox.add(webhook("3", mapping="crm", received_at=now - MINUTE))
    assert outbox.recent.count("shop", now - MINUTE, now + MINUTE) == 2
    assert outbox.recent.count("shop", now - 2 * MINUTE, now) == 2
    assert outbox.recent.came_before("shop", now - MINUTE) is True
    assert outbox.recent.came_before("shop", now - 2 * MINUTE) is False
    assert outbox.recent.came_before("crm", now - MINUTE) is False


def test_webhooks_of_a_mapping_are_listed_from_the_newest_page_by_page(outbox, webhook):
    ids = [outbox.add(webhook(str(number))).webhook_id for number in range(3)]
    outbox.add(webhook("4", mapping="crm"))
    assert outbox.recent.ids("shop", 2) == [ids[2], ids[1]]
    assert outbox.recent.ids("shop", 2, before=ids[1]) == [ids[0]]
