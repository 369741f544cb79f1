"""Numbers with their noun, for messages: "1 event", "2 events"."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return the number and the noun, which takes an s unless the number is one."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
