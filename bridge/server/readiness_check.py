"""The check behind /readyz, which is never blocked by what it looks at."""

from __future__ import annotations

import asyncio
from time import perf_counter

from bridge.web import health
from bridge.web.context import AppContext
from bridge.web.pool import BoundedPool

_CHECK_READS_SECONDS = 0.5


class ReadinessCheck:
    """Checks the database by a thread of its own. Requests share a check, and none waits long for it."""

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._pool = BoundedPool(1, 0, "health")
        self._check: asyncio.Future[list[health.Reason]] | None = None
        self._since = 0.0

    async def reasons(self) -> list[health.Reason]:
        """Return every reason against being ready."""
        if self._check is None or self._check.done():
            work = self._pool.submit(health.check, self._context)
            if work is None:
                return health.stuck()
            self._check, self._since = asyncio.wrap_future(work), perf_counter()
        left = self._since + health.CHECK_SECONDS + _CHECK_READS_SECONDS - perf_counter()
        await asyncio.wait({self._check}, timeout=max(0.0, left))
        return self._check.result() if self._check.done() else health.stuck()
