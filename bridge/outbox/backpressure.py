"""Back-pressure: how full the queue and the disk may get before senders are asked to come back later."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bridge.errors import CannotStore
from bridge.plurals import counted

_CHECK_EVERY_SECONDS = 1.0
_SHARE_OF_TIME = 0.01  # checking may not cost more than this
_FIX_OF_QUEUE = "`capi-bridge status` says why nothing is sent; limits.queue_events is the limit"
_FIX_OF_DISK = "free some space where the database is, or lower limits.free_disk_bytes"


@dataclass(frozen=True, slots=True)
class Bounds:
    """None means unbounded. The disk counts only where the database is a file of ours."""

    queue_events: int | None = None
    free_disk_bytes: int | None = None


UNBOUNDED = Bounds()


class Backpressure:
    """Checks queue and disk at intervals, and rejects what would exceed a bound.

    Between two checks the last result holds, so a bound may be passed by what arrives within a second. A
    long queue takes longer to count and is counted less often.
    """

    def __init__(
        self,
        bounds: Bounds,
        queued: Callable[[], int],
        file: Path | None,
        timer: Callable[[], float] = time.monotonic,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._bounds = bounds
        self._queued = queued
        self._folder = file.resolve().parent if file else None
        self._timer = timer
        self._free_bytes = free_bytes
        self._check_again_at = 0.0
        self._refusal: tuple[str, str] | None = None
        self._checking = threading.Lock()

    def check(self) -> None:
        """Measure when that is due, and raise CannotStore while a bound is passed."""
        self.measure_when_due()
        self.refuse()

    def is_due(self) -> bool:
        """Return whether the last measurement is too long ago."""
        return self._timer() >= self._check_again_at

    def measure_when_due(self) -> None:
        """Measure queue and disk, unless that was done just now or is being done."""
        if self.is_due() and self._checking.acquire(blocking=False):
            try:
                self._measure()
            finally:
                self._checking.release()

    def refuse(self) -> None:
        """Raise CannotStore when the last measurement found a bound passed. Never waits."""
        if self._refusal:
            message, fix = self._refusal
            raise CannotStore(message, retry_after_seconds=30, fix=fix)

    def _measure(self) -> None:
        started = self._timer()
        self._refusal = self._disk() or self._queue()
        ended = self._timer()
        self._check_again_at = ended + max(_CHECK_EVERY_SECONDS, (ended - started) / _SHARE_OF_TIME)

    def _queue(self) -> tuple[str, str] | None:
        most = self._bounds.queue_events
        if most is None or self._queued() < most:
            return None
        return f"the queue is full: {counted(most, 'event')} to be sent", _FIX_OF_QUEUE

    def _disk(self) -> tuple[str, str] | None:
        least = self._bounds.free_disk_bytes
        if least is None or self._folder is None or self._free_bytes(self._folder) >= least:
            return None
        return "the disk is nearly full", _FIX_OF_DISK
