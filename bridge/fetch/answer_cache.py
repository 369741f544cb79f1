"""Answers kept in memory for a while, by the exact request, and one call at a time for each request.

In memory only: what a source says about a person is written nowhere but beside the webhook that needed it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.fetch.outcomes import FoundRecord, NoRecord, SourceOutcome

CallKey = tuple[str, str, str, bytes | None]  # source, method, target, body
# A record that was not there may be made any moment.
_MISSING_KEPT = timedelta(minutes=1)
_BYTES_OF_ENTRY = 500


@dataclass(frozen=True, slots=True)
class _Kept:
    outcome: FoundRecord | NoRecord
    asked_at: datetime
    size: int


class AnswerCache:
    """Answers by request. When it is full, what was used longest ago goes."""

    def __init__(self, clock: Callable[[], datetime], most_bytes: int = 33_554_432) -> None:
        self._clock = clock
        self._most_bytes = most_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[CallKey, _Kept] = OrderedDict()
        self._running: dict[CallKey, Future[SourceOutcome]] = {}
        self._forgotten = 0

    def forget(self) -> None:
        """Forget every answer, those that are on their way too: somebody in them may have been erased."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0
            self._forgotten += 1

    def get_or_call(
        self, key: CallKey, keep: timedelta, call: Callable[[], SourceOutcome], *, anew: bool = False
    ) -> SourceOutcome:
        """Return what is kept and young enough, or what `call` returns; who asks meanwhile shares that.

        `anew` wants nothing that is kept.
        """
        with self._lock:
            kept = None if anew else self._young(key, keep)
            if kept is not None:
                return replace(kept, cached=True)
            running = self._running.get(key)
            mine = running or self._running.setdefault(key, Future())
        return _shared(mine.result()) if running else self._call(key, keep, call, mine)

    def _call(
        self,
        key: CallKey,
        keep: timedelta,
        call: Callable[[], SourceOutcome],
        result: Future[SourceOutcome],
    ) -> SourceOutcome:
        asked_when = self._forgotten
        try:
            outcome = call()
        except BaseException as error:
            self._end(key)
            result.set_exception(error)
            raise
        self._end(key, outcome if keep and asked_when == self._forgotten else None)
        result.set_result(outcome)
        return outcome

    def _end(self, key: CallKey, outcome: SourceOutcome | None = None) -> None:
        with self._lock:
            del self._running[key]
            if isinstance(outcome, FoundRecord | NoRecord):
                self._keep(key, outcome)

    def _young(self, key: CallKey, keep: timedelta) -> FoundRecord | NoRecord | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        longest = keep if isinstance(kept.outcome, FoundRecord) else min(keep, _MISSING_KEPT)
        if not timedelta() <= self._clock() - kept.asked_at < longest:
            return None
        self._kept.move_to_end(key)
        return kept.outcome

    def _keep(self, key: CallKey, outcome: FoundRecord | NoRecord) -> None:
        self._forget(key)
        size = _size(key, outcome)
        self._kept[key] = _Kept(outcome, self._clock(), size)
        self._bytes += size
        while self._bytes > self._most_bytes:
            self._forget(next(iter(self._kept)))

    def _forget(self, key: CallKey) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= kept.size


def _shared(outcome: SourceOutcome) -> SourceOutcome:
    return replace(outcome, cached=True) if isinstance(outcome, FoundRecord | NoRecord) else outcome


def _size(key: CallKey, outcome: FoundRecord | NoRecord) -> int:
    _, _, target, body = key
    content = outcome.content if isinstance(outcome, FoundRecord) else b""
    return _BYTES_OF_ENTRY + len(target) + len(body or b"") + len(content)
