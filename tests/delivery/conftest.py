"""A Meta that does as it is asked, a clock that is set by hand, and a worker between them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.delivery.http_client import GraphRequest, HttpResponse
from bridge.delivery.reports import BatchReport, Notification
from bridge.delivery.worker import Worker, delivery_context
from bridge.outbox import NewEvent, NewWebhook, Outbox
from bridge.settings import DeliverySettings, Destination, Settings

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DATASET = "1234567890123456"


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **length: float) -> None:
        self.now += timedelta(**length)


def error(code: int, subcode: int | None = None, **others: Any) -> dict[str, Any]:
    content = {"message": "lokaliseret", "code": code, "fbtrace_id": "Atrace", **others}
    return {"error": content if subcode is None else {**content, "error_subcode": subcode}}


@dataclass
class FakeMeta:
    """Answers each call by `answer(event ids)`; remembers every call."""

    answer: Callable[[list[str]], HttpResponse] | None = None
    posts: list[GraphRequest] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def __call__(self, post: GraphRequest) -> HttpResponse:
        self.posts.append(post)
        self.before()
        ids = ids_of(post)
        return self.answer(ids) if self.answer else accepted(len(ids))

    @property
    def batches(self) -> list[list[str]]:
        return [ids_of(post) for post in self.posts]


def ids_of(post: GraphRequest) -> list[str]:
    return [event["event_id"] for event in json.loads(post.body)["data"]]


def accepted(number: int, headers: Mapping[str, str] | None = None) -> HttpResponse:
    return HttpResponse(
        200, headers or {}, {"events_received": number, "messages": [], "fbtrace_id": "Atrace"}, duration_ms=7
    )


def settings_of(folder: Path, **delivery: Any) -> Settings:
    names = ("main", "other")
    return Settings(
        database_url="",
        graph_url="http://meta.invalid",
        mappings=(),
        destinations={name: Destination(name, DATASET, f"token-{name}") for name in names},
        demo=False,
        folder=folder,
        secret_key_file=folder / "key",
        delivery=DeliverySettings(**delivery),
    )


def an_event(name: str, **others: Any) -> NewEvent:
    values: dict[str, Any] = {
        "status": "waiting",
        "destination": "main",
        "dataset_id": DATASET,
        "event_name": "Purchase",
        "event_id": name,
        "event_time": int(START.timestamp()) - 60,
        "body": b'{"event_name":"Purchase","event_id":"%b","event_time":%d}'
        % (name.encode(), int(START.timestamp()) - 60),
        "accepted_until": int(START.timestamp()) + 7 * 86_400,
    }
    return NewEvent(**values | others)


@dataclass
class Bench:
    """Everything a delivery test touches."""

    outbox: Outbox
    meta: FakeMeta
    clock: Clock
    notifications: list[Notification]
    seen: list[BatchReport]
    folder: Path
    jitter: float = 0.5

    def worker(self, outbox: Outbox | None = None, **delivery: Any) -> Worker:
        return Worker(
            delivery_context(
                outbox or self.outbox,
                settings_of(self.folder, **delivery),
                send=self.meta,
                clock=self.clock,
                jitter=lambda: self.jitter,
                observe=self.seen.append,
                notify=self.notifications.append,
            )
        )

    def store(self, *events: NewEvent) -> list[str]:
        receipts = self.outbox.add_all(
            [NewWebhook("shop", "r", None, 0, self.clock.now, None, "request", (event,)) for event in events]
        )
        return [line.id for receipt in receipts for line in receipt.events]

    def statuses(self) -> dict[str, int]:
        return {status: number for status, number in self.outbox.counts().by_status.items() if number}

    def notices(self) -> list[str]:
        return [notification.kind for notification in self.notifications]


@pytest.fixture
def bench(outbox: Outbox, tmp_path: Path) -> Bench:
    return Bench(outbox, FakeMeta(), Clock(), [], [], tmp_path)


@pytest.fixture(name="an_event")
def an_event_fixture() -> Callable[..., NewEvent]:
    return an_event


@pytest.fixture(name="error")
def error_fixture() -> Callable[..., dict[str, Any]]:
    return error


@pytest.fixture(name="accepted")
def accepted_fixture() -> Callable[..., HttpResponse]:
    return accepted


@pytest.fixture(name="settings_of")
def settings_fixture() -> Callable[..., Settings]:
    return settings_of
