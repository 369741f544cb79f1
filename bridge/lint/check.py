"""All that is wrong with one mapping file: its spelling, and what `lint` sees beyond it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bridge.errors import Invalid
from bridge.finding import Finding
from bridge.lint import lint
from bridge.mapping import CompiledMapping, load_mapping
from bridge.mapping.language.reader import SecretsMode
from bridge.meta_spec.spec import MetaSpec
from bridge.positioned_yaml import Block

# Samples are for whoever works on the file. That one is missing says nothing about the mapping itself.
_ABOUT_SAMPLES: Final = frozenset({"bad_sample"})


def load_checked(  # noqa: PLR0913 - all but the file are named
    file: Path,
    *,
    environment: Mapping[str, str],
    spec: MetaSpec,
    destinations: Collection[str] | None = None,
    sources: Collection[str] | None = None,
    secrets: SecretsMode = "required",
    name: str | None = None,
) -> CompiledMapping:
    """Return a mapping that may become active; raises Invalid with every finding when it may not.

    It comes without the text of its file: only checks look at that, and it is half of what a mapping weighs.
    """
    checked = check_mapping(
        file,
        environment=environment,
        spec=spec,
        destinations=destinations,
        sources=sources,
        secrets=secrets,
        name=name,
    )
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


def check_mapping(  # noqa: PLR0913 - all but the file are named
    file: Path,
    *,
    environment: Mapping[str, str],
    spec: MetaSpec,
    destinations: Collection[str] | None = None,
    sources: Collection[str] | None = None,
    secrets: SecretsMode = "optional",
    name: str | None = None,
) -> Checked:
    """Load and lint one file; raises CannotOpen only when it cannot be read at all."""
    try:
        mapping = load_mapping(
            file,
            environment=environment,
            spec=spec,
            destinations=destinations,
            sources=sources,
            secrets=secrets,
            name=name,
        )
    except Invalid as invalid:
        return Checked(file, None, invalid.findings)
    findings = tuple(dict.fromkeys((*mapping.warnings, *lint(mapping, spec), *_without_evidence(mapping))))
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
