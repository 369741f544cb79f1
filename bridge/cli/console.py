"""`capi-bridge console`: a one-time link that signs the operator in to the console."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.cli.opened_store import opened_store
from bridge.cli.options import config_option, host_and_port, json_option
from bridge.errors import WrongUse
from bridge.monitoring.clock import utc_now
from bridge.outbox.sessions import LINK_LASTS
from bridge.serialization import encode_readable
from bridge.server.running import running_servers

_USUAL = "http://127.0.0.1:8000"
_ALL_ADDRESSES = {"0.0.0.0", "::"}  # noqa: S104 - recognized, not bound


@click.command("console", help="Print a link that signs you in to the console once.")
@config_option
@click.option(
    "--url",
    metavar="URL",
    help="Where the bridge is reached; else public_url of the settings, or the server that runs here.",
)
@json_option
def console(*, config: Path | None, url: str | None, as_json: bool) -> None:
    """Print the link. Whoever can read the database may sign in, so nothing else is asked."""
    if url is not None and not url.startswith(("http://", "https://")):
        raise WrongUse(f"--url: '{url}' is not a URL", fix="write for example https://bridge.example.com")
    with opened_store(config) as (outbox, settings):
        token = outbox.sessions.open("link", "", utc_now())
        known = url or settings.public_url or _running_here(settings.data_folder)
    link = f"{(known or _USUAL).rstrip('/')}/console/sign-in?link={token}"
    if as_json:
        click.echo(encode_readable({"url": link, "expires_in_seconds": int(LINK_LASTS.total_seconds())}))
        return
    click.echo(link)
    click.echo(f"It works once, within {int(LINK_LASTS.total_seconds())} seconds.", err=True)
    if known is None:
        click.echo(
            "No server with these settings was found on this machine: start it with `capi-bridge serve`, "
            "or give its URL with --url.",
            err=True,
        )


def _running_here(data_folder: Path) -> str | None:
    """Return the URL of the server that keeps its data in this folder, for a browser on this machine."""
    servers = (one.bind for one in running_servers(data_folder) if one.is_here)
    bind = next((bind for bind in servers if ":" in bind), None)  # a worker listens nowhere
    if bind is None:
        return None
    host, port = host_and_port(bind)
    host = "127.0.0.1" if host in _ALL_ADDRESSES else host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
