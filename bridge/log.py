"""One line of JSON for each webhook, each attempt and each change of state; never a person's data.

What may be logged is decided by whoever logs: names of mappings, ids, codes and counts. Exceptions are
logged by type and place only, because their messages may quote what a person sent.
"""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from typing import Any

import orjson
import structlog

_ROOT = Path(__file__).resolve().parent.parent
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(level: str = "info", style: str = "json") -> None:
    """Set how log lines look and which are written; to be called once, at start."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if style == "text" else _as_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=(
            structlog.PrintLoggerFactory(sys.stderr)
            if style == "text"
            else structlog.BytesLoggerFactory(sys.stderr.buffer)
        ),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")


def get_logger() -> Any:
    """Return the logger; it takes a short event name and plain values."""
    return structlog.get_logger()


def failure(error: BaseException) -> dict[str, Any]:
    """Return what may be logged of an unexpected exception: its type and the road to it."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return {
        "error": type(error).__name__,
        "caused_by": type(error.__cause__).__name__ if error.__cause__ else None,
        "where": [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _short(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(_ROOT)) if path.is_relative_to(_ROOT) else path.name


def _as_line(_logger: Any, _method: str, line: Any) -> bytes:
    return orjson.dumps(line, default=str)
