"""Builds the wheel: plain Python, or with the road compiled by mypyc when CAPI_BRIDGE_COMPILE=1.

The compiled wheel holds the same .py files and, beside those of `bridge/compiled_modules.txt`, what was
compiled from them. Python takes the compiled one when there are both.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledRoad(BuildHookInterface):
    """Puts the compiled modules into the wheel, or fails; an editable install is never compiled."""

    def dependencies(self) -> list[str]:
        """Ask for the compiler only when it will be used."""
        return list(self.config["compiler"]) if _is_wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the files of the wheel are gathered."""
        if version == "editable" or not _is_wanted():
            return
        self._folder = TemporaryDirectory(prefix="compiled-road-")
        with contextlib.chdir(self.root):  # mypy takes a module's name from its path here
            modules = Path("bridge/compiled_modules.txt").read_text(encoding="utf-8").split()
            libraries = _compile(modules, Path(self._folder.name))
        build_data["force_include"].update({str(file): inside for file, inside in libraries})
        build_data.update(pure_python=False, infer_tag=True)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Take away what was compiled, now that the wheel holds it."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()


def _is_wanted() -> bool:
    return os.environ.get("CAPI_BRIDGE_COMPILE") == "1"


def _compile(modules: list[str], folder: Path) -> Iterable[tuple[Path, str]]:
    """Return every compiled file and its place in the wheel."""
    from mypyc.build import mypycify
    from setuptools import Distribution

    extensions = mypycify(
        [
            "--config-file=",
            f"--cache-dir={folder / 'cache'}",
            "--ignore-missing-imports",
            "--follow-imports=silent",
            *modules,
        ],
        group_name="bridge",
        opt_level=os.environ.get("MYPYC_OPT_LEVEL", "2"),
        debug_level="0",
        target_dir=str(folder / "c"),
    )
    if sys.platform == "linux":  # half the size: no names of C functions, no padding between pages
        for extension in extensions:
            smaller = ["-fvisibility=hidden", "-fno-asynchronous-unwind-tables"]
            extension.extra_compile_args = [*extension.extra_compile_args, *smaller]
            extension.extra_link_args = [*extension.extra_link_args, "-Wl,-s,-z,noseparate-code"]
    build = Distribution({"name": "capi-bridge", "ext_modules": extensions}).get_command_obj("build_ext")
    build.build_lib, build.build_temp = str(folder / "built"), str(folder / "objects")
    build.ensure_finalized()
    build.run()
    built = folder / "built"
    return [(file, str(file.relative_to(built))) for file in built.rglob("*") if file.is_file()]
