"""Notes which webhooks were refused, for the person who connects their sender.

Every process counts in memory and writes its counts now and then, so that a flood of refused requests costs
one small write a second, and whoever looks sees those of all processes. A count that was not written yet when
a process is killed is lost: this is a help, and the log has every one.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from bridge.errors import BridgeError
from bridge.outbox import Outbox
from bridge.outbox.refusals import RefusalKind
from bridge.privacy.personal_data import holds_contact

NOTED = frozenset({400, 401, 404, 405, 413, 415, 429})
_NO_MAPPING = "there is no mapping of this name"
_MOST_KINDS = 100  # between two writes
_LONGEST_REASON = 300
_WRITE_EVERY_SECONDS = 1.0
_PATIENCE_SECONDS = 2.0  # with a database that stands still, when the process is to end
# what a person may have called a mapping; a stranger's URL may hold anything, a token or an address too
_HARMLESS = re.compile(r"(?!.*[0-9]{6})[A-Za-z][A-Za-z0-9_/-]{0,39}")


class RefusalNotes:
    """The refusals of one process that are not written yet. Never waits, and never raises, in `note`."""

    def __init__(self, outbox: Callable[[], Outbox]) -> None:
        self._outbox = outbox
        self._lock = threading.Lock()
        self._counted: Counter[RefusalKind] = Counter()
        self._next_write = 0.0

    def note(self, name: str, status: int, reason: str | None) -> None:
        """Count a refusal at the URL of a mapping, or of a name that no mapping has (`harmless_name`)."""
        if status not in NOTED:
            return
        kind = RefusalKind(name, status, (reason or _NO_MAPPING)[:_LONGEST_REASON])
        with self._lock:
            if kind in self._counted or len(self._counted) < _MOST_KINDS:
                self._counted[kind] += 1

    def write(self, now: datetime) -> None:
        """Write what was counted since the last time. While the database is away, that is given up."""
        if not self._counted:
            return
        with self._lock:
            counted, self._counted = self._counted, Counter()
        with suppress(BridgeError):
            self._outbox().refusals.add(counted, now)

    def write_when_due(self, now: datetime) -> None:
        """Write, unless that was done a moment ago: for servers without a thread of ours."""
        if time.monotonic() >= self._next_write:
            self._next_write = time.monotonic() + _WRITE_EVERY_SECONDS
            self.write(now)

    def write_regularly(
        self, now: Callable[[], datetime], report: Callable[[Exception], None]
    ) -> Callable[[], None]:
        """Write once a second in a thread of its own from now on; return what ends it."""
        stop = threading.Event()

        def attempt() -> None:
            try:
                self.write(now())
            except Exception as error:  # noqa: BLE001 - the next time may go better
                report(error)

        def run() -> None:
            while not stop.wait(_WRITE_EVERY_SECONDS):
                attempt()
            attempt()

        thread = threading.Thread(target=run, daemon=True, name="refusals")
        thread.start()

        def end() -> None:
            stop.set()
            thread.join(_PATIENCE_SECONDS)

        return end


def harmless_name(name: str) -> str:
    """Return a name that no mapping has if it can be shown and kept, else nothing."""
    return name if _HARMLESS.fullmatch(name) and not holds_contact(name) else ""
