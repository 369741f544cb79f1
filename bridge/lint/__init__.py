"""What can be wrong with a mapping beyond its spelling, by the file alone and by its samples.

`check` prints the findings; a mapping with an error among them does not become active.
"""

from __future__ import annotations

from bridge.finding import Finding
from bridge.lint.answer_lint import lint_answers
from bridge.lint.browser_lint import lint_browser
from bridge.lint.event_lint import lint_events
from bridge.lint.evidence import Evidence, read_evidence
from bridge.lint.path_lint import lint_paths
from bridge.lint.person_lint import lint_person
from bridge.lint.time_lint import lint_time
from bridge.mapping.runtime.mapping import CompiledMapping
from bridge.meta_spec.spec import MetaSpec


def lint(mapping: CompiledMapping, spec: MetaSpec) -> tuple[Finding, ...]:
    """Return what is wrong with a compiled mapping; reads the sample files that it names."""
    return lint_with(mapping, read_evidence(mapping), spec)


def lint_with(mapping: CompiledMapping, evidence: Evidence, spec: MetaSpec) -> tuple[Finding, ...]:
    """Return what is wrong with a compiled mapping, judged by these webhooks alone."""
    webhooks = evidence.webhooks
    made = [draft for webhook in webhooks for draft in mapping.drafts(webhook) if draft.verdict == "ready"]
    findings = [
        *evidence.unreadable,
        *lint_events(mapping, spec, webhooks),
        *lint_paths(mapping, evidence, spec),
        *lint_answers(mapping),
        *lint_browser(mapping),
        *lint_person(mapping, made),
        *lint_time(made),
    ]
    return tuple(dict.fromkeys(findings))
