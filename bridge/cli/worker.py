"""`capi-bridge worker`: delivery only, for more processes and more machines."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

import click

from bridge.bootstrap import open_mappings, open_store, prepare
from bridge.cli.options import (
    accept_new_key_option,
    config_option,
    json_option,
    require_free,
    settings_of,
)
from bridge.delivery.process import deliver_until, new_fetcher, new_worker, open_reporter
from bridge.delivery.signals import Asked
from bridge.errors import BridgeError
from bridge.mapping import MappingFolder
from bridge.monitoring.clock import SteadyClock
from bridge.monitoring.log import configure
from bridge.monitoring.metrics import Metrics, served
from bridge.plurals import counted
from bridge.server.reload_rules import require_all_mappings, require_same_place
from bridge.server.running import RunningServer, announced
from bridge.server.terminal import watched_terminal
from bridge.settings import Settings, process_environment


@click.command(help="Deliver what is stored; for more processes and machines.")
@config_option
@click.option("--once", is_flag=True, help="Send what is due now, say what came of it, and end.")
@click.option("--metrics", "metrics_at", metavar="HOST:PORT", help="Offer Prometheus metrics there.")
@accept_new_key_option
@json_option
def worker(
    config: Path | None, once: bool, metrics_at: str | None, accept_new_key: bool, as_json: bool
) -> None:
    """Deliver until told to stop; batches under way are settled first."""
    asked = Asked(watched_terminal()) if not once else None
    settings = settings_of(config)
    configure(settings.log_level, settings.log_format)
    prepare(settings, accept_new_key=accept_new_key)
    if asked is None:
        _deliver_once(settings, as_json=as_json)
        return
    click.echo(f"capi-bridge worker delivers to {settings.graph_url}", err=True)
    metrics = Metrics()
    with _offered(metrics, metrics_at), announced(settings.data_folder, f"worker-{os.getpid()}") as running:
        _deliver(
            asked, _Setup(settings, open_mappings(settings, process_environment())), metrics, config, running
        )


@dataclass(frozen=True, slots=True)
class _Setup:
    """What a worker delivers with, until the next reload."""

    settings: Settings
    mappings: MappingFolder


def _deliver(
    asked: Asked, setup: _Setup, metrics: Metrics, config: Path | None, running: RunningServer
) -> None:
    """Deliver until asked to stop; a reload settles the batches under way and goes on with new settings."""
    while True:
        deliver_until(asked.event, setup.settings, metrics, setup.mappings)
        asked.event.clear()  # before its wish is granted: another one may come meanwhile
        if asked.to_stop:
            return
        setup = _renewed(setup, config, running)


def _renewed(setup: _Setup, config: Path | None, running: RunningServer) -> _Setup:
    """Return what to deliver with from now on: the same, when the new settings cannot be used."""
    try:
        settings = settings_of(config)
        require_same_place(setup.settings, settings)
        mappings = open_mappings(settings, process_environment())
        require_all_mappings(setup.mappings, mappings)
    except BridgeError as error:
        running.reload_failed(error)
        return setup
    configure(settings.log_level, settings.log_format)
    running.reloaded(len(mappings.names()))
    return _Setup(settings, mappings)


def _offered(metrics: Metrics, at: str | None) -> AbstractContextManager[object]:
    return nullcontext() if at is None else served(metrics, *require_free(at, "--metrics"))


def _deliver_once(settings: Settings, *, as_json: bool) -> None:
    mappings, clock = open_mappings(settings, process_environment()), SteadyClock()
    with closing(open_store(settings)) as outbox, open_reporter(settings, Metrics(), mappings) as reporter:
        new_fetcher(outbox, settings, mappings, reporter, clock).run_once()
        reports = new_worker(outbox, settings, reporter, clock).run_once()
    ends = Counter(end.status for report in reports for end in report.settled.values())
    if as_json:
        click.echo(json.dumps({"calls": len(reports), "events": ends}))
    else:
        totals = (
            ", ".join(f"{number} {status}" for status, number in sorted(ends.items())) or "nothing was due"
        )
        click.echo(f"{counted(len(reports), 'call')}: {totals}")
    if ends["refused"]:
        raise SystemExit(1)
