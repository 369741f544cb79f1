"""`capi-bridge alerts`: find out now whether alerts arrive, and not on a bad day."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.errors import WrongUse
from bridge.monitoring.alerts import Alert, alert_messages
from bridge.monitoring.channels import open_post
from bridge.monitoring.clock import utc_now
from bridge.monitoring.notifier import Message, Post
from bridge.serialization import encode_readable
from bridge.settings import load_settings, process_environment

TEST_ALERT = Alert("test", "test", "this is a test alert; nothing is wrong")


@click.group(help="Find out whether alerts arrive.")
def alerts() -> None:
    """Hold the commands about alerts."""


@alerts.command(help="Send a test alert every way that is configured.")
@click.option("--config", type=click.Path(path_type=Path), help="The settings file (bridge.yaml).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def test(*, config: Path | None, as_json: bool) -> None:
    """Send it, and say of each way whether it was taken; exit 1 when one was not."""
    settings = load_settings(config, process_environment())
    messages = alert_messages(TEST_ALERT, settings.alerts, utc_now())
    if not messages:
        raise WrongUse("no way to send alerts is configured", fix="set alerts.url or alerts.email")
    post = open_post(settings.alerts)
    problems = {message.about: _problem(post, message) for message in messages}
    if as_json:
        sent = [{"alert": about, "sent": not said, "problem": said} for about, said in problems.items()]
        click.echo(encode_readable({"alerts": sent}))
    else:
        for about, said in problems.items():
            click.echo(f"{about}: {said or 'sent'}")
    if any(problems.values()):
        raise SystemExit(1)


def _problem(post: Post, message: Message) -> str | None:
    """Return why a message was not taken."""
    try:
        status = post(message)
    except OSError as error:
        return error.strerror or str(error) or type(error).__name__
    return None if 200 <= status < 300 else f"answered HTTP {status}"
