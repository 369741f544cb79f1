"""The time of day for a process that runs for long: a clock that is set wrong for a moment moves nothing.

Somebody sets the clock of the machine, or a time server does. What was written down by the old time must not
become due, too old or forgotten because of that, so a step is not followed until it has lasted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_SMALL = 5.0  # seconds; what a time server corrects is followed at once
_LASTS = 120.0  # seconds after which a step is taken for right
_BOOT = getattr(time, "CLOCK_BOOTTIME", None)  # goes on while the machine sleeps


def utc_now() -> datetime:
    """Read the clock of the machine."""
    return datetime.now(UTC)


def uptime() -> float:
    """Return the seconds since the machine started; nobody can set them."""
    return time.monotonic() if _BOOT is None else time.clock_gettime(_BOOT)


class Step(NamedTuple):
    """The clock of the machine was set, `seconds` forward (or back, below zero); `at` is our time then."""

    seconds: float
    at: datetime


class SteadyClock:
    """Tells the time of the machine, and keeps to its own when that jumps.

    `report` is called once for each jump.
    """

    def __init__(
        self,
        report: Callable[[Step], None] = lambda _step: None,
        now: Callable[[], datetime] = utc_now,
        seconds: Callable[[], float] = uptime,
    ) -> None:
        self._report = report
        self._now = now
        self._seconds = seconds
        self._started_at = now() - timedelta(seconds=seconds())
        self._stepped_since = 0.0
        self._is_off = False
        self.last_step: Step | None = None

    def __call__(self) -> datetime:
        """Return the present, aware and in UTC."""
        machine, seconds = self._now(), self._seconds()
        own = self._started_at + timedelta(seconds=seconds)
        off = (machine - own).total_seconds()
        if abs(off) <= _SMALL:
            self._is_off = False
            self._follow(machine, seconds)
            return machine
        if not self._is_off:
            self._is_off, self._stepped_since = True, seconds
            self.last_step = Step(off, own)
            self._report(self.last_step)
        if seconds - self._stepped_since < _LASTS:
            return own
        self._is_off = False
        self._follow(machine, seconds)
        return machine

    def _follow(self, machine: datetime, seconds: float) -> None:
        self._started_at = machine - timedelta(seconds=seconds)
