"""Splitting a full name into first and last name."""

from __future__ import annotations

from typing import Final

from bridge.meta_spec.spec import MetaSpec

_ORDERS_LAST_FIRST: Final = frozenset(
    {"last_first", "last first", "last, first", "family_given", "surname_first"}
)


def split_name(full_name: str, spec: MetaSpec, order: str | None = None) -> tuple[str, str]:
    """Return first and last name; either may be empty.

    Titles and suffixes go. `Doe, Jane` and the order `last_first` put the last name first. Otherwise a
    particle (`van`, `de la`) starts the last name, and without one the last word is it. Single initials
    are no names.
    """
    before, comma, after = full_name.partition(",")
    if comma and not _is_suffix(after, spec):
        return _joined(_given(after.split(), spec)), _joined(_family(before.split(), spec))
    words = _family(_given((before if comma else full_name).split(), spec), spec)
    if order and order.lower() in _ORDERS_LAST_FIRST:
        return _joined(words[1:]), _joined(words[:1])
    start = _start_of_last_name(words, spec)
    return _joined(_without_initials(words[:start])), _joined(words[start:])


def _start_of_last_name(words: list[str], spec: MetaSpec) -> int:
    if len(words) < 2:
        return len(words)
    particles = (
        place for place, word in enumerate(words[:-1]) if place and word.lower() in spec.name_particles
    )
    return next(particles, len(words) - 1)


def _given(words: list[str], spec: MetaSpec) -> list[str]:
    """Remove titles in front (`Dr.`, `Mrs`), but never the whole name."""
    start = 0
    while start < len(words) - 1 and words[start].lower().rstrip(".") in spec.name_titles:
        start += 1
    return words[start:]


def _family(words: list[str], spec: MetaSpec) -> list[str]:
    """Remove suffixes behind (`Jr.`, `III`, `PhD`), but never more than leaves first and last name."""
    end = len(words)
    while end > 2 and words[end - 1].lower().rstrip(".") in spec.name_suffixes:
        end -= 1
    return words[:end]


def _is_suffix(text: str, spec: MetaSpec) -> bool:
    words = text.replace(",", " ").split()
    return all(word.lower().rstrip(".") in spec.name_suffixes for word in words)


def _without_initials(words: list[str]) -> list[str]:
    named = [
        word
        for place, word in enumerate(words)
        if place == 0 or len(word.rstrip(".")) > 1 or not word.isascii()
    ]
    return named or words


def _joined(words: list[str]) -> str:
    return " ".join(words)
