"""`capi-bridge worker`: delivery only, for more processes and more machines."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import AbstractContextManager, closing, nullcontext
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
from bridge.delivery.process import deliver_until, new_fetcher, open_reporter
from bridge.delivery.signals import asked_to_stop
from bridge.delivery.worker import run_once
from bridge.monitoring.clock import SteadyClock
from bridge.monitoring.log import configure
from bridge.monitoring.metrics import Metrics, served
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
    stop = asked_to_stop() if not once else None
    settings = settings_of(config)
    configure(settings.log_level, settings.log_format)
    prepare(settings, accept_new_key=accept_new_key)
    if stop is None:
        _deliver_once(settings, as_json=as_json)
        return
    click.echo(f"capi-bridge worker delivers to {settings.graph_url}", err=True)
    mappings = open_mappings(settings, process_environment())
    metrics = Metrics()
    with _offered(metrics, metrics_at):
        deliver_until(stop, settings, metrics, mappings)


def _offered(metrics: Metrics, at: str | None) -> AbstractContextManager[object]:
    return nullcontext() if at is None else served(metrics, *require_free(at, "--metrics"))


def _deliver_once(settings: Settings, *, as_json: bool) -> None:
    mappings = open_mappings(settings, process_environment())
    with closing(open_store(settings)) as outbox, open_reporter(settings, Metrics(), mappings) as reporter:
        new_fetcher(outbox, settings, mappings, reporter, SteadyClock()).run_once()
        reports = run_once(outbox, settings, observe=reporter.observe, notify=reporter.notify)
    ends = Counter(end.status for report in reports for end in report.settled.values())
    if as_json:
        click.echo(json.dumps({"calls": len(reports), "events": ends}))
    else:
        totals = (
            ", ".join(f"{number} {status}" for status, number in sorted(ends.items())) or "nothing was due"
        )
        click.echo(f"{len(reports)} calls: {totals}")
    if ends["refused"]:
        raise SystemExit(1)
