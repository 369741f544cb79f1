"""The environment of this process: its variables, and those of a `.env` file in the working folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from bridge.errors import CannotOpen

ENV_FILE = ".env"


def process_environment() -> Mapping[str, str]:
    """Return the environment of this process; every other module gets it as an argument.

    A variable that is set wins over the file. Raises CannotOpen when there is a file that cannot be read.
    """
    return {**read_env_file(Path(ENV_FILE)), **os.environ}


def read_env_file(file: Path) -> dict[str, str]:
    """Return the `NAME=value` lines of a file, none when there is no such file; `$` stands for itself."""
    if not file.is_file():
        return {}
    from dotenv import dotenv_values  # 15 ms, and most set-ups have no such file

    try:
        found = dotenv_values(file, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CannotOpen(
            f"{file}: cannot be read ({type(error).__name__})", fix="make it readable, and save it as UTF-8"
        ) from error
    return {name: value for name, value in found.items() if value is not None}


def set_for_children(name: str, value: str) -> None:
    """Set a variable for this process and those it starts; some libraries take no other configuration."""
    os.environ[name] = value
