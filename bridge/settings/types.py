"""What a single value of the settings may look like: one parser and one JSON Schema for each kind.

A parser takes the text of the file or the environment and raises ValueError when it is of another
kind. Its message is shown to people, so it never repeats the text, which may be a secret.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from bridge.coerce.durations import SECONDS, read_duration
from bridge.coerce.origins import origin_of
from bridge.coerce.sizes import read_size
from bridge.coerce.yes_no import YES_NO
from bridge.settings.models import Network, Rate

_RATE = re.compile(r"([1-9]\d{0,8})\s*/\s*([1-9]\d{0,4})?\s*(s|m|h)", re.ASCII)
_LOOPBACK_HOST = re.compile(r"localhost|127(\.\d{1,3}){3}|::1")
_PATH = r"(?:/[A-Za-z0-9_~-]+(?:\.[A-Za-z0-9_~-]+)*){1,4}"
_OWN_PATHS = frozenset(
    {
        "api",
        "capi",
        "console",
        "dry-run",
        "healthz",
        "hooks",
        "metrics",
        "openapi.json",
        "readyz",
        "schemas",
        "validate",
    }
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value: `wants` finishes the sentence "… must be"."""

    wants: str
    parse: Callable[[str], Any]
    schema: dict[str, Any] = field(default_factory=lambda: {"type": "string"})


def _text(text: str) -> str:
    return text


def _matching(pattern: str) -> Callable[[str], str]:
    compiled = re.compile(pattern)

    def parse(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError
        return text

    return parse


def _web_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError
    return text.rstrip("/")


def _source_url(text: str) -> str:
    parts = urlsplit(_web_url(text))
    is_plain = re.fullmatch(r"[!-~]+", text) and "\\" not in text and parts.username is None
    is_safe = parts.scheme == "https" or _LOOPBACK_HOST.fullmatch(parts.hostname or "")
    if not is_plain or not is_safe or ".." in parts.path.split("/") or parts.port == 0:
        raise ValueError
    return text.rstrip("/")


def _callback_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError
    return text


def _database_url(text: str) -> str:
    if not text.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://", "postgres://")):
        raise ValueError
    return text


def _duration(text: str) -> timedelta:
    duration = read_duration(text)
    if duration is None:
        raise ValueError
    return duration


def _size(text: str) -> int:
    size = read_size(text)
    if size is None:
        raise ValueError
    return size


def _count(lowest: int, highest: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > 12:
            raise ValueError
        number = int(text)
        if not lowest <= number <= highest:
            raise ValueError
        return number

    return parse


def _share(text: str) -> float:
    percent = text.removesuffix("%").strip()
    if not re.fullmatch(r"\d{1,3}(\.\d+)?", percent):
        raise ValueError
    share = float(percent) / (100 if text.endswith("%") else 1)
    if not 0 < share <= 1:
        raise ValueError
    return share


def _rate(text: str) -> Rate:
    match = _RATE.fullmatch(text)
    if not match:
        raise ValueError
    return Rate(int(match[1]), float(int(match[2] or 1) * SECONDS[match[3]]))


def _switch(text: str) -> bool:
    try:
        return YES_NO[text.lower()]
    except KeyError:
        raise ValueError from None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _network(text: str) -> Network:
    return ipaddress.ip_network(text, strict=False)


def is_of(kind: Kind, text: str) -> bool:
    """Return whether a text is of a kind."""
    try:
        kind.parse(text)
    except ValueError:
        return False
    return True


def _give_up(text: str) -> timedelta:
    length = _duration(text)
    if not timedelta(minutes=1) <= length <= timedelta(days=7):
        raise ValueError
    return length


def _origin(text: str) -> str:
    found = origin_of(text)
    if found is None or found.rest.strip("/"):
        raise ValueError
    return found.origin


def _free_path(pattern: str) -> Callable[[str], str]:
    """Return the parser of paths that the bridge does not use itself."""
    matching = _matching(pattern)

    def parse(text: str) -> str:
        path = matching(text)
        if path.split("/")[1] in _OWN_PATHS:
            raise ValueError
        return path

    return parse


def one_of(*words: str) -> Kind:
    """Return the kind that takes one of a few words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return Kind(f"one of {', '.join(words)}", parse, {"enum": list(words)})


def whole(lowest: int, highest: int) -> Kind:
    """Return the kind of whole numbers between two bounds, both included."""
    schema = {"type": ["integer", "string"], "minimum": lowest, "maximum": highest}
    return Kind(f"a whole number from {lowest} to {highest}", _count(lowest, highest), schema)


TEXT = Kind("text", _text)
ORIGIN = Kind("the beginning of a URL such as https://www.example.com, without a path", _origin)
BEACON_PATH = Kind("a path such as /c that the bridge does not use itself", _free_path(rf"{_PATH}(?<!\.js)"))
SCRIPT_PATH = Kind("a path such as /c.js that the bridge does not use itself", _free_path(rf"{_PATH}\.js"))
EVENT_NAME = Kind("the name of an event: at most 50 characters", _matching(r"\S(?:.{0,48}\S)?"))
SECRET = Kind("text; keep it out of the file with ${NAME}", _text)
TOKEN = Kind("an access token as Events Manager shows it, in full", _matching(r"[A-Za-z0-9_|.-]*(?<!\.\.)"))
DATASET = Kind("the digits of a dataset id", _matching(r"[0-9]{1,32}"), {"type": ["string", "integer"]})
VERSION = Kind("a Graph API version such as v27.0", _matching(r"v[0-9]{1,3}\.[0-9]{1,2}"))
TEST_CODE = Kind("a test code: at most 50 letters and digits", _matching(r"[!-~]{0,50}"))
AGENT = Kind("fewer than 23 characters with two letters in them", _matching(r"(?=(.*[A-Za-z]){2}).{2,22}"))
URL = Kind("a URL that starts with https:// or http://, without a query", _web_url)
SOURCE_URL = Kind(
    "a URL that starts with https:// (http:// only on this machine), without user name and query",
    _source_url,
)
HEADER_TEXT = Kind("printable ASCII text; keep secrets out of the file with ${NAME}", _matching(r"[\t -~]+"))
CALLBACK_URL = Kind("a URL that starts with https:// or http://", _callback_url)
DATABASE = Kind("sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME", _database_url)
DURATION = Kind("a time such as 30m, 12h or 7d", _duration)
GIVE_UP = Kind("a time from 1m to 7d, the age up to which Meta accepts events", _give_up)
SIZE = Kind("a size such as 512 KiB or 2 MiB", _size, {"type": ["string", "integer"]})
SHARE = Kind("a share such as 5% or 0.05", _share, {"type": ["string", "number"]})
RATE = Kind("a rate such as 50/s, 150/30s or 600/m", _rate)
SWITCH = Kind("yes or no", _switch, {"type": ["boolean", "string"]})
MOMENT = Kind("a time such as 2026-11-30T18:00:00+01:00", _moment)
NETWORK = Kind("an IP address or a network such as 10.0.0.0/8", _network)
