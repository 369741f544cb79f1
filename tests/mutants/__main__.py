"""Changes one line of the code at a time and sees whether a test notices: `make mutants`.

Each change is made in a copy of the repository. The tests of the part then run in a forked child of one
warm process until the first failure: those that reach the line, the fastest in front, then those that
reach the file. What takes ten times as long as without the change counts as noticed "by time".
Results are kept in `.mutants/`, so a stopped run goes on; whatever depends on a changed file is tried again.
`equivalent.yaml` lists changes that nobody can notice, each with its reason. They are tried as well.

Why not a library: cosmic-ray runs the whole test command for each change, in a new process. mutmut forks
too, but leaves out decorated functions (properties, caches), tries every change rather than a sample of
lines, and keeps no reasons. It also changes texts, which our messages are full of.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.mutants.bench import TIME_LIMIT, Bench, Recording
from tests.mutants.changes import PARTS, Mutant, equivalent, mutants_of, sample

REPOSITORY = Path(__file__).parent.parent.parent
RESULTS = REPOSITORY / ".mutants"
_IN_MEMORY = Path("/dev/shm")  # databases that sync to no disk halve the time
_COLUMNS = ("tried", "killed", "by time", "alive", "equivalent")  # what time ran out for is killed too
_NOT_COPIED = (".venv*", ".git", ".mypy_cache", ".compiled", ".bench", ".mutants", ".hypothesis")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one change: the test that noticed it, or nothing."""

    file: str
    code: str
    becomes: str
    line: int
    noticed_by: str
    source: str  # digest of the file that was changed
    tests: str  # digest of the tests that ran

    def holds(self, mutant: Mutant, bench: Bench) -> bool:
        """Say whether trying again would tell nothing new."""
        if self.source != bench.digest_of(mutant.file):
            return False
        return bool(self.noticed_by) or self.tests == bench.digest_of(*PARTS[mutant.part])


def results_so_far() -> dict[tuple[str, str, str, int], Result]:
    """Read what earlier runs found; of one change the latest."""
    file = RESULTS / "results.jsonl"
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    results = [Result(**json.loads(line)) for line in lines]
    return {(result.file, result.code, result.becomes, result.line): result for result in results}


def recording_of(part: str, bench: Bench) -> Recording:
    """Return the recording of a part: a kept one while neither code nor tests changed, or a new one."""
    file = RESULTS / f"{part}-{bench.digest_of(f'bridge/{part}', 'tests/conftest.py', *PARTS[part])}.json"
    if not file.exists():
        print(f"{part}: recording which test reaches which line", file=sys.stderr, flush=True)
        for older in RESULTS.glob(f"{part}-*.json"):
            older.unlink()
        file.write_text(json.dumps(asdict(bench.record(part))))
    return Recording(**json.loads(file.read_text()))


def try_all(chosen: Sequence[Mutant], bench: Bench) -> Iterator[tuple[Mutant, Result]]:
    """Try each change unless its result is known; keep the result at once."""
    known = results_so_far()
    for number, mutant in enumerate(chosen, 1):
        result = known.get((*mutant.name, mutant.line))
        if result is None or not result.holds(mutant, bench):
            print(f"{number} of {len(chosen)}", end="\r", file=sys.stderr, flush=True)
            noticed_by = bench.first_failure(mutant, recording_of(mutant.part, bench))
            digests = bench.digest_of(mutant.file), bench.digest_of(*PARTS[mutant.part])
            result = Result(*mutant.name, mutant.line, noticed_by, *digests)
            with (RESULTS / "results.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")
        yield mutant, result


def report(found: Iterable[tuple[Mutant, Result]], reasons: Mapping[tuple[str, str, str], str]) -> float:
    """Print what lives and a table; return the share that was noticed of what can be."""
    counts: dict[str, Counter[str]] = {part: Counter() for part in (*PARTS, "all")}
    for mutant, result in found:
        listed = mutant.name in reasons
        if listed and result.noticed_by:
            print(f"not equivalent: {mutant}  (noticed by {result.noticed_by})", flush=True)
        fate = "killed" if result.noticed_by else "equivalent" if listed else "alive"
        if fate == "alive":
            print(f"alive: {mutant}", flush=True)
        by_time = ["by time"] if result.noticed_by.startswith(TIME_LIMIT) else []
        for part in (mutant.part, "all"):
            counts[part].update(["tried", fate, *by_time])
    print(f"{'part':10}", *(f"{column:>10}" for column in (*_COLUMNS, "share")))
    for part, count in counts.items():
        if not count:
            continue
        share = count["killed"] / max(1, count["killed"] + count["alive"])
        print(f"{part:10}", *(f"{count[column]:10}" for column in _COLUMNS), f"{share:10.1%}")
    return share


def main() -> int:
    """Try a sample; exit 1 when too much of it lives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=65, help="how many lines of each part to change")
    parser.add_argument("--seed", type=int, default=1, help="which lines")
    parser.add_argument("--part", choices=PARTS, help="only lines of this part")
    parser.add_argument("--goal", type=float, default=0.95, help="the share that has to be noticed")
    given = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(
        prefix="mutants-", dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None
    ) as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(REPOSITORY, copy, ignore=shutil.ignore_patterns(*_NOT_COPIED))
        found = {part: list(mutants_of(copy, part)) for part in PARTS}
        reasons = equivalent(mutant for mutants in found.values() for mutant in mutants)
        parts = [given.part] if given.part else list(PARTS)
        chosen = [mutant for part in parts for mutant in sample(found[part], given.number, given.seed)]
        bench = Bench(copy)
        try:
            share = report(try_all(chosen, bench), reasons)
        finally:
            bench.close()
    return 0 if share >= given.goal else 1


if __name__ == "__main__":
    sys.exit(main())
