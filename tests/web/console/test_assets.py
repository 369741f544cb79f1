"""The scripts of the console: they are what `make console` builds, small, and each licence is kept."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.node_packages import installed, run_script

TOP = Path(__file__).parents[3]
SOURCES = TOP / "console"
STATIC = TOP / "bridge/web/console/static"
BUILT = ("editor.js", "htmx.js", "THIRD_PARTY.txt")
MOST_BYTES = 220_000  # gzipped, all scripts and styles together


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("static")
    ran = run_script(SOURCES / "build.cjs", installed(SOURCES), str(folder))
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.mark.parametrize("name", BUILT)
def test_the_committed_file_is_what_the_sources_build(built, name):
    fix = "the sources in console/ have changed: run `make console` and commit what it writes"
    assert (built / name).read_bytes() == (STATIC / name).read_bytes(), fix


def test_scripts_and_styles_are_small(capsys):
    sizes = {
        file.name: len(gzip.compress(file.read_bytes(), mtime=0))
        for file in sorted(STATIC.iterdir())
        if file.suffix in {".js", ".css"}
    }
    with capsys.disabled():
        print(f"\nscripts and styles of the console, gzipped: {sum(sizes.values()):,} bytes, {sizes}")
    assert sum(sizes.values()) < MOST_BYTES


def test_every_version_is_pinned_and_every_download_is_checked():
    asked = json.loads((SOURCES / "package.json").read_text())
    lock = json.loads((SOURCES / "package-lock.json").read_text())["packages"]
    pinned = {**asked["dependencies"], **asked["devDependencies"]}
    assert all(version[0].isdigit() for version in pinned.values())
    assert {name for name, entry in lock.items() if name and "integrity" not in entry} == set()


def test_no_script_asks_another_host():
    for name in ("editor.js", "console.js", "console.css"):
        text = (STATIC / name).read_text("utf-8")
        assert "http://" not in text.replace("http://www.w3.org/", "")
        assert "https://" not in text
