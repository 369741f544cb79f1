"""Everything `check` finds in a mapping beyond its spelling: by the file alone, and by its samples."""

from __future__ import annotations

from bridge.authoring.lint.events import lint_events
from bridge.authoring.lint.paths import Evidence, lint_paths
from bridge.authoring.lint.samples import lint_samples, read_samples
from bridge.mapping.runtime.mapping import CompiledMapping
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Finding


def lint(mapping: CompiledMapping, spec: MetaSpec) -> tuple[Finding, ...]:
    """Return what is wrong with a compiled mapping; errors mean that it must not be put in force.

    Reads the sample files the mapping names. What its tests are given counts as samples, too.
    """
    samples, unreadable = read_samples(mapping)
    evidence = Evidence(
        samples=[sample.webhook for sample in samples if sample.sample],
        inline=[sample.webhook for sample in samples if not sample.sample],
        defaulted=frozenset(
            f"{block}.{name}" for event in mapping.events for block, name, _ in event.defaults if block
        ),
    )
    findings = [
        *unreadable,
        *lint_events(mapping, spec),
        *lint_paths(mapping.lines, evidence, spec),
        *lint_samples(mapping, samples),
    ]
    return tuple(dict.fromkeys(findings))
