"""When a webhook that comes again is the same one, and what its held events become. On both databases."""

from __future__ import annotations

import pytest

from bridge.outbox import Query

HELD = {"status": "held", "body": None, "reason": "no e-mail"}


@pytest.mark.parametrize(
    ("first", "second", "is_duplicate"),
    [
        pytest.param({}, {}, True, id="live twice"),
        pytest.param({"test_event_code": "T1"}, {}, False, id="a test, then live"),
        pytest.param({"test_event_code": "T1"}, {"test_event_code": "T1"}, True, id="the same test twice"),
        pytest.param({"test_event_code": "T1"}, {"test_event_code": "T2"}, False, id="another test code"),
        pytest.param({"dataset_id": "1000000000000000"}, {}, False, id="a demo, then live"),
        pytest.param({"dataset_id": "111"}, {"dataset_id": "222"}, False, id="another dataset"),
    ],
)
def test_a_repeat_key_knows_mode_and_dataset(outbox, webhook, event, first, second, is_duplicate):
    outbox.add(webhook("1", event("order-1", **first)))
    assert outbox.add(webhook("1", event("order-1", **second))).duplicate is is_duplicate


@pytest.mark.parametrize(("code", "is_duplicate"), [(None, True), ("T1", False)], ids=["live", "in a test"])
def test_a_changed_mapping_gives_a_webhook_another_chance_in_a_test_only(
    outbox, webhook, event, code, is_duplicate
):
    outbox.add(webhook("1", event("order-1", test_event_code=code)))
    again = webhook("1", event("order-1", test_event_code=code))._replace(revision="second")
    assert outbox.add(again).duplicate is is_duplicate


def test_a_held_webhook_that_comes_again_becomes_what_the_new_mapping_says(
    outbox, webhook, event, request_of
):
    first = outbox.add(webhook("1", event("", **HELD), request=request_of(b'{"mail": "x"}')))
    again = webhook("1", event("order-1"), request=request_of(b'{"mail": "y"}'))._replace(revision="second")

    receipt = outbox.add(again)

    assert (receipt.duplicate, receipt.remapped, receipt.webhook_id) == (False, True, first.webhook_id)
    assert [(line.id, line.status) for line in receipt.events] == [(first.events[0].id, "waiting")]
    shown = outbox.show(first.events[0].id)
    assert (shown.event.status, shown.event.event_id, shown.revision) == ("waiting", "order-1", "second")
    assert outbox.raw(first.webhook_id).body == b'{"mail": "y"}'
    assert outbox.add(again).duplicate
    assert outbox.counts().received == 1


def test_what_is_still_wrong_stays_held_and_is_no_duplicate(outbox, webhook, event):
    first = outbox.add(webhook("1", event("", **HELD)))
    again = outbox.add(webhook("1", event("", **HELD | {"reason": "still no e-mail"})))

    assert (again.duplicate, [line.status for line in again.events]) == (False, ["held"])
    [record] = outbox.find(Query())
    assert (record.id, record.reason) == (first.events[0].id, "still no e-mail")


def test_of_a_webhook_that_was_sent_in_part_only_the_held_part_is_made_anew(outbox, webhook, event):
    first = outbox.add(webhook("1", event("a", label="a"), event("", label="b", **HELD)))
    receipt = outbox.add(webhook("1", event("a", label="a"), event("b", label="b")))

    assert [line.id for line in receipt.events] == [line.id for line in first.events]
    assert [(line.event_id, line.status) for line in receipt.events] == [("a", "waiting"), ("b", "waiting")]
    assert outbox.counts().by_status["waiting"] == 2
