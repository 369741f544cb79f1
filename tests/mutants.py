"""Changes one line of the code at a time and sees whether a test notices: `make mutants`.

A sample of lines of the parts in `PARTS` is changed in a copy of the repository, one by one; after each
change the tests of that part run until the first failure. What lives is either a hole in the tests or no
change at all; `EQUIVALENT` names the latter, each with its reason. mutmut and cosmic-ray start the tests
in a new process for each change, which takes most of the time here: a forked child of one warm process
does not.
"""

from __future__ import annotations

import argparse
import ast
import io
import os
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
# a part of the code -> the tests that hold it
PARTS = {
    "verify": ("tests/verify",),
    "normalize": ("tests/normalize",),
    "validate": ("tests/validate",),
    "outbox": ("tests/outbox",),
    "delivery": ("tests/delivery",),
}
_TESTED_ELSEWHERE = frozenset({"bridge/delivery/process.py"})  # by whole processes, in tests/end_to_end
_WITHOUT = (
    "not postgres and not process"  # the same statements on SQLite notice nearly all, in a tenth of the time
)
_NOT_COPIED = (".venv*", ".git", ".mypy_cache", ".compiled", ".bench")
_UNCHANGED = (
    *("pytest", "hypothesis", "sqlalchemy", "orjson", "yaml", "jsonschema", "jsonschema_rs", "phonenumbers"),
    *("cryptography", "psycopg", "urllib3", "flask", "alembic.command"),
)
_SECONDS = 120  # a change may make a loop endless
_SWAPS = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.In: "not in", ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
    ast.Add: "-", ast.Sub: "+", ast.Mult: "+", ast.FloorDiv: "*", ast.Div: "*",
}  # fmt: skip

# a file and the line as it is -> why changing it changes nothing
EQUIVALENT: dict[tuple[str, str], str] = {
    (
        "bridge/delivery/http_client.py",
        "return round((time.monotonic() - started) * 1000)",
    ): "no test reads a clock",
}


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """One change: what stands from `start` to `end` of a file becomes `text`."""

    part: str
    file: str
    line: int
    start: int
    end: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def mutants_of(part: str, file: Path) -> Iterator[Mutant]:
    """Find every change to one file: comparisons, conditions, numbers, truth values, lost statements."""
    source = file.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def at(node: ast.AST, text: str) -> Mutant:
        start = starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        end = starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]
        return Mutant(part, str(file.relative_to(REPOSITORY)), node.lineno, start, end, text)  # type: ignore[attr-defined]

    tree = ast.parse(source)
    for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        for statement in function.body:
            for node in ast.walk(statement):
                for text in _changes(node):
                    yield at(node, text)


def _changes(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _SWAPS:
        yield f"({ast.unparse(node.left)} {_SWAPS[type(node.ops[0])]} {ast.unparse(node.comparators[0])})"
    elif isinstance(node, ast.BinOp) and type(node.op) in _SWAPS and not _is_text(node):
        yield f"({ast.unparse(node.left)} {_SWAPS[type(node.op)]} {ast.unparse(node.right)})"
    elif isinstance(node, ast.BoolOp):
        word = " or " if isinstance(node.op, ast.And) else " and "
        yield "(" + word.join(f"({ast.unparse(value)})" for value in node.values) + ")"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.Constant) and node.value in {True, False} and isinstance(node.value, bool):
        yield str(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield str(node.value + 1)
    elif isinstance(node, ast.IfExp):
        yield f"({ast.unparse(node.orelse)} if {ast.unparse(node.test)} else {ast.unparse(node.body)})"
    elif isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        yield "pass"


def _is_text(node: ast.BinOp) -> bool:
    return any(
        isinstance(side, ast.Constant | ast.JoinedStr) and not _is_number(side)
        for side in (node.left, node.right)
    )


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def line_of(mutant: Mutant) -> str:
    """Return the line that was changed, as it is."""
    return (REPOSITORY / mutant.file).read_text("utf-8").splitlines()[mutant.line - 1].strip()


def sample(number: int, seed: int) -> list[Mutant]:
    """Return one change each of so many lines, the parts in turn, always the same ones for one seed."""
    chance = random.Random(seed)
    lines: dict[str, list[Mutant]] = {}
    for part in PARTS:
        by_line: dict[str, list[Mutant]] = {}
        for file in sorted((REPOSITORY / "bridge" / part).glob("*.py")):
            if str(file.relative_to(REPOSITORY)) in _TESTED_ELSEWHERE:
                continue
            for mutant in mutants_of(part, file):
                by_line.setdefault(str(mutant), []).append(mutant)
        lines[part] = [chance.choice(of_line) for _, of_line in sorted(by_line.items())]
        chance.shuffle(lines[part])
    turns = max(map(len, lines.values()))
    in_turn = [lines[part][turn] for turn in range(turns) for part in PARTS if turn < len(lines[part])]
    return in_turn[:number]


def is_noticed(mutant: Mutant, copy: Path) -> bool:
    """Change the copy, run the tests of the part in a forked child, and change it back."""
    file = copy / mutant.file
    source = file.read_bytes()
    file.write_bytes(source[: mutant.start] + mutant.text.encode() + source[mutant.end :])
    try:
        return _fails(copy, PARTS[mutant.part])
    finally:
        file.write_bytes(source)


def _fails(copy: Path, tests: tuple[str, ...]) -> bool:
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.alarm(_SECONDS)  # ends the child, which counts as noticed
        os._exit(_run(copy, tests))
    _, status = os.waitpid(child, 0)
    return status != 0


def _run(copy: Path, tests: tuple[str, ...]) -> int:
    import pytest

    os.chdir(copy)
    sys.path.insert(0, str(copy))
    options = ["-x", "-q", "-n0", "-p", "no:cacheprovider", "-m", _WITHOUT, f"--basetemp={copy}/.tmp"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of what was imported beforehand
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return int(pytest.main([*options, *tests]))


def _warm_up() -> None:
    """Import what every run needs and no change touches."""
    for name in _UNCHANGED:
        __import__(name)


def main() -> int:
    """Try a sample, print what lives and a table; exit 1 when too much does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=300, help="how many lines are changed")
    parser.add_argument("--seed", type=int, default=1, help="which lines")
    parser.add_argument("--part", choices=PARTS, help="only lines of this part")
    parser.add_argument("--goal", type=float, default=0.95, help="the share that has to be noticed")
    given = parser.parse_args()
    _warm_up()
    chosen = sample(given.number if given.part is None else 100_000, given.seed)
    chosen = [mutant for mutant in chosen if given.part in {None, mutant.part}][: given.number]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(
            REPOSITORY,
            copy,
            ignore=shutil.ignore_patterns(*_NOT_COPIED),
        )
        return report(chosen, copy, given.goal)


def report(chosen: list[Mutant], copy: Path, goal: float) -> int:
    """Try each change and say what became of it."""
    for part, tests in PARTS.items():
        if any(mutant.part == part for mutant in chosen) and _fails(copy, tests):
            print(f"{part}: its tests fail without any change")
            return 2
    tried, noticed, equivalent = Counter[str](), Counter[str](), Counter[str]()
    for mutant in chosen:
        tried[mutant.part] += 1
        print(f"{tried.total()} of {len(chosen)}", end="\r", file=sys.stderr, flush=True)
        if is_noticed(mutant, copy):
            noticed[mutant.part] += 1
            continue
        why = EQUIVALENT.get((mutant.file, line_of(mutant)))
        equivalent[mutant.part] += why is not None
        note = f" (equivalent: {why})" if why else ""
        print(f"lives: {mutant} becomes {mutant.text}{note}", flush=True)
    print(f"{'part':10} {'tried':>6} {'noticed':>8} {'equivalent':>11} {'share':>6}")
    for part in PARTS:
        counted = tried[part] - equivalent[part]
        if counted:
            of_part = noticed[part] / counted
            print(f"{part:10} {tried[part]:6} {noticed[part]:8} {equivalent[part]:11} {of_part:6.1%}")
    share = noticed.total() / max(1, tried.total() - equivalent.total())
    print(f"{'all':10} {tried.total():6} {noticed.total():8} {equivalent.total():11} {share:6.1%}")
    return 0 if share >= goal else 1


if __name__ == "__main__":
    sys.exit(main())
