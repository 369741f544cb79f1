"""When a person is told, and in which words. The same thing is told no more often than the settings allow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bridge.monitoring.notifier import Message
from bridge.serialization import encode
from bridge.settings import Alerts, Settings

_HOUR = timedelta(hours=1)
_FEWEST_FOR_A_SHARE = 20


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person should look at. `about` tells repeats of one thing from different things."""

    kind: str
    about: str
    text: str
    severity: str = "warning"


@dataclass(frozen=True, slots=True)
class Situation:
    """What is looked at now and then: the queue's ages, the disk, and the test codes in force."""

    oldest_seconds: dict[str, float]
    free_disk_bytes: int | None
    test_modes: tuple[str, ...]


class Alarm:
    """Remembers what was told and when; `tell` takes a message away, for example to a Notifier."""

    def __init__(self, settings: Settings, tell: Callable[[Message], None], log: Any) -> None:
        self._alerts = settings.alerts
        self._tell = tell
        self._log = log
        self._told_at: dict[tuple[str, str], datetime] = {}
        self._test_since: dict[str, datetime] = {}
        self._settled: deque[tuple[datetime, int, int]] = deque()

    def raise_alert(self, alert: Alert, now: datetime) -> None:
        """Tell, unless the very same was told a short while ago."""
        key = (alert.kind, alert.about)
        last = self._told_at.get(key)
        if last is not None and now - last < self._alerts.every:
            return
        self._told_at[key] = now
        self._log.warning("alert", kind=alert.kind, about=alert.about, text=alert.text)
        if self._alerts.url:
            body = alert_body(alert, self._alerts, now)
            self._tell(Message(f"alert {alert.kind}", self._alerts.url, body))

    def settled(self, sent: int, refused: int, now: datetime) -> None:
        """Watch the share of refused events over the last hour."""
        self._settled.append((now, sent, refused))
        while self._settled and now - self._settled[0][0] > _HOUR:
            self._settled.popleft()
        refused_all = sum(entry[2] for entry in self._settled)
        total = refused_all + sum(entry[1] for entry in self._settled)
        if total >= _FEWEST_FOR_A_SHARE and refused_all / total > self._alerts.refused_share:
            text = f"Meta refused {refused_all} of {total} events in the last hour"
            self.raise_alert(Alert("refused_share", "all", text, "error"), now)

    def look(self, situation: Situation, now: datetime) -> None:
        """Judge the situation of this moment."""
        self._test_since = {name: self._test_since.get(name, now) for name in situation.test_modes}
        for alert in (
            *self._about_the_queue(situation),
            *self._about_the_disk(situation),
            *self._about_tests(now),
        ):
            self.raise_alert(alert, now)

    def _about_the_queue(self, situation: Situation) -> Iterable[Alert]:
        limit = self._alerts.oldest_waiting.total_seconds()
        for destination, seconds in situation.oldest_seconds.items():
            if seconds > limit:
                text = f"{destination}: the oldest waiting event is {round(seconds / 60)} minutes old"
                yield Alert("oldest_waiting", destination, text)

    def _about_the_disk(self, situation: Situation) -> Iterable[Alert]:
        free = situation.free_disk_bytes
        if free is not None and free < self._alerts.free_disk_bytes:
            yield Alert("disk", "disk", f"only {free // 1_048_576} MiB of disk are free", "error")

    def _about_tests(self, now: datetime) -> Iterable[Alert]:
        for name, since in self._test_since.items():
            if now - since >= self._alerts.test_mode:
                length = _words(now - since)
                text = f"{name} has been in test mode for {length}; Meta does not discard test events"
                yield Alert("test_mode", name, text)


def alert_body(alert: Alert, alerts: Alerts, now: datetime) -> bytes:
    """Return the body of an alert: plain fields, or the one text that chat systems take."""
    if alerts.style == "slack":
        mark = ":rotating_light:" if alert.severity == "error" else ":warning:"
        return encode({"text": f"{mark} capi-bridge: {alert.text}"})
    return encode(
        {
            "type": "alert",
            "kind": alert.kind,
            "about": alert.about,
            "severity": alert.severity,
            "text": alert.text,
            "at": now.isoformat(),
        }
    )


def _words(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
