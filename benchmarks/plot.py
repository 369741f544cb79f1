"""Draws `targets.svg`: how far every figure is from its gate and its goal, on one scale."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import TARGETS, Figure

PICTURE = Path(__file__).parent / "targets.svg"


def write(figures: list[Figure]) -> bool:
    """Draw the figures that have a target; False when matplotlib is not installed."""
    try:
        import matplotlib as mpl
    except ImportError:
        return False
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "capi-bridge"
    mpl.rcParams["svg.fonttype"] = "none"  # letters as text: as shapes they take ten times as much
    from matplotlib import pyplot

    measured = {one.name: one for one in figures}
    rows = [(name, target, measured[name]) for name, target in TARGETS.items() if name in measured]
    _, axes = pyplot.subplots(figsize=(9, 0.42 * len(rows) + 1.2))
    for place, (_, target, one) in enumerate(reversed(rows)):
        values = [
            _times_better(value, target.gate, target.better) for value in (one.least, one.median, one.most)
        ]
        goal = _times_better(target.goal, target.gate, target.better)
        axes.plot([min(values), max(values)], [place, place], color="#90a4ae", linewidth=3, zorder=1)
        axes.plot(goal, place, marker="|", markersize=14, color="#2e7d32", zorder=2)
        axes.plot(values[1], place, marker="o", color="#1565c0" if values[1] >= 1 else "#c62828", zorder=3)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), [name for name, _, _ in reversed(rows)], fontsize=8)
    axes.set_xlabel(
        "times better than the gate (black line); green: the goal; grey: smallest to largest round"
    )
    pyplot.tight_layout()
    pyplot.savefig(PICTURE, metadata={"Date": None})
    pyplot.close()
    return True


def _times_better(value: float, gate: float, better: str) -> float:
    return value / gate if better == "more" else gate / value
