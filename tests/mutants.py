"""Changes one line of the code at a time and sees whether a test notices: `make mutants`.

Each change is made in a copy of the repository. The tests of the part then run in a forked child of one
warm process until the first failure: those that reach the line, the fastest in front, then those that
reach the file.
Results are kept in `.mutants/`, so a stopped run goes on; whatever depends on a changed file is tried again.
`mutants_equivalent.yaml` lists changes that nobody can notice, each with its reason. They are tried as well.

Why not a library: cosmic-ray runs the whole test command for each change, in a new process. mutmut forks
too, but leaves out decorated functions (properties, caches), tries every change rather than a sample of
lines, and keeps no reasons. It also changes texts, which our messages are full of.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import coverage
import psycopg
import pytest
import yaml

REPOSITORY = Path(__file__).parent.parent
EQUIVALENT = Path(__file__).with_name("mutants_equivalent.yaml")
RESULTS = REPOSITORY / ".mutants"
# a part of the code -> the tests that hold it
PARTS = {
    "verify": ("tests/verify",),
    "normalize": ("tests/normalize",),
    "validate": ("tests/validate",),
    "outbox": ("tests/outbox",),
    "delivery": ("tests/delivery", "tests/cli/test_destinations.py"),
}
_TESTED_ELSEWHERE = frozenset({"bridge/delivery/process.py"})  # by whole processes, in tests/end_to_end
_NOT_COPIED = (".venv*", ".git", ".mypy_cache", ".compiled", ".bench", ".mutants", ".hypothesis")
_WARM = (  # what every run imports and no change touches
    *("hypothesis", "sqlalchemy", "orjson", "jsonschema", "jsonschema_rs", "phonenumbers"),
    *("cryptography", "urllib3", "flask", "alembic.command"),
)
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

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.code}  =>  {self.becomes}"


# --- which changes there are -----------------------------------------------------------------------


def mutants_of(root: Path, part: str) -> Iterator[Mutant]:
    """Find every change to one part: comparisons, conditions, numbers, truth values, lost statements."""
    for path in sorted((root / "bridge" / part).glob("*.py")):
        file = str(path.relative_to(root))
        if file not in _TESTED_ELSEWHERE:
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
        case ast.Return(value) if value is not None:
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
        of_line[mutant.file, mutant.line].append((_digest(key.encode()), mutant))
    best = sorted((min(changes, key=lambda change: change[0]) for changes in of_line.values()), key=str)
    return [mutant for _, mutant in best[:number]]


def equivalent(found: Iterable[Mutant]) -> dict[tuple[str, str, str], str]:
    """Read which changes nobody can notice, and why. Raises ValueError when one of them is gone."""
    listed = {
        (entry["file"], entry["code"], entry["becomes"]): entry["reason"]
        for entry in yaml.safe_load(EQUIVALENT.read_text("utf-8"))
    }
    gone = set(listed) - {_name(mutant) for mutant in found}
    if gone:
        raise ValueError(f"{EQUIVALENT.name} lists what is not in the code any more: {sorted(gone)}")
    return listed


def _name(mutant: Mutant) -> tuple[str, str, str]:
    return mutant.file, mutant.code, mutant.becomes


def _digest(*contents: bytes) -> str:
    return hashlib.sha256(b"\0".join(contents)).hexdigest()[:16]


def _files_of(place: Path) -> Iterable[Path]:
    if place.is_file():
        return [place]
    return (file for file in place.rglob("*") if file.suffix != ".pyc" and file.is_file())


# --- running tests ---------------------------------------------------------------------------------


@dataclass
class Recording:
    """Which tests of a part reach which line, and how long each one takes."""

    seconds: dict[str, float] = field(default_factory=dict)
    reached_by: dict[str, list[str]] = field(default_factory=dict)  # "file:line" -> ids of tests

    def chosen_for(self, mutant: Mutant) -> list[str]:
        """Return the tests to run: those that reach the changed lines, then those that reach the file.

        What is cached, or done once for many tests, seems to be reached by the first of them alone. What no
        test seems to reach may be reached by any.
        """
        lines = range(mutant.line, mutant.last_line + 1)
        of_lines = {test for line in lines for test in self.reached_by.get(f"{mutant.file}:{line}", ())}
        of_file = {
            test
            for place, tests in self.reached_by.items()
            if place.startswith(f"{mutant.file}:")
            for test in tests
        }
        chosen = (of_lines | of_file) or set(self.seconds)
        return sorted(chosen, key=lambda test: (test not in of_lines, self.seconds[test]))


class _Plugin:
    """Runs the chosen tests in their order, and writes down what happened; PostgreSQL runs already."""

    def __init__(self, postgres_port: int, chosen: Sequence[str] | None = None) -> None:
        self._rank = None if chosen is None else {test: rank for rank, test in enumerate(chosen)}
        self.coverage: coverage.Coverage | None = None
        self.seconds: dict[str, float] = {}
        self.failed = ""

        @pytest.fixture(scope="session", autouse=True)
        def running_postgres(tmp_path_factory: pytest.TempPathFactory) -> None:
            shared = tmp_path_factory.getbasetemp() / "postgres-shared"
            shared.mkdir()
            (shared / "port").write_text(str(postgres_port))
            (shared / "users").write_text("1")

        self.running_postgres = running_postgres

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self._rank is not None:
            items[:] = sorted(
                (item for item in items if item.nodeid in self._rank),
                key=lambda item: self._rank[item.nodeid],
            )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        if self.coverage is not None:
            self.coverage.switch_context(item.nodeid)
        started = time.perf_counter()
        yield
        self.seconds[item.nodeid] = round(time.perf_counter() - started, 4)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid


class Bench:
    """A copy of the repository in which lines are changed, and a PostgreSQL server for its tests."""

    def __init__(self, copy: Path) -> None:
        self._copy = copy
        self._server = copy.with_name("server")
        self._port = int(self._in_child(self._start_postgres, 120))

    def close(self) -> None:
        self._in_child(self._stop_postgres, 60)

    def digest_of(self, *places: str) -> str:
        """Return what changes when one of these files or folders does."""
        files = sorted(file for place in places for file in _files_of(self._copy / place))
        return _digest(*(file.read_bytes() for file in files))

    def record(self, part: str) -> Recording:
        """Run all tests of a part once; raises ValueError when one fails without any change."""
        answer = json.loads(self._in_child(lambda: self._record(part), 1200) or '{"failed": "too slow"}')
        if answer.pop("failed"):
            log = (self._copy / ".log").read_text("utf-8")[-3000:]
            raise ValueError(f"the tests of {part} fail without any change:\n{log}")
        return Recording(**answer)

    def first_failure(self, mutant: Mutant, recording: Recording) -> str:
        """Make the change, run the tests until one fails, and undo it; empty when none fails."""
        with self._changed(mutant):
            chosen = recording.chosen_for(mutant)
            limit = 30 + 5 * sum(recording.seconds[test] for test in chosen)
            answer = self._in_child(lambda: self._try(mutant, chosen), int(limit))
        return answer if answer is not None else "the time limit"

    @contextmanager
    def _changed(self, mutant: Mutant) -> Iterator[None]:
        file = self._copy / mutant.file
        source, times = file.read_bytes(), file.stat()
        file.write_bytes(source[: mutant.start] + mutant.becomes.encode() + source[mutant.end :])
        try:
            yield
        finally:
            file.write_bytes(source)
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # its compiled form is valid again

    def _in_child(self, work: Callable[[], str], seconds: int) -> str | None:
        """Return what `work` answers in a forked child, or None when that ends without an answer."""
        answer = self._copy / ".answer"
        answer.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            os.setsid()
            signal.alarm(seconds)  # a change may make a loop endless
            os.chdir(self._copy)
            sys.path.insert(0, str(self._copy))
            with (self._copy / ".log").open("w") as log, redirect_stdout(log), redirect_stderr(log):
                try:
                    answer.write_text(work())
                except BaseException:  # noqa: BLE001 - whatever a change may cause
                    traceback.print_exc()
                finally:
                    log.flush()
                    os._exit(0)
        try:
            os.waitpid(child, 0)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)  # it, if this process is stopped, and what it has started
        return answer.read_text() if answer.exists() else None

    def _start_postgres(self) -> str:
        from tests.conftest import PostgresServer, upgrade

        server = PostgresServer(self._server)
        server.make()
        server.start()
        server.execute("CREATE DATABASE template_bridge")
        upgrade(server.url("template_bridge"))
        return str(server.port)

    def _stop_postgres(self) -> str:
        from tests.conftest import PostgresServer

        PostgresServer(self._server, self._port).stop()
        return ""

    def _drop_databases(self) -> None:
        url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"
        with psycopg.connect(url, autocommit=True) as connection:
            left = connection.execute(
                "SELECT datname FROM pg_database WHERE datname LIKE 'bridge%'"
            ).fetchall()
            for (name,) in left:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[call-overload]

    def _record(self, part: str) -> str:
        measured = coverage.Coverage(
            data_file=None, config_file=False, include=[f"{self._copy}/bridge/{part}/*"]
        )
        plugin = _Plugin(self._port)
        plugin.coverage = measured
        measured.start()
        failed = self._pytest(part, plugin)
        measured.stop()
        data = measured.get_data()
        reached_by = {
            f"{Path(file).relative_to(self._copy)}:{line}": [test for test in tests if test]
            for file in data.measured_files()
            for line, tests in data.contexts_by_lineno(file).items()
        }
        return json.dumps({"failed": failed, "seconds": plugin.seconds, "reached_by": reached_by})

    def _try(self, mutant: Mutant, chosen: Sequence[str]) -> str:
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.dont_write_bytecode = True  # two changes within a second may have one size
        plugin = _Plugin(self._port, chosen)
        failed = self._pytest(mutant.part, plugin)
        return plugin.failed or ("the import" if failed else "")

    def _pytest(self, part: str, plugin: _Plugin) -> int:
        import hypothesis

        hypothesis.settings.register_profile("same examples", derandomize=True, database=None)
        hypothesis.settings.load_profile("same examples")
        self._drop_databases()
        options = ["-x", "-n0", "-m", "not process", f"--basetemp={self._copy}/.tmp"]
        options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of what was imported beforehand
        return int(pytest.main([*options, *PARTS[part]], plugins=[plugin]))


# --- the run ---------------------------------------------------------------------------------------


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
        result = known.get((*_name(mutant), mutant.line))
        if result is None or not result.holds(mutant, bench):
            print(f"{number} of {len(chosen)}", end="\r", file=sys.stderr, flush=True)
            noticed_by = bench.first_failure(mutant, recording_of(mutant.part, bench))
            digests = bench.digest_of(mutant.file), bench.digest_of(*PARTS[mutant.part])
            result = Result(*_name(mutant), mutant.line, noticed_by, *digests)
            with (RESULTS / "results.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")
        yield mutant, result


def report(found: Iterable[tuple[Mutant, Result]], reasons: Mapping[tuple[str, str, str], str]) -> float:
    """Print what lives and a table; return the share that was noticed of what can be."""
    counts: dict[str, Counter[str]] = {part: Counter() for part in (*PARTS, "all")}
    for mutant, result in found:
        listed = _name(mutant) in reasons
        if listed and result.noticed_by:
            print(f"not equivalent: {mutant}  (noticed by {result.noticed_by})", flush=True)
        fate = "killed" if result.noticed_by else "equivalent" if listed else "alive"
        if fate == "alive":
            print(f"alive: {mutant}", flush=True)
        for part in (mutant.part, "all"):
            counts[part].update(["tried", fate])
    print(f"{'part':10} {'tried':>6} {'killed':>7} {'alive':>6} {'equivalent':>11} {'share':>7}")
    for part, count in counts.items():
        if not count:
            continue
        share = count["killed"] / max(1, count["killed"] + count["alive"])
        cells = f"{count['tried']:6} {count['killed']:7} {count['alive']:6} {count['equivalent']:11}"
        print(f"{part:10} {cells} {share:7.1%}")
    return share


def main() -> int:
    """Try a sample; exit 1 when too much of it lives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=65, help="how many lines of each part to change")
    parser.add_argument("--seed", type=int, default=1, help="which lines")
    parser.add_argument("--part", choices=PARTS, help="only lines of this part")
    parser.add_argument("--goal", type=float, default=0.95, help="the share that has to be noticed")
    given = parser.parse_args()
    for name in _WARM:
        __import__(name)
    RESULTS.mkdir(exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
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
