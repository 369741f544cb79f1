"""Describes the machine, the versions and the commit that figures belong to."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

_LIBRARIES = ("flask", "gunicorn", "orjson", "msgspec", "jsonschema-rs")
REPOSITORY = Path(__file__).parent.parent


def describe() -> dict[str, Any]:
    """Return what a reader needs to judge the figures."""
    return {
        "when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "load": round(os.getloadavg()[0], 1),
        "libraries": {
            name: version(name) for name in ("flask", "gunicorn", "orjson", "msgspec", "jsonschema-rs")
        },
    }


def in_one_line(about: dict[str, Any]) -> str:
    """Return which machine and which Python this is: ratios move with both."""
    return f"{about['cpu']}, {about['cores']} cores, Python {about['python']}"


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=REPOSITORY, check=False, capture_output=True, text=True
        ).stdout.strip()

    changed = git("status", "--porcelain", "--", "bridge", "schemas", "benchmarks")
    return git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")


def _processor() -> str:
    """Return the model of the processor, with its family where the name alone says little (`AMD EPYC`)."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    if "model name" not in said:
        return platform.processor() or platform.machine()
    return f"{said['model name']} (family {said.get('cpu family')}, model {said.get('model')})"
