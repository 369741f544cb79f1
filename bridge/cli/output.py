"""What commands show to a person: tables on stdout, progress on stderr."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, NamedTuple, TypeVar

import click

Advance = Callable[[int, int], None]
_WIDEST = 200
_GAP = 2
Record = TypeVar("Record")


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], widths: Sequence[int] = ()) -> str:
    """Return rows in columns; a cell longer than its column's width is cut with an ellipsis."""
    from tabulate import tabulate

    widths = (*widths, *(_WIDEST,) * (len(headings) - len(widths)))
    cut = [[_cut(cell, width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    return tabulate(cut, headings, tablefmt="plain", disable_numparse=True)


class Column(NamedTuple, Generic[Record]):
    """One column of a table: its heading, how it is read of a record, and its fewest letters."""

    heading: str
    read: Callable[[Record], object]
    least: int


def terminal_width() -> int | None:
    """Return how many letters a line of the terminal has; None when nobody reads along."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def fitted_table(columns: Sequence[Column[Record]], records: Sequence[Record], width: int | None) -> str:
    """Return records in columns that fit into a width: cells are cut, and what has no room is left out.

    The columns come in the order of their importance; the last ones are left out first.
    """
    kept = list(columns)
    while width is not None and len(kept) > 1 and _least_width(kept) > width:
        kept.pop()
    rows = [[column.read(record) for column in kept] for record in records]
    return table([column.heading for column in kept], rows, _widths(kept, rows, width))


def _least_width(columns: Sequence[Column[Record]]) -> int:
    return sum(map(_least, columns)) + _GAP * (len(columns) - 1)


def _least(column: Column[Record]) -> int:
    """Return how wide a column is at least; tabulate gives a heading two letters more than it has."""
    return max(column.least, len(column.heading) + 2)


def _widths(
    columns: Sequence[Column[Record]], rows: Sequence[Sequence[object]], width: int | None
) -> list[int]:
    """Return how wide each column may be: the widest ones give way until all fit."""
    least = list(map(_least, columns))
    wide = [
        min(_WIDEST, max([fewest, *(len(_cut(row[number], _WIDEST)) for row in rows)]))
        for number, fewest in enumerate(least)
    ]
    room = None if width is None else width - _GAP * (len(columns) - 1)
    while room is not None and sum(wide) > room and wide != least:
        spare = [size - fewest for size, fewest in zip(wide, least, strict=True)]
        wide[spare.index(max(spare))] -= 1
    return wide


def _cut(cell: object, width: int) -> str:
    text = "" if cell is None else " ".join(str(cell).split())
    return text if len(text) <= width else f"{text[: width - 1]}…"


@contextmanager
def progress(what: str, *, shown: bool = True) -> Iterator[Advance]:
    """Yield what shows how far the work is: called with (done, total); silent unless a person looks on."""
    if not shown or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    with click.progressbar(length=1, label=what, file=sys.stderr) as bar:

        def advance(done: int, total: int) -> None:
            bar.length = max(done, total, 1)
            bar.update(done - bar.pos)

        yield advance
