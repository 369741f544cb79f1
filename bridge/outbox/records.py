"""What goes into the outbox and what is read back: frozen values, without a database.

Those created for every webhook are named tuples: faster to create than a frozen dataclass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID

import orjson

from bridge.consent_decision import ConsentDecision
from bridge.finding import Finding
from bridge.mode import Mode
from bridge.models import Request

NewStatus = Literal["fetching", "waiting", "held", "skipped", "suppressed"]
Status = Literal[
    "fetching",
    "waiting",
    "sending",
    "sent",
    "held",
    "refused",
    "expired",
    "suppressed",
    "discarded",
    "skipped",
]
STATUSES: tuple[Status, ...] = get_args(Status)


class NewEvent(NamedTuple):
    """One event for one destination, as the pipeline left it.

    `body` is the final JSON of one element of Meta's `data` array; a `waiting` event must have one.
    `accepted_until` is the Unix second after which Meta would reject the event for its age.
    `score_without_visit` is its match strength without what an earlier visit added, if one was found.
    """

    status: NewStatus
    destination: str
    dataset_id: str
    event_name: str
    event_id: str | None
    event_time: int
    body: bytes | None
    test_event_code: str | None = None
    reason: str | None = None
    findings: tuple[Finding, ...] = ()
    match_score: int | None = None
    accepted_until: int | None = None
    label: str = ""
    consent: ConsentDecision | None = None
    score_without_visit: int | None = None


class NewFetch(NamedTuple):
    """What a webhook with `fetching` events waits for first, and when it is given up.

    `anew`: no answer that is still in memory will do.
    """

    source: str
    give_up_at: datetime
    anew: bool = False


@dataclass(frozen=True, slots=True)
class NewJob:
    """What is asked for. `request` and `source` (a file, the text of a mapping, a person) belong to its kind.

    `request` is shown in lists, so it names no person; `source` is kept encrypted until the job has ended.
    """

    kind: str
    request: Mapping[str, Any]
    source: bytes = b""
    total: int | None = None


@dataclass(frozen=True, slots=True)
class NewVisit:
    """What a page reported of one visitor, who allowed it to be kept, or who refused.

    `visitor_id` are 32 hexadecimal digits. `first` and `last` say how the visitor came, the first time and
    this time: landing page, referrer, campaign and click ids. A visit that was `denied` is not stored: all
    that is known of the visitor is deleted. Moments are the server's, but for `consent_at`.
    """

    visitor_id: str = field(repr=False)
    seen_at: datetime
    consent: Literal["granted", "denied"]
    consent_source: str
    consent_at: datetime
    event_id: str | None = None
    fbc: str | None = field(default=None, repr=False)
    fbp: str | None = field(default=None, repr=False)
    first: Mapping[str, str] = field(default_factory=dict, repr=False)
    last: Mapping[str, str] = field(default_factory=dict, repr=False)
    ip: str | None = field(default=None, repr=False)
    user_agent: str | None = field(default=None, repr=False)


class NewWebhook(NamedTuple):
    """One webhook with everything it became; stored as a whole or not at all.

    `repeat_key` makes a second webhook of the same mapping within `repeat_window_seconds` a duplicate;
    None turns that off. `request` is kept encrypted, so that a held event can be mapped again. `fetch` is
    there when some of the events are `fetching`. `job` is bulk work that the webhook asks for: it is queued
    when the webhook is stored. `visit` is what a page reported together with its event.
    """

    mapping: str
    revision: str
    repeat_key: bytes | None
    repeat_window_seconds: int
    received_at: datetime
    request: Request | None
    request_id: str
    events: tuple[NewEvent, ...]
    fetch: NewFetch | None = None
    job: NewJob | None = None
    visit: NewVisit | None = None


class StoredEvent(NamedTuple):
    """What the sender of a webhook may know about one stored event."""

    id: str
    event_name: str
    event_id: str | None
    destination: str
    status: str
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what the sender is shown."""
        return {
            "id": self.id,
            "event_name": self.event_name,
            "event_id": self.event_id,
            "destination": self.destination,
            "status": self.status,
        }


class Receipt(NamedTuple):
    """The proof that a webhook is on disk. `duplicate`: it already was, and these are its events.

    `remapped`: it already was, but events of it were held, and have been made anew from this one.
    `job_id`: of the job that the webhook asked for.
    """

    duplicate: bool
    webhook_id: str
    events: tuple[StoredEvent, ...]
    remapped: bool = False
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One stored event as it is shown. Times are aware and in UTC.

    `value`, `currency` and `order_id` are read from the body, in lists and where one event is shown.
    `reason_code` is the code of the first error, or Meta's code and subcode for a refused event. `consent`
    is what the person decided (`granted`, `denied`, `unknown`), read from the paths `consent_source`.
    """

    id: str
    webhook_id: str
    mapping: str
    label: str
    destination: str
    dataset_id: str
    test_event_code: str | None
    mode: Mode
    event_name: str
    event_id: str | None
    event_time: int
    status: str
    reason: str | None
    findings: tuple[Mapping[str, Any], ...]
    match_score: int | None
    accepted_until: int | None
    received_at: datetime
    changed_at: datetime
    attempts: int
    next_attempt_at: datetime | None
    value: float | None = None
    currency: str | None = None
    order_id: str | None = None
    reason_code: str | None = None
    consent: str | None = None
    consent_source: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the shape of an event in every JSON answer."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP call to a destination and what came of it; it may have carried many events.

    `answer` is what Meta itself said about an error, without anything that could be a person's value.
    """

    id: str
    destination: str
    dataset_id: str
    test_event_code: str | None
    events: int
    started_at: datetime
    duration_ms: int
    outcome: str
    http_status: int | None = None
    code: int | None = None
    subcode: int | None = None
    fbtrace_id: str | None = None
    reason: str | None = None
    answer: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the shape of an attempt in every JSON answer."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class EventDetail:
    """Everything that is kept about one event. `body` is exactly what is sent for it."""

    event: EventRecord
    body: bytes | None
    attempts: tuple[Attempt, ...]
    revision: str
    request_id: str
    raw_kept: bool

    def as_json(self) -> dict[str, Any]:
        """Return the event with its body and its attempts, as every JSON answer shows it."""
        return {
            **self.event.as_json(),
            "body": orjson.loads(self.body) if self.body else None,
            "attempts": [attempt.as_json() for attempt in self.attempts],
            "revision": self.revision,
            "raw_kept": self.raw_kept,
        }


@dataclass(frozen=True, slots=True)
class Query:
    """Which events are meant: every part that is given must hold.

    `since` and `until` bound the time that `by` names: when the webhook was received, or when the event
    happened. `http_status`, `code` and `subcode` are Meta's answer to the last attempt. `destinations` are
    those that whoever asks may see. `before` is the id to page on from (newest first), `after` the one to go
    on behind (oldest first).
    """

    ids: tuple[str, ...] = ()
    statuses: frozenset[str] = frozenset()
    mapping: str | None = None
    destination: str | None = None
    destinations: frozenset[str] | None = None
    mode: Mode | None = None
    event_name: str | None = None
    event_id: str | None = None
    reason: str | None = None
    http_status: int | None = None
    code: int | None = None
    subcode: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    by: Literal["received", "event"] = "received"
    webhook_id: str | None = None
    before: str | None = None
    after: str | None = None
    limit: int = 100

    def texts(self) -> list[str]:
        """Return every text to be compared with a stored one."""
        names = (self.mapping, self.destination, self.event_name, self.event_id, self.reason)
        return [text for text in names if text is not None]


@dataclass(frozen=True, slots=True)
class Depth:
    """How many events are queued for one destination, and since when. Ages are in seconds."""

    destination: str
    waiting: int
    sending: int
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many events there are in each status, and how many were ever received and are still kept."""

    received: int
    by_status: Mapping[str, int] = field(default_factory=dict)

    @property
    def reconciled(self) -> bool:
        """Return whether received = sent + waiting + … holds."""
        return self.received == sum(self.by_status.values())


def text_id(raw: bytes) -> str:
    """Return an id in text form; `str(UUID(…))` would take ten times as long."""
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def raw_id(text: str) -> bytes | None:
    """Return an id as the database keeps it, or None when the text is not an id at all."""
    try:
        return UUID(text).bytes
    except ValueError:
        return None


def raw_ids(texts: Iterable[str]) -> list[bytes]:
    """Return ids as the database keeps them; what is not an id is left out."""
    return [row_id for row_id in map(raw_id, texts) if row_id]


def from_ms(milliseconds: int) -> datetime:
    """Return the moment of a stored time."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def to_ms(moment: datetime) -> int:
    """Return a moment as it is stored: whole milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
