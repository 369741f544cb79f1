"""Rate limits that hold across the processes of one machine: one shared page, one lock the system frees.

Each key (a mapping, a sender's address) has a theoretical arrival time, as in the generic cell rate
algorithm: a request is admitted when that time is not further ahead than the burst allows. The table is
shared memory made before the processes fork; a process that dies holding the lock loses it.
"""

from __future__ import annotations

import fcntl
import hashlib
import math
import mmap
import os
import struct
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bridge.errors import TooManyRequests
from bridge.plurals import counted
from bridge.settings import Rate

_SLOT = struct.Struct("<Qd")  # what the key hashes to, its theoretical arrival time
_SLOTS = 65_536
_PROBES = 16
_PATIENCE_SECONDS = 0.02


class RateLimiter:
    """Admits or refuses; made once before forking. `now` is a monotonic clock all processes share."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._table = mmap.mmap(-1, _SLOTS * _SLOT.size)
        self._lock_file, name = tempfile.mkstemp(prefix="capi-bridge-")
        os.unlink(name)  # noqa: PTH108 - only the open file is needed, as something to lock
        weakref.finalize(self, os.close, self._lock_file)
        self._threads = threading.Lock()

    def admit(self, key: str, rate: Rate | None, limit_name: str) -> None:
        """Let one request pass, or raise TooManyRequests; `limit_name` names the limit for the sender."""
        if rate is None:
            return
        wait = self._wait_seconds(key, rate)
        if wait > 0:
            raise TooManyRequests(
                f"{limit_name}: more than {counted(rate.count, 'request')} in {rate.seconds:g} s",
                retry_after_seconds=max(1, math.ceil(wait)),
            )

    def _wait_seconds(self, key: str, rate: Rate) -> float:
        step = rate.seconds / rate.count
        now = self._now()
        with self._alone():
            offset, due = self._find(key, now)
            ahead = max(due, now) + step - now
            if ahead > rate.seconds + 1e-9:
                return ahead - rate.seconds
            _SLOT.pack_into(self._table, offset, _number(key), max(due, now) + step)
            return 0.0

    def _find(self, key: str, now: float) -> tuple[int, float]:
        """Return the key's slot and arrival time; a slot whose time has passed is free for any key.

        When every slot in reach is taken by busier keys the first is shared: it may admit too few,
        never too many.
        """
        number = _number(key)
        free = None
        first = (number % _SLOTS) * _SLOT.size
        for probe in range(_PROBES):
            offset = ((number + probe) % _SLOTS) * _SLOT.size
            owner, due = _SLOT.unpack_from(self._table, offset)
            if owner == number:
                return offset, due
            if free is None and due <= now:
                free = offset
        if free is not None:
            return free, 0.0
        return first, _SLOT.unpack_from(self._table, first)[1]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep others away from the table, unless somebody stands still who does that.

        It takes microseconds. A process that was stopped in the midst of them must not stop the others: they
        go on without the lock, and may admit one request too many.
        """
        until = time.monotonic() + _PATIENCE_SECONDS
        has_thread = self._threads.acquire(timeout=_PATIENCE_SECONDS)
        has_process = has_thread and self._lock_until(until)
        try:
            yield
        finally:
            if has_process:
                fcntl.lockf(self._lock_file, fcntl.LOCK_UN)
            if has_thread:
                self._threads.release()

    def _lock_until(self, until: float) -> bool:
        while True:
            try:
                fcntl.lockf(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                if time.monotonic() > until:
                    return False
                os.sched_yield()
            else:
                return True


def _number(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8).digest(), "little")
