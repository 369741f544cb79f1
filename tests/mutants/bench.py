"""A copy of the repository whose lines are changed, and the tests that run there in forked children."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path

import coverage
import hypothesis
import psycopg
import pytest

from tests.mutants.changes import PARTS, Mutant

TIME_LIMIT = "the time limit"
_RUNNING = ".running"  # the id of the test that runs
_PATIENCE_SECONDS = 40  # for what a recorded time says nothing about: a busy machine, the first import
_TIMES_SLOWER = 10  # than recorded is too slow for a test, and for all tests of one change together
_WARM = (  # what every run imports and no change touches
    *("sqlalchemy", "orjson", "jsonschema", "jsonschema_rs", "msgspec", "phonenumbers"),
    *("cryptography", "urllib3", "flask", "alembic.command"),
)


def _limit_of(seconds: Iterable[float]) -> int:
    return _PATIENCE_SECONDS + int(_TIMES_SLOWER * sum(seconds))


def _files_of(place: Path) -> Iterable[Path]:
    if place.is_file():
        return [place]
    return (file for file in place.rglob("*") if file.suffix != ".pyc" and file.is_file())


@dataclass
class Recording:
    """Which tests of a part reach which line, and how long each one takes."""

    seconds: dict[str, float] = field(default_factory=dict)
    reached_by: dict[str, list[str]] = field(default_factory=dict)  # "file:line" -> ids of tests

    def chosen_for(self, mutant: Mutant) -> dict[str, float]:
        """Return the tests to run and their times: those that reach the line, then those that reach the file.

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
        in_order = sorted(chosen, key=lambda test: (test not in of_lines, self.seconds[test]))
        return {test: self.seconds[test] for test in in_order}


class _Plugin:
    """Runs the chosen tests in their order, and writes down what happened; PostgreSQL runs already."""

    def __init__(self, running_postgres: str, chosen: Mapping[str, float] | None = None) -> None:
        self._chosen = chosen
        self._ends_at = time.monotonic() + _limit_of((chosen or {}).values())
        self.coverage: coverage.Coverage | None = None
        self.seconds: dict[str, float] = {}
        self.failed = ""

        @pytest.fixture(scope="session", autouse=True)
        def postgres_of_the_run(tmp_path_factory: pytest.TempPathFactory) -> None:
            shared = tmp_path_factory.getbasetemp() / "postgres-shared"
            shared.mkdir()
            (shared / "running").write_text(running_postgres)
            (shared / "users").write_text("1")

        self.postgres_of_the_run = postgres_of_the_run

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self._chosen is not None:
            found = {item.nodeid: item for item in items}
            items[:] = [found[test] for test in self._chosen]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        if self.coverage is not None:
            self.coverage.switch_context(item.nodeid)
        if self._chosen is not None:  # a change may make a loop endless, or every test slow
            left = int(self._ends_at - time.monotonic())
            signal.alarm(max(1, min(left, _limit_of([self._chosen[item.nodeid]]))))
        (item.config.rootpath / _RUNNING).write_text(item.nodeid)
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
        for name in _WARM:
            __import__(name)
        self._postgres = self._in_child(self._start_postgres, 120) or ""  # port and folder

    def close(self) -> None:
        self._in_child(self._stop_postgres, 60)

    def digest_of(self, *places: str) -> str:
        """Return what changes when one of these files or folders does."""
        files = sorted(file for place in places for file in _files_of(self._copy / place))
        return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]

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
            answer = self._in_child(lambda: self._try(chosen), _limit_of(()))
        return answer if answer is not None else f"{TIME_LIMIT} of {self._last_test()}"

    def _last_test(self) -> str:
        running = self._copy / _RUNNING
        return running.read_text("utf-8") if running.exists() else "the import"

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
        for file in (answer, self._copy / _RUNNING):
            file.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            os.setsid()
            signal.alarm(seconds)
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

        server = PostgresServer()
        server.make()
        server.start()
        server.execute("CREATE DATABASE template_bridge")
        upgrade(server.url("template_bridge"))
        return f"{server.port} {server.folder}"

    def _stop_postgres(self) -> str:
        from tests.conftest import PostgresServer

        port, folder = self._postgres.split(" ", 1)
        PostgresServer(Path(folder), int(port)).remove()
        return ""

    def _drop_databases(self) -> None:
        url = f"postgresql://postgres@127.0.0.1:{self._postgres.split()[0]}/postgres"
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
        plugin = _Plugin(self._postgres)
        plugin.coverage = measured
        measured.start()
        failed = self._pytest(PARTS[part], plugin)
        measured.stop()
        data = measured.get_data()
        reached_by = {
            f"{Path(file).relative_to(self._copy)}:{line}": [test for test in tests if test]
            for file in data.measured_files()
            for line, tests in data.contexts_by_lineno(file).items()
        }
        return json.dumps({"failed": failed, "seconds": plugin.seconds, "reached_by": reached_by})

    def _try(self, chosen: Mapping[str, float]) -> str:
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.dont_write_bytecode = True  # two changes within a second may have one size
        plugin = _Plugin(self._postgres, chosen)
        files = dict.fromkeys(test.partition("::")[0] for test in chosen)
        failed = self._pytest(list(files), plugin)
        return plugin.failed or ("the import" if failed else "")

    def _pytest(self, tests: Sequence[str], plugin: _Plugin) -> int:
        hypothesis.settings.register_profile("same examples", derandomize=True, database=None)
        hypothesis.settings.load_profile("same examples")
        self._drop_databases()
        options = ["-x", "-n0", "-m", "not process", f"--basetemp={self._copy}/.tmp"]
        options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of what was imported beforehand
        return int(pytest.main([*options, *tests], plugins=[plugin]))
