"""When an alert is sent: once for each thing, worded plainly, and in the shape the receiver takes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.monitoring.alerts import Alert, AlertMonitor, Snapshot
from bridge.settings import Alerts, Settings, load_settings

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
GIB = 1_073_741_824


class Log:
    def warning(self, event: str, **values: Any) -> None:
        """Take no note."""


@pytest.fixture
def settings(tmp_path) -> Settings:
    return replace(load_settings(None, {}, folder=tmp_path), alerts=Alerts(url="https://alerts.example/x"))


def monitor_of(settings: Settings) -> tuple[AlertMonitor, list[dict[str, Any]]]:
    sent: list[dict[str, Any]] = []
    return AlertMonitor(settings, lambda message: sent.append(json.loads(message.body)), Log()), sent


def snapshot(oldest: float = 0.0, free: int | None = 9 * GIB, tests: tuple[str, ...] = ()) -> Snapshot:
    return Snapshot({"main": oldest}, free, tests)


@pytest.mark.parametrize(
    ("seen", "kinds"),
    [
        pytest.param(snapshot(), [], id="all is well"),
        pytest.param(snapshot(oldest=3601), ["oldest_waiting"], id="an old event waits"),
        pytest.param(snapshot(free=GIB - 1), ["disk"], id="the disk is nearly full"),
        pytest.param(snapshot(free=None), [], id="the disk is another machine's"),
        pytest.param(snapshot(3601, 5), ["oldest_waiting", "disk"], id="two things at once"),
    ],
)
def test_a_snapshot_is_checked_against_the_thresholds(settings, seen, kinds):
    monitor, sent = monitor_of(settings)
    monitor.check(seen, NOW)
    assert [alert["kind"] for alert in sent] == kinds


def test_an_alert_is_repeated_only_after_a_while(settings):
    monitor, sent = monitor_of(settings)
    for minutes in (0, 10, 59, 60, 61):
        monitor.raise_alert(Alert("paused", "main", "main: paused"), NOW + timedelta(minutes=minutes))
    monitor.raise_alert(Alert("paused", "other", "other: paused"), NOW)
    assert [alert["at"][11:16] for alert in sent] == ["12:00", "13:00", "12:00"]


def test_a_test_mode_that_lasts_raises_an_alert_and_one_that_ended_does_not(settings):
    monitor, sent = monitor_of(settings)
    for minutes in (0, 60, 119, 120):
        monitor.check(snapshot(tests=("destination main",)), NOW + timedelta(minutes=minutes))
    assert [(alert["kind"], alert["about"]) for alert in sent] == [("test_mode", "destination main")]
    assert "does not discard" in sent[0]["text"]

    monitor, sent = monitor_of(settings)
    monitor.check(snapshot(tests=("destination main",)), NOW)
    monitor.check(snapshot(), NOW + timedelta(minutes=90))
    monitor.check(snapshot(tests=("destination main",)), NOW + timedelta(minutes=150))
    assert sent == []


@pytest.mark.parametrize(
    ("sent", "refused", "is_sent"),
    [(100, 10, False), (100, 20, True), (5, 5, False), (0, 20, True)],
    ids=["under the share", "over it", "too few to tell", "nothing but refusals"],
)
def test_the_share_of_refused_events_is_watched(settings, sent, refused, is_sent):
    monitor, alerts = monitor_of(settings)
    monitor.settled(sent, refused, NOW)
    assert bool(alerts) is is_sent


def test_refusals_of_more_than_an_hour_ago_do_not_count(settings):
    monitor, sent = monitor_of(settings)
    monitor.settled(0, 19, NOW)
    monitor.settled(20, 2, NOW + timedelta(minutes=61))
    assert sent == []


def test_a_chat_gets_one_text_and_a_program_gets_fields(settings):
    monitor, sent = monitor_of(replace(settings, alerts=replace(settings.alerts, style="slack")))
    monitor.raise_alert(Alert("disk", "disk", "only 5 MiB are free", "error"), NOW)
    assert sent == [{"text": ":rotating_light: capi-bridge: only 5 MiB are free"}]

    monitor, sent = monitor_of(settings)
    monitor.raise_alert(Alert("disk", "disk", "only 5 MiB are free", "error"), NOW)
    assert sent == [
        {
            "type": "alert",
            "kind": "disk",
            "about": "disk",
            "severity": "error",
            "text": "only 5 MiB are free",
            "at": "2026-11-21T12:00:00+00:00",
        }
    ]


def test_without_a_url_no_alert_is_sent(settings):
    monitor, sent = monitor_of(replace(settings, alerts=Alerts()))
    monitor.check(snapshot(oldest=99_999), NOW)
    assert sent == []
