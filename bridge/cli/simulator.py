"""`capi-bridge simulator`: run the stand-in for Meta's endpoint in the foreground."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import click

from bridge.cli.options import host_and_port
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
    "--dead-token", "expired_tokens", multiple=True, metavar="TOKEN", help="Reject this token as expired."
)
@click.option(
    "--send-only-token", "send_only_tokens", multiple=True, metavar="TOKEN", help="This token may not read."
)
@click.option("--app-secret", help="Ask for the appsecret_proof of this secret with every call.")
@click.option(
    "--refuse-expired",
    is_flag=True,
    help="Reject expired Graph API versions instead of upgrading them.",
)
@click.option(
    "--seed", default=0, show_default=True, help="The seed of what is random: trace ids and 'some=' faults."
)
@click.option("--keep", default=10_000, show_default=True, help="How many events to remember.")
def simulator(  # noqa: PLR0913 - one for each option
    *,
    bind: str,
    faults: str,
    locale: str,
    datasets: tuple[str, ...],
    expired_tokens: tuple[str, ...],
    send_only_tokens: tuple[str, ...],
    app_secret: str | None,
    refuse_expired: bool,
    seed: int,
    keep: int,
) -> None:
    """Run the built-in stand-in for Meta's events endpoint until it is interrupted.

    Point graph_url (or CAPI_BRIDGE_GRAPH_URL) at it. It judges events as Meta does, shows on its home
    page what it received, and can be made to fail: with --faults, or later by POST /faults.
    """
    host, port = host_and_port(bind)
    stand_in = Simulator(
        host,
        port,
        faults=faults,
        locale=locale,
        seed=seed,
        datasets=_tokens_by_dataset(datasets),
        expired_tokens=expired_tokens,
        send_only_tokens=send_only_tokens,
        app_secret=app_secret,
        refuse_expired_versions=refuse_expired,
        keep=keep,
    ).listen()
    click.echo(f"simulator: standing in for Meta at {stand_in.url} (nothing reaches Meta)", err=True)
    _stop_on_signals(stand_in)
    stand_in.serve()


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
    """Stop from another thread: the one that serves cannot stop its own server."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=stand_in.stop).start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
