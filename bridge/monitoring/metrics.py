"""What is counted, for Prometheus: webhooks in, events out, how long it took, and what waits.

Several processes count together when the environment names a folder (PROMETHEUS_MULTIPROC_DIR) before
this module is first imported: each process writes to its own file there and a scrape adds them up. The
gauges about the queue are read from the outbox at the moment of the scrape.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    start_http_server,
    values,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from bridge.monitoring.log import get_logger

_INTAKE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_CALL_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_END_TO_END_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 3600.0, 86_400.0)
_MATCH = (10, 20, 30, 40, 50, 60, 70, 80, 90, 100)

_ROOM_BYTES = 65_536  # what prometheus-client begins with: enough for the counts of about twenty mappings

GaugeSample = tuple[str, str, dict[str, str], float]


class Metrics:
    """All counters of one process; `folder` is where the processes write when there are several."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.registry = CollectorRegistry()

    def reserve_room(self) -> None:
        """Take what this process needs of the folder, before it counts anything.

        The counts are memory that lies in files: a page for which a full disk has no room would kill the
        process, with the next webhook. Without room it counts for itself, and no page shows it.
        """
        if self.folder is None:
            return
        files = [self.folder / f"{kind}_{os.getpid()}.db" for kind in ("counter", "histogram")]
        new = [file for file in files if not file.exists()]
        try:
            for file in new:
                file.write_bytes(bytes(_ROOM_BYTES))
        except OSError as error:
            for file in new:
                file.unlink(missing_ok=True)
            values.ValueClass = values.MutexValue
            get_logger().warning("metrics_not_counted", folder=str(self.folder), reason=error.strerror)

    @cached_property
    def _webhooks(self) -> Counter:
        return self._counter("bridge_webhooks", "Webhooks by mapping and answer.", ["mapping", "status"])

    @cached_property
    def _seconds(self) -> Histogram:
        return self._histogram("bridge_webhook_seconds", "From request to answer.", [], _INTAKE_SECONDS)

    @cached_property
    def _events(self) -> Counter:
        return self._counter(
            "bridge_events_stored", "Events by mapping and first status.", ["mapping", "status"]
        )

    @cached_property
    def _match(self) -> Histogram:
        return self._histogram("bridge_match_strength", "Our estimate, 0 to 100.", ["mapping"], _MATCH)

    @cached_property
    def _delivered(self) -> Counter:
        return self._counter("bridge_events_delivered", "Accepted by Meta.", ["destination", "mode"])

    @cached_property
    def _refused(self) -> Counter:
        labels = ["destination", "code", "subcode"]
        return self._counter("bridge_events_refused", "Rejected by Meta for good.", labels)

    @cached_property
    def _attempts(self) -> Counter:
        return self._counter("bridge_attempts", "Calls to Meta by outcome.", ["destination", "outcome"])

    @cached_property
    def _calls(self) -> Histogram:
        return self._histogram("bridge_call_seconds", "One call to Meta.", ["destination"], _CALL_SECONDS)

    @cached_property
    def _source_calls(self) -> Counter:
        labels = ["source", "outcome"]
        return self._counter("bridge_source_calls", "Calls that fetch records, by outcome.", labels)

    @cached_property
    def _source_seconds(self) -> Histogram:
        labels = ["source"]
        return self._histogram("bridge_source_call_seconds", "One call to a source.", labels, _CALL_SECONDS)

    @cached_property
    def _end_to_end(self) -> Histogram:
        labels = ["destination"]
        return self._histogram(
            "bridge_webhook_to_meta_seconds", "From webhook to Meta.", labels, _END_TO_END_SECONDS
        )

    def webhook(self, mapping: str, status: str, seconds: float) -> None:
        """Count one answered webhook."""
        self._child(self._webhooks, mapping, status).inc()
        self._seconds.observe(seconds)

    def event(self, mapping: str, status: str, match_score: int | None) -> None:
        """Count one stored event."""
        self._child(self._events, mapping, status).inc()
        if match_score is not None:
            self._child(self._match, mapping).observe(match_score)

    def call(self, destination: str, outcome: str, seconds: float) -> None:
        """Count one call to Meta."""
        self._child(self._attempts, destination, outcome).inc()
        self._child(self._calls, destination).observe(seconds)

    def source_call(self, source: str, outcome: str, seconds: float) -> None:
        """Count one call to a source that records are fetched from."""
        self._child(self._source_calls, source, outcome).inc()
        self._child(self._source_seconds, source).observe(seconds)

    def delivered(self, destination: str, *, test: bool, seconds_since_webhook: Sequence[float]) -> None:
        """Count accepted events, and how long each took from its webhook to Meta."""
        self._child(self._delivered, destination, "test" if test else "live").inc(len(seconds_since_webhook))
        end_to_end = self._child(self._end_to_end, destination)
        for seconds in seconds_since_webhook:
            end_to_end.observe(max(0.0, seconds))

    def refused(self, destination: str, code: int | None, subcode: int | None, events: int) -> None:
        """Count events that Meta refused for good."""
        self._child(self._refused, destination, str(code or ""), str(subcode or "")).inc(events)

    def exposition(self, sample: Callable[[], Iterable[GaugeSample]]) -> bytes:
        """Return the page that Prometheus reads; `sample` gives the gauges of this moment."""
        registry = self.registry
        if self.folder:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, path=str(self.folder))  # type: ignore[no-untyped-call]
        gauges = CollectorRegistry()
        gauges.register(_Gauges(sample))
        return generate_latest(registry) + generate_latest(gauges)

    def _counter(self, name: str, text: str, labels: list[str]) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, labels: list[str], buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)

    @lru_cache(maxsize=4096)  # noqa: B019 - one Metrics lives as long as its process
    def _child(self, metric: Any, *labels: str) -> Any:
        return metric.labels(*labels)


@contextmanager
def served(metrics: Metrics, host: str, port: int) -> Iterator[int]:
    """Serve the metrics of a process without web endpoints on a port of its own; yields the port."""
    server, thread = start_http_server(port, host, metrics.registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Gauges:
    """Turns samples, read at the moment of the scrape, into gauges."""

    def __init__(self, sample: Callable[[], Iterable[GaugeSample]]) -> None:
        self._sample = sample

    def collect(self) -> Iterable[GaugeMetricFamily]:
        families: dict[str, GaugeMetricFamily] = {}
        for name, text, labels, value in self._sample():
            family = families.setdefault(name, GaugeMetricFamily(name, text, labels=list(labels)))
            family.add_metric(list(labels.values()), value)
        return families.values()
