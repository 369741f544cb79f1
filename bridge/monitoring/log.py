"""One line of JSON for each webhook, each attempt and each change of state; never a person's data.

What may be logged is decided by whoever logs: names of mappings, ids, codes and counts. Exceptions are
logged by type and place only, because their messages may quote what a person sent.

A logging library was measured first: it cost a sixth of the start-up time and 12 µs a line, for what is
one encoded dict and one write.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from bridge.monitoring.readable_lines import readable_line

_ROOT = Path(__file__).resolve().parent.parent.parent
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
Write = Callable[[bytes], object]


class Log:
    """Writes lines of at least one level. A line is one `write`, so lines of many threads never mix."""

    def __init__(self, write: Write, level: str = "info", style: str = "json") -> None:
        self._write = write
        self._least = _LEVELS[level]
        self._format = FORMATS[style]

    def info(self, event: str, **values: Any) -> None:
        """Write what happened in the ordinary course."""
        self._line("info", event, values)

    def warning(self, event: str, **values: Any) -> None:
        """Write what somebody should look at."""
        self._line("warning", event, values)

    def error(self, event: str, **values: Any) -> None:
        """Write what should not have happened."""
        self._line("error", event, values)

    def _line(self, level: str, event: str, values: Mapping[str, Any]) -> None:
        if _LEVELS[level] < self._least:
            return
        line = {"at": datetime.now(UTC), "level": level, "event": event, **values}
        try:
            self._write(self._format(line))
        except (OSError, ValueError):
            return  # a full disk or a closed pipe must not lose a webhook


class BufferedWriter:
    """Buffers lines and writes them together, at most `delay_seconds` later, in a thread of its own.

    A write lets another thread have the interpreter, and getting it back costs a busy web process more
    than the line itself. What may be lost with a killed process is a few lines, never a webhook. When
    nobody reads the lines (a pipe that is full), at most `most_lines` are kept, and the rest is counted.
    """

    def __init__(self, write: Write, delay_seconds: float = 0.05, most_lines: int = 10_000) -> None:
        self._write = write
        self._delay = delay_seconds
        self._most = most_lines
        self._start()
        os.register_at_fork(after_in_child=self._start)

    def _start(self) -> None:
        """Begin anew; a forked child has none of its parent's threads, and must not write its lines."""
        self._lines: deque[bytes] = deque()
        self._dropped = 0
        self._waiting = threading.Event()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None

    def __call__(self, line: bytes) -> None:
        """Take one line, or drop it when too many wait to be written."""
        if len(self._lines) >= self._most:
            self._dropped += 1
            return
        self._lines.append(line)
        if not self._waiting.is_set():
            self._waiting.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True, name="log")
                self._thread.start()

    def flush(self, timeout_seconds: float = 2.0) -> None:
        """Write what was taken so far; give up after `timeout_seconds` when nobody reads it."""
        writer = threading.Thread(target=self._write_all, daemon=True, name="log flush")
        with suppress(RuntimeError):  # at the very end of a process no thread can be started any more
            writer.start()
            writer.join(timeout_seconds)

    def _write_all(self) -> None:
        with self._writing, suppress(OSError, ValueError):
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            dropped, self._dropped = self._dropped, 0
            if dropped:
                lines.append(_dropped_line(dropped))
            if lines:
                self._write(b"".join(lines))

    def _work(self) -> None:
        while self._waiting.wait():
            time.sleep(self._delay)
            self._waiting.clear()
            self._write_all()


def _dropped_line(number: int) -> bytes:
    return _as_json(
        {"at": datetime.now(UTC), "level": "warning", "event": "log_lines_dropped", "lines": number}
    )


def to_stderr(text: bytes) -> None:
    """Write to stderr at once, past Python's own buffer: its lock would hold up the end of the process."""
    left = memoryview(text)
    while left:
        left = left[os.write(sys.stderr.fileno(), left) :]


_buffer = BufferedWriter(to_stderr)
atexit.register(_buffer.flush)


def flush() -> None:
    """Write the lines of this process that still wait; for processes that end without cleaning up."""
    _buffer.flush()


def configure(level: str = "info", style: str = "auto") -> None:
    """Set how log lines look and which are written; `auto` is text on a terminal, and JSON elsewhere."""
    usual = "text" if sys.stderr.isatty() else "json"
    _current[0] = Log(_buffer, level, usual if style == "auto" else style)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")


def get_logger() -> Log:
    """Return the log of this process."""
    return _current[0]


def failure(error: BaseException) -> dict[str, Any]:
    """Return what may be logged of an unexpected exception: its type and where it came from."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return {
        "error": type(error).__name__,
        "caused_by": type(error.__cause__).__name__ if error.__cause__ else None,
        "where": [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _short(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(_ROOT)) if path.is_relative_to(_ROOT) else path.name


def _as_json(line: Mapping[str, Any]) -> bytes:
    return orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


FORMATS: dict[str, Callable[[Mapping[str, Any]], bytes]] = {"json": _as_json, "text": readable_line}
_current = [Log(to_stderr)]
