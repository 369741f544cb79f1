"""The chart of what came in each hour or day: bars of a drawing, which a table beside it says in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.monitoring.time_series import Moment

# what a bar is made of, from the bottom to the top -> the statuses it adds up
PARTS: Mapping[str, tuple[str, ...]] = {
    "sent": ("sent",),
    "on its way": ("fetching", "waiting"),
    "held": ("held",),
    "rejected": ("refused", "expired"),
    "not sent on purpose": ("skipped", "suppressed", "discarded"),
}
WIDTH, HEIGHT = 960, 200
_GAP = 0.25  # of the width of a bar


@dataclass(frozen=True, slots=True)
class Bar:
    """One piece of a bar, in the units of the drawing; `number` names its part, by position."""

    x: float
    y: float
    width: float
    height: float
    number: int


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what came, in numbers by part."""

    at: datetime
    received: int
    numbers: Sequence[int]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart and the lines of its table, those in which something came; `most` is the top of the chart."""

    bars: Sequence[Bar]
    rows: Sequence[Row]
    most: int
    first: datetime
    middle: datetime
    last: datetime


def chart_of(series: Sequence[Moment]) -> Chart:
    """Draw a series, which is not empty."""
    rows = [Row(moment.at, moment.received, _numbers(moment)) for moment in series]
    most = max((row.received for row in rows), default=0)
    return Chart(
        list(_bars(rows, most)) if most else [],
        [row for row in reversed(rows) if row.received],
        most,
        series[0].at,
        series[len(series) // 2].at,
        series[-1].at,
    )


def _numbers(moment: Moment) -> list[int]:
    return [sum(moment.by_status.get(status, 0) for status in statuses) for statuses in PARTS.values()]


def _bars(rows: Iterable[Row], most: int) -> Iterator[Bar]:
    lines = list(rows)
    width = WIDTH / len(lines)
    for position, row in enumerate(lines):
        top = float(HEIGHT)
        for number, part in enumerate(row.numbers):
            height = part / most * HEIGHT
            top -= height
            if part:
                x = (position + _GAP / 2) * width
                yield Bar(round(x, 2), round(top, 2), round(width * (1 - _GAP), 2), round(height, 2), number)
