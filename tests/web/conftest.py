"""A web door of its own for every test: real mappings, a real outbox on disk, a clock that stands still."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from bridge.bootstrap import prepare
from bridge.monitoring.log import get_logger
from bridge.monitoring.metrics import Metrics
from bridge.outbox import EventRecord, Query
from bridge.settings import load_settings
from bridge.web.app import create_app
from bridge.web.door import Door, open_door

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ADMIN = {"Authorization": "Bearer admin-token"}
ENVIRONMENT = {
    "META_DATASET_ID": "1234567890123456",
    "META_ACCESS_TOKEN": "meta-token",
    "CAPI_BRIDGE_ADMIN_TOKEN": "admin-token",
    "LEAD_SECRET": "lead-secret",
    "CAPI_BRIDGE_GRAPH_URL": "http://127.0.0.1:9",
}
EVENT = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
user_data: {email: mail}
"""
MAPPINGS = {
    "lead": EVENT,
    "automation": EVENT + "receive: {sent_by: automation}\n",
    "browser": EVENT + "receive: {sent_by: browser}\n",
    "json-only": EVENT + "receive: {accept: [json]}\n",
    "small": EVENT + "receive: {max_size: 1 KiB}\n",
    "secret": EVENT + 'receive: {verify: {scheme: token, header: X-Token, secret: "${LEAD_SECRET}"}}\n',
    "paid": EVENT + "when: {status: paid}\n",
    "consent": EVENT + "consent: {from: agreed, granted: ['yes'], denied: ['no']}\n",
    "keyed": EVENT + "receive: {repeat_key: id}\n",
}


@dataclass
class WebDoor:
    """The door, its client and its clock."""

    door: Door
    client: FlaskClient
    folder: Path
    clock: list[datetime] = field(default_factory=list)

    def later(self, **length: float) -> None:
        self.clock[0] += timedelta(**length)

    def use(self, **parts: Any) -> None:
        """Give the door other parts."""
        self.door = replace(self.door, **parts)
        self.client = create_app(self.door).test_client()

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **more: Any) -> Any:
        if isinstance(body, dict | list):
            body, more = json.dumps(body).encode(), {"content_type": "application/json", **more}
        return self.client.post(path, data=body, headers=dict(headers or {}), **more)

    def stored(self, **query: Any) -> list[EventRecord]:
        return self.door.outbox().find(Query(**query))


Start = Callable[..., WebDoor]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Open web doors; each is closed at the end of the test."""
    opened: list[WebDoor] = []

    def open_one(
        mappings: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        settings: str | None = None,
        **replaced: Any,
    ) -> WebDoor:
        folder = tmp_path / "mappings"
        folder.mkdir(exist_ok=True)
        for name, text in {**MAPPINGS, **(mappings or {})}.items():
            (folder / f"{name}.yaml").write_text(text)
        if settings is not None:
            (tmp_path / "bridge.yaml").write_text(settings)
        known = ENVIRONMENT if environment is None else environment
        read = load_settings(None, known, folder=tmp_path)
        prepare(read)
        clock = [NOW]
        door = open_door(read, Metrics(), known)
        door = replace(door, now=lambda: clock[0], log=get_logger(), **replaced)
        web = WebDoor(door, create_app(door).test_client(), tmp_path, clock)
        opened.append(web)
        return web

    yield open_one
    for web in opened:
        web.door.outbox.close()


@pytest.fixture
def web(start: Start) -> WebDoor:
    """A web door with the usual mappings and settings."""
    return start()
