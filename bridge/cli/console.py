"""`capi-bridge console`: a one-time link that signs the operator in to the console."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from bridge.bootstrap import open_store, prepare
from bridge.cli.options import config_option, json_option, settings_of
from bridge.delivery.worker import utc_now
from bridge.outbox.sessions import LINK_LASTS
from bridge.serialization import encode_readable


@click.command("console", help="Print a link that signs you in to the console once.")
@config_option
@click.option(
    "--url",
    metavar="URL",
    help="Where the bridge is reached; else public_url of the settings, or http://127.0.0.1:8000.",
)
@json_option
def console(*, config: Path | None, url: str | None, as_json: bool) -> None:
    """Print the link. Whoever can read the database may sign in, so nothing else is asked."""
    settings = settings_of(config)
    prepare(settings)
    with closing(open_store(settings)) as outbox:
        token = outbox.sessions.open("link", "", utc_now())
    base = (url or settings.public_url or "http://127.0.0.1:8000").rstrip("/")
    link = f"{base}/console/sign-in?link={token}"
    if as_json:
        click.echo(encode_readable({"url": link, "expires_in_seconds": int(LINK_LASTS.total_seconds())}))
        return
    click.echo(link)
    click.echo(f"It works once, within {int(LINK_LASTS.total_seconds())} seconds.", err=True)
