"""Everything `check` finds in a mapping beyond its spelling: by the file alone, and by its samples."""

from __future__ import annotations

from bridge.authoring.lint_events import lint_events
from bridge.authoring.lint_paths import Evidence, lint_paths
from bridge.authoring.lint_samples import lint_samples, read_samples
from bridge.catalog import Catalog
from bridge.mapping.compiled import CompiledMapping
from bridge.values import Finding


def lint(mapping: CompiledMapping, catalog: Catalog) -> tuple[Finding, ...]:
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
        *lint_events(mapping, catalog),
        *lint_paths(mapping.lines, evidence, catalog),
        *lint_samples(mapping, samples),
    ]
    return tuple(dict.fromkeys(findings))
