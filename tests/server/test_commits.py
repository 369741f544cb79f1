"""Waiting for the writer in an event loop: one wake-up for a group, bounded patience, an answer for all."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

import pytest

from bridge.errors import CannotStore
from bridge.outbox import Receipt
from bridge.outbox.group_commit import Patience
from bridge.server.commits import Commits

SHORT = Patience(0.02, 0.02)
RECEIPT = Receipt(duplicate=False, webhook_id="1", events=())


def test_results_of_another_thread_reach_those_who_wait():
    async def wait_for_all() -> list[Receipt | Exception]:
        commits = Commits(asyncio.get_running_loop())
        submitted: list[Future[Receipt]] = [Future() for _ in range(100)]
        waiting = [asyncio.create_task(commits.result(one, may_give_up=True)) for one in submitted]
        await asyncio.sleep(0)

        def write() -> None:
            for one in submitted[:99]:
                one.set_result(RECEIPT)
            submitted[99].set_exception(CannotStore("it does not fit"))

        threading.Thread(target=write).start()
        return list(await asyncio.gather(*waiting))

    *stored, refused = asyncio.run(wait_for_all())
    assert stored == [RECEIPT] * 99
    assert isinstance(refused, CannotStore)


def test_what_the_writer_does_not_take_in_time_is_withdrawn():
    submitted: Future[Receipt] = Future()

    async def wait() -> Receipt | Exception:
        return await Commits(asyncio.get_running_loop(), SHORT).result(submitted, may_give_up=False)

    assert isinstance(asyncio.run(wait()), CannotStore)
    assert submitted.cancelled()


@pytest.mark.parametrize("may_give_up", [True, False])
def test_what_is_being_written_is_given_up_only_when_a_second_try_would_be_known(may_give_up):
    submitted: Future[Receipt] = Future()
    submitted.set_running_or_notify_cancel()

    async def wait() -> Receipt | Exception:
        loop = asyncio.get_running_loop()
        if not may_give_up:
            loop.call_later(1.0, submitted.set_result, RECEIPT)
        return await Commits(loop, SHORT).result(submitted, may_give_up=may_give_up)

    answer = asyncio.run(wait())
    assert isinstance(answer, CannotStore) if may_give_up else answer == RECEIPT
