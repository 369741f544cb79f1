"""Finds the word a person probably meant: Damerau-Levenshtein, and a few tie-breaks that fit typing slips."""

from __future__ import annotations

from collections.abc import Iterable


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate nearest to a mistyped word, or None when none is near enough.

    Candidates that are equally near keep their order, so the more likely ones are passed first.
    """
    ranked = ranked_by_nearness(word, candidates)
    return ranked[0] if ranked else None


def ranked_by_nearness(word: str, candidates: Iterable[str]) -> list[str]:
    """Return every candidate within max(1, length / 3) slips, nearest first."""
    typed = _folded(word)
    limit = max(1, len(typed) // 3)
    near = []
    for candidate in dict.fromkeys(candidates):
        meant = _folded(candidate)
        slips = distance(typed, meant, limit)
        if slips <= limit and slips < max(len(typed), len(meant)):
            near.append((slips, *_unlikeliness(typed, meant), candidate))
    return [entry[-1] for entry in sorted(near, key=lambda entry: entry[:-1])]


def distance(left: str, right: str, limit: int = 1_000) -> int:
    """Count the slips between two words: a letter dropped, added, replaced, or two neighbours swapped.

    Counting stops as soon as it is certain to be over `limit`; the result is then `limit + 1`.
    """
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before, row = [0] * (len(right) + 1), list(range(len(right) + 1))
    for i, letter in enumerate(left, 1):
        before_that, before, row = before, row, [i] + [0] * len(right)
        for j, other in enumerate(right, 1):
            same = letter == other
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (not same))
            if i > 1 and j > 1 and letter == right[j - 2] and left[i - 2] == other:
                row[j] = min(row[j], before_that[j - 2] + 1)
        if min(row) > limit and min(before) > limit:
            return limit + 1
    return min(row[-1], limit + 1)


def _folded(word: str) -> str:
    return word.strip().casefold().replace("-", "_").replace(" ", "_")


def _unlikeliness(typed: str, meant: str) -> tuple[bool, bool, bool, int]:
    """Order words that are equally near: swapped letters, then a doubled one, then the same first letter."""
    swapped = sorted(typed) == sorted(meant)
    doubled = set(typed) == set(meant)
    return (not swapped, not doubled, typed[:1] != meant[:1], abs(len(typed) - len(meant)))
