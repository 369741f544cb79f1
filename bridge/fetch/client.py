"""The client of all sources: what is kept is used, the rest is asked once, when the source may be called."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from bridge.fetch.answer_cache import AnswerCache
from bridge.fetch.exchange import Exchange, SourceCall, open_exchange, time_limits
from bridge.fetch.gate import Gate, OpenGate
from bridge.fetch.outcomes import SourceOutcome, TryLater, Unusable, outcome_of, word_of
from bridge.models import FetchRequest
from bridge.monitoring.clock import SteadyClock
from bridge.settings import Settings, Source

# A path and a query as RFC 3986 has them, every other character percent-encoded.
_TARGET = re.compile(r"/[A-Za-z0-9\-._~!$&'()*+,;=:@/%?]*")
_UNTIL_CONFIGURED = timedelta(seconds=30)
_DOTS = re.compile(r"(?:\.|%2e){1,2}", re.IGNORECASE)


# Called after each call: the source, what came of it in one word, and how long it took (milliseconds).
ObserveCall = Callable[[str, str, int], None]


def ignore_call(_source: str, _outcome: str, _took_ms: int) -> None:
    """Ignore a call."""


class SourceClient:
    """Makes the calls of `fetch` steps. Safe to use from many threads.

    `clock` says how old an answer is, `sleep` waits for a turn (seconds), `observe` is called after a call.
    """

    def __init__(  # noqa: PLR0913 - the last two are named
        self,
        sources: Mapping[str, Source],
        exchange: Exchange,
        gate: Gate,
        clock: Callable[[], datetime],
        *,
        sleep: Callable[[float], None] = time.sleep,
        observe: ObserveCall = ignore_call,
    ) -> None:
        self._sources = sources
        self._exchange = exchange
        self._gate = gate
        self._clock = clock
        self._sleep = sleep
        self._observe = observe
        self._cache = AnswerCache(clock)

    def call(self, request: FetchRequest, *, anew: bool = False) -> SourceOutcome:
        """Return the record, or why there is none; `anew` wants none from memory.

        Never raises for what a source does.
        """
        source = self._sources.get(request.source)
        if source is None:
            return TryLater("bridge.yaml has no such source", wait=_UNTIL_CONFIGURED)
        if not is_safe_target(request.target):
            return Unusable("the path has parts that a URL cannot have")
        key = (request.source, request.method, request.target, request.body)
        keep = timedelta(seconds=request.keep_seconds)
        return self._cache.get_or_call(key, keep, lambda: self._ask(source, request), anew=anew)

    def forget(self) -> None:
        """Forget every answer that is kept in memory."""
        self._cache.forget()

    def _ask(self, source: Source, request: FetchRequest) -> SourceOutcome:
        wait = self._gate.admit(source)
        if isinstance(wait, TryLater):
            return wait
        if wait:
            self._sleep(wait.total_seconds())
        response = self._exchange(SourceCall(source, request.method, request.target, request.body))
        outcome = outcome_of(response, self._clock())
        self._observe(source.name, word_of(outcome), response.took_ms)
        self._gate.observe(source, outcome)
        return outcome


def is_safe_target(target: str) -> bool:
    """Return whether a path stays below the URL of its source, whatever a webhook filled in.

    Encoded dots count as dots: some servers decode a path before they resolve it.
    """
    path = target.partition("?")[0]
    return _TARGET.fullmatch(target) is not None and not any(
        _DOTS.fullmatch(segment) for segment in re.split(r"/|%2f|%5c", path, flags=re.IGNORECASE)
    )


def open_client(settings: Settings) -> SourceClient:
    """Return a client for one person who tries a mapping: no pause is kept, and no rate."""
    return SourceClient(settings.sources, open_exchange(time_limits(settings)), OpenGate(), SteadyClock())
