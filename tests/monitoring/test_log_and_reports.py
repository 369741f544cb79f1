"""Log lines are one line of JSON each, and a report that cannot be passed on breaks nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import urllib3

from bridge.delivery.meta_responses import Verdict
from bridge.delivery.reports import BatchReport, Notification, Outcomes
from bridge.monitoring.alerts import AlertMonitor
from bridge.monitoring.log import BufferedWriter, Log, failure
from bridge.monitoring.metrics import Metrics, served
from bridge.monitoring.readable_lines import readable_line
from bridge.monitoring.reporter import Reporter
from bridge.outbox import Attempt, Settled
from bridge.outbox.records import raw_id
from bridge.serialization import encode
from bridge.settings import load_settings

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EVENT = raw_id("01a1fcef-d037-723e-af54-1cda694aa12a") or b""


def lines_of(written: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(written).decode().splitlines()]


WITHOUT_ROOM = """
import resource, sys
from pathlib import Path
from bridge.monitoring.metrics import Metrics
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
metrics = Metrics(Path(sys.argv[1]))
metrics.reserve_room()
metrics.webhook("lead", "queued", 0.01)
metrics.call("main", "delivered", 0.1)
print(metrics.exposition(lambda: []).decode(), end="")
"""


def test_a_process_that_has_no_room_for_its_counts_goes_on_and_says_so(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_ROOM, str(tmp_path)],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout, list(tmp_path.iterdir())) == (0, "", []), ran.stderr
    line = json.loads(ran.stderr)
    assert (line["event"], line["reason"]) == ("metrics_not_counted", "File too large")


def test_a_line_is_one_line_whatever_is_in_it():
    written: list[bytes] = []
    log = Log(written.append, "warning")
    log.warning("webhook", mapping="two\nlines", status=None, count=3)
    log.info("not written")
    [line] = lines_of(written)
    assert (line["level"], line["event"], line["mapping"], line["count"]) == (
        "warning",
        "webhook",
        "two\nlines",
        3,
    )


def test_the_text_style_is_for_people():
    written: list[bytes] = []
    Log(written.append, "debug", "text").warning("alert", text="two\nlines", kind="disk", nothing=None)
    [line] = written
    assert line.endswith(b' WARNING alert text="two\\nlines" kind=disk\n')
    assert line.count(b"\n") == 1


AT = datetime(2026, 11, 21, 9, 31, 2, tzinfo=UTC)
WEBHOOK = {"event": "webhook", "request_id": "r", "status": "queued", "code": 200, "events": 1, "ms": 3.2}
ATTEMPT = {"event": "attempt", "destination": "main", "events": 3, "outcome": "delivered", "ms": 40}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param(
            {**WEBHOOK, "mapping": "lead"}, "webhook lead: queued, 1 event (HTTP 200, 3.2 ms)", id="a webhook"
        ),
        pytest.param(
            {**WEBHOOK, "mapping": "acme/lead", "status": "held", "code": 422, "reason": "no e-mail"},
            'webhook acme/lead: held, 1 event (HTTP 422, 3.2 ms) reason="no e-mail"',
            id="with a reason",
        ),
        pytest.param(
            {**WEBHOOK, "mapping": "lead\n09:31:02 forged", "events": 0},
            'webhook "lead\\n09:31:02 forged": queued (HTTP 200, 3.2 ms)',
            id="a name that is two lines",
        ),
        pytest.param(
            {**ATTEMPT, "http_status": 200, "test": True},
            "test delivery to main: 3 events, delivered (40 ms) http_status=200",
            id="a call to Meta",
        ),
        pytest.param({"event": "request", "path": "/api", "code": 401}, "request /api: HTTP 401", id="other"),
        pytest.param({"event": "reloaded", "mappings": 4}, "reloaded mappings=4", id="anything else"),
    ],
)
def test_at_a_terminal_a_line_says_what_happened(line, text):
    assert readable_line({"at": AT, "level": "info", **line}) == f"09:31:02 {text}\n".encode()


def test_a_log_that_cannot_be_written_loses_nothing_else():
    def broken(line: bytes) -> None:
        raise BrokenPipeError

    Log(broken).error("anything")


def test_a_failure_is_told_without_its_message():
    with pytest.raises(ValueError, match="jane") as caught:
        int("jane@example.com")
    logged = failure(caught.value)
    assert logged["error"] == "ValueError"
    assert logged["where"][0].startswith("tests/monitoring/")
    assert "jane" not in json.dumps(logged)


class Recorder:
    """Stands in for callbacks and notifier."""

    def __init__(self, *, breaks: bool = False) -> None:
        self.breaks = breaks
        self.sent: list[Any] = []

    def wanted(self) -> bool:
        if self.breaks:
            raise OSError("jane@example.com")
        return True

    def messages(self, rows: Any, fbtrace_id: Any, now: datetime) -> list[Any]:
        return [(rows, fbtrace_id)]

    def send(self, message: Any) -> None:
        self.sent.append(message)


def report(status: str, outcome: str, code: int | None = None) -> BatchReport:
    attempt = Attempt("1", "main", "1", None, 1, NOW, 20, outcome, 200, code, None, "trace", None)
    verdict = Verdict(outcome, "meaning", "nobody", "nothing")
    return BatchReport(attempt, verdict, Outcomes((EVENT,), Settled(status)), list)


def reporter_to(
    tmp_path: Any, recorder: Recorder, written: list[bytes], now: Callable[[], datetime] = lambda: NOW
) -> tuple[Reporter, Metrics]:
    metrics, log = Metrics(), Log(written.append)
    alerts = AlertMonitor(load_settings(None, {}, folder=tmp_path), recorder.send, log)
    return Reporter(recorder, metrics, alerts, recorder, log=log, now=now), metrics


@pytest.mark.parametrize(
    ("given", "counted"),
    [
        pytest.param(
            report("sent", "delivered"),
            'bridge_events_delivered_total{destination="main",mode="live"} 1.0',
            id="sent",
        ),
        pytest.param(
            report("refused", "refuse", 100),
            'bridge_events_refused_total{code="100",destination="main",subcode=""} 1.0',
            id="refused",
        ),
        pytest.param(
            report("waiting", "retry"),
            'bridge_attempts_total{destination="main",outcome="retry"} 1.0',
            id="retry",
        ),
    ],
)
def test_each_call_is_counted_and_logged(tmp_path, given, counted):
    written: list[bytes] = []
    reporter, metrics = reporter_to(tmp_path, Recorder(), written)
    reporter.observe(given)
    assert counted in metrics.exposition(list).decode().splitlines()
    [line] = lines_of(written)
    assert (line["event"], line["outcome"]) == ("attempt", given.attempt.outcome)


def test_results_are_posted_only_of_finished_events(tmp_path):
    recorder = Recorder()
    reporter, _ = reporter_to(tmp_path, recorder, [])
    reporter.observe(report("waiting", "retry"))
    assert recorder.sent == []
    reporter.observe(report("sent", "delivered"))
    assert recorder.sent == [([], "trace")]


def test_a_report_that_cannot_be_passed_on_breaks_nothing(tmp_path):
    written: list[bytes] = []
    reporter, _ = reporter_to(tmp_path, Recorder(breaks=True), written)
    reporter.observe(report("sent", "delivered"))
    assert [line["event"] for line in lines_of(written)] == ["attempt", "report_failed"]
    assert b"jane" not in b"".join(written)


def test_a_notification_becomes_an_alert(tmp_path):
    written: list[bytes] = []
    reporter, _ = reporter_to(tmp_path, Recorder(), written)
    reporter.notify(Notification("paused", "main", "the token is expired"))
    assert [(line["event"], line["text"]) for line in lines_of(written)] == [
        ("notice", "the token is expired"),
        ("alert", "main: the token is expired"),
    ]


def test_a_trouble_that_lasts_is_logged_once_a_minute(tmp_path):
    written: list[bytes] = []
    seconds = [0]
    reporter, _ = reporter_to(tmp_path, Recorder(), written, now=lambda: NOW + timedelta(seconds=seconds[0]))
    for seconds[0] in range(150):
        reporter.notify(Notification("trouble", None, "the disk is full"))
    reporter.notify(Notification("trouble", None, "the database server does not answer"))
    notices = [line["text"] for line in lines_of(written) if line["event"] == "notice"]
    assert notices == ["the disk is full"] * 3 + ["the database server does not answer"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param({"a": 2**70}, b'{"a":1180591620717411303424}', id="an integer over 64 bits"),
        pytest.param({"a": "\ud800"}, b'{"a":"\\ud800"}', id="half a surrogate pair"),
        pytest.param({"a": (1, 2)}, b'{"a":[1,2]}', id="a tuple"),
        pytest.param({"a": frozenset({"b", "a"})}, b'{"a":["a","b"]}', id="a set"),
    ],
)
def test_whatever_strangers_send_can_be_written_as_json(value, text):
    assert encode(value) == text


def test_a_process_without_a_web_door_offers_its_counters_too():
    metrics = Metrics()
    metrics.call("main", "delivered", 0.1)
    with served(metrics, "127.0.0.1", 0) as port:
        answer = urllib3.request("GET", f"http://127.0.0.1:{port}/metrics")
    assert 'bridge_attempts_total{destination="main",outcome="delivered"} 1.0' in answer.data.decode()


def test_gathered_lines_are_written_together_and_in_order():
    written: list[bytes] = []
    gathered = BufferedWriter(written.append, delay_seconds=3600)
    for number in range(100):
        gathered(b"%d\n" % number)
    assert written == []
    gathered.flush()
    gathered.flush()
    assert written == [b"".join(b"%d\n" % number for number in range(100))]


def test_gathered_lines_are_written_after_a_moment(wait_until):
    written: list[bytes] = []
    gathered = BufferedWriter(written.append, delay_seconds=0)
    for number in range(3):
        gathered(b"%d\n" % number)
        wait_until(lambda expected=number + 1: len(b"".join(written).splitlines()) == expected)


def test_a_forked_child_writes_its_own_lines_only(tmp_path):
    with (tmp_path / "log").open("ab", buffering=0) as file:
        gathered = BufferedWriter(file.write, delay_seconds=3600)
        gathered(b"parent\n")
        child = os.fork()
        if not child:
            gathered(b"child\n")
            gathered.flush()
            os._exit(0)
        os.waitpid(child, 0)
        gathered.flush()
    assert (tmp_path / "log").read_bytes() == b"child\nparent\n"


def test_lines_that_nobody_reads_are_bounded_and_do_not_hold_up_the_end():
    reading, writing = os.pipe()
    script = """
import sys
from bridge.monitoring.log import configure, get_logger
configure()
for number in range(30_000):
    get_logger().info("webhook", text="x" * 100)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stderr=writing)
    os.close(writing)
    try:
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(reading)


def test_dropped_lines_are_counted_once_somebody_reads_again():
    written: list[bytes] = []
    buffer = BufferedWriter(written.append, delay_seconds=3600, most_lines=2)
    for number in range(5):
        buffer(b'{"number": %d}\n' % number)
    buffer.flush()
    buffer.flush()
    assert [line.get("lines", line.get("number")) for line in lines_of(written)] == [0, 1, 3]
