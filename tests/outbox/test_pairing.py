"""The pairing check: which events of browsers found their server twin, and why the others did not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.outbox.pairing import PairingQuestion
from tests.outbox.conftest import NOW

TWO_DAYS = timedelta(hours=48)
AT = int(NOW.timestamp())


@pytest.fixture
def count(outbox):
    def counted(since=NOW - timedelta(days=7), now=NOW + timedelta(days=3)):
        asked = PairingQuestion({"page"}, {"crm"}, since, now, TWO_DAYS)
        pairs = [pair.as_json() for pair in outbox.pairing.count(asked).names]
        for pair in pairs:
            assert pair.pop("examples").keys() == pair["reasons"].keys()
        return pairs

    return counted


@pytest.fixture
def add(outbox, webhook, event):
    """Store an event of the page, or of another mapping."""
    numbers = iter(range(1_000))

    def add(mapping, event_id="lead-1", **others):
        values = {"event_name": "Lead", "event_time": AT, **others}
        key = str(next(numbers))
        return outbox.add(webhook(key, event(event_id, **values), mapping=mapping))

    return add


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        pytest.param({}, "page_first", id="the same name and id, behind the page's event"),
        pytest.param({"event_time": AT + 172_800}, "page_first", id="exactly 48 hours later"),
        pytest.param({"event_time": AT - 172_801}, "too_far_apart", id="more than 48 hours earlier"),
        pytest.param({"event_name": "Contact"}, "other_name", id="another name"),
        pytest.param({"dataset_id": "9"}, "other_dataset", id="another dataset"),
        pytest.param({"status": "held"}, "not_sent", id="held"),
        pytest.param({"event_id": "lead-2"}, "no_server_event", id="another id"),
    ],
)
def test_an_event_of_a_browser_has_a_twin_or_a_reason(count, add, server, reason):
    add("page")
    add("crm", **server)
    is_paired = reason in {None, "page_first"}
    expected = {"event_name": "Lead", "browser_events": 1, "paired": int(is_paired)}
    assert count() == [{**expected, "reasons": {reason: 1} if reason else {}}]


def test_a_twin_that_is_the_same_event_to_the_bridge_is_a_twin(count, add):
    add("crm")
    assert [event.status for event in add("page").events] == ["skipped"]
    assert count() == [{"event_name": "Lead", "browser_events": 1, "paired": 1, "reasons": {}}]


def test_an_event_that_its_mapping_skips_is_none_of_a_browser(count, add):
    add("page", "", event_name="", status="skipped")
    assert count() == []


def test_the_twin_of_a_young_event_may_still_come(count, add):
    add("page")
    assert count(now=NOW + timedelta(hours=47))[0]["reasons"] == {"may_come": 1}
    assert count(now=NOW + timedelta(hours=49))[0]["reasons"] == {"no_server_event": 1}


def test_another_event_of_a_browser_is_no_twin(count, add):
    add("page", event_name="PageView")
    add("page", event_name="PageView", dataset_id="9")
    assert count()[0] == {
        "event_name": "PageView",
        "browser_events": 2,
        "paired": 0,
        "reasons": {"no_server_event": 2},
    }


def test_names_come_by_their_number_and_what_has_no_consent_is_left_out(count, add):
    for number in range(3):
        add("page", f"view-{number}", event_name="PageView")
    add("page", "lead-1")
    add("page", "lead-2", status="suppressed")
    add("page", "", event_name="Contact", status="held")
    found = [(one["event_name"], one["browser_events"], one["reasons"]) for one in count()]
    assert found == [
        ("PageView", 3, {"no_server_event": 3}),
        ("Contact", 1, {"no_id": 1}),
        ("Lead", 1, {"no_server_event": 1}),
    ]


def test_only_what_came_since_then_is_counted(count, add):
    add("page")
    assert count(since=NOW + timedelta(seconds=1)) == []


def test_the_newest_events_behind_a_reason_are_named(outbox, add):
    ids = [add("page", f"lead-{number}").events[0].id for number in range(5)]
    asked = PairingQuestion({"page"}, (), NOW - timedelta(days=7), NOW + timedelta(days=3), TWO_DAYS)
    [found] = outbox.pairing.count(asked).names
    assert found.examples == {"no_server_event": ids[:-4:-1]}


def test_match_strength_is_counted_without_and_with_the_visit_by_mapping(outbox, add):
    for number, (score, without) in enumerate([(60, 20), (80, 70), (31, None), (None, None)]):
        add("crm", f"sale-{number}", match_score=score, score_without_visit=without)
    add("crm", "sale-9", match_score=90, score_without_visit=10, status="suppressed")
    add("form", match_score=40)
    add("shop", match_score=90, score_without_visit=10)
    asked = PairingQuestion((), {"crm", "form"}, NOW - timedelta(days=7), NOW, TWO_DAYS)
    assert [one.as_json() for one in outbox.pairing.count(asked).mappings] == [
        {
            "mapping": "crm",
            "events": 3,
            "joined": 2,
            "match_strength": {
                "of_joined": {"without_visit": 45.0, "with_visit": 70.0},
                "of_all": {"without_visit": 40.3, "with_visit": 57.0},
            },
        },
        {
            "mapping": "form",
            "events": 1,
            "joined": 0,
            "match_strength": {
                "of_joined": {"without_visit": None, "with_visit": None},
                "of_all": {"without_visit": 40.0, "with_visit": 40.0},
            },
        },
    ]


@pytest.mark.parametrize(
    ("most", "since", "counted"),
    [
        pytest.param(3, NOW + timedelta(hours=2), 2, id="of more events than are looked at, the newest"),
        pytest.param(5, NOW, 3, id="as many as are looked at"),
        pytest.param(6, NOW - timedelta(days=7), 3, id="fewer"),
    ],
)
def test_only_so_many_of_the_newest_events_are_looked_at(outbox, webhook, event, most, since, counted):
    for number in range(5):
        mapping, received_at = ("crm", "page")[number % 2 == 0], NOW + timedelta(hours=number)
        lead = event(f"lead-{number}", event_name="Lead", event_time=AT)
        outbox.add(webhook(str(number), lead, mapping=mapping, received_at=received_at))
    asked = PairingQuestion({"page"}, (), NOW - timedelta(days=7), NOW + timedelta(days=3), TWO_DAYS, most)
    found = outbox.pairing.count(asked)
    assert (found.since, found.names[0].browser_events) == (since, counted)
