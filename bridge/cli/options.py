"""Options that several commands share, each written once, and how their values are read."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import click

from bridge.coerce.moments import read_moment
from bridge.errors import CannotOpen, WrongUse
from bridge.secret_files import SecretsOfMappings
from bridge.settings import Settings, load_settings, process_environment

_HIGHEST_PORT = 65_535

config_option = click.option(
    "--config", type=click.Path(path_type=Path), help="The settings file (default: bridge.yaml)."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
accept_new_key_option = click.option(
    "--accept-new-key", is_flag=True, help="Start although stored webhooks need a lost key."
)
reveal_option = click.option("--reveal", is_flag=True, help="Show personal data in full.")


def settings_of(config: Path | None) -> Settings:
    """Load the settings that a command was pointed at."""
    return load_settings(config, process_environment())


def secrets_of(
    settings: Settings | None, made_up: Mapping[str, str] = MappingProxyType({})
) -> Mapping[str, str]:
    """Return what `${…}` of mappings stands for; `made_up` fills in for variables that are not set."""
    folder = settings.folder if settings else Path()
    return SecretsOfMappings({**made_up, **process_environment()}, folder)


def local_now() -> datetime:
    """Return the present in the time zone of this machine: what people at a terminal mean."""
    return datetime.now().astimezone()


def local_time(moment: datetime) -> str:
    """Return a moment as people at this machine read it, with its distance from UTC."""
    return moment.astimezone().isoformat(" ", "seconds")


def moment_of(given: str | None, option: str) -> datetime | None:
    """Return the time an option names; None when the option was not given."""
    return None if given is None else read_moment(given, option, local_now())


def pairs_of(given: Iterable[str], sign: str, option: str) -> dict[str, str]:
    """Return `NAME:VALUE` or `NAME=VALUE` arguments as a dictionary."""
    pairs = {}
    for text in given:
        name, found, value = text.partition(sign)
        if not found or not name.strip():
            raise WrongUse(f"{option} needs NAME{sign}VALUE", fix=f"write {option} 'name{sign}value'")
        pairs[name.strip()] = value.strip()
    return pairs


def host_and_port(given: str, option: str = "--bind") -> tuple[str, int]:
    """Return what HOST:PORT names; an IPv6 address stands in brackets."""
    host, _, port = given.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port[:6]) > _HIGHEST_PORT:
        raise WrongUse(f"{option}: '{given}' is not HOST:PORT", fix="write for example 127.0.0.1:8000")
    return host.strip("[]"), int(port)


def require_free(given: str, option: str = "--bind") -> tuple[str, int]:
    """Say at once, in a sentence, when nobody can listen at HOST:PORT; return both."""
    host, port = host_and_port(given, option)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            message = f"{given}: cannot listen there ({error.strerror})"
            raise CannotOpen(message, fix="choose another port") from error
    return host, port
