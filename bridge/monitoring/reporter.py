"""What is done with each report of a delivery: a log line, the counters, the alarm, the result callbacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bridge.delivery.reports import BatchReport, Notice
from bridge.monitoring.alerts import Alarm, Alert
from bridge.monitoring.log import failure
from bridge.monitoring.metrics import Metrics
from bridge.monitoring.notifier import Notifier
from bridge.monitoring.result_webhooks import Callbacks

_SEVERITY = {"paused": "error", "expired": "error", "expiring": "warning", "fewer_received": "warning"}


class Reporter:
    """Hears every report of the worker. Nothing it does may hold up or break the delivery."""

    def __init__(  # noqa: PLR0913 - everything that hears of a delivery
        self,
        callbacks: Callbacks,
        metrics: Metrics,
        alarm: Alarm,
        notifier: Notifier,
        *,
        log: Any,
        now: Callable[[], datetime],
    ) -> None:
        self._callbacks = callbacks
        self._metrics = metrics
        self.alarm = alarm
        self._notifier = notifier
        self._log = log
        self._now = now

    def observe(self, report: BatchReport) -> None:
        """Take note of one call to Meta."""
        attempt = report.attempt
        self._log.info(
            "attempt",
            destination=attempt.destination,
            events=attempt.events,
            outcome=attempt.outcome,
            http_status=attempt.http_status,
            meta_code=attempt.code,
            meta_subcode=attempt.subcode,
            fbtrace_id=attempt.fbtrace_id,
            test=attempt.test_event_code is not None,
            ms=attempt.duration_ms,
            reason=attempt.reason,
        )
        try:
            self._pass_on(report)
        except Exception as error:  # noqa: BLE001 - the events are settled; telling of it must not undo that
            self._log.error("report_failed", **failure(error))

    def _pass_on(self, report: BatchReport) -> None:
        attempt = report.attempt
        statuses = report.counts()
        self._metrics.call(attempt.destination, attempt.outcome, attempt.duration_ms / 1000)
        self._count(report, statuses)
        self.alarm.settled(statuses["sent"], statuses["refused"], self._now())
        ended = statuses["sent"] or statuses["refused"] or statuses["expired"]
        if ended and self._callbacks.wanted():
            for message in self._callbacks.messages(report.rows(), attempt.fbtrace_id, self._now()):
                self._notifier.tell(message)

    def notice(self, notice: Notice) -> None:
        """Take note of something a person should know."""
        self._log.info("notice", kind=notice.kind, destination=notice.destination, text=notice.text)
        severity = _SEVERITY.get(notice.kind, "info")
        alert = Alert(
            notice.kind,
            notice.destination or "all",
            f"{notice.destination or 'delivery'}: {notice.text}",
            severity,
        )
        self.alarm.raise_alert(alert, self._now())

    def close(self) -> None:
        """Tell what is still to be told."""
        self._notifier.close()

    def _count(self, report: BatchReport, statuses: Counter[str]) -> None:
        attempt = report.attempt
        if statuses["refused"]:
            self._metrics.refused(attempt.destination, attempt.code, attempt.subcode, statuses["refused"])
        if statuses["sent"]:
            test = attempt.test_event_code is not None
            self._metrics.delivered(attempt.destination, test=test, road_seconds=report.ages_of_sent())
