"""Pairing: which events of browsers found the server's event with the same id, and why the others did not.

Meta counts an event once when browser and server send it with the same name and id within 48 hours of each
other. Where both come through the bridge, what is stored shows whether they do.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, select

from bridge.outbox.ids import first_id
from bridge.outbox.records import to_ms
from bridge.outbox.tables import events

MOST_COUNTED: Final = 100_000
_AT_ONCE: Final = 5_000
# an event that has one of these reaches Meta, or did so as another one with the same id
_GOES_OUT: Final = frozenset({"fetching", "waiting", "sending", "sent", "skipped"})
# why an event of a browser has no twin, in the order in which people should look at it
REASONS: Final = {
    "no_id": "it has no event id",
    "no_server_event": "no event of a server has its id",
    "may_come": "no event of a server has its id yet; it may still come",
    "other_name": "the server's event has its id under another event name",
    "other_dataset": "the server's event has its id, but goes to another dataset",
    "too_far_apart": "the server's event has its id, but happened more than 48 hours earlier or later",
    "not_sent": "the server's event has its id, but was not sent",
}


class _Row(NamedTuple):
    mapping: str
    event_name: str
    event_id: str | None
    dataset_id: str
    event_time: int
    status: str


@dataclass(frozen=True, slots=True)
class PairedName:
    """How many events of browsers had one name, how many of them found their twin, and why others did not."""

    event_name: str
    browser_events: int
    paired: int
    reasons: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        """Return the shape in every JSON answer."""
        parts = {name: getattr(self, name) for name in ("event_name", "browser_events", "paired")}
        return {**parts, "reasons": dict(self.reasons)}


class Pairing:
    """Counts twins in what is kept; `read` is the outbox's."""

    def __init__(self, read: Callable[[Callable[[Connection], Any]], Any]) -> None:
        self._read = read

    def count(
        self, browsers: Collection[str], since: datetime, now: datetime, within: timedelta
    ) -> list[PairedName]:
        """Return the counts by event name, most frequent first.

        `browsers` are the mappings that browsers post to. Of very many events, the latest ones are counted.
        """

        def work(connection: Connection) -> list[PairedName]:
            own = _of_browsers(connection, browsers, since)
            twins = _twins(connection, sorted({row.event_id for row in own if row.event_id}), browsers)
            return _counted(own, twins, int(now.timestamp()), int(within.total_seconds()))

        counted: list[PairedName] = self._read(work)
        return counted


_COLUMNS = tuple(events.c[name] for name in _Row._fields)


def _of_browsers(connection: Connection, browsers: Collection[str], since: datetime) -> list[_Row]:
    chosen = select(*_COLUMNS).where(
        events.c.mapping.in_(sorted(browsers)),
        events.c.id >= first_id(to_ms(since)),
        events.c.status != "suppressed",
    )
    latest = chosen.order_by(events.c.id.desc()).limit(MOST_COUNTED)
    return [_Row(*row) for row in connection.execute(latest)]


def _twins(
    connection: Connection, event_ids: Sequence[str], browsers: Collection[str]
) -> Mapping[str, Sequence[_Row]]:
    found: dict[str, list[_Row]] = defaultdict(list)
    for some in (event_ids[start : start + _AT_ONCE] for start in range(0, len(event_ids), _AT_ONCE)):
        chosen = select(*_COLUMNS).where(
            events.c.event_id.in_(some), events.c.mapping.not_in(sorted(browsers))
        )
        for row in connection.execute(chosen):
            found[row.event_id].append(_Row(*row))
    return found


def _counted(
    own: Iterable[_Row], twins: Mapping[str, Sequence[_Row]], now: int, within: int
) -> list[PairedName]:
    results: dict[str, Counter[str]] = defaultdict(Counter)
    for row in own:
        results[row.event_name or "(none)"][
            why_alone(row, twins.get(row.event_id or "", ()), now, within)
        ] += 1
    names = sorted(results, key=lambda name: (-results[name].total(), name))
    return [_paired_name(name, results[name]) for name in names]


def _paired_name(name: str, results: Counter[str]) -> PairedName:
    reasons = {reason: results[reason] for reason in REASONS if results[reason]}
    return PairedName(name, results.total(), results[""], reasons)


def why_alone(row: _Row, twins: Sequence[_Row], now: int, within: int) -> str:
    """Return why an event of a browser has no twin, empty when it has one (Unix seconds, seconds)."""
    if not row.event_id:
        return "no_id"
    if not twins:
        return "may_come" if now - row.event_time < within else "no_server_event"
    return next(_first_obstacle(row, twins, within), "")


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
