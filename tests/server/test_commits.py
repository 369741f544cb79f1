"""Waiting for the writer in an event loop: one wake-up for a group, bounded patience, an answer for all."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest

from bridge.errors import CannotStore
from bridge.outbox import Receipt
from bridge.outbox.group_commit import PATIENCE, Patience, Submitted
from bridge.server.commits import Commits

SHORT = Patience(0.02, 0.02)
RECEIPT = Receipt(duplicate=False, webhook_id="1", events=())


@dataclass
class Webhook:
    """As much of a packed webhook as the queue looks at."""

    number: int = 0
    is_recognised_again: bool = True


@dataclass
class Writer:
    """Takes what is submitted; the test says what becomes of it."""

    submitted: list[Submitted[Receipt]] = field(default_factory=list)
    taken: bool = False

    def submit(self, _webhooks: Any) -> Submitted[Receipt]:
        future: Submitted[Receipt] = Future()
        if self.taken:
            future.set_running_or_notify_cancel()
        self.submitted.append(future)
        return future


def commits_of(writer: Writer, patience: Patience = PATIENCE) -> Any:
    return Commits(asyncio.get_running_loop(), writer.submit, patience)


def test_results_of_another_thread_reach_those_who_wait():
    writer = Writer()

    async def wait_for_all() -> list[Receipt | Exception]:
        commits = commits_of(writer)
        waiting = [commits.submit(Webhook(number)) for number in range(100)]
        assert writer.submitted == [], "they go to the writer together, at the end of the round"
        await asyncio.sleep(0)
        [submitted] = writer.submitted
        results = [*[RECEIPT] * 99, CannotStore("it does not fit")]
        threading.Thread(target=submitted.set_result, args=(results,)).start()
        return list(await asyncio.gather(*waiting))

    *stored, refused = asyncio.run(wait_for_all())
    assert stored == [RECEIPT] * 99
    assert isinstance(refused, CannotStore)


def test_what_the_writer_does_not_take_in_time_is_withdrawn():
    writer = Writer()

    async def wait() -> Receipt | Exception:
        return await commits_of(writer, SHORT).submit(Webhook(is_recognised_again=False))

    assert isinstance(asyncio.run(wait()), CannotStore)
    assert [future.cancelled() for future in writer.submitted] == [True]


@pytest.mark.parametrize("may_give_up", [True, False])
def test_what_is_being_written_is_given_up_only_when_a_second_try_would_be_known(may_give_up):
    writer = Writer(taken=True)

    async def wait() -> Receipt | Exception:
        waiter = commits_of(writer, SHORT).submit(Webhook(is_recognised_again=may_give_up))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(1.0, writer.submitted[0].set_result, [RECEIPT])
        return await waiter

    answer = asyncio.run(wait())
    assert isinstance(answer, CannotStore) if may_give_up else answer == RECEIPT


def test_a_sender_that_has_gone_does_not_take_its_webhook_along():
    writer = Writer()

    async def leave_and_come_back() -> Receipt | Exception:
        waiter = commits_of(writer).submit(Webhook())
        sender = asyncio.ensure_future(asyncio.shield(waiter))
        sender.cancel()
        await asyncio.sleep(0)
        writer.submitted[0].set_result([RECEIPT])
        return await waiter

    assert asyncio.run(leave_and_come_back()) == RECEIPT
