"""Finds tests and samples without the answers they need, and answers of which nothing is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bridge.body.parse import parse
from bridge.errors import BridgeError
from bridge.finding import Finding
from bridge.mapping.runtime.known_answers import Answers
from bridge.mapping.runtime.mapping import CompiledMapping
from bridge.mapping.samples import ANY_TIME, Sample, read_sample, sample_of_test
from bridge.models import Verified, Webhook

_MOST_SHOWN: Final = 8


def lint_answers(mapping: CompiledMapping) -> Iterator[Finding]:
    """Yield an error for each test without a recorded answer, and a warning for each sample without one.

    A step whose `take` finds nothing in any answer that is recorded for it gets a warning, too.
    """
    if not mapping.fetch:
        return
    recorded: list[Mapping[str, Any]] = []
    for test in mapping.tests:
        try:
            sample = sample_of_test(test, mapping.name, ANY_TIME)
            needed = _needed(mapping, sample)
        except BridgeError:  # the file cannot be read, which is said elsewhere
            continue
        recorded.append(sample.fetched)
        for step in needed:
            message = f"this test needs the answer of ${step}, and none is recorded"
            fix = f"write it below with: {{fetched: {{{step}: ...}}}}, as the source gives it"
            yield Finding("error", "no_recorded_answer", message, fix, position=test.position)
    for file in mapping.samples:
        try:
            sample = read_sample(file, ANY_TIME)
            needed = _needed(mapping, sample)
        except BridgeError:
            continue
        recorded.append(sample.fetched)
        for step in needed:
            message = f"the sample {file.name} needs the answer of ${step}, and none is recorded"
            fix = f"write it into {file.with_suffix('.fetched.json').name} beside the sample, under {step}"
            yield Finding("warning", "no_recorded_answer", message, fix, position=mapping.step(step).position)
    yield from _lint_taken(mapping, recorded)


def _lint_taken(mapping: CompiledMapping, recorded: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    for step in mapping.fetch:
        answers = [answer[step.name] for answer in recorded if isinstance(answer.get(step.name), dict | list)]
        if step.take is None or not answers or any(step.answered(data).value is not None for data in answers):
            continue
        keys = sorted({str(key) for data in answers if isinstance(data, dict) for key in data})
        there = f"has {', '.join(keys[:_MOST_SHOWN])}" if keys else "is a list"
        message = f"take finds nothing in the recorded answers of ${step.name}"
        fix = f"name the part of the answer that holds the record; the answer {there}"
        yield Finding("warning", "nothing_taken", message, fix, position=step.position)


def _needed(mapping: CompiledMapping, sample: Sample) -> list[str]:
    """Return the steps whose answers a sample needs and does not have."""
    webhook = parse(Verified(sample.request), mapping.receive)
    answers = Answers(mapping.recorded(sample.fetched))
    drafts = mapping.drafts(Webhook(webhook.request, webhook.data, webhook.notes, answers))
    return list(dict.fromkeys(draft.needs.step for draft in drafts if draft.needs is not None))
