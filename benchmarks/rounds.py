"""Fair comparison: every candidate runs once per round, in a different order each round.

A shared machine is never quiet. What two contestants did within the same round can be compared all the
same, so a figure is the median of ratios taken inside rounds, together with the smallest and the largest.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Series:
    """What one candidate, or one ratio, measured in every round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def least(self) -> float:
        return min(self.values)

    @property
    def most(self) -> float:
        return max(self.values)

    def over(self, other: Series) -> Series:
        """Return the ratio of two series, round by round."""
        return Series(tuple(mine / theirs for mine, theirs in zip(self.values, other.values, strict=True)))


def in_rounds(
    contestants: Mapping[str, Callable[[], float]], rounds: int, *, seed: int = 1
) -> dict[str, Series]:
    """Run every candidate once per round, shuffled; return what each measured."""
    shuffle = random.Random(seed).shuffle
    measured: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        order = list(contestants)
        shuffle(order)
        for name in order:
            measured[name].append(contestants[name]())
    return {name: Series(tuple(values)) for name, values in measured.items()}
