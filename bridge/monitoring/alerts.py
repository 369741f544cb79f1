"""When a person is alerted, and how it is worded. Repeats come no more often than the settings allow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.monitoring.channels import messages_of
from bridge.monitoring.log import Log
from bridge.monitoring.mapping_health import Concern
from bridge.monitoring.notifier import Message
from bridge.plurals import counted
from bridge.serialization import encode
from bridge.settings import Alerts, Settings

_HOUR = timedelta(hours=1)
_FEWEST_FOR_A_SHARE = 20


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person should look at. `about` distinguishes repeats of one thing from different things."""

    kind: str
    about: str
    text: str
    severity: str = "warning"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is checked regularly: the age of the queue, the disk, test codes, and how the sources behave."""

    oldest_seconds: dict[str, float]
    free_disk_bytes: int | None
    test_modes: tuple[str, ...]
    concerns: tuple[Concern, ...] = ()


class AlertMonitor:
    """Remembers which alert was raised when; `send` takes a message, for example to a Notifier."""

    def __init__(self, settings: Settings, send: Callable[[Message], None], log: Log) -> None:
        self._alerts = settings.alerts
        self._send = send
        self._log = log
        self._raised_at: dict[tuple[str, str], datetime] = {}
        self._test_since: dict[str, datetime] = {}
        self._settled: deque[tuple[datetime, int, int]] = deque()

    def raise_alert(self, alert: Alert, now: datetime) -> None:
        """Notify, unless the same alert was sent a short while ago."""
        key = (alert.kind, alert.about)
        last = self._raised_at.get(key)
        if last is not None and now - last < self._alerts.every:
            return
        self._raised_at[key] = now
        self._log.warning("alert", kind=alert.kind, about=alert.about, text=alert.text)
        for message in alert_messages(alert, self._alerts, now):
            self._send(message)

    def settled(self, sent: int, refused: int, now: datetime) -> None:
        """Watch the share of rejected events over the last hour."""
        self._settled.append((now, sent, refused))
        while self._settled and now - self._settled[0][0] > _HOUR:
            self._settled.popleft()
        refused_all = sum(entry[2] for entry in self._settled)
        total = refused_all + sum(entry[1] for entry in self._settled)
        if total >= _FEWEST_FOR_A_SHARE and refused_all / total > self._alerts.refused_share:
            text = f"Meta rejected {refused_all:,} of {total:,} events in the last hour"
            self.raise_alert(Alert("refused_share", "all", text, "error"), now)

    def check(self, snapshot: Snapshot, now: datetime) -> None:
        """Raise an alert for everything that is wrong at this moment."""
        self._test_since = {name: self._test_since.get(name, now) for name in snapshot.test_modes}
        for alert in (
            *self._about_the_queue(snapshot),
            *self._about_the_disk(snapshot),
            *self._about_tests(now),
            *(Alert(concern.kind, concern.about, concern.text) for concern in snapshot.concerns),
        ):
            self.raise_alert(alert, now)

    def _about_the_queue(self, snapshot: Snapshot) -> Iterable[Alert]:
        limit = self._alerts.oldest_waiting.total_seconds()
        for destination, seconds in snapshot.oldest_seconds.items():
            if seconds > limit:
                text = (
                    f"{destination}: the oldest waiting event is {counted(round(seconds / 60), 'minute')} old"
                )
                yield Alert("oldest_waiting", destination, text)

    def _about_the_disk(self, snapshot: Snapshot) -> Iterable[Alert]:
        free = snapshot.free_disk_bytes
        if free is not None and free < self._alerts.free_disk_bytes:
            yield Alert("disk", "disk", f"only {free // 1_048_576} MiB of disk are free", "error")

    def _about_tests(self, now: datetime) -> Iterable[Alert]:
        for name, since in self._test_since.items():
            if now - since >= self._alerts.test_mode:
                length = _duration(now - since)
                text = f"{name} has been in test mode for {length}; Meta does not discard test events"
                yield Alert("test_mode", name, text)


def alert_messages(alert: Alert, alerts: Alerts, now: datetime) -> list[Message]:
    """Return an alert as one message for each way that is configured."""
    return messages_of(alert.kind, alert.text, alert_body(alert, alerts, now), alerts, now)


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


def _duration(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    return counted(minutes, "minute") if minutes < 120 else counted(minutes // 60, "hour")
