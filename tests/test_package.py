"""The wheel carries everything: unpacked anywhere, it finds its rules and its mappings."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=TOP, check=True
    )
    [wheel] = folder.glob("*-py3-none-any.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def run(unpacked: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bridge", *arguments],
        cwd=unpacked.parent,
        env={"PYTHONPATH": str(unpacked), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("folder", ["mappings", "schemas"])
def test_every_file_of_a_shipped_folder_is_in_the_wheel(unpacked, folder):
    def files(top: Path) -> set[str]:
        return {str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()}

    assert files(unpacked / "bridge" / "_shipped" / folder) == files(TOP / folder)


def test_a_shipped_mapping_runs_from_the_wheel_alone(unpacked):
    sample = unpacked / "bridge/_shipped/mappings/samples/website-lead-form/browser-form.form"
    done = run(unpacked, "dry-run", "website-lead-form", str(sample))
    assert (done.returncode, '"event_name": "Lead"' in done.stdout) == (0, True), done.stderr


def test_nothing_of_the_tests_is_in_the_wheel(unpacked):
    tops = {path.name.partition(".")[0] for path in unpacked.iterdir() if path.suffix != ".dist-info"}
    assert tops == {"bridge"}
