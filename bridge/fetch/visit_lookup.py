"""Looking for the earlier visit that an event of a mapping with `visit` is joined with.

It answers as a source does, so that what is true of fetched records is true of visits: the event waits as
`fetching`, what was found is kept beside the raw webhook, and a replay uses it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from bridge.fetch.outcomes import FoundRecord, NoRecord, TryLater
from bridge.mapping import CompiledMapping
from bridge.mapping.language.visit_words import FROM_THE_BROWSER, VISIT_SOURCE
from bridge.models import AnswerLookup, Fetched, FetchRequest
from bridge.outbox.visits import (
    LEARNT,
    FoundVisit,
    JoinedVisit,
    Visits,
    VisitSearch,
    WithdrawnConsent,
)
from bridge.privacy.person_identifiers import readable
from bridge.serialization import encode

_SHORTEST_WAIT: Final = timedelta(seconds=1)


class VisitLookup:
    """Answers the questions of `visit` out of what is stored."""

    def __init__(self, visits: Visits, clock: Callable[[], datetime]) -> None:
        self._visits = visits
        self._clock = clock

    def call(self, request: FetchRequest) -> FoundRecord | NoRecord | TryLater:
        """Return the visit, or that there is none; or none yet, while the event may wait for one."""
        asked = _asked(request)
        found = self._visits.find(_search(asked))
        if isinstance(found, FoundVisit):
            return FoundRecord(encode(_record(found)))
        later = self._later(asked) if asked["wait_until"] else None
        return later or (NoRecord() if found is None else FoundRecord(encode(_refusal(found))))

    def _later(self, asked: Mapping[str, Any]) -> TryLater | None:
        """Look again when twice the time has gone by, and once more at the end."""
        now, until = self._clock(), datetime.fromtimestamp(asked["wait_until"], UTC)
        if now >= until:
            return None
        waited = now - datetime.fromtimestamp(asked["received_at"], UTC)
        return TryLater("no visit is known yet", "early", min(max(waited, _SHORTEST_WAIT), until - now))

    def answer(self, mapping: CompiledMapping, request: FetchRequest) -> Fetched:
        """Answer at once, for somebody who only looks: nothing is waited for."""
        step, outcome = mapping.step(request.step), self.call(request)
        return step.answered(outcome.data) if isinstance(outcome, FoundRecord) else step.missing()

    def beside(self, mapping: CompiledMapping, answers: AnswerLookup) -> AnswerLookup:
        """Return what looks visits up here, and all else where it was looked up."""

        def lookup(call: FetchRequest) -> Fetched | None:
            return self.answer(mapping, call) if call.source == VISIT_SOURCE else answers(call)

        return lookup


def _asked(request: FetchRequest) -> dict[str, Any]:
    asked: dict[str, Any] = orjson.loads(request.body or b"{}")
    return asked


def _search(asked: Mapping[str, Any]) -> VisitSearch:
    before = datetime.fromtimestamp(asked["before"], UTC) + timedelta(milliseconds=999)  # within that second
    keys = tuple(_readable(asked["keys"], asked["country"]))
    return VisitSearch(keys, before, timedelta(seconds=asked["within"]))


def _readable(keys: Iterable[tuple[str, str]], country: str | None) -> Iterator[tuple[str, str]]:
    """Yield keys as they are kept: of a person, what is sent to Meta of it, however it was written."""
    for kind, text in keys:
        if kind not in LEARNT:
            yield kind, text
            continue
        for identifier in readable({kind: (text,)}, country):
            yield kind, identifier.sent


def _record(found: FoundVisit) -> dict[str, Any]:
    """Return a visit as mappings read it; what is not known of it is left out."""
    record = {
        "visitor_id": found.visitor.hex(),
        "found_by": found.by,
        "began_at": int(found.began_at.timestamp()),
        "consent": found.consent,
        "consent_source": found.consent_source,
        "consent_at": int(found.consent_at.timestamp()),
        "fbc": found.fbc,
        "fbp": found.fbp,
        "ip": found.ip,
        "user_agent": found.user_agent,
        "address_at": int(found.address_at.timestamp()),
        "first": dict(found.first) or None,
    }
    return {**found.last, **{name: value for name, value in record.items() if value is not None}}


def _refusal(withdrawn: WithdrawnConsent) -> dict[str, Any]:
    """Return what mappings read where a person's visits were deleted because they withdrew consent."""
    at = int(withdrawn.at.timestamp())
    return {"consent": "denied", "consent_source": "withdrawal", "consent_at": at}


def joined_visits(
    mapping: CompiledMapping, answers: Mapping[FetchRequest, Fetched]
) -> tuple[JoinedVisit, ...]:
    """Return the visits that a webhook was joined with, and what is learnt of their visitors.

    An e-mail, a phone number or an id of a person is learnt only from a sender that proved who it is, and
    only together with something that the browser itself had brought: no guess leads to the next.
    """
    is_trusted = mapping.receive.verify.scheme != "none"
    return tuple(
        JoinedVisit(
            bytes.fromhex(answer.value["visitor_id"]), tuple(_learnt(call, answer)) if is_trusted else ()
        )
        for call, answer in answers.items()
        if call.source == VISIT_SOURCE and answer.value is not None and "visitor_id" in answer.value
    )


def _learnt(call: FetchRequest, answer: Fetched) -> Iterator[tuple[str, str]]:
    if answer.value["found_by"] not in FROM_THE_BROWSER:
        return
    asked = _asked(call)
    yield from _readable((key for key in asked["keys"] if key[0] in LEARNT), asked["country"])
