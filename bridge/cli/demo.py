"""`capi-bridge demo`: start a bridge, post every shipped sample to it, and show what became of each."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlencode

import click
import orjson
import urllib3

from bridge.cli.options import host_and_port, require_free
from bridge.cli.output import table
from bridge.errors import CannotOpen
from bridge.mapping import CompiledMapping, load_mapping
from bridge.mapping.sample_dates import redated
from bridge.mapping.samples import Sample, read_sample
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.shipped_files import shipped
from bridge.models import Request
from bridge.settings import SIMULATOR_URL, process_environment
from bridge.verify import signed

_START_SECONDS = 30
_LOG = "bridge.log"
_USUAL_ADDRESS = "127.0.0.1:8000"
# What `serve` prints in a demo: the port is another one when the usual is taken.
_SIMULATOR = re.compile(r"built-in simulator at (http://\S+)").search
_COLUMNS = {"WEBHOOK": 48, "→ EVENT": 20, "EVENT_ID": 30, "→ META'S ANSWER (SIMULATED)": 60}
_OK = {"sent", "skipped", "suppressed", "held", "duplicate"}


@dataclass(frozen=True, slots=True)
class Posted:
    """One sample and what the bridge answered."""

    sample: str
    expected: str
    status: int
    answer: Mapping[str, Any]

    @property
    def is_fine(self) -> bool:
        """Whether the bridge made of the sample what its author expects."""
        return self.status == 200 and self.answer.get("status") == self.expected


@click.command(help="Start a bridge, post every shipped sample webhook to it, show what became of each.")
@click.option("--exit", "and_exit", is_flag=True, help="End after the table instead of serving on.")
@click.option(
    "--bind", help="HOST:PORT to listen on; by default 127.0.0.1:8000, or any port when that is taken."
)
def demo(*, and_exit: bool, bind: str | None) -> None:
    """Run the demo; exit 1 when a sample did not become what it should."""
    _end_with_the_terminal()
    bind = bind or free_address(_USUAL_ADDRESS)
    now = datetime.now(UTC)
    samples = sorted(_samples(now), key=lambda pair: str(pair[1].file))
    with tempfile.TemporaryDirectory(prefix="capi-bridge-demo-") as folder:
        process = _start(bind, Path(folder))
        with _stopping(process):
            url = f"http://{bind}"
            http = urllib3.PoolManager(retries=False, timeout=30)
            _wait_until_it_answers(http, url, process, Path(folder) / _LOG)
            posted = [_post(http, url, mapping, sample, now) for mapping, sample in samples]
            _show(posted)
            if not and_exit:
                _serve_on(url, process, Path(folder) / _LOG)
    if not all(one.is_fine for one in posted):
        sys.exit(1)


def _samples(now: datetime) -> Iterator[tuple[CompiledMapping, Sample]]:
    """Yield every shipped mapping that takes webhooks at its own URL with each of its samples."""
    spec = load_meta_spec()
    for file in sorted(shipped("mappings").glob("*.yaml")):
        named = load_mapping(file, environment={}, spec=spec, secrets="optional")
        for path in named.samples if named.receive.sent_by != "companion" else ():
            sample = read_sample(path, now)
            mapping = load_mapping(file, environment=sample.secrets, spec=spec, secrets="optional")
            yield mapping, sample


def _end_with_the_terminal() -> None:
    """End, and stop what was started, when the terminal closes or the process is asked to end."""

    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, leave)


def free_address(usual: str) -> str:
    """Return the usual address, or one with another port when something listens there already."""
    try:
        return "{}:{}".format(*require_free(usual))
    except CannotOpen:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            other = f"127.0.0.1:{probe.getsockname()[1]}"
        click.echo(f"{usual} is taken; the demo listens on {other}", err=True)
        return other


def _start(bind: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start a server of its own: embedded defaults and a fresh database."""
    kept = {name: value for name, value in process_environment().items() if name in {"PATH", "HOME", "LANG"}}
    with socket.socket() as probe:
        if probe.connect_ex(host_and_port(bind)) == 0:
            raise CannotOpen(f"{bind}: something else listens there", fix="choose another port with --bind")
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "bridge", "serve", "--demo", "--bind", bind],
        cwd=folder,
        env={**kept, "CAPI_BRIDGE_MAPPINGS": str(shipped("mappings"))},
        stdout=(folder / _LOG).open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


@contextlib.contextmanager
def _stopping(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Stop the server, and whatever it started, when the demo ends for any reason."""
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
            process.wait(40)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _wait_until_it_answers(
    http: urllib3.PoolManager, url: str, process: subprocess.Popen[bytes], log: Path
) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            click.echo(log.read_text("utf-8", "replace"), err=True)
            raise CannotOpen("the bridge ended while starting; see its message above")
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            simulator = _SIMULATOR(log.read_text("utf-8", "replace"))
            if http.request("GET", f"{url}/healthz").status == 200 and simulator is not None:
                http.request("GET", simulator[1])  # it starts a moment later, in the delivery process
                return
        time.sleep(0.05)
    raise CannotOpen(f"the bridge did not answer at {url} within {_START_SECONDS} seconds")


def _post(
    http: urllib3.PoolManager, url: str, mapping: CompiledMapping, sample: Sample, now: datetime
) -> Posted:
    request = _as_sent_now(sample, mapping, url, now)
    query = {**request.query, "wait": "true"}
    answer = http.request(
        "POST",
        f"{url}/hooks/{mapping.name}?{urlencode(query)}",
        body=request.body,
        headers={name: value for name, value in request.headers.items() if name != "content-length"},
    )
    expected = "sent" if sample.outcome in (None, "ready") else str(sample.outcome)
    return Posted(f"{mapping.name}/{sample.file.name}", expected, answer.status, _as_object(answer.data))


def _as_sent_now(sample: Sample, mapping: CompiledMapping, url: str, now: datetime) -> Request:
    """Return the sample as its sender would post it today: moved to today, and signed anew."""
    request = replace(
        sample.request,
        url=f"{url}/hooks/{mapping.name}?wait=true",
        body=redated(sample.request.body, sample.request.received_at, now),
        received_at=now,
    )
    return signed(request, mapping.receive.verify)


def _as_object(body: bytes) -> Mapping[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _show(posted: Sequence[Posted]) -> None:
    rows = [
        (
            ("" if one.is_fine else "WRONG ") + one.sample,
            event.get("event_name", ""),
            event.get("event_id", ""),
            _result(one),
        )
        for one in posted
        for event in _events_worth_a_row(one)
    ]
    click.echo(table(tuple(_COLUMNS), rows, tuple(_COLUMNS.values())))
    became = Counter(str(one.answer.get("status", "refused")) for one in posted)
    click.echo(
        f"\n{sum(one.is_fine for one in posted)} of {len(posted)} sample webhooks became what they should: "
        + ", ".join(f"{count} {status}" for status, count in became.most_common())
        + "."
    )


def _events_worth_a_row(one: Posted) -> Sequence[Mapping[str, Any]]:
    """Return the events that went out; a webhook that gave none has one row all the same."""
    events = one.answer.get("events") or []
    return [event for event in events if event.get("event_name")] or [{}]


def _result(one: Posted) -> str:
    """Say in a few words what came of a webhook."""
    status = str(one.answer.get("status", ""))
    if status == "erasing":
        return "erasure request: a job deletes what is stored about this person"
    if status == "sent":
        return f"accepted: events_received {one.answer.get('events_received')}"
    if status in _OK:
        reason = one.answer.get("reason") or next(iter(one.answer.get("reasons") or []), "")
        return f"{status}: {reason}" if reason else status
    error = one.answer.get("error")
    return f"{one.status}: {error.get('message', '')}" if isinstance(error, dict) else f"HTTP {one.status}"


def _serve_on(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    found = _SIMULATOR(log.read_text("utf-8", "replace"))
    simulator = found[1] if found else SIMULATOR_URL
    click.echo(
        f"\nSee what happened in the console: {url}/console/\n"
        f"The bridge goes on at {url} (Ctrl+C ends it); its log is {log}.\n"
        f"The simulator shows what Meta would have received: {simulator}. Send a lead of your own, and wait "
        "for the answer:\n\n"
        f"  curl '{url}/hooks/website-lead-form?wait=true' -d email=jane@example.com -d zip=10115\n\n"
        'Its answer says "sent". With /dry-run/ in place of /hooks/ it shows what would be sent, and why.\n'
    )
    with contextlib.suppress(KeyboardInterrupt):
        process.wait()
