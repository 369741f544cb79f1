"""Pairing: which events of browsers found the server's event, and which events found an earlier visit.

Meta counts an event once when browser and server send it with the same name and id within 48 hours of each
other. Where both come through the bridge, what is stored shows whether they do. Only so many of the newest
events are looked at, so that the answer comes at once however many are kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, func, or_, select

from bridge.outbox.database import Read, in_portions
from bridge.outbox.ids import first_id, moment_of
from bridge.outbox.records import from_ms, text_id, to_ms
from bridge.outbox.tables import events

MOST_COUNTED: Final = 50_000  # of the newest events, whatever they are
_AT_ONCE: Final = 5_000
_MOST_EXAMPLES: Final = 3
# an event that has one of these reaches Meta, or did so as another one with the same id
_GOES_OUT: Final = frozenset({"fetching", "waiting", "sending", "sent", "skipped"})
# what there is to say of events of browsers, in the order in which people should look at it: why they have no
# twin, and of those that have one, that it was not sent, as the page's event had come first
REASONS: Final = {
    "page_first": "the page's event came first, so the server's, being the same event, is not sent",
    "no_id": "it has no event id",
    "no_server_event": "no event of a server has its id",
    "may_come": "no event of a server has its id yet; it may still come",
    "other_name": "the server's event has its id under another event name",
    "other_dataset": "the server's event has its id, but goes to another dataset",
    "too_far_apart": "the server's event has its id, but happened more than 48 hours earlier or later",
    "not_sent": "the server's event has its id, but was not sent",
}


class _Row(NamedTuple):
    id: bytes
    event_name: str
    event_id: str | None
    dataset_id: str
    event_time: int
    status: str


@dataclass(frozen=True, slots=True)
class PairedName:
    """How many events of browsers had one name, how many of them found their twin, and why others did not.

    One of the reasons is about events that have a twin: `page_first`.

    `examples` are the ids of the newest few events behind each reason.
    """

    event_name: str
    browser_events: int
    paired: int
    reasons: Mapping[str, int]
    examples: Mapping[str, Sequence[str]]

    def as_json(self) -> dict[str, Any]:
        """Return the shape in every JSON answer."""
        parts = {name: getattr(self, name) for name in ("event_name", "browser_events", "paired")}
        return {**parts, "reasons": dict(self.reasons), "examples": dict(self.examples)}


@dataclass(frozen=True, slots=True)
class JoinedMapping:
    """How many events of one mapping found an earlier visit, and the mean match strength without and with it.

    The first two means are of the events that found one, the last two of all; from 0 to 100.
    """

    mapping: str
    events: int
    joined: int
    joined_without: float | None
    joined_with: float | None
    all_without: float | None
    all_with: float | None

    def as_json(self) -> dict[str, Any]:
        """Return the shape in every JSON answer."""
        return {
            "mapping": self.mapping,
            "events": self.events,
            "joined": self.joined,
            "match_strength": {
                "of_joined": {"without_visit": self.joined_without, "with_visit": self.joined_with},
                "of_all": {"without_visit": self.all_without, "with_visit": self.all_with},
            },
        }


@dataclass(frozen=True, slots=True)
class PairingCount:
    """What was counted: event names and mappings, the most frequent first, and since when.

    `since` is later than what was asked for when there are more than MOST_COUNTED events.
    """

    since: datetime
    names: Sequence[PairedName]
    mappings: Sequence[JoinedMapping]


@dataclass(frozen=True, slots=True)
class PairingQuestion:
    """What is to be counted: events that came since then, the newest `most` of them.

    `browsers` are the mappings that browsers post to, `joining` those whose events look for a visit. Twins
    happened `within` that time of each other.
    """

    browsers: Collection[str]
    joining: Collection[str]
    since: datetime
    now: datetime
    within: timedelta
    most: int = MOST_COUNTED


class Pairing:
    """Counts twins and joined events in what is kept; `read` is the outbox's."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def count(self, question: PairingQuestion) -> PairingCount:
        """Return what a question asks for."""

        def work(connection: Connection) -> PairingCount:
            since, start = _start(connection, question)
            own = _of_browsers(connection, question.browsers, start)
            event_ids = sorted({row.event_id for row in own if row.event_id})
            twins = _twins(connection, event_ids, question.browsers)
            names = _counted(own, twins, int(question.now.timestamp()), int(question.within.total_seconds()))
            return PairingCount(since, names, _joined(connection, question.joining, start))

        return self._read(work)


def _start(connection: Connection, question: PairingQuestion) -> tuple[datetime, bytes]:
    """Return since when events are counted, and an id that none of them is below."""
    first = first_id(to_ms(question.since))
    newest = select(events.c.id).where(events.c.id >= first).order_by(events.c.id.desc())
    oldest = connection.execute(newest.offset(question.most - 1).limit(1)).scalar()
    return (question.since, first) if oldest is None else (from_ms(moment_of(oldest)), oldest)


_COLUMNS = tuple(events.c[name] for name in _Row._fields)


def _of_browsers(connection: Connection, browsers: Collection[str], start: bytes) -> list[_Row]:
    chosen = select(*_COLUMNS).where(
        events.c.mapping.in_(sorted(browsers)),
        events.c.id >= start,
        events.c.status != "suppressed",
        or_(events.c.status != "skipped", events.c.event_id != ""),  # by its mapping: it means no event
    )
    return [_Row(*row) for row in connection.execute(chosen.order_by(events.c.id.desc())).all()]


def _twins(
    connection: Connection, event_ids: Sequence[str], browsers: Collection[str]
) -> Mapping[str, Sequence[_Row]]:
    found: dict[str, list[_Row]] = defaultdict(list)
    for some in in_portions(event_ids, _AT_ONCE):
        chosen = select(*_COLUMNS).where(
            events.c.event_id.in_(some), events.c.mapping.not_in(sorted(browsers))
        )
        for row in connection.execute(chosen).all():
            found[row.event_id].append(_Row(*row))
    return found


def _counted(
    own: Iterable[_Row], twins: Mapping[str, Sequence[_Row]], now: int, within: int
) -> list[PairedName]:
    results: dict[str, dict[str, list[bytes]]] = defaultdict(lambda: defaultdict(list))
    for row in own:
        reason = remark_on(row, twins.get(row.event_id or "", ()), now, within)
        results[row.event_name or "(none)"][reason].append(row.id)
    counted = [_paired_name(name, found) for name, found in results.items()]
    return sorted(counted, key=lambda one: (-one.browser_events, one.event_name))


def _paired_name(name: str, found: Mapping[str, Sequence[bytes]]) -> PairedName:
    alone = {reason: found[reason] for reason in REASONS if reason in found}
    return PairedName(
        name,
        sum(map(len, found.values())),
        sum(len(found.get(paired, ())) for paired in ("", "page_first")),
        {reason: len(ids) for reason, ids in alone.items()},
        {reason: [text_id(one) for one in ids[:_MOST_EXAMPLES]] for reason, ids in alone.items()},
    )


def _joined(connection: Connection, joining: Collection[str], start: bytes) -> list[JoinedMapping]:
    without = events.c.score_without_visit
    of_joined = func.avg(events.c.match_score).filter(without.is_not(None))
    chosen = (
        select(
            events.c.mapping,
            func.count(),
            func.count(without),
            func.avg(without),
            of_joined,
            func.avg(func.coalesce(without, events.c.match_score)),
            func.avg(events.c.match_score),
        )
        .where(
            events.c.mapping.in_(sorted(joining)),
            events.c.id >= start,
            events.c.status != "suppressed",
            events.c.match_score.is_not(None),
        )
        .group_by(events.c.mapping)
        .order_by(func.count().desc(), events.c.mapping)
    )
    return [_joined_mapping(*row) for row in connection.execute(chosen)]


def _joined_mapping(mapping: str, number: int, joined: int, *means: Any) -> JoinedMapping:
    return JoinedMapping(
        mapping, number, joined, *[None if one is None else round(float(one), 1) for one in means]
    )


def remark_on(row: _Row, twins: Sequence[_Row], now: int, within: int) -> str:
    """Return why an event of a browser has no twin, or "page_first", or "" when there is nothing to say.

    Times are Unix seconds, `within` is in seconds.
    """
    if not row.event_id:
        return "no_id"
    if not twins:
        return "may_come" if now - row.event_time < within else "no_server_event"
    return next(_first_obstacle(row, twins, within), "page_first" if _was_first(row, twins) else "")


def _was_first(row: _Row, twins: Sequence[_Row]) -> bool:
    """Say whether a page's event is sent, and no event of a server that is the same event."""
    same = [twin for twin in twins if (twin.event_name, twin.dataset_id) == (row.event_name, row.dataset_id)]
    return row.status in _GOES_OUT - {"skipped"} and all(twin.status == "skipped" for twin in same)


def _first_obstacle(row: _Row, twins: Sequence[_Row], within: int) -> Iterator[str]:
    """Yield what keeps an event from every twin that is left, if anything does."""
    hurdles: tuple[tuple[str, Callable[[_Row], bool]], ...] = (
        ("other_dataset", lambda twin: twin.dataset_id == row.dataset_id),
        ("other_name", lambda twin: twin.event_name == row.event_name),
        ("too_far_apart", lambda twin: abs(twin.event_time - row.event_time) <= within),
        ("not_sent", lambda twin: twin.status in _GOES_OUT),
    )
    left = list(twins)
    for reason, passes in hurdles:
        left = [twin for twin in left if passes(twin)]
        if not left:
            yield reason
            return
