"""`on_result`: signed messages about what became of events, verified by the other end of the same scheme."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.bootstrap import open_mappings
from bridge.errors import NotAuthentic
from bridge.models import Request, VerifyRule
from bridge.monitoring.notifier import Message, Notifier
from bridge.monitoring.result_webhooks import ResultWebhooks
from bridge.outbox import EventRecord
from bridge.settings import load_settings
from bridge.verify import verify

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"a key of the receiver").decode()
MAPPING = """\
version: 1
event_name: Lead
action_source: system_generated
user_data: {email: mail}
"""
RECORD = EventRecord(
    id="01a1fcef-d037-723e-af54-1cda694aa12a",
    webhook_id="01a1fcef-d037-723e-af53-984f4d0047c2",
    mapping="lead",
    label="Lead",
    destination="main",
    dataset_id="1",
    test_event_code=None,
    mode="live",
    event_name="Lead",
    event_id="lead-1",
    event_time=1795262400,
    status="sent",
    reason=None,
    findings=(),
    match_score=80,
    accepted_until=None,
    received_at=NOW,
    changed_at=NOW,
    attempts=1,
    next_attempt_at=None,
)


def result_webhooks(folder: Path, settings: str = "", mapping: str = MAPPING) -> ResultWebhooks:
    (folder / "mappings").mkdir(exist_ok=True)
    (folder / "mappings" / "lead.yaml").write_text(mapping)
    (folder / "bridge.yaml").write_text(settings)
    environment = {"RESULT_SECRET": SECRET, "OLD_SECRET": OLD}
    read = load_settings(None, environment, folder=folder)
    return ResultWebhooks(read, open_mappings(read, environment))


BY_SETTINGS = (
    'hooks: {lead: {on_result: {url: "https://crm.example/settings", secret: "${RESULT_SECRET}"}}}\n'
)
BY_MAPPING = MAPPING + 'on_result: {url: "https://crm.example/mapping", secret: "${RESULT_SECRET}"}\n'


def request_of(message: Message, **changed: Any) -> Request:
    return Request("POST", message.url, {**message.headers, **changed}, {}, message.body, None, NOW)


RULE = VerifyRule(scheme="standard_webhooks", secrets=(SECRET.encode(),))


def test_a_result_is_posted_with_a_valid_signature(tmp_path):
    [message] = result_webhooks(tmp_path, BY_SETTINGS).messages([RECORD], "trace-1", NOW)

    assert message.url == "https://crm.example/settings"
    assert verify(request_of(message), RULE)
    assert json.loads(message.body) == {
        "type": "event.result",
        "timestamp": "2026-11-21T12:00:00+00:00",
        "data": {
            "mapping": "lead",
            "fbtrace_id": "trace-1",
            "events": [
                {
                    "id": RECORD.id,
                    "event_name": "Lead",
                    "event_id": "lead-1",
                    "destination": "main",
                    "status": "sent",
                    "reason": None,
                    "test_event_code": None,
                }
            ],
        },
    }


OLD = "whsec_" + base64.b64encode(b"the key before").decode()


@pytest.mark.parametrize(
    ("settings", "mapping"),
    [
        pytest.param(
            BY_SETTINGS.replace('"}}}', f'", previous_secret: "{OLD}"}}}}}}'), MAPPING, id="settings"
        ),
        pytest.param("", BY_MAPPING.replace('"}\n', '", previous_secret: "${OLD_SECRET}"}\n'), id="mapping"),
    ],
)
def test_while_a_secret_is_changed_receivers_with_either_one_believe_the_result(tmp_path, settings, mapping):
    [message] = result_webhooks(tmp_path, settings, mapping).messages([RECORD], None, NOW)
    assert message.headers["webhook-signature"].count("v1,") == 2
    for secret in (SECRET, OLD):
        assert verify(request_of(message), replace(RULE, secrets=(secret.encode(),)))
    with pytest.raises(NotAuthentic):
        verify(request_of(message), replace(RULE, secrets=(b"whsec_YW5vdGhlcg==",)))


def test_a_result_that_was_changed_on_the_way_is_not_believed(tmp_path):
    [message] = result_webhooks(tmp_path, BY_SETTINGS).messages([RECORD], None, NOW)
    with pytest.raises(NotAuthentic):
        verify(request_of(replace(message, body=message.body.replace(b"sent", b"lost"))), RULE)
    with pytest.raises(NotAuthentic):
        verify(request_of(message, **{"webhook-id": "another"}), RULE)


def test_the_same_result_has_the_same_id_so_that_a_repeat_is_recognised(tmp_path):
    webhooks = result_webhooks(tmp_path, BY_SETTINGS)
    [first] = webhooks.messages([RECORD], None, NOW)
    [again] = webhooks.messages([RECORD], None, NOW + timedelta(minutes=1))
    [other] = webhooks.messages([replace(RECORD, status="refused")], None, NOW)
    assert first.headers["webhook-id"] == again.headers["webhook-id"] != other.headers["webhook-id"]


@pytest.mark.parametrize(
    ("settings", "mapping", "urls"),
    [
        pytest.param("", MAPPING, [], id="nobody asked"),
        pytest.param(BY_SETTINGS, MAPPING, ["https://crm.example/settings"], id="the operator"),
        pytest.param("", BY_MAPPING, ["https://crm.example/mapping"], id="the mapping's file"),
        pytest.param(BY_SETTINGS, BY_MAPPING, ["https://crm.example/settings"], id="both: the operator"),
    ],
)
def test_who_asked_is_told(tmp_path, settings, mapping, urls):
    webhooks = result_webhooks(tmp_path, settings, mapping)
    assert webhooks.wanted() is bool(urls)
    assert [message.url for message in webhooks.messages([RECORD], None, NOW)] == urls


@pytest.mark.parametrize("status", ["waiting", "sending", "held"])
def test_what_is_not_at_its_end_is_not_told(tmp_path, status):
    assert result_webhooks(tmp_path, BY_SETTINGS).messages([replace(RECORD, status=status)], None, NOW) == []


def test_a_message_does_not_show_its_address_or_secret(tmp_path):
    [message] = result_webhooks(tmp_path, BY_SETTINGS).messages([RECORD], None, NOW)
    assert "crm.example" not in repr(message)


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def warning(self, event: str, **values: Any) -> None:
        self.lines.append((event, values["reason"]))


MESSAGE = Message("a test", "https://crm.example", b"{}")


@pytest.mark.parametrize(
    ("answers", "calls", "lines"),
    [
        pytest.param([200], 1, [], id="taken at once"),
        pytest.param([500, OSError("down"), 204], 3, [], id="taken at the third try"),
        pytest.param([500] * 9, 4, [("notification_failed", "HTTP 500")], id="never taken"),
    ],
)
def test_a_message_is_tried_a_few_times_and_then_dropped(answers, calls, lines):
    made: list[Message] = []
    log, called = Log(), threading.Semaphore(0)

    def post(message: Message) -> int:
        made.append(message)
        called.release()
        answer = answers[len(made) - 1]
        if isinstance(answer, OSError):
            raise answer
        return answer

    notifier = Notifier(post, log, waits=(0, 0, 0))
    notifier.send(MESSAGE)
    assert all(called.acquire(timeout=30) for _ in range(calls))
    notifier.close(30)

    assert (made, log.lines) == ([MESSAGE] * calls, lines)
