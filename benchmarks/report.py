"""Writes RESULTS.md: the table of targets first, then everything that was measured, part by part."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from benchmarks import plot
from benchmarks.figures import TARGETS, Figure, Target, kept_parts

RESULTS = Path(__file__).parent / "RESULTS.md"
_HEAD = """# Results

Written by `python -m benchmarks`; do not edit. Every figure is the median of its rounds, with the smallest
and the largest in brackets; ratios are taken inside a round. *gate*: a median beyond it is a defect. *goal*:
what we want. Absolute numbers apply only to the machine named below.
"""


def write() -> str:
    """Write the page from everything measured so far; return the table of targets."""
    parts = kept_parts()
    figures = {part: [Figure(**one) for one in kept["figures"]] for part, kept in parts.items()}
    everything = [one for part in figures.values() for one in part]
    table = _targets(everything)
    picture = ["![every figure against its gate and goal](targets.svg)\n"] if plot.write(everything) else []
    sections = [_section(part, figures[part], parts[part]["machine"]) for part in figures]
    RESULTS.write_text("\n".join([_HEAD, table, *_limits(everything), *picture, *sections]))
    return table


def _limits(figures: Iterable[Figure]) -> list[str]:
    """Explain, for every goal that is not reached, what the limit is and what was tried."""
    missed = [one for one in figures if one.target and not one.target.reaches(one.median, one.target.goal)]
    limits = yaml.safe_load((RESULTS.parent / "limits.yaml").read_text())
    rows = [f"- **{one.name}**: {limits[one.name]}" for one in missed if one.name in limits]
    return ["## Goals not reached: the limit, and what was tried\n", *rows, ""] if rows else []


def _targets(figures: Iterable[Figure]) -> str:
    measured = {one.name: one for one in figures}
    rows = [_target_row(name, target, measured.get(name)) for name, target in TARGETS.items()]
    return "\n".join(["| figure | measured | gate | goal | |", "|---|---|---|---|---|", *rows, ""])


def _target_row(name: str, target: Target, one: Figure | None) -> str:
    sign = "≥" if target.better == "more" else "≤"
    bars = f"{sign} {_number(target.gate)} | {sign} {_number(target.goal)}"
    if one is None:
        return f"| {name} | not measured | {bars} | |"
    return f"| {name} | {_value(one)} | {bars} | {verdict(one)} |"


def bars(target: Target) -> str:
    """Return what is asked of a figure, for a line on the terminal."""
    sign = "≥" if target.better == "more" else "≤"
    return f"gate {sign} {_number(target.gate)}, goal {sign} {_number(target.goal)}"


def verdict(one: Figure) -> str:
    """Compare a figure with its target."""
    target = one.target
    if target is None:
        return ""
    if target.reaches(one.median, target.goal):
        return "goal"
    return "gate held" if target.reaches(one.median, target.gate) else "**gate missed**"


def _section(part: str, figures: list[Figure], machine: dict[str, Any]) -> str:
    rows = [f"| {one.name} | {_value(one)} | {one.rounds} | {one.note} |" for one in figures]
    where = (
        f"{machine['when']}, commit {machine['commit']}, {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}, "
        f"SQLite {machine['sqlite']}; "
        f"load average at the start {machine['load']}."
    )
    return "\n".join(
        [f"## {part}", "", where, "", "| figure | measured | rounds | note |", "|---|---|---|---|", *rows, ""]
    )


def _value(one: Figure) -> str:
    return f"{_number(one.median)} {one.unit} [{_number(one.least)}-{_number(one.most)}]"


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if value < 10 else f"{value:.1f}"
