"""What the simulator has received: the newest events and rejections in full, everything in numbers."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

EventKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One accepted event. `times` counts its dataset, name and event_id so far, this one included."""

    dataset_id: str
    version: str
    received_at: str
    test_event_code: str | None
    times: int
    event: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the shape of `GET /received`."""
        return {
            "dataset_id": self.dataset_id,
            "version": self.version,
            "received_at": self.received_at,
            "test_event_code": self.test_event_code,
            "times": self.times,
            "event": self.event,
        }


@dataclass(frozen=True, slots=True)
class RejectedRequest:
    """One request that was rejected or answered with a fault."""

    dataset_id: str
    received_at: str
    status: int
    code: int | None
    subcode: int | None
    message: str
    events: int

    def as_json(self) -> dict[str, Any]:
        """Return the shape of `GET /received`."""
        return asdict(self)


class Inbox:
    """Keeps the newest `keep` events and rejections; the counts are of all."""

    def __init__(self, keep: int) -> None:
        self._lock = threading.Lock()
        self._events: deque[ReceivedEvent] = deque(maxlen=keep)
        self._rejected: deque[RejectedRequest] = deque(maxlen=keep)
        self._times: Counter[EventKey] = Counter()
        self._counts: Counter[str] = Counter()

    def take(
        self,
        events: Sequence[Mapping[str, Any]],
        dataset_id: str,
        version: str,
        at: str,
        test_code: str | None,
    ) -> None:
        """Keep the events of one accepted request."""
        with self._lock:
            self._counts.update(requests=1, events=len(events), test_events=len(events) if test_code else 0)
            for event in events:
                times = self._count(dataset_id, event)
                self._events.append(ReceivedEvent(dataset_id, version, at, test_code, times, event))

    def _count(self, dataset_id: str, event: Mapping[str, Any]) -> int:
        event_id = event.get("event_id")
        if event_id is None:
            return 1
        key = (dataset_id, str(event["event_name"]), str(event_id))
        self._times[key] += 1
        return self._times[key]

    def add_rejected(self, rejected: RejectedRequest) -> None:
        """Keep one request that was rejected or failed."""
        with self._lock:
            self._counts.update(requests=1, refused=1)
            self._rejected.append(rejected)

    def events(self) -> tuple[ReceivedEvent, ...]:
        """Return the newest events, oldest first."""
        with self._lock:
            return tuple(self._events)

    def rejected(self) -> tuple[RejectedRequest, ...]:
        """Return the newest rejected requests, oldest first."""
        with self._lock:
            return tuple(self._rejected)

    def repeats(self) -> dict[EventKey, int]:
        """Return how often each (dataset, event name, event id) came that came more than once."""
        with self._lock:
            return {key: times for key, times in self._times.items() if times > 1}

    def counts(self) -> dict[str, int]:
        """Return the numbers of requests, events, test events and rejections since the start."""
        with self._lock:
            return {name: self._counts[name] for name in ("requests", "events", "test_events", "refused")}

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            for kept in (self._events, self._rejected, self._times, self._counts):
                kept.clear()

    def as_json(self) -> dict[str, Any]:
        """Return everything as `GET /received` shows it."""
        repeats = [
            {"dataset_id": dataset_id, "event_name": name, "event_id": event_id, "times": times}
            for (dataset_id, name, event_id), times in self.repeats().items()
        ]
        return {
            "counts": self.counts(),
            "events": [received.as_json() for received in self.events()],
            "repeats": repeats,
            "refused": [rejected.as_json() for rejected in self.rejected()],
        }
