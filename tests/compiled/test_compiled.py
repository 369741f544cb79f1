"""`make compiled` tests what is compiled: every module of the list, here and in a server."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import bridge

PACKAGE = Path(bridge.__file__).parent
MODULES = (PACKAGE / "compiled_modules.txt").read_text().split()


@pytest.mark.parametrize("file", MODULES)
def test_python_takes_the_compiled_module(file):
    name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    found = Path(importlib.import_module(name).__file__)
    assert (found.suffix, found.is_relative_to(PACKAGE)) == (".so", True)


def test_the_source_lies_beside_each_compiled_module_for_whoever_reads_it():
    assert [file for file in MODULES if not (PACKAGE.parent / file).is_file()] == []


@pytest.mark.process
def test_a_server_runs_the_compiled_road(start_bridge):
    server = start_bridge("--workers", "1", environment={"PYTHONPATH": str(PACKAGE.parent)})
    memory = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert str(PACKAGE.parent / "bridge__mypyc") in memory
