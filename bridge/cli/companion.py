"""`capi-bridge companion`: the tags that load the browser companion, to paste into a website."""

from __future__ import annotations

from pathlib import Path

import click

from bridge.bootstrap import open_mappings
from bridge.cli.options import config_option, json_option
from bridge.errors import WrongUse
from bridge.lint.companion_lint import mapping_of_companion
from bridge.serialization import encode_readable
from bridge.settings import load_settings, process_environment
from bridge.web.companion.tags import TagWishes, tags


@click.command("companion", help="Print the tag that loads the browser companion, for your website.")
@config_option
@click.option(
    "--url",
    metavar="URL",
    default="",
    help="Where pages reach the bridge, such as https://bridge.example.com; "
    "leave it out where your website passes the paths on itself.",
)
@click.option("--latest", is_flag=True, help="Load the newest version, without integrity.")
@click.option("--granted", is_flag=True, help="Do not wait for consent.")
@click.option("--page-view", is_flag=True, help="Send a PageView from every page.")
@click.option("--form-event", metavar="EVENT", help="Send this event when a form with cb_event_id is sent.")
@click.option(
    "--banner",
    is_flag=True,
    help="Read Google Consent Mode or TCF; you state that these choices cover sending to Meta.",
)
@json_option
def companion(  # noqa: PLR0913 - one argument for each option
    *,
    config: Path | None,
    url: str,
    latest: bool,
    granted: bool,
    page_view: bool,
    form_event: str | None,
    banner: bool,
    as_json: bool,
) -> None:
    """Print the tags; what would keep them from working is said on standard error."""
    environment = process_environment()
    settings = load_settings(config, environment)
    if settings.companion is None:
        fix = "add to bridge.yaml: companion: {origins: [https://www.example.com]}"
        raise WrongUse("no website is named whose pages may send events", fix=fix)
    if form_event and form_event not in settings.companion.events:
        taken = ", ".join(settings.companion.events)
        raise WrongUse(f"--form-event {form_event} is not in companion.events", fix=f"use one of {taken}")
    wishes = TagWishes(url.rstrip("/"), not latest, granted, page_view, form_event, banner)
    found = tags(settings.companion, wishes)
    click.echo(encode_readable({"tags": found}) if as_json else "\n".join(found))
    doubt = mapping_of_companion(settings.companion, open_mappings(settings, environment))
    if doubt:
        click.echo(f"warning: {doubt.message}; {doubt.fix}", err=True)
