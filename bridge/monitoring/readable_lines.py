"""Log lines for people at a terminal: a time, what happened in a few words, and only then the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from bridge.plurals import counted

Line = Mapping[str, Any]
_LEVELS = {"warning": "WARNING ", "error": "ERROR "}
_NOT_SHOWN = {"at", "level", "event", "request_id"}


def readable_line(line: Line) -> bytes:
    """Return one line of text; values a sentence does not name follow as name=value."""
    sentence, used = SENTENCES.get(line["event"], _plain)(line)
    rest = [f"{name}={_quoted(value)}" for name, value in line.items() if _is_left(name, value, used)]
    begin = f"{line['at']:%H:%M:%S} {_LEVELS.get(line['level'], '')}{sentence}"
    return f"{' '.join([begin, *rest])}\n".encode("utf-8", "replace")


def _is_left(name: str, value: Any, used: set[str]) -> bool:
    return value is not None and name not in used and name not in _NOT_SHOWN


def _plain(line: Line) -> tuple[str, set[str]]:
    return str(line["event"]), set()


def _webhook(line: Line) -> tuple[str, set[str]]:
    events = f", {counted(line['events'], 'event')}" if line.get("events") else ""
    answer = f"(HTTP {line.get('code')}, {line.get('ms')} ms)"
    sentence = f"webhook {_quoted(line.get('mapping'))}: {line.get('status')}{events} {answer}"
    return sentence, {"mapping", "status", "events", "code", "ms"}


def _request(line: Line) -> tuple[str, set[str]]:
    return f"request {_quoted(line.get('path'))}: HTTP {line.get('code')}", {"path", "code"}


def _attempt(line: Line) -> tuple[str, set[str]]:
    begin = "test delivery to" if line.get("test") else "delivery to"
    answer = f"{line.get('outcome')} ({line.get('ms')} ms)"
    sentence = f"{begin} {line.get('destination')}: {counted(line.get('events', 0), 'event')}, {answer}"
    return sentence, {"destination", "events", "outcome", "test", "ms"}


def _quoted(value: Any) -> str:
    text = str(value)
    return orjson.dumps(text).decode() if not text or not text.isprintable() or " " in text else text


SENTENCES: Mapping[str, Callable[[Line], tuple[str, set[str]]]] = {
    "webhook": _webhook,
    "request": _request,
    "attempt": _attempt,
}
