"""What is done with each report of a delivery: a log line, metrics, alerts, result webhooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from bridge.delivery.reports import BatchReport, Notification
from bridge.monitoring.alerts import Alert, AlertMonitor
from bridge.monitoring.log import Log, failure
from bridge.monitoring.metrics import Metrics
from bridge.monitoring.notifier import Notifier
from bridge.monitoring.result_webhooks import ResultWebhooks

_SEVERITY = {"paused": "error", "expired": "error", "expiring": "warning", "fewer_received": "warning"}

_SAME_AGAIN_AFTER = timedelta(minutes=1)


class Reporter:
    """Receives every report of the worker. Nothing it does may delay or break the delivery."""

    def __init__(  # noqa: PLR0913 - one for each receiver of reports
        self,
        result_webhooks: ResultWebhooks,
        metrics: Metrics,
        alerts: AlertMonitor,
        notifier: Notifier,
        *,
        log: Log,
        now: Callable[[], datetime],
    ) -> None:
        self._result_webhooks = result_webhooks
        self._metrics = metrics
        self.alerts = alerts
        self._notifier = notifier
        self._log = log
        self._now = now
        self._said: dict[tuple[str, str | None], tuple[str, datetime]] = {}

    def observe(self, report: BatchReport) -> None:
        """Record one call to Meta."""
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
            self._process(report)
        except Exception as error:  # noqa: BLE001 - the events are settled; reporting must not undo that
            self._log.error("report_failed", **failure(error))

    def _process(self, report: BatchReport) -> None:
        attempt = report.attempt
        statuses = report.counts()
        self._metrics.call(attempt.destination, attempt.outcome, attempt.duration_ms / 1000)
        self._count(report, statuses)
        self.alerts.settled(statuses["sent"], statuses["refused"], self._now())
        ended = statuses["sent"] or statuses["refused"] or statuses["expired"]
        if ended and self._result_webhooks.wanted():
            for message in self._result_webhooks.messages(report.rows(), attempt.fbtrace_id, self._now()):
                self._notifier.send(message)

    def observe_call(self, source: str, outcome: str, took_ms: int) -> None:
        """Record one call to a source that records are fetched from."""
        self._log.info("source_call", source=source, outcome=outcome, ms=took_ms)
        self._metrics.source_call(source, outcome, took_ms / 1000)

    def notify(self, notification: Notification) -> None:
        """Record something a person should know."""
        if self._is_news(notification):
            self._log.info(
                "notice", kind=notification.kind, destination=notification.destination, text=notification.text
            )
        severity = _SEVERITY.get(notification.kind, "info")
        alert = Alert(
            notification.kind,
            notification.destination or "all",
            f"{notification.destination or 'delivery'}: {notification.text}",
            severity,
        )
        self.alerts.raise_alert(alert, self._now())

    def _is_news(self, notification: Notification) -> bool:
        """Tell whether the same was not said a moment ago: a database that is down is met every second."""
        about, now = (notification.kind, notification.destination), self._now()
        text, said_at = self._said.get(about, ("", now))
        if text == notification.text and abs(now - said_at) < _SAME_AGAIN_AFTER:
            return False
        self._said[about] = notification.text, now
        return True

    def close(self) -> None:
        """Send the messages that are still queued."""
        self._notifier.close()

    def _count(self, report: BatchReport, statuses: Counter[str]) -> None:
        attempt = report.attempt
        if statuses["refused"]:
            self._metrics.refused(attempt.destination, attempt.code, attempt.subcode, statuses["refused"])
        if statuses["sent"]:
            test = attempt.test_event_code is not None
            self._metrics.delivered(
                attempt.destination, test=test, seconds_since_webhook=report.ages_of_sent()
            )
