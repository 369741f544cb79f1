"""Finds tests and samples that need an answer which nobody has recorded beside them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from bridge.body.parse import parse
from bridge.errors import BridgeError
from bridge.mapping.runtime.known_answers import Answers
from bridge.mapping.runtime.mapping import CompiledMapping
from bridge.mapping.samples import Sample, read_sample, sample_of_test
from bridge.models import Finding, Verified, Webhook

# when a sample's own time is not noted; what is fetched does not depend on it
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def lint_answers(mapping: CompiledMapping) -> Iterator[Finding]:
    """Yield an error for each test without a recorded answer, and a warning for each sample without one."""
    if not mapping.fetch:
        return
    for test in mapping.tests:
        try:
            sample = sample_of_test(test, mapping.name, _ANY_TIME)
            needed = _needed(mapping, sample)
        except BridgeError:  # the file cannot be read, which is said elsewhere
            continue
        for step in needed:
            message = f"this test needs the answer of ${step}, and none is recorded"
            fix = f"write it below with: {{fetched: {{{step}: ...}}}}, as the source gives it"
            yield Finding("error", "no_recorded_answer", message, fix, position=test.position)
    for file in mapping.samples:
        try:
            needed = _needed(mapping, read_sample(file, _ANY_TIME))
        except BridgeError:
            continue
        for step in needed:
            message = f"the sample {file.name} needs the answer of ${step}, and none is recorded"
            fix = f"write it into {file.with_suffix('.fetched.json').name} beside the sample, under {step}"
            yield Finding("warning", "no_recorded_answer", message, fix, position=mapping.step(step).position)


def _needed(mapping: CompiledMapping, sample: Sample) -> list[str]:
    """Return the steps whose answers a sample needs and does not have."""
    webhook = parse(Verified(sample.request), mapping.receive)
    answers = Answers(mapping.recorded(sample.fetched))
    drafts = mapping.drafts(Webhook(webhook.request, webhook.data, webhook.notes, answers))
    return list(dict.fromkeys(draft.needs.step for draft in drafts if draft.needs is not None))
