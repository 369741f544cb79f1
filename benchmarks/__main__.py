"""`python -m benchmarks [PART…]` measures; without parts, all but `peers`. Writes benchmarks/RESULTS.md."""

from __future__ import annotations

import importlib
import sys
import time

from benchmarks import figures, machine, report

PARTS = (
    "transform",
    "loading",
    "intake",
    "delivery",
    "draining",
    "fetching",
    "backlog",
    "imports",
    "console",
    "visits",
    "size",
)
EXTRA = ("peers",)


def main(wanted: list[str]) -> int:
    """Measure the given parts one after the other; report the gates that are missed."""
    unknown = sorted(set(wanted) - {*PARTS, *EXTRA})
    if unknown:
        print(f"no such part: {', '.join(unknown)}; parts are {', '.join((*PARTS, *EXTRA))}")
        return 2
    missed: list[str] = []
    for part in wanted or PARTS:
        started = time.monotonic()
        about = machine.describe()
        print(f"{part}, {machine.in_one_line(about)} …", flush=True)
        measured = importlib.import_module(f"benchmarks.{part}").measure()
        for one in measured:
            spread = f"[{one.least:,.3f}-{one.most:,.3f}]"
            judged = f"{report.verdict(one)} ({report.bars(one.target)})" if one.target else ""
            print(f"  {one.name}: {one.median:,.3f} {one.unit} {spread} {judged}", flush=True)
            if "missed" in report.verdict(one):
                missed.append(one.name)
        figures.keep(part, measured, about)
        print(f"  took {time.monotonic() - started:.0f} s", flush=True)
    print("\n" + report.write())
    return 1 if missed else 0


sys.exit(main(sys.argv[1:]))
