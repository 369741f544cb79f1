"""What an answer of a source means: the record, no such record, not now, or never.

    2xx with JSON ─▶ FoundRecord        404, 410, an empty answer, null ─▶ NoRecord
    429, 5xx, 408, no answer, a page instead of JSON ─▶ TryLater: a limit, or out of reach
    401, 403, a redirect, a certificate, a forbidden address ─▶ TryLater: its setup, somebody must act
    any other 4xx, an answer that is too long ─▶ Unusable: the same call would fail again
    2xx with the errors of GraphQL and no data ─▶ by their codes, one of those three

Texts are ours, and name neither URL nor answer: both may hold a secret or a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import orjson

from bridge.body.json import read_json
from bridge.body.media_type import MediaType
from bridge.errors import Refused as Unreadable
from bridge.fetch.exchange import SourceResponse
from bridge.fetch.graph_errors import graph_error
from bridge.fetch.wait_headers import asked_wait

Trouble = Literal["unreachable", "limit", "setup", "early"]


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """The record, as JSON; `wait` is how long the source asks to be left alone before the next call."""

    content: bytes = field(repr=False)
    took_ms: int = 0
    cached: bool = False
    wait: timedelta = timedelta()

    @property
    def data(self) -> Any:
        """Return the content as plain data whose numbers keep every digit."""
        return _parsed(self.content)


@dataclass(frozen=True, slots=True)
class NoRecord:
    """The source knows no such record."""

    took_ms: int = 0
    cached: bool = False


@dataclass(frozen=True, slots=True)
class TryLater:
    """Nothing can be said of the record now.

    `trouble` is what that says about the source: out of reach, over a limit, or set up wrongly; None when it
    was not called at all, and `early` when only this record may come yet. `wait` is how long is asked for;
    nothing when it is for us to decide.
    """

    reason: str
    trouble: Trouble | None = None
    wait: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Unusable:
    """The source answered, and the same call would be answered in the same way again."""

    reason: str


SourceOutcome = FoundRecord | NoRecord | TryLater | Unusable
_WORDS: dict[type, str] = {FoundRecord: "found", NoRecord: "missing", Unusable: "unusable"}


def word_of(outcome: SourceOutcome) -> str:
    """Return what came of a call in one word: found, missing, unusable, unreachable, limit or setup."""
    return (outcome.trouble or "later") if isinstance(outcome, TryLater) else _WORDS[type(outcome)]


_NOTHING = (b"", b"null")
_GRAPHQL_KEYS = frozenset({"data", "errors", "extensions"})
_LIMITED = 429
# How an API says in the code of a 503 that it means the caller and not itself.
_NAMES_A_LIMIT = re.compile(r"limit|quota|throttl|too.?many", re.IGNORECASE)
_NAMES_A_KEY = re.compile(r"unauth|forbidden|access.?denied|permission|token", re.IGNORECASE)
_NAMES_A_FAULT = re.compile(r"internal|unavailable|time.?out", re.IGNORECASE)
_GRAPHQL_TROUBLES: tuple[tuple[re.Pattern[str], Trouble, str], ...] = (
    (_NAMES_A_LIMIT, "limit", "its rate limit is reached"),
    (_NAMES_A_KEY, "setup", "it refused the key, or what the key may read"),
    (_NAMES_A_FAULT, "unreachable", "it had a fault of its own"),
)


def outcome_of(response: SourceResponse, now: datetime) -> SourceOutcome:
    """Say what a response means."""
    if response.status is not None:
        return _of_graph(response, response.status, now) or _of_status(response, response.status, now)
    if response.cause == "record":
        return Unusable(response.failure)
    return TryLater(response.failure, response.cause)


def _of_graph(response: SourceResponse, status: int, now: datetime) -> SourceOutcome | None:
    data = _data_or_none(response.body) if 400 <= status < 600 else None
    found = graph_error(status, data)
    if found is None:
        return None
    trouble, meaning = found
    if trouble == "no_record":
        return NoRecord(response.took_ms)
    if trouble == "never":
        return Unusable(meaning)
    return TryLater(meaning, trouble, asked_wait(response.headers, data, now, is_limited=trouble == "limit"))


def _of_status(response: SourceResponse, status: int, now: datetime) -> SourceOutcome:
    return _meaning(status)(response, status, now)


def _meaning(status: int) -> Callable[[SourceResponse, int, datetime], SourceOutcome]:
    exact = _STATUSES.get(status)
    return exact or next((meaning for last, meaning in _RANGES if status <= last), _later)


def _no_record(response: SourceResponse, _status: int, _now: datetime) -> SourceOutcome:
    return NoRecord(response.took_ms)


def _refused_key(_response: SourceResponse, status: int, _now: datetime) -> SourceOutcome:
    return TryLater(f"it refused the key, or what the key may read (HTTP {status})", "setup")


def _redirect(_response: SourceResponse, status: int, _now: datetime) -> SourceOutcome:
    return TryLater(f"it answered with a redirect, which is never followed (HTTP {status})", "setup")


def _unusable(_response: SourceResponse, status: int, _now: datetime) -> SourceOutcome:
    return Unusable(f"it answered HTTP {status}")


def _record(response: SourceResponse, _status: int, now: datetime) -> SourceOutcome:
    if response.body.strip() in _NOTHING:
        return NoRecord(response.took_ms)
    try:
        data = _parsed(response.body)
    except Unreadable as error:
        if error.code == "too_large":
            return Unusable("its answer holds more values than are read here")
        return TryLater("it answered with something that is not JSON", "unreachable")
    if (errors := _graphql_errors(data)) is not None:
        return _of_graphql(response, errors, now)
    wait = asked_wait(response.headers, data, now, is_limited=False)
    return FoundRecord(response.body, response.took_ms, wait=wait)


def _graphql_errors(data: Any) -> list[Any] | None:
    """Return why a GraphQL request as a whole came to nothing; None for every other answer.

    Such an answer has the status 200 (https://spec.graphql.org/October2021/#sec-Response-Format).
    """
    if not isinstance(data, Mapping) or data.get("data") is not None or not data.keys() <= _GRAPHQL_KEYS:
        return None
    errors = data.get("errors")
    return errors if isinstance(errors, list) and errors else None


def _of_graphql(response: SourceResponse, errors: list[Any], now: datetime) -> SourceOutcome:
    codes = [code for error in errors for code in _graphql_codes(error)]
    for pattern, trouble, reason in _GRAPHQL_TROUBLES:
        if any(pattern.search(code) for code in codes):
            wait = asked_wait(response.headers, None, now, is_limited=trouble == "limit")
            return TryLater(f"{reason} (an error of GraphQL)", trouble, wait)
    return Unusable("it answered with an error of GraphQL, about the query or the record")


def _graphql_codes(error: Any) -> Iterator[str]:
    if isinstance(error, Mapping):
        yield from _codes(error)
        yield from _codes(error.get("extensions"))


def _later(response: SourceResponse, status: int, now: datetime) -> SourceOutcome:
    data = _data_or_none(response.body)
    is_limited = status == _LIMITED or any(_NAMES_A_LIMIT.search(code) for code in _codes(data))
    wait = asked_wait(response.headers, data, now, is_limited=is_limited)
    if is_limited:
        return TryLater(f"its rate limit is reached (HTTP {status})", "limit", wait)
    return TryLater(f"it answered HTTP {status}", "unreachable", wait)


_STATUSES = {
    **dict.fromkeys((401, 403, 407), _refused_key),
    **dict.fromkeys((404, 410), _no_record),
    **dict.fromkeys((408, 425, _LIMITED), _later),
}
_RANGES = ((199, _later), (299, _record), (399, _redirect), (499, _unusable))


def _codes(data: Any) -> Iterator[str]:
    """Find the words by which an error is named in JSON; they are compared, and never shown."""
    if isinstance(data, Mapping):
        for name in ("error", "code", "type"):
            value = data.get(name)
            if isinstance(value, str):
                yield value
            else:
                yield from _codes(value)


def _data_or_none(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        return None


def _parsed(content: bytes) -> Any:
    data, _ = read_json(content, MediaType())
    return data
