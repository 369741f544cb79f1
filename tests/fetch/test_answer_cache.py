"""Answers kept for a while, and one call at a time for each request."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from bridge.fetch.answer_cache import AnswerCache
from bridge.fetch.outcomes import FoundRecord, NoRecord, TryLater, Unusable

KEY = ("crm", "GET", "/persons/7", None)
OTHER = ("crm", "GET", "/persons/8", None)
KEEP = timedelta(minutes=10)


@dataclass
class Clock:
    now: datetime = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def counting(*outcomes):
    """Return what gives the outcomes one after the other, and the list of those it gave."""
    given = []

    def call():
        given.append(outcomes[len(given)])
        return given[-1]

    return call, given


def test_an_answer_is_kept_for_as_long_as_is_asked_and_says_so(clock):
    cache = AnswerCache(clock)
    call, given = counting(FoundRecord(b'{"v":1}', 9), FoundRecord(b'{"v":2}', 9))
    assert cache.get_or_call(KEY, KEEP, call) == FoundRecord(b'{"v":1}', 9)
    clock.now += KEEP - timedelta(seconds=1)
    assert cache.get_or_call(KEY, KEEP, call) == FoundRecord(b'{"v":1}', 9, cached=True)
    clock.now += timedelta(seconds=1)
    assert cache.get_or_call(KEY, KEEP, call) == FoundRecord(b'{"v":2}', 9)
    assert len(given) == 2


def test_every_request_is_kept_by_itself(clock):
    cache = AnswerCache(clock)
    call, given = counting(*[FoundRecord(b'{"v":%d}' % number) for number in range(5)])
    keys = [
        KEY,
        OTHER,
        ("crm", "POST", "/persons/7", b"{}"),
        ("crm", "POST", "/persons/7", b"[]"),
        ("x", *KEY[1:]),
    ]
    for key in keys * 2:
        cache.get_or_call(key, KEEP, call)
    assert len(given) == 5


@pytest.mark.parametrize("outcome", [TryLater("later"), Unusable("never")])
def test_what_is_no_answer_about_a_record_is_not_kept(clock, outcome):
    cache = AnswerCache(clock)
    call, given = counting(outcome, outcome)
    assert [cache.get_or_call(KEY, KEEP, call) for _ in range(2)] == [outcome, outcome]
    assert len(given) == 2


def test_that_there_is_no_record_is_kept_for_a_minute(clock):
    cache = AnswerCache(clock)
    call, given = counting(NoRecord(3), NoRecord(4))
    assert cache.get_or_call(KEY, KEEP, call) == NoRecord(3)
    clock.now += timedelta(seconds=59)
    assert cache.get_or_call(KEY, KEEP, call) == NoRecord(3, cached=True)
    clock.now += timedelta(seconds=1)
    assert cache.get_or_call(KEY, KEEP, call) == NoRecord(4)
    assert len(given) == 2


def test_without_a_time_to_keep_every_request_is_a_call(clock):
    cache = AnswerCache(clock)
    call, given = counting(FoundRecord(b"{}"), FoundRecord(b"{}"))
    for _ in range(2):
        assert cache.get_or_call(KEY, timedelta(), call) == FoundRecord(b"{}")
    assert len(given) == 2


def test_an_answer_of_the_future_was_dated_by_a_wrong_clock(clock):
    cache = AnswerCache(clock)
    call, given = counting(FoundRecord(b"{}"), FoundRecord(b"{}"))
    cache.get_or_call(KEY, KEEP, call)
    clock.now -= timedelta(hours=1)
    cache.get_or_call(KEY, KEEP, call)
    assert len(given) == 2


def test_what_was_used_longest_ago_goes_when_there_is_no_room(clock):
    cache = AnswerCache(clock, most_bytes=2_400)
    call, given = counting(*[FoundRecord(b'{"v":"%s"}' % (b"x" * 500)) for _ in range(4)])
    for key in (KEY, OTHER, KEY, ("crm", "GET", "/persons/9", None), KEY, OTHER):
        cache.get_or_call(key, KEEP, call)
    assert len(given) == 4  # OTHER had to go, and was asked for again


def test_an_answer_larger_than_all_room_is_not_kept(clock):
    cache = AnswerCache(clock, most_bytes=100)
    call, given = counting(FoundRecord(b"[]"), FoundRecord(b"[]"))
    for _ in range(2):
        cache.get_or_call(KEY, KEEP, call)
    assert len(given) == 2


@pytest.mark.parametrize("keep", [KEEP, timedelta()], ids=["kept", "not kept"])
def test_who_asks_for_what_is_being_asked_shares_the_answer(clock, keep):
    cache = AnswerCache(clock)
    asked, go_on, calls = threading.Event(), threading.Event(), []

    def slow():
        calls.append(1)
        asked.set()
        go_on.wait(30)
        return FoundRecord(b"{}", 5)

    with ThreadPoolExecutor(5) as threads:
        first = threads.submit(cache.get_or_call, KEY, keep, slow)
        asked.wait(30)
        others = [threads.submit(cache.get_or_call, KEY, keep, slow) for _ in range(4)]
        while sum(future.running() for future in others) < 4:
            pass
        go_on.set()
        shared = [future.result(30) for future in others]
    assert first.result() == FoundRecord(b"{}", 5)
    if keep:
        assert shared == [FoundRecord(b"{}", 5, cached=True)] * 4
        assert len(calls) == 1


def test_a_call_that_breaks_down_breaks_down_for_all_and_is_made_anew(clock):
    cache = AnswerCache(clock)

    def broken():
        raise RuntimeError("a fault of ours")

    with pytest.raises(RuntimeError):
        cache.get_or_call(KEY, KEEP, broken)
    assert cache.get_or_call(KEY, KEEP, lambda: FoundRecord(b"{}")) == FoundRecord(b"{}")


def test_what_is_forgotten_is_not_kept_by_a_call_under_way_either(clock):
    cache = AnswerCache(clock)

    def call():
        cache.forget()
        return FoundRecord(b'{"id": 7}')

    assert cache.get_or_call(KEY, KEEP, call) == FoundRecord(b'{"id": 7}')
    assert cache.get_or_call(KEY, KEEP, NoRecord) == NoRecord()
    assert cache.get_or_call(KEY, KEEP, lambda: FoundRecord(b"")) == NoRecord(cached=True)
