"""Numbers with their noun, for messages: "1 event", "2 events"."""

from __future__ import annotations

from collections.abc import Mapping


def counted(number: int, noun: str) -> str:
    """Return the number and the noun, which takes an s unless the number is one."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def counted_kinds(numbers: Mapping[str, int], noun: str) -> str:
    """Return how many there are of each kind, without those of which there are none.

    "2 waiting and 1 held event", "1 held event", "no events".
    """
    there = [(number, kind) for kind, number in numbers.items() if number]
    if not there:
        return f"no {noun}s"
    *others, (last, kind) = there
    before = ", ".join(f"{number:,} {kind}" for number, kind in others)
    return f"{before} and {counted(last, f'{kind} {noun}')}" if before else counted(last, f"{kind} {noun}")
