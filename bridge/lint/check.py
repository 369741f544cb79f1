"""All that is wrong with one mapping file: its spelling, and what `lint` sees beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Unpack

from bridge.errors import Invalid
from bridge.finding import Finding
from bridge.lint import lint
from bridge.mapping import CompiledMapping, load_mapping
from bridge.mapping.language.reader import LoadOptions
from bridge.positioned_yaml import Block

# Samples are for whoever works on the file. That one is missing says nothing about the mapping itself.
_ABOUT_SAMPLES: Final = frozenset({"bad_sample"})


def load_checked(file: Path, *, name: str | None = None, **options: Unpack[LoadOptions]) -> CompiledMapping:
    """Return a mapping that may become active; raises Invalid with every finding when it may not.

    It comes without the text of its file: only checks look at that, and it is half of what a mapping weighs.
    """
    options.setdefault("secrets", "required")
    checked = check_mapping(file, name=name, **options)
    if checked.mapping is None:
        raise Invalid(f"{file.name} has errors", checked.findings)
    return replace(checked.mapping, node=Block((), checked.mapping.node.position))


@dataclass(frozen=True, slots=True)
class Checked:
    """A mapping file that was checked. `mapping` is None when it cannot become active."""

    file: Path
    mapping: CompiledMapping | None
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Return the findings that are errors; of an active mapping those about its samples."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


def check_mapping(file: Path, *, name: str | None = None, **options: Unpack[LoadOptions]) -> Checked:
    """Load and lint one file, with optional secrets if nothing else is said.

    Raises CannotOpen only when it cannot be read at all.
    """
    options.setdefault("secrets", "optional")
    try:
        mapping = load_mapping(file, name=name, **options)
    except Invalid as invalid:
        return Checked(file, None, invalid.findings)
    findings = tuple(
        dict.fromkeys((*mapping.warnings, *lint(mapping, options["spec"]), *_without_evidence(mapping)))
    )
    checked = Checked(file, mapping, findings)
    broken = any(finding.code not in _ABOUT_SAMPLES for finding in checked.errors)
    return replace(checked, mapping=None) if broken else checked


def _without_evidence(mapping: CompiledMapping) -> Iterator[Finding]:
    """Yield a finding when there is no webhook to compare the names on the right of the colons with."""
    if mapping.samples or mapping.tests or not any(line.paths for line in mapping.lines):
        return
    message = "there is no sample, so the names on the right were not compared with a real webhook"
    fix = "save a webhook as a file and name it under samples, or write a test with given"
    yield Finding("warning", "no_sample", message, fix, position=mapping.node.position)
