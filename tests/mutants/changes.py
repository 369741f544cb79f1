"""Which changes to a line of code there are, and a sample of them that is the same every time."""

from __future__ import annotations

import ast
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

EQUIVALENT = Path(__file__).with_name("equivalent.yaml")
# a part of the code -> the tests that hold it
PARTS = {
    "verify": ("tests/verify",),
    "normalize": ("tests/normalize",),
    "validate": ("tests/validate",),
    "outbox": ("tests/outbox", "tests/jobs"),
    "delivery": ("tests/delivery", "tests/cli/test_destinations.py"),
}
TESTED_ELSEWHERE = frozenset({"bridge/delivery/process.py"})  # by whole processes, in tests/end_to_end
_SWAPS = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.In: "not in", ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
    ast.Add: "-", ast.Sub: "+", ast.Mult: "+", ast.FloorDiv: "*", ast.Div: "*", ast.Mod: "*",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: what stands from `start` to `end` (bytes) of a file becomes `becomes`."""

    part: str
    file: str
    line: int
    last_line: int
    code: str  # the line as it is
    start: int
    end: int
    becomes: str

    @property
    def name(self) -> tuple[str, str, str]:
        """Return what tells it apart even after lines have moved."""
        return self.file, self.code, self.becomes

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.code}  =>  {self.becomes}"


def mutants_of(root: Path, part: str) -> Iterator[Mutant]:
    """Find every change to one part: comparisons, conditions, numbers, truth values, lost statements."""
    for path in sorted((root / "bridge" / part).glob("*.py")):
        file = str(path.relative_to(root))
        if file not in TESTED_ELSEWHERE:
            yield from _mutants_of_file(part, file, path.read_bytes())


def _mutants_of_file(part: str, file: str, source: bytes) -> Iterator[Mutant]:
    lines = source.splitlines(keepends=True)
    starts = [sum(map(len, lines[:number])) for number in range(len(lines))]
    for node in _nodes_of_functions(ast.parse(source)):
        for becomes in _changes(node):
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            code = lines[node.lineno - 1].decode().strip()
            yield Mutant(part, file, node.lineno, node.end_lineno, code, start, end, becomes)


def _nodes_of_functions(node: Any, inside: bool = False) -> Iterator[Any]:
    """Yield what bodies of functions consist of; positions within f-strings are wrong before Python 3.12."""
    if isinstance(node, ast.JoinedStr):
        return
    if inside:
        yield node
    is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for child in node.body if is_function else ast.iter_child_nodes(node):
        yield from _nodes_of_functions(child, inside or is_function)


def _changes(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Compare(left, [operator], [right]) if type(operator) in _SWAPS:
            yield f"({ast.unparse(left)} {_SWAPS[type(operator)]} {ast.unparse(right)})"
        case ast.BinOp(left, operator, right) if type(operator) in _SWAPS and not _is_text(left, right):
            yield f"({ast.unparse(left)} {_SWAPS[type(operator)]} {ast.unparse(right)})"
        case ast.BoolOp(operator, values):
            word = " or " if isinstance(operator, ast.And) else " and "
            yield "(" + word.join(f"({ast.unparse(value)})" for value in values) + ")"
        case ast.UnaryOp(ast.Not(), operand):
            yield f"({ast.unparse(operand)})"
        case ast.Constant(bool(value)):
            yield str(not value)
        case ast.Constant(int(value)):
            yield str(value + 1)
        case ast.IfExp(test, body, otherwise):
            yield f"({ast.unparse(otherwise)} if {ast.unparse(test)} else {ast.unparse(body)})"
        case ast.Raise() | ast.Expr(ast.Call()):
            yield "pass"
        case ast.Return() if ast.unparse(node) not in {"return", "return None"}:
            yield "return None"


def _is_text(*sides: ast.expr) -> bool:
    return any(
        isinstance(side, ast.JoinedStr)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str | bytes))
        for side in sides
    )


def sample(found: Iterable[Mutant], number: int, seed: int) -> list[Mutant]:
    """Choose one change each of so many lines. Whether a line is chosen does not depend on any other line."""
    of_line: dict[tuple[str, int], list[tuple[str, Mutant]]] = defaultdict(list)
    for mutant in found:
        key = f"{seed} {mutant.file} {mutant.code} {mutant.becomes}"
        of_line[mutant.file, mutant.line].append((hashlib.sha256(key.encode()).hexdigest(), mutant))
    best = sorted((min(changes, key=_rank) for changes in of_line.values()), key=_rank)
    return [mutant for _, mutant in best[:number]]


def _rank(change: tuple[str, Mutant]) -> str:
    return change[0]


def equivalent(found: Iterable[Mutant]) -> dict[tuple[str, str, str], str]:
    """Read which changes nobody can notice, and why. Raises ValueError when one of them is gone."""
    listed = {
        (entry["file"], entry["code"], entry["becomes"]): entry["reason"]
        for entry in yaml.safe_load(EQUIVALENT.read_text("utf-8"))
    }
    gone = set(listed) - {mutant.name for mutant in found}
    if gone:
        raise ValueError(f"{EQUIVALENT.name} lists what is not in the code any more: {sorted(gone)}")
    return listed
