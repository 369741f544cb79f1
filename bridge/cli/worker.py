"""`capi-bridge worker`: delivery only, for more processes and more machines."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path

import click

from bridge.bootstrap import open_mappings, open_store, prepare
from bridge.cli.serve import check_bind
from bridge.delivery.process import deliver_until, open_reporter
from bridge.delivery.signals import asked_to_stop
from bridge.delivery.worker import run_once
from bridge.monitoring.log import configure
from bridge.monitoring.metrics import Metrics, served
from bridge.monitoring.reporter import Reporter
from bridge.settings import Settings, load_settings, process_environment


@click.command(help="Deliver what is stored; for more processes and machines.")
@click.option("--config", type=click.Path(path_type=Path), help="The settings file (bridge.yaml).")
@click.option("--once", is_flag=True, help="Send what is due now, say what came of it, and end.")
@click.option(
    "--metrics", "metrics_at", metavar="HOST:PORT", help="Offer Prometheus metrics at this address."
)
@click.option("--accept-new-key", is_flag=True, help="Start although stored webhooks need a lost key.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print the counts as JSON.")
def worker(
    config: Path | None, once: bool, metrics_at: str | None, accept_new_key: bool, as_json: bool
) -> None:
    """Deliver until told to stop; batches under way are settled first."""
    stop = asked_to_stop() if not once else None
    settings = load_settings(config, process_environment())
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


def _offered(metrics: Metrics, address: str | None) -> AbstractContextManager[object]:
    if address is None:
        return nullcontext()
    check_bind(address)
    host, _, port = address.rpartition(":")
    return served(metrics, host.strip("[]"), int(port))


def _deliver_once(settings: Settings, *, as_json: bool) -> None:
    with closing(open_store(settings)) as outbox, _reporter(settings) as reporter:
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


def _reporter(settings: Settings) -> AbstractContextManager[Reporter]:
    return open_reporter(settings, Metrics(), open_mappings(settings, process_environment()))
