"""What commands show to a person: tables on stdout, progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import click

Advance = Callable[[int, int], None]
_WIDEST = 200


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], widths: Sequence[int] = ()) -> str:
    """Return rows in columns; a cell longer than its column's width is cut with an ellipsis."""
    from tabulate import tabulate

    widths = (*widths, *(_WIDEST,) * (len(headings) - len(widths)))
    cut = [[_cut(cell, width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    return tabulate(cut, headings, tablefmt="plain", disable_numparse=True)


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
