"""`capi-bridge test`: the tests inside mapping files, expected and got side by side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bridge.authoring.findings_output import write_findings
from bridge.authoring.test_runner import Failure, TestResult, run_tests
from bridge.bootstrap import open_meta_spec
from bridge.cli.mapping_files import files_meant
from bridge.cli.options import config_option, json_option, secrets_of, settings_of
from bridge.lint.check import Checked, check_mapping
from bridge.mapping import name_of
from bridge.plurals import counted
from bridge.serialization import encode_readable


@click.command("test", help="Run the tests inside mapping files.")
@click.argument("paths", nargs=-1, metavar="[PATH…]")
@config_option
@json_option
def test(paths: tuple[str, ...], config: Path | None, as_json: bool) -> None:
    """Run every test of the mappings named, or of all; exit 1 when one fails."""
    settings = settings_of(config)
    spec = open_meta_spec(settings)
    now = datetime.now(UTC)
    checked = [
        check_mapping(
            file,
            environment=secrets_of(settings),
            spec=spec,
            destinations=settings.destinations,
            name=name_of(file, settings.mappings),
        )
        for file in files_meant(paths, settings)
    ]
    results = [result for one in checked if one.mapping for result in run_tests(one.mapping, spec, now)]
    broken = [one for one in checked if one.errors]
    if as_json:
        click.echo(encode_readable(_as_data(results, broken)))
    else:
        _print(results, broken)
    untested = [one.mapping.name for one in checked if one.mapping and not one.mapping.tests]
    _summarise(results, [one.file.stem for one in checked if one.mapping is None], untested)
    if broken or not all(result.passed for result in results):
        raise SystemExit(1)


def _print(results: Sequence[TestResult], broken: Sequence[Checked]) -> None:
    for one in broken:
        click.echo(write_findings(one.errors), nl=False)
    for result in results:
        click.echo(f"{'ok  ' if result.passed else 'FAIL'} {result.mapping}: {result.test.name}")
        for failure in result.failures:
            click.echo(_side_by_side(failure))


def _side_by_side(failure: Failure) -> str:
    lines = [
        f"     {failure.position}: {failure.what}",
        f"       expected: {failure.expected}",
        f"       got:      {failure.got}",
    ]
    return "\n".join([*lines, *(f"       | {line}" for line in failure.story)])


def _as_data(results: Sequence[TestResult], broken: Sequence[Checked]) -> dict[str, Any]:
    return {
        "tests": [
            {
                "mapping": result.mapping,
                "name": result.test.name,
                "passed": result.passed,
                "failures": [failure.as_json() for failure in result.failures],
            }
            for result in results
        ],
        "findings": [finding.as_json() for one in broken for finding in one.errors],
    }


def _summarise(results: Sequence[TestResult], not_run: Sequence[str], untested: Sequence[str]) -> None:
    failed = sum(not result.passed for result in results)
    click.echo(f"{counted(len(results), 'test')}, {failed} failed", err=True)
    if not_run:
        click.echo(f"not run, because they have errors: {', '.join(not_run)}", err=True)
    if untested:
        click.echo(f"without tests: {', '.join(untested)}", err=True)
