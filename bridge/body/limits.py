"""How large a body may be once it is read: depth and number of values, checked without recursion."""

from __future__ import annotations

from typing import Any, Final

from bridge.errors import TooLarge

MAX_DEPTH: Final = 64
MAX_NODES: Final = 20_000

# A body this short cannot break a bound: a level costs two bytes, and so does a value with its comma.
_NEVER_TOO_DEEP_BYTES: Final = 2 * MAX_DEPTH
_NEVER_TOO_MANY_BYTES: Final = 2 * MAX_NODES


def too_large(what: str, limit: int, unit: str) -> TooLarge:
    """Return the exception that names a bound."""
    return TooLarge(
        f"The {what} is over the limit of {limit:,} {unit}.",
        fix="Send fewer fields or several smaller webhooks.",
    )


def may_break_bounds(content: bytes) -> bool:
    """Return whether JSON could exceed a limit at all; looking for brackets is cheaper than walking."""
    size = len(content)
    return size >= _NEVER_TOO_MANY_BYTES or (size > _NEVER_TOO_DEEP_BYTES and _brackets(content) > MAX_DEPTH)


def _brackets(content: bytes) -> int:
    """Return how many brackets open; `replace` finds the few there are four times as fast as `count`."""
    return len(content) - len(content.replace(b"[", b"").replace(b"{", b""))


def check_bounds(data: Any, max_values: int = MAX_NODES) -> None:
    """Reject data that is nested too deep or holds too many values; walks one level at a time."""
    level, nodes = [data], 0
    for _ in range(MAX_DEPTH + 1):
        nodes += len(level)
        if nodes > max_values:
            raise too_large("body", max_values, "values")
        containers = [value for value in level if isinstance(value, dict | list)]
        if not containers:
            return
        level = [child for container in containers for child in _children(container)]
    raise too_large("nesting of the body", MAX_DEPTH, "levels")


def _children(container: dict[str, Any] | list[Any]) -> Any:
    return container.values() if isinstance(container, dict) else container
