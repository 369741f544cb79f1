"""Joining an event with the earlier visit of its person: the question, and the empty fields that it fills.

A visit is a record that is looked up before an event is finished, so it is read as the answer of a step of
`fetch` is: when nobody has looked yet, reading it raises AnswerNeeded. Every event of a mapping with `visit`
is joined, also one that is complete without: what its visitor is known by is learnt then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bridge.coerce.dates import read_time
from bridge.consent_decision import ConsentDecision
from bridge.finding import Position
from bridge.mapping.compiler.context import Read
from bridge.mapping.language.visit_words import VISIT_ADDS, VISIT_KEYS
from bridge.mapping.runtime.call_parts import LONGEST_INSERTED, CannotCall
from bridge.mapping.runtime.fetch_step import FetchStep
from bridge.mapping.runtime.scope import Scope, text_of
from bridge.models import ReadingSettings

_MOST_TEXTS: Final = 10  # of one field: more are no person's
_FRESH_SECONDS: Final = 86_400  # for how long an IP address and a user agent are still the person's
_AGES: Final = frozenset({"ip", "user_agent"})
_CALLED: Final = {key.kind: key.called for key in VISIT_KEYS.values()}


@dataclass(frozen=True, slots=True)
class VisitQuestion:
    """Makes the question for one event: its keys in their order, its time, and how far back to look.

    `event_time` and `phone_country` are None where the mapping does not say them.
    """

    keys: tuple[tuple[str, Read], ...]
    event_time: Read | None
    phone_country: Read | None
    settings: ReadingSettings
    within_seconds: int
    wait_seconds: int

    def __call__(self, scope: Scope) -> dict[str, Any]:
        """Return the question; raises CannotCall when the event has no key at all."""
        keys = [[kind, text] for kind, read in self.keys for text in _texts(read.read(scope))]
        if not keys:
            names = dict.fromkeys(_CALLED[kind] for kind, _ in self.keys)
            raise CannotCall(f"the event has no key: {', '.join(names)}")
        received_at = int(scope.request.received_at.timestamp())
        return {
            "keys": keys,
            "before": self.moment(scope),
            "within": self.within_seconds,
            "received_at": received_at,
            "wait_until": received_at + self.wait_seconds if self.wait_seconds else None,
            "country": self._country(scope),
        }

    def moment(self, scope: Scope) -> int:
        """Return when the event happened (Unix seconds): never later than its webhook came."""
        received_at = int(scope.request.received_at.timestamp())
        written = None if self.event_time is None else self.event_time.read(scope)
        seconds = read_time(written, self.settings.date_format, self.settings.timezone)
        return received_at if seconds is None else min(seconds, received_at)

    def _country(self, scope: Scope) -> str | None:
        found = None if self.phone_country is None else text_of(self.phone_country.read(scope))
        return found or self.settings.phone_country


def _texts(value: Any) -> Iterator[str]:
    values = value if isinstance(value, list) else [value]
    texts = (text_of(one) for one in values[:_MOST_TEXTS] if one is not None)
    return (text.strip() for text in texts if text and text.strip() and len(text) <= LONGEST_INSERTED)


@dataclass(frozen=True, slots=True)
class VisitJoin:
    """What a visit does for one event: `add` are the words of the fields that it fills if they are empty."""

    step: FetchStep
    question: VisitQuestion
    add: tuple[tuple[str, Position], ...]

    def filled(self, scope: Scope, mapped: Mapping[str, Any]) -> dict[str, Any]:
        """Return `user_data` with its empty fields filled; none at all when it stays empty.

        Raises AnswerNeeded when nobody has looked for the visit yet. The scope remembers what was filled.
        """
        visit = self.step.value(scope)
        is_found = isinstance(visit, dict)
        found: Mapping[str, Any] = visit if is_found else {}
        user_data = dict(mapped)
        for word, _ in self.add:
            field, part = VISIT_ADDS[word]
            if _has(user_data, field):
                continue
            value = self._usable(word, found.get(part), found, scope)
            if value is not None:
                user_data[field] = value
            if scope.trace is not None:
                self._explain(scope, word, value)
        scope.by_visit = frozenset(user_data.keys() - mapped.keys()) if is_found else None
        return {"user_data": user_data} if user_data else {}

    def consent(self, scope: Scope) -> ConsentDecision | None:
        """Return what the visitor decided, where and when; None without a visit, or one that does not say."""
        visit = self.step.value(scope)
        said = visit.get("consent") if isinstance(visit, dict) else None
        if said not in ("granted", "denied"):
            return None
        decided_at = read_time(visit.get("consent_at"))
        when = "" if decided_at is None else f" at {datetime.fromtimestamp(decided_at, UTC).isoformat()}"
        by = visit.get("consent_source")
        return ConsentDecision(said, f"$visit.consent{f' by {by}' if by else ''}{when}")

    def _usable(self, word: str, value: Any, found: Mapping[str, Any], scope: Scope) -> Any:
        if word not in _AGES or value is None:
            return value or None
        seen_at = read_time(found.get("address_at"))
        is_fresh = seen_at is None or abs(self.question.moment(scope) - seen_at) <= _FRESH_SECONDS
        return value if is_fresh else None

    def _explain(self, scope: Scope, word: str, value: Any) -> None:
        trace, path = scope.trace, f"user_data.{VISIT_ADDS[word][0]}"
        if trace is None:
            return
        fetched = self.step.explained(scope)
        if value is not None:
            trace.supplied(path, fetched.source)
            trace.record(path).dropped = None
        else:
            why = fetched.reason or (
                f"{fetched.source} has none" if word not in _AGES else "none that is fresh"
            )
            trace.tried(path, f"${self.step.name}.{VISIT_ADDS[word][1]}", why)


def _has(user_data: Mapping[str, Any], field: str) -> bool:
    """Say whether a field is filled; a click id of the webhook's own becomes its fbc."""
    return field in user_data or (field == "fbc" and "fbclid" in user_data)


def describe(visit: Any) -> str:
    """Say which visit it is: "the visit of 12 Nov 2026, found by the e-mail"."""
    if not isinstance(visit, Mapping):
        return "the visit"
    began_at = read_time(visit.get("began_at"))
    when = "" if began_at is None else f" of {datetime.fromtimestamp(began_at, UTC):%-d %b %Y}"
    by = _CALLED.get(str(visit.get("found_by")))
    return f"the visit{when}{f', found by {by}' if by else ''}"
