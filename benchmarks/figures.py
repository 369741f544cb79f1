"""Figures and their targets: a gate (a figure beyond it is a defect) and a goal (what we want to reach)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.rounds import Series

KEPT = Path(__file__).parent.parent / ".bench" / "figures.json"


@dataclass(frozen=True, slots=True)
class Target:
    """The target of one figure. `better` says which direction is better."""

    gate: float
    goal: float
    better: Literal["more", "less"] = "more"

    def reaches(self, value: float, bar: float) -> bool:
        return value >= bar if self.better == "more" else value <= bar


# figure -> what is asked of its median
TARGETS: dict[str, Target] = {
    "transform + validate, against the official Python SDK": Target(1.7, 2.2),
    "the same with the explanation asked for": Target(1.6, 2.1),
    "pipeline, explanation written out": Target(350.0, 150.0, "less"),
    "loading 500 mappings": Target(3.0, 1.0, "less"),
    "one changed mapping of 500": Target(50.0, 20.0, "less"),
    "memory of 500 mappings, 2 workers": Target(60.0, 30.0, "less"),
    "durable intake of bare Flask, 2 workers, 8 connections": Target(0.45, 0.6),
    "durable intake of bare Flask, 2 workers, 32 connections": Target(0.7, 1.0),
    "durable intake of bare Flask, 2 workers, 128 connections": Target(1.0, 1.3),
    "durable intake on PostgreSQL against SQLite, 2 workers": Target(0.6, 1.0),
    "overview (SQLite)": Target(30.0, 5.0, "less"),
    "/api/counts (SQLite)": Target(30.0, 5.0, "less"),
    "/metrics (SQLite)": Target(30.0, 5.0, "less"),
    "overview (PostgreSQL)": Target(30.0, 5.0, "less"),
    "/api/counts (PostgreSQL)": Target(30.0, 5.0, "less"),
    "/metrics (PostgreSQL)": Target(30.0, 5.0, "less"),
    "events, the slowest filter (SQLite)": Target(100.0, 30.0, "less"),
    "events, the slowest filter (PostgreSQL)": Target(100.0, 30.0, "less"),
    "import of a CSV": Target(5_000.0, 15_000.0),
    "from our answer to Meta (SQLite, 10 a second), p50": Target(30.0, 10.0, "less"),
    "from our answer to Meta (SQLite, 10 a second), p99": Target(80.0, 40.0, "less"),
    "from our answer to Meta (SQLite, 100 a second), p50": Target(30.0, 10.0, "less"),
    "from our answer to Meta (SQLite, 100 a second), p99": Target(80.0, 40.0, "less"),
    "from our answer to Meta (PostgreSQL, 10 a second), p50": Target(40.0, 15.0, "less"),
    "from our answer to Meta (PostgreSQL, 10 a second), p99": Target(100.0, 60.0, "less"),
    "from our answer to Meta (PostgreSQL, 100 a second), p50": Target(40.0, 15.0, "less"),
    "from our answer to Meta (PostgreSQL, 100 a second), p99": Target(100.0, 60.0, "less"),
    "idle cost of serve (SQLite)": Target(1.5, 1.0, "less"),
    "idle cost of serve (PostgreSQL)": Target(1.5, 1.0, "less"),
    "its p99 against bare Flask's": Target(1.6, 1.2, "less"),
    "at +2 ms per fsync, against one commit per request": Target(1.8, 3.0),
    "end to end against Node-RED, 2 workers": Target(0.9, 1.3),
    "end to end against n8n, tuned": Target(20.0, 40.0),
    "end to end against n8n, as it comes": Target(50.0, 90.0),
    "p99 of the answer beside a mapping that fetches": Target(1.5, 1.1, "less"),
    "p99 of the answer of a mapping that fetches": Target(1.5, 1.1, "less"),
    "draining 100,000 waiting events, one process": Target(45_000.0, 60_000.0),
    "draining 100,000 waiting events, one process (PostgreSQL)": Target(20_000.0, 40_000.0),
    "two workers draining PostgreSQL against one": Target(1.5, 1.9),
    "one connection at 100 ms answer latency": Target(8_000.0, 9_500.0),
    "enqueue at 1,000,000 waiting against 1,000 (SQLite)": Target(1.25, 1.1, "less"),
    "claim at 1,000,000 waiting against 1,000 (SQLite)": Target(1.5, 1.25, "less"),
    "joining an event with one of 1,000,000 visits (SQLite)": Target(1.0, 0.5, "less"),
    "joining an event with one of 1,000,000 visits (PostgreSQL)": Target(1.0, 0.5, "less"),
    "memory of 1 web worker and the sender": Target(120.0, 90.0, "less"),
    "memory of 2 web workers and the sender": Target(150.0, 110.0, "less"),
    "start to the first accepted webhook": Target(1.5, 0.7, "less"),
    "installed size": Target(110.0, 90.0, "less"),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the results. `unit` follows the number: x, us, events/s, MB, ms."""

    part: str
    name: str
    unit: str
    median: float
    least: float
    most: float
    rounds: int
    note: str = ""

    @property
    def target(self) -> Target | None:
        return TARGETS.get(self.name)


def figure(part: str, name: str, unit: str, series: Series, note: str = "") -> Figure:
    """Turn a series into a figure."""
    return Figure(part, name, unit, series.median, series.least, series.most, len(series.values), note)


def keep(part: str, figures: list[Figure], machine: dict[str, Any]) -> None:
    """Keep the figures of a part, so that parts can be measured one at a time."""
    kept = kept_parts()
    kept[part] = {"machine": machine, "figures": [asdict(one) for one in figures]}
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps(kept, indent=1))


def kept_parts() -> dict[str, Any]:
    """Return what has been measured so far, by part."""
    return json.loads(KEPT.read_text()) if KEPT.exists() else {}
