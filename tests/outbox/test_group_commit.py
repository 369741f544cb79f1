"""One thread writes what many submit: together, once, in bounded time; and one process at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest

from bridge.errors import CannotStore
from bridge.outbox.group_commit import CommitQueue, Patience, wait
from bridge.outbox.write_lock import WriteLock

SHORT = Patience(0.05, 0.05)


class Gate:
    """A lock that a test opens; it tells that somebody waits for it."""

    def __init__(self) -> None:
        self.awaited, self.open = threading.Event(), threading.Event()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.awaited.set()
        assert self.open.wait(10)
        yield


@pytest.fixture
def queue_of(request: pytest.FixtureRequest) -> Any:
    def make(write: Any, lock: Any = nullcontext, **others: Any) -> CommitQueue[Any, Any]:
        queue: CommitQueue[Any, Any] = CommitQueue(write, lock, **others)
        request.addfinalizer(queue.close)
        return queue

    return make


def test_what_is_submitted_while_the_lock_is_awaited_is_written_together(queue_of):
    written, gate = [], Gate()

    def write(items):
        written.append(list(items))
        return [item * 2 for item in items]

    queue = queue_of(write, gate, largest=5)
    submitted = [queue.submit([number]) for number in range(9)]
    assert gate.awaited.wait(10)
    gate.open.set()
    assert [one.result(10) for one in submitted] == [[number * 2] for number in range(9)]
    assert written == [[0, 1, 2, 3, 4], [5, 6, 7, 8]]


def test_what_is_submitted_together_has_one_result_each_and_no_write_is_larger_than_allowed(queue_of):
    written = []
    queue = queue_of(lambda items: written.append(list(items)) or [item * 2 for item in items], largest=4)
    assert queue.submit(list(range(9))).result(10) == [number * 2 for number in range(9)]
    assert written == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]


def test_a_write_that_fails_does_not_touch_what_was_written_before(queue_of):
    def write(items):
        if 2 in items:
            raise CannotStore("it does not fit")
        return items

    stored, *refused = queue_of(write, largest=1).submit([1, 2]).result(10)
    assert stored == 1
    assert [type(one) for one in refused] == [CannotStore]


def test_nobody_is_given_the_result_of_another(queue_of):
    queue = queue_of(lambda items: items[1:] if 1 in items else items, largest=2)
    *lost, third = queue.submit([1, 2, 3]).result(10)
    assert [type(one) for one in lost] == [ValueError] * 2
    assert third == 3


def test_an_exception_as_a_result_belongs_to_one_item_only(queue_of):
    queue = queue_of(lambda items: [ValueError("mine") if item == 1 else item for item in items])
    assert isinstance(wait(queue.submit([1]), may_give_up=True), ValueError)
    assert wait(queue.submit([2]), may_give_up=True) == 2


def test_a_failed_write_fails_everyone_in_it_and_the_next_one_works(queue_of):
    outcomes = iter([OSError("disk"), None])

    def write(items):
        error = next(outcomes)
        if error:
            raise error
        return items

    queue = queue_of(write)
    assert isinstance(wait(queue.submit([1]), may_give_up=True), OSError)
    assert wait(queue.submit([2]), may_give_up=True) == 2


def test_a_lock_that_cannot_be_had_leaves_nobody_without_an_answer(queue_of):
    @contextmanager
    def broken():
        raise PermissionError("bridge.db.turn")
        yield

    queue = queue_of(lambda items: items, broken)
    assert [type(wait(queue.submit([1]), may_give_up=True)) for _ in range(2)] == [PermissionError] * 2


def test_who_waits_too_long_for_the_writer_is_refused_and_never_written(queue_of):
    written, gate = [], Gate()
    queue = queue_of(lambda items: written.extend(items) or items, gate)
    first, second = queue.submit(["first"]), queue.submit(["second"])
    assert isinstance(wait(first, may_give_up=False, patience=SHORT), CannotStore)
    gate.open.set()
    assert second.result(10) == ["second"]
    assert written == ["second"]


@pytest.mark.parametrize("may_give_up", [True, False])
def test_what_the_writer_has_taken_is_given_up_only_when_a_second_try_would_be_known(queue_of, may_give_up):
    taken, go_on = threading.Event(), threading.Event()

    def write(items):
        taken.set()
        assert go_on.wait(10)
        return items

    queue = queue_of(write)
    submitted = queue.submit(["webhook"])
    assert taken.wait(10)
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(wait, submitted, may_give_up=may_give_up, patience=SHORT)
        if may_give_up:
            assert isinstance(waiting.result(10), CannotStore)
        go_on.set()
        assert may_give_up or waiting.result(10) == "webhook"
    assert submitted.result(10) == ["webhook"]


def test_bounds_are_looked_at_before_each_group_and_when_asked(queue_of):
    looks = []
    looked = threading.Event()

    def look():
        looks.append(len(looks))
        looked.set()

    queue = queue_of(lambda items: items, before=look)
    queue.wake()
    assert looked.wait(10)
    assert wait(queue.submit([1]), may_give_up=True) == 1
    assert looks == [0, 1]


def test_a_failed_look_fails_the_group_behind_it_and_the_writer_works_on(queue_of):
    looks = iter([OSError("a look for nobody"), OSError("a look for one"), None])

    def look():
        if error := next(looks):
            raise error

    queue = queue_of(lambda items: items, before=look)
    queue.wake()
    assert str(wait(queue.submit([1]), may_give_up=True)) == "a look for one"
    assert wait(queue.submit([2]), may_give_up=True) == 2


def test_a_forked_child_has_a_writer_of_its_own(queue_of):
    queue = queue_of(lambda items: items)
    assert queue.submit([1]).result(10) == [1]
    child = os.fork()
    if not child:
        os._exit(0 if queue.submit([2]).result(10) == [2] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert queue.submit([3]).result(10) == [3]


class TestWriteLock:
    def test_it_lets_one_through_at_a_time(self, tmp_path):
        locks = [WriteLock(tmp_path / "lock") for _ in range(2)]  # two descriptors stand for two processes
        inside, most = [], []

        def work(lock, patience_seconds):
            for _ in range(200):
                with lock(patience_seconds):
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()

        threads = [
            threading.Thread(target=work, args=(locks[number % 2], (None, 30.0)[number // 2]))
            for number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for lock in locks:
            lock.close()
        assert (len(most), max(most)) == (800, 1)

    def test_who_waits_too_long_is_told_and_keeps_nobody_else_from_it(self, tmp_path):
        ours, theirs = WriteLock(tmp_path / "lock"), WriteLock(tmp_path / "lock")
        with theirs():
            for _ in range(2):
                with pytest.raises(CannotStore, match="write lock"), ours(0.02):
                    pass
        with ours(10), pytest.raises(CannotStore), theirs(0.02):
            pass
        with theirs(10):
            pass
        ours.close()
        theirs.close()

    def test_a_closed_lock_is_nobody_s_and_can_be_taken_again(self, tmp_path):
        lock = WriteLock(tmp_path / "lock")
        for _ in range(2):
            with lock(10):
                pass
            lock.close()


def test_closing_waits_until_everything_submitted_is_written(queue_of):
    gate = Gate()
    queue = queue_of(lambda items: items, gate)
    submitted = queue.submit(["last"])
    assert gate.awaited.wait(10)
    closing = threading.Thread(target=queue.close)
    closing.start()
    closing.join(0.1)
    assert closing.is_alive()
    gate.open.set()
    closing.join(10)
    assert submitted.done()
