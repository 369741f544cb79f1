"""Looking only into the hours that the counts name finds what looking everywhere finds. On both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.outbox import Correction, Query, ReplayPage
from tests.outbox.conftest import NOW, new_event, new_webhook

HOUR = timedelta(hours=1)
DEMO = "1000000000000000"
KINDS = (
    {},
    {"status": "held", "body": None, "reason": "no e-mail"},
    {"destination": "other", "test_event_code": "TEST1"},
    {"dataset_id": DEMO},
    {"status": "suppressed", "body": None},
)


def fill(outbox):
    """Events of each kind in most hours; those of the last kind in one hour only, long ago."""
    webhooks = [
        new_webhook(f"{hours}-{number}", new_event(f"{hours}-{number}", **kind), mapping=mapping)._replace(
            received_at=NOW - hours * HOUR + number * timedelta(minutes=7)
        )
        for hours in (0, 1, 2, 5, 30)
        for number, (kind, mapping) in enumerate(zip(KINDS[: 5 if hours == 5 else 4], "ababa", strict=False))
    ]
    outbox.add_all(webhooks)
    outbox.claim(outbox.lanes()[0], worker="w", now=NOW, lease_until=NOW + HOUR, limit=3)
    held = outbox.find(Query(statuses=frozenset({"held"})))[-1]
    more = (new_event("corrected"), new_event("more"))
    outbox.replay(ReplayPage({held.webhook_id: Correction("second", more)}, {}), NOW)


MEANT = {
    "all": (Query(), lambda _event: True),
    "a status": (Query(statuses=frozenset({"held"})), lambda event: event.status == "held"),
    "a rare status": (Query(statuses=frozenset({"suppressed"})), lambda event: event.status == "suppressed"),
    "no event at all": (Query(statuses=frozenset({"refused"})), lambda event: event.status == "refused"),
    "waiting": (Query(statuses=frozenset({"waiting"})), lambda event: event.status == "waiting"),
    "sending": (Query(statuses=frozenset({"sending"})), lambda event: event.status == "sending"),
    "a mapping": (Query(mapping="a"), lambda event: event.mapping == "a"),
    "no mapping": (Query(mapping="c"), lambda event: event.mapping == "c"),
    "a destination": (Query(destination="other"), lambda event: event.destination == "other"),
    "a reader's": (Query(destinations=frozenset({"other"})), lambda event: event.destination == "other"),
    "nothing to see": (Query(destinations=frozenset()), lambda _event: False),
    "tests": (Query(mode="test"), lambda event: event.mode == "test"),
    "the demo": (Query(mode="demo"), lambda event: event.mode == "demo"),
    "two conditions": (
        Query(mapping="b", mode="live"),
        lambda event: (event.mapping, event.mode) == ("b", "live"),
    ),
    "a time": (
        Query(mapping="a", since=NOW - 3 * HOUR, until=NOW - HOUR),
        lambda event: event.mapping == "a" and NOW - 3 * HOUR <= event.received_at < NOW - HOUR,
    ),
    "a name": (
        Query(mapping="a", event_id="30-0"),
        lambda event: event.event_id == "30-0" and event.mapping == "a",
    ),
}


def pages(outbox, query):
    """Page through what a query means, three at a time."""
    found = []
    while page := outbox.find(replace(query, limit=3, before=found[-1].id if found else None)):
        found += page
    return found


@pytest.mark.parametrize("meant", MEANT)
def test_every_filter_finds_what_it_means_and_nothing_else(outbox, meant):
    fill(outbox)
    query, is_meant = MEANT[meant]
    everything = outbox.find(Query(limit=1000))

    expected = [event for event in everything if is_meant(event)]

    assert pages(outbox, query) == expected
    assert outbox.find(replace(query, limit=1000)) == expected
    assert outbox.count(query) == len(expected)
    assert outbox.ids(replace(query, limit=1000)) == [event.id for event in reversed(expected)]


def test_an_event_that_a_correction_adds_belongs_to_the_hour_of_its_webhook(outbox):
    fill(outbox)
    [added] = outbox.find(Query(event_id="more"))
    assert (added.received_at, added.id > outbox.find(Query(limit=1))[0].id) == (
        outbox.find(Query(event_id="corrected"))[0].received_at,
        False,
    )
