"""`capi-bridge send`: send a finished Conversions API body now and print Meta's answer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from bridge.cli.options import config_option, json_option, settings_of
from bridge.delivery.http_client import HttpResponse
from bridge.delivery.send_now import is_accepted, refuse_test_code_when_live, send_body
from bridge.errors import CannotOpen, Invalid, WrongUse
from bridge.serialization import encode_readable
from bridge.settings import Destination, Settings


@click.command(help="Send a finished Conversions API body now.")
@click.argument("file", default="-")
@config_option
@click.option("--destination", help="The destination of the settings to send to.")
@click.option("--test-event-code", help="Send it as a test with this code.")
@click.option("--anyway", is_flag=True, help="Send it although it has errors.")
@json_option
def send(  # noqa: PLR0913, PLR0917 - one argument for each option
    file: str,
    config: Path | None,
    destination: str | None,
    test_event_code: str | None,
    anyway: bool,
    as_json: bool,
) -> None:
    """Check the body, send it, print Meta's answer; exit 1 when Meta rejects it."""
    settings = settings_of(config)
    body = read_json(file)
    if test_event_code:
        body = {**body, "test_event_code": test_event_code}
    refuse_test_code_when_live(body, settings)
    if not anyway:
        _check(body, settings)
    print_response(send_body(body, chosen(settings, destination), settings), as_json=as_json)


def print_response(response: HttpResponse, *, as_json: bool) -> None:
    """Print what Meta answered; exit 1 when the events were not accepted."""
    accepted = is_accepted(response)
    if as_json:
        click.echo(encode_readable({"status": response.status, "answer": response.body}))
    else:
        click.echo(f"HTTP {response.status}: {'accepted' if accepted else 'rejected'}")
        click.echo(encode_readable(response.body))
    if not accepted:
        raise SystemExit(1)


def read_json(file: str) -> Any:
    """Read a JSON object from a file, or from stdin when the name is `-`."""
    try:
        text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CannotOpen(f"{file}: cannot be read ({error.strerror})") from error
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise WrongUse(
            f"{file} is not JSON: line {error.lineno}, column {error.colno}", fix="correct the file"
        ) from error
    if not isinstance(body, dict):
        raise WrongUse(f"{file} is not a JSON object", fix='it must look like {"data": [...]}')
    return body


def chosen(settings: Settings, name: str | None) -> Destination:
    """Return the destination that was named, or the only one, or `main`."""
    names = list(settings.destinations)
    wanted = name or (names[0] if len(names) == 1 else "main")
    if wanted not in settings.destinations:
        raise WrongUse(f"there is no destination {wanted}", fix=f"use one of {', '.join(names)}")
    return settings.destinations[wanted]


def _check(body: Any, settings: Settings) -> None:
    from bridge.bootstrap import open_meta_spec
    from bridge.monitoring.clock import utc_now
    from bridge.validate import validate_body

    findings = validate_body(body, open_meta_spec(settings), utc_now())
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise Invalid("the body has errors and was not sent", errors, fix="correct it, or add --anyway")
