"""When a person is told: once for each thing, in words, and in the shape the receiver takes."""

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


def alarm_of(settings: Settings) -> tuple[AlertMonitor, list[dict[str, Any]]]:
    told: list[dict[str, Any]] = []
    return AlertMonitor(settings, lambda message: told.append(json.loads(message.body)), Log()), told


def situation(oldest: float = 0.0, free: int | None = 9 * GIB, tests: tuple[str, ...] = ()) -> Snapshot:
    return Snapshot({"main": oldest}, free, tests)


@pytest.mark.parametrize(
    ("seen", "kinds"),
    [
        pytest.param(situation(), [], id="all is well"),
        pytest.param(situation(oldest=3601), ["oldest_waiting"], id="an old event waits"),
        pytest.param(situation(free=GIB - 1), ["disk"], id="the disk is nearly full"),
        pytest.param(situation(free=None), [], id="the disk is another machine's"),
        pytest.param(situation(3601, 5), ["oldest_waiting", "disk"], id="two things at once"),
    ],
)
def test_a_situation_is_judged_by_the_thresholds(settings, seen, kinds):
    alarm, told = alarm_of(settings)
    alarm.look(seen, NOW)
    assert [alert["kind"] for alert in told] == kinds


def test_the_same_thing_is_told_again_only_after_a_while(settings):
    alarm, told = alarm_of(settings)
    for minutes in (0, 10, 59, 60, 61):
        alarm.raise_alert(Alert("paused", "main", "main: paused"), NOW + timedelta(minutes=minutes))
    alarm.raise_alert(Alert("paused", "other", "other: paused"), NOW)
    assert [alert["at"][11:16] for alert in told] == ["12:00", "13:00", "12:00"]


def test_a_test_mode_that_lasts_is_told_and_one_that_ended_is_not(settings):
    alarm, told = alarm_of(settings)
    for minutes in (0, 60, 119, 120):
        alarm.look(situation(tests=("destination main",)), NOW + timedelta(minutes=minutes))
    assert [(alert["kind"], alert["about"]) for alert in told] == [("test_mode", "destination main")]
    assert "does not discard" in told[0]["text"]

    alarm, told = alarm_of(settings)
    alarm.look(situation(tests=("destination main",)), NOW)
    alarm.look(situation(), NOW + timedelta(minutes=90))
    alarm.look(situation(tests=("destination main",)), NOW + timedelta(minutes=150))
    assert told == []


@pytest.mark.parametrize(
    ("sent", "refused", "is_told"),
    [(100, 10, False), (100, 20, True), (5, 5, False), (0, 20, True)],
    ids=["under the share", "over it", "too few to tell", "nothing but refusals"],
)
def test_the_share_of_refused_events_is_watched(settings, sent, refused, is_told):
    alarm, told = alarm_of(settings)
    alarm.settled(sent, refused, NOW)
    assert bool(told) is is_told


def test_refusals_of_more_than_an_hour_ago_do_not_count(settings):
    alarm, told = alarm_of(settings)
    alarm.settled(0, 19, NOW)
    alarm.settled(20, 2, NOW + timedelta(minutes=61))
    assert told == []


def test_a_chat_gets_one_text_and_a_program_gets_fields(settings):
    alarm, told = alarm_of(replace(settings, alerts=replace(settings.alerts, style="slack")))
    alarm.raise_alert(Alert("disk", "disk", "only 5 MiB are free", "error"), NOW)
    assert told == [{"text": ":rotating_light: capi-bridge: only 5 MiB are free"}]

    alarm, told = alarm_of(settings)
    alarm.raise_alert(Alert("disk", "disk", "only 5 MiB are free", "error"), NOW)
    assert told == [
        {
            "type": "alert",
            "kind": "disk",
            "about": "disk",
            "severity": "error",
            "text": "only 5 MiB are free",
            "at": "2026-11-21T12:00:00+00:00",
        }
    ]


def test_without_an_address_nobody_is_told(settings):
    alarm, told = alarm_of(replace(settings, alerts=Alerts()))
    alarm.look(situation(oldest=99_999), NOW)
    assert told == []
