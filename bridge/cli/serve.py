"""`capi-bridge serve`: receive webhooks, and deliver them beside it."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from bridge.cli.options import accept_new_key_option, config_option, require_free
from bridge.finding import Finding
from bridge.settings import (
    SIMULATOR_URL,
    Settings,
    SimulatedSources,
    load_demo_settings,
    load_settings,
    process_environment,
    set_for_children,
)

if TYPE_CHECKING:
    from bridge.mapping import MappingFolder

_COUNTERS = "capi-bridge-counters-"
_MOST_ENDPOINTS = 20
_MAKING_SECONDS = 60  # between making a folder and locking it


@click.command(help="Receive webhooks, and deliver them beside it.")
@config_option
@click.option("--demo", is_flag=True, help="Deliver to the built-in simulator, whatever is configured.")
@click.option("--bind", default="127.0.0.1:8000", show_default=True, help="HOST:PORT to listen on.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Web processes.")
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    default=2,
    show_default=True,
    help="Threads in each for everything but webhooks; at most 2 are used.",
)
@click.option("--no-deliver", is_flag=True, help="Only receive; run `capi-bridge worker` elsewhere.")
@accept_new_key_option
def serve(  # noqa: PLR0913, PLR0917 - one argument for each option
    config: Path | None,
    demo: bool,
    bind: str,
    workers: int,
    threads: int,
    no_deliver: bool,
    accept_new_key: bool,
) -> None:
    """Run the web server and the delivery until told to stop."""

    def load() -> Settings:
        return (load_demo_settings if demo else load_settings)(config, process_environment())

    settings = load()
    simulates = needs_simulator(settings)
    settings = with_simulator_port(settings) if simulates else settings
    if not _takes_over(os.environ):
        require_free(bind)
    folder = _folder_for_counters()
    from bridge.bootstrap import prepare
    from bridge.monitoring.log import configure
    from bridge.monitoring.metrics import Metrics
    from bridge.server import BridgeServer, Listening, ServicePlan, announced, return_large_blocks

    return_large_blocks()
    configure(settings.log_level, settings.log_format)
    prepare(settings, apart=True, accept_new_key=accept_new_key)
    plan = ServicePlan(load, process_environment, Metrics(folder), threads, not no_deliver, simulates)
    service = plan.build(settings)
    listening = Listening(bind, workers, settings.limits.read_timeout.total_seconds())
    _announce(settings, bind, service.context.mappings, delivers=not no_deliver)
    with announced(settings.data_folder, bind, is_demo=settings.demo) as running:
        BridgeServer(service, listening, plan, running).run()


def _takes_over(environment: Mapping[str, str]) -> bool:
    """Tell whether gunicorn started this process in place of one that still has the port (SIGUSR2)."""
    return "GUNICORN_FD" in environment


def with_simulator_port(settings: Settings) -> Settings:
    """Choose the simulator's port: the usual one, or any when that is taken."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", urlsplit(SIMULATOR_URL).port or 0))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        return replace(settings, graph_url=url, sources=SimulatedSources(url))


def needs_simulator(settings: Settings) -> bool:
    """Tell whether the simulator has to be started: in a demo that was not pointed at another one."""
    return settings.demo and settings.graph_url == SIMULATOR_URL


def _folder_for_counters() -> Path:
    """Make the folder where the processes count together, gone when the last of them ends.

    In memory where there is such a place: a count must not wait for a disk. What a killed server left there
    is removed by the next one.
    """
    in_memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    place = in_memory if os.access(in_memory, os.W_OK) else Path(tempfile.gettempdir())
    for left in place.glob(f"{_COUNTERS}*"):
        _remove_if_left(left)
    folder = Path(tempfile.mkdtemp(prefix=_COUNTERS, dir=place))
    _locked(folder)
    set_for_children("PROMETHEUS_MULTIPROC_DIR", str(folder))
    atexit.register(_remove, folder, os.getpid())
    return folder


def _locked(folder: Path) -> int:
    """Lock a folder for as long as this process, or a child of it, lives; return the open file.

    Raises OSError when another has it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_if_left(folder: Path) -> None:
    with contextlib.suppress(OSError):
        if time.time() - folder.stat().st_mtime > _MAKING_SECONDS:
            descriptor = _locked(folder)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)


def _remove(folder: Path, owner: int) -> None:
    """Remove the folder, unless this is a forked child on its way out."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _endpoints(bind: str, mappings: MappingFolder) -> Iterator[str]:
    """Yield what a person at a terminal wants to open or paste: the URL of each mapping, and the console."""
    names = mappings.names()
    yield from (f"  http://{bind}/hooks/{name}" for name in names[:_MOST_ENDPOINTS])
    if len(names) > _MOST_ENDPOINTS:
        yield f"  and {len(names) - _MOST_ENDPOINTS} more: capi-bridge status"
    if not names:
        yield "  there is no mapping yet; `capi-bridge init lead` makes one"
    for name, findings in mappings.broken().items():
        yield f"  {name} has errors and is not served: {findings[0].message}"
    yield f"console: http://{bind}/console/ (`capi-bridge console` signs you in)"


def _announce(settings: Settings, bind: str, mappings: MappingFolder, *, delivers: bool) -> None:
    from bridge.bootstrap import version_notes

    lines = [f"capi-bridge listens on http://{bind}; webhooks go to http://{bind}/hooks/<mapping>"]
    if sys.stderr.isatty():
        lines += _endpoints(bind, mappings)
    if settings.demo:
        lines.append(
            "DEMO: nothing reaches Meta; events go to the built-in simulator at "
            f"{settings.graph_url} and are kept apart from live ones"
        )
    lines += [
        f"TEST MODE: destination {name} has a test_event_code"
        for name, d in settings.destinations.items()
        if d.test_event_code
    ]
    today = datetime.now(UTC).date()
    lines += [f"destination {name}: {finding.message}" for name, finding in version_notes(settings, today)]
    lines += [_doubt(finding) for finding in settings.warnings]
    if not delivers:
        lines.append("nothing is delivered from here; run `capi-bridge worker` beside it")
    click.echo("\n".join(lines), err=True)
    sys.stderr.flush()


def _doubt(finding: Finding) -> str:
    meant = f"; did you mean {finding.suggestion}?" if finding.suggestion else ""
    return f"warning: {finding.message}{meant}"
