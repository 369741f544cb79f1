"""Which events a query means: by Meta's answer, by time, by reason; and groups of them. On both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.outbox import Attempt, Query, Settled, Span, WebhookQuery
from bridge.outbox.ids import new_id
from bridge.outbox.records import text_id, to_ms
from tests.outbox.conftest import DATASET, NOW

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def settle(outbox, settled: Settled, now, outcome: str, **answer) -> None:
    """Give everything that is due one attempt with an answer of Meta's."""
    call = Attempt(text_id(new_id(to_ms(now))), "main", DATASET, None, 1, now, 7, outcome, **answer)
    [lane] = outbox.lanes()
    claim = outbox.claim(lane, worker="one", now=now, lease_until=now + MINUTE)
    outbox.settle_span(Span(claim.id), settled, call, now)


@pytest.fixture
def answered(outbox, webhook, now):
    """One event of each answer; the ids say which."""
    outbox.add(webhook("sent"))
    settle(outbox, Settled("sent"), now, "delivered", http_status=200)
    outbox.add(webhook("refused"))
    settle(outbox, Settled("refused", "bad"), now, "refuse", http_status=400, code=100, subcode=2804003)
    outbox.add(webhook("again"))
    later = to_ms(now + DAY)
    settle(outbox, Settled("waiting", "busy", later), now, "retry", http_status=500, code=2)
    outbox.add(webhook("new"))
    return outbox


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param({"http_status": 200}, ["sent"], id="accepted"),
        pytest.param({"http_status": 400}, ["refused"], id="rejected"),
        pytest.param({"http_status": 500}, ["again"], id="to be tried again"),
        pytest.param({"http_status": 404}, [], id="never answered"),
        pytest.param({"code": 100}, ["refused"], id="a code"),
        pytest.param({"code": 2, "http_status": 500}, ["again"], id="a code and a status"),
        pytest.param({"code": 2, "http_status": 400}, [], id="of two events"),
        pytest.param({"subcode": 2804003}, ["refused"], id="a subcode"),
        pytest.param({"code": 100, "statuses": frozenset({"waiting"})}, [], id="of another status"),
    ],
)
def test_events_are_found_by_what_meta_answered_last(answered, asked, found):
    wanted = Query(**asked)
    assert [event.event_id for event in answered.find(wanted)] == [f"order-{name}" for name in found]
    assert answered.count(wanted) == len(answered.ids(wanted)) == len(found)


def test_the_time_is_when_the_webhook_was_received(outbox, webhook, now):
    for days in (3, 2, 1):
        outbox.add(webhook(str(days), received_at=now - days * DAY))

    def found(**asked):
        return [event.event_id for event in outbox.find(Query(**asked))]

    assert found(since=now - 2 * DAY) == ["order-1", "order-2"]
    assert found(until=now - 2 * DAY) == ["order-3"]
    assert found(since=now - 2 * DAY, until=now - DAY) == ["order-2"]
    assert found(since=now) == []


def test_events_are_grouped_by_status_mapping_and_reason(outbox, webhook, event):
    held = {"status": "held", "body": None}
    outbox.add(webhook("1", event("1", reason="no e-mail", **held), event("2", reason="no e-mail", **held)))
    outbox.add(webhook("3", event("3", reason="no time", **held), mapping="crm"))
    outbox.add(webhook("4"))
    grouped = outbox.overview.reasons(Query(statuses=frozenset({"held"})))
    assert [(one.status, one.mapping, one.reason, one.events, one.last_changed_at) for one in grouped] == [
        ("held", "shop", "no e-mail", 2, NOW),
        ("held", "crm", "no time", 1, NOW),
    ]
    assert [one.events for one in outbox.overview.reasons(Query())] == [2, 1, 1]
    assert [one.events for one in outbox.overview.reasons(Query(limit=1))] == [2]
    assert outbox.overview.reasons(Query(destinations=frozenset({"acme"}))) == []


def test_the_last_success_of_each_destination_is_known(answered, now):
    assert answered.overview.last_successes() == {"main": now}


def test_webhooks_are_found_that_became_nothing(outbox, webhook, event, now):
    outbox.add(webhook("1", event("1")))
    outbox.add(webhook("2", event("2", status="skipped", body=None), received_at=now - DAY))
    outbox.add(webhook("3", event("3"), event("4", status="skipped", body=None)))

    def found(**asked):
        return [one.received_at for one in outbox.webhooks.find(WebhookQuery(**asked))]

    assert found() == [now, now, now - DAY]
    assert found(became_nothing=True) == [now - DAY]
    assert found(became_nothing=True, since=now - MINUTE) == []
    assert found(until=now - MINUTE) == [now - DAY]
    assert found(mapping="crm") == []
