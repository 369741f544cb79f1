"""`capi-bridge simulator`: run the stand-in for Meta's endpoint in the foreground."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import click

from bridge.errors import WrongUse
from bridge.simulator import Simulator


@click.command()
@click.option(
    "--bind", default="127.0.0.1:8990", show_default=True, metavar="HOST:PORT", help="Where to listen."
)
@click.option(
    "--faults", default="", metavar="PLAN", help="How to fail, for example '500*3, timeout, slow=2s'."
)
@click.option(
    "--locale", default="en", show_default=True, help="Language of the error texts: en, de, fr or da."
)
@click.option("--dataset", "datasets", multiple=True, metavar="ID=TOKEN", help="Take only these. Repeatable.")
@click.option(
    "--dead-token", "expired_tokens", multiple=True, metavar="TOKEN", help="Refuse this token as expired."
)
@click.option(
    "--refuse-expired", is_flag=True, help="Refuse Graph API versions past their end, not upgrade them."
)
@click.option(
    "--seed", default=0, show_default=True, help="Where chance begins: trace ids and 'some=' faults."
)
@click.option("--keep", default=10_000, show_default=True, help="How many events to remember.")
def simulator(  # noqa: PLR0913 - one for each option
    *,
    bind: str,
    faults: str,
    locale: str,
    datasets: tuple[str, ...],
    expired_tokens: tuple[str, ...],
    refuse_expired: bool,
    seed: int,
    keep: int,
) -> None:
    """Run the built-in stand-in for Meta's events endpoint until it is interrupted.

    Point graph_url (or CAPI_BRIDGE_GRAPH_URL) at it. It judges events as Meta does, shows what came at its
    address, and can be told to fail, now with --faults or later by POST /faults.
    """
    host, port = _address(bind)
    stand_in = Simulator(
        host,
        port,
        faults=faults,
        locale=locale,
        seed=seed,
        datasets=_tokens_by_dataset(datasets),
        expired_tokens=expired_tokens,
        refuse_expired_versions=refuse_expired,
        keep=keep,
    ).listen()
    click.echo(f"simulator: standing in for Meta at {stand_in.url} (nothing reaches Meta)", err=True)
    _stop_on_signals(stand_in)
    stand_in.serve()


def _address(bind: str) -> tuple[str, int]:
    host, colon, port = bind.rpartition(":")
    if not colon or not port.isdigit():
        raise WrongUse(
            f"--bind: '{bind}' is not an address", fix="write HOST:PORT, for example 127.0.0.1:8990"
        )
    return host.strip("[]") or "127.0.0.1", int(port)


def _tokens_by_dataset(pairs: tuple[str, ...]) -> dict[str, set[str]] | None:
    tokens: dict[str, set[str]] = {}
    for pair in pairs:
        dataset_id, equals, token = pair.partition("=")
        if not (dataset_id.isdigit() and equals and token):
            raise WrongUse(
                "--dataset: this is not ID=TOKEN", fix="write for example --dataset 1234567890=my-token"
            )
        tokens.setdefault(dataset_id, set()).add(token)
    return tokens or None


def _stop_on_signals(stand_in: Simulator) -> None:
    """Stop from another thread: the server cannot be told to stop by the thread that serves."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=stand_in.stop).start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
