"""Starts a new mapping from one that exists: its text, and the samples it names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bridge.authoring.scaffold.yaml_writer import SCHEMA_LINE, SCHEMA_MARK
from bridge.mapping.runtime.mapping import CompiledMapping
from bridge.mapping.samples import answers_file


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """One file to be written beside the new mapping: where from, and its path there."""

    source: Path
    beside: str


def text_like(name: str, original: CompiledMapping, text: str) -> str:
    """Return the text of a mapping under a new name; what it says stays as it is."""
    lines = [line for line in text.splitlines() if not line.startswith(SCHEMA_MARK)]
    origin = f"# Started with `capi-bridge init {name} --like {original.name}`. Change what differs for you."
    return "\n".join([SCHEMA_LINE, origin, *lines]) + "\n"


def samples_of(original: CompiledMapping) -> list[CopiedFile]:
    """Return the samples a mapping and its tests name, with their side files."""
    folder = original.file.parent
    files = dict.fromkeys(
        [*original.samples, *(test.given_file for test in original.tests if test.given_file)]
    )
    found = []
    for file in files:
        for part in (file, file.with_suffix(".headers.json"), answers_file(file)):
            if part.is_file() and part.is_relative_to(folder):
                found.append(CopiedFile(part, part.relative_to(folder).as_posix()))
    return found
