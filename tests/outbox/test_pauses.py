"""Pauses: every worker sees them, failures in flight together count once, and one worker probes at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.outbox import Pause

MINUTE = timedelta(minutes=1)
MAIN, OTHER, LIMIT = "destination:main:123", "destination:other:123", "dataset:123"


def minutes(trips: int) -> timedelta:
    return trips * MINUTE


@pytest.fixture(name="pause")
def pause_fixture(outbox, now):
    def pause(scope=MAIN, kind="circuit", trips=0, at=now, reason="expired token"):
        return outbox.pause(Pause(scope, kind, at, trips, reason, at), minutes, at)

    return pause


def test_a_first_failure_pauses_for_the_first_length_and_is_worth_telling(outbox, pause, now):
    assert pause() is True
    assert outbox.pauses() == {MAIN: Pause(MAIN, "circuit", now + MINUTE, 1, "expired token", now)}


def test_batches_that_fail_together_make_a_pause_longer_once(outbox, pause, now):
    pause()
    later = now + MINUTE
    assert pause(trips=1, at=later, reason="no permission") is False
    assert pause(trips=1, at=later, reason="came second") is False
    assert outbox.pauses() == {MAIN: Pause(MAIN, "circuit", later + 2 * MINUTE, 2, "no permission", now)}


def test_scopes_are_paused_apart(outbox, pause):
    assert [pause(), pause(OTHER), pause(LIMIT, "limit")] == [True, True, True]
    assert {scope: found.kind for scope, found in outbox.pauses().items()} == {
        MAIN: "circuit",
        OTHER: "circuit",
        LIMIT: "limit",
    }


def test_a_probe_is_taken_when_the_time_is_over_and_by_one_worker(outbox, pause, now):
    pause()
    over = now + MINUTE
    assert outbox.take_probe(MAIN, over - timedelta(milliseconds=1), over + MINUTE) is False
    assert outbox.take_probe(MAIN, over, over + MINUTE) is True
    assert outbox.take_probe(MAIN, over, over + MINUTE) is False
    assert outbox.take_probe(MAIN, over + MINUTE, over + 2 * MINUTE) is True  # the first one crashed
    assert outbox.take_probe(OTHER, over, over + MINUTE) is False  # not paused


@pytest.mark.parametrize(("ahead", "taken"), [(timedelta(0), False), (timedelta(milliseconds=1), True)])
def test_a_pause_of_more_than_a_week_was_written_by_a_wrong_clock(outbox, pause, now, ahead, taken):
    week = timedelta(days=7)
    pause(at=now + week + ahead - MINUTE)
    assert outbox.take_probe(MAIN, now, now + MINUTE) is taken


def test_asking_for_probes_ends_the_time_of_circuits_and_not_of_limits(outbox, pause, now):
    pause()
    pause(OTHER, at=now - 5 * MINUTE)
    pause(LIMIT, "limit")
    outbox.probe_all(now)
    assert {scope: found.until for scope, found in outbox.pauses().items()} == {
        MAIN: now,
        OTHER: now - 4 * MINUTE,
        LIMIT: now + MINUTE,
    }


def test_a_success_lifts_the_pause_it_knew_of_and_no_longer_one(outbox, pause, now):
    pause()
    pause(OTHER)
    pause(trips=1)
    assert outbox.resume(MAIN, 1) is False
    assert outbox.resume(MAIN, 2) is True
    assert outbox.resume(MAIN, 2) is False
    assert list(outbox.pauses()) == [OTHER]
