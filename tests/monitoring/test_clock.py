"""A clock that is set for a moment moves nothing; one that is set for good is followed after a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.monitoring.clock import SteadyClock, Step, utc_now

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Machine:
    """A machine whose clock can be set."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.off = timedelta()

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds - 1000) + self.off

    def clock(self, steps: list[Step]) -> SteadyClock:
        return SteadyClock(steps.append, self.now, lambda: self.seconds)


@pytest.mark.parametrize("off", [timedelta(seconds=-60), timedelta(days=1), timedelta(days=40)])
def test_a_step_that_is_taken_back_moves_nothing_and_is_told_once(off):
    machine, steps = Machine(), []
    clock = machine.clock(steps)
    machine.seconds += 10
    assert clock() == NOW + timedelta(seconds=10)
    machine.off = off
    for _ in range(30):
        machine.seconds += 1
        assert clock() == NOW + timedelta(seconds=machine.seconds - 1000)
    machine.off = timedelta()
    machine.seconds += 1
    assert clock() == NOW + timedelta(seconds=41)
    assert steps == [Step(off.total_seconds(), NOW + timedelta(seconds=11))]
    assert clock.last_step == steps[0]


def test_a_step_that_lasts_is_followed():
    machine, steps = Machine(), []
    clock = machine.clock(steps)
    machine.off = timedelta(days=-3)
    clock()
    machine.seconds += 121
    assert clock() == machine.now()
    machine.seconds += 1
    assert clock() == machine.now()
    assert len(steps) == 1


def test_small_corrections_are_followed_at_once():
    machine, steps = Machine(), []
    clock = machine.clock(steps)
    for _ in range(100):
        machine.off += timedelta(seconds=2)
        assert clock() == machine.now()
    assert steps == []


def test_the_clock_of_a_real_machine_is_the_machine_s():
    assert abs((SteadyClock()() - utc_now()).total_seconds()) < 5
