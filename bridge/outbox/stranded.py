"""Events for a dataset that is no longer configured: found, and moved when a person says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, or_, select, update

from bridge.outbox.database import Read, Write
from bridge.outbox.hourly_counts import COUNTED, by_dataset, changes_in
from bridge.outbox.ids import new_id
from bridge.outbox.lanes import all_lanes, lane_key, number
from bridge.outbox.records import text_id, to_ms
from bridge.outbox.repeat_scope import scope_of
from bridge.outbox.tables import (
    attempts,
    event_attempts,
    events,
    fetches,
    pauses,
    queue,
    repeat_keys,
    webhooks,
)

Target = tuple[str, str]  # the name of a destination and its dataset
OPEN = ("waiting", "held", "fetching")  # the statuses of what can be moved
_PORTION = 500


@dataclass(frozen=True, slots=True)
class Stranded:
    """How many events wait, are held or fetched for, whose destination leads to another dataset by now."""

    destination: str
    dataset_id: str
    waiting: int
    held: int
    fetching: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the shape of it in every JSON answer."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Move:
    """Which events are moved where. `across` also takes those of other destinations."""

    from_dataset: str
    destination: str
    dataset_id: str
    across: bool = False


class StrandedEvents:
    """Finds and moves events for datasets that are not configured; `read` and `write` are the outbox's."""

    def __init__(self, read: Read, write: Write) -> None:
        self._read = read
        self._write = write

    def found(self, configured: Collection[Target]) -> list[Stranded]:
        """Return what is kept for datasets that are not among the configured ones."""
        return self._read(lambda connection: _stranded(connection, configured))

    def movable(self, move: Move) -> dict[str, int]:
        """Count what a move would take: `waiting`, `held`, `fetching`, and `left` of other destinations."""
        return self._read(lambda connection: _movable(connection, move))

    def move_portion(self, move: Move, now: datetime) -> Counter[str]:
        """Move some events; count what they became: their status, or `skipped`. Empty when all are moved.

        An event whose name and id are taken at the new dataset is skipped: it would count there twice.
        """
        return self._write("move", lambda connection: _next_portion(connection, move, to_ms(now)))


def _stranded(connection: Connection, configured: Collection[Target]) -> list[Stranded]:
    waiting = _waiting(connection, configured)
    kept = {
        (status, (destination, dataset_id)): number
        for status, destination, dataset_id, number in connection.execute(by_dataset(("held", "fetching")))
    }
    targets = {*waiting, *(target for _, target in kept)}
    return [
        Stranded(*target, waiting[target], kept.get(("held", target), 0), kept.get(("fetching", target), 0))
        for target in sorted(targets.difference(configured))
    ]


def _waiting(connection: Connection, configured: Collection[Target]) -> Counter[Target]:
    """Count what waits in lanes that lead nowhere; usually there are none, and the queue is not looked at."""
    known = {lane.id: (lane.destination, lane.dataset_id) for lane in all_lanes(connection)}
    ids = [lane_id for lane_id, target in known.items() if target not in configured]
    in_lanes = (queue.c.lane_id.in_(ids)) & queue.c.claim_id.is_(None)
    grouped = select(queue.c.lane_id, func.count()).where(in_lanes).group_by(queue.c.lane_id)
    found: Counter[Target] = Counter()
    for lane_id, waiting in connection.execute(grouped) if ids else ():
        found[known[lane_id]] += waiting
    return found


def _movable(connection: Connection, move: Move) -> dict[str, int]:
    counts = Counter({(status, mine): count for status, mine, count in connection.execute(_by_status(move))})
    taken = {status: counts[status, True] + counts[status, False] * move.across for status in OPEN}
    left = 0 if move.across else sum(counts[status, False] for status in OPEN)
    return {**taken, "left": left}


def _by_status(move: Move) -> Any:
    is_mine = (events.c.destination == move.destination).label("mine")
    return (
        select(events.c.status, is_mine, func.count())
        .where(_is_open(move))
        .group_by(events.c.status, is_mine)
    )


def _is_open(move: Move) -> ColumnElement[bool]:
    """Match what has not come to an end and is in no worker's hands."""
    in_hand = exists().where(queue.c.event_id == events.c.id, queue.c.claim_id.is_not(None))
    waits = and_(events.c.status == "waiting", ~in_hand)
    asked_for = exists().where(fetches.c.webhook_id == events.c.webhook_id, fetches.c.claim_id.is_not(None))
    is_fetched_for = and_(events.c.status == "fetching", ~asked_for)
    is_there = and_(events.c.destination == move.destination, events.c.dataset_id == move.dataset_id)
    is_open = or_(events.c.status == "held", waits, is_fetched_for)
    return and_(events.c.dataset_id == move.from_dataset, ~is_there, is_open)


def _next_portion(connection: Connection, move: Move, now: int) -> Counter[str]:
    mine = _is_open(move) if move.across else and_(_is_open(move), events.c.destination == move.destination)
    chosen = select(events).where(mine).order_by(events.c.id).limit(_PORTION)
    rows = connection.execute(chosen.with_for_update()).all()
    became = Counter(_moved(connection, row, move, now) for row in rows)
    if rows:
        _note(connection, [row.id for row in rows], move, now)
        for webhook_id in dict.fromkeys(row.webhook_id for row in rows):
            _rebind_repeat_key(connection, webhook_id)
    else:
        _end_pauses(connection, move.from_dataset)
    return became


def _moved(connection: Connection, row: Any, move: Move, now: int) -> str:
    values = {"destination": move.destination, "dataset_id": move.dataset_id, "changed_at": now}
    first = _same_event(connection, row, move.dataset_id) if row.stands else None
    if first is not None:
        reason = f"the same event is already stored as {text_id(first)}"
        values |= {"status": "skipped", "stands": None, "reason": reason}
        connection.execute(delete(queue).where(queue.c.event_id == row.id))
    elif row.status == "waiting":
        lane = number(connection, lane_key(move.destination, move.dataset_id, row.test_event_code))
        connection.execute(update(queue).where(queue.c.event_id == row.id).values(lane_id=lane))
    moved = update(events).where(events.c.id == row.id).values(values)
    before = [row._mapping[column] for column in COUNTED]
    after = connection.execute(moved.returning(*COUNTED)).one()
    changes_in(connection).add([before], -1)
    changes_in(connection).add([after])
    return str(after.status)


def _same_event(connection: Connection, row: Any, dataset_id: str) -> bytes | None:
    standing = select(events.c.id).where(
        events.c.event_id == row.event_id,
        events.c.event_name == row.event_name,
        events.c.dataset_id == dataset_id,
        events.c.stands == 1,
        events.c.id != row.id,
    )
    found: bytes | None = connection.execute(standing).scalar_one_or_none()
    return found


def _note(connection: Connection, ids: Sequence[bytes], move: Move, now: int) -> None:
    """Leave a line in the history of each event."""
    attempt_id = new_id(now)
    line = {
        "id": attempt_id,
        "destination": move.destination,
        "dataset_id": move.dataset_id,
        "events": len(ids),
        "started_at": now,
        "duration_ms": 0,
        "outcome": "retargeted",
        "reason": f"moved from dataset {move.from_dataset} to {move.dataset_id}",
    }
    connection.execute(insert(attempts).values(line))
    connection.execute(insert(event_attempts), [{"event_id": row, "attempt_id": attempt_id} for row in ids])


def _end_pauses(connection: Connection, dataset_id: str) -> None:
    """Forget the pauses of a dataset that is left: nobody would try whether they are over."""
    connection.execute(delete(pauses).where(pauses.c.scope.endswith(f":{dataset_id}", autoescape=True)))


def _rebind_repeat_key(connection: Connection, webhook_id: bytes) -> None:
    """Bind the repeat key of a webhook to where its events go now, unless a newer webhook holds it."""
    pairs = connection.execute(
        select(events.c.dataset_id, events.c.test_event_code).where(events.c.webhook_id == webhook_id)
    )
    revision = connection.execute(select(webhooks.c.revision).where(webhooks.c.id == webhook_id)).scalar_one()
    scope = scope_of([(dataset_id, code) for dataset_id, code in pairs], revision)
    other = repeat_keys.alias()
    same = and_(other.c.mapping == repeat_keys.c.mapping, other.c.repeat_key == repeat_keys.c.repeat_key)
    is_taken = exists().where(same, other.c.scope == scope)
    bound = update(repeat_keys).where(repeat_keys.c.webhook_id == webhook_id, ~is_taken)
    connection.execute(bound.values(scope=scope))
