"""What a mapping is judged by: its samples, and what its tests are given, as parsed webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bridge.body.parse import parse
from bridge.errors import BridgeError
from bridge.finding import Finding, Position
from bridge.mapping.runtime.fetch_step import recorded_answers
from bridge.mapping.runtime.known_answers import Answers
from bridge.mapping.runtime.mapping import CompiledMapping
from bridge.mapping.samples import ANY_TIME, read_sample, request_of_data
from bridge.models import Verified, Webhook
from bridge.positioned_yaml import one_or_more


@dataclass(frozen=True, slots=True)
class Evidence:
    """The webhooks a mapping is judged by: real samples, and what tests are given, which often is short.

    `unreadable` holds a finding for each sample that cannot be read.
    """

    samples: Sequence[Webhook]
    inline: Sequence[Webhook]
    unreadable: Sequence[Finding] = ()

    @property
    def webhooks(self) -> list[Webhook]:
        """Return all of them, the samples first."""
        return [*self.samples, *self.inline]


def read_evidence(mapping: CompiledMapping) -> Evidence:
    """Read the samples that a mapping and its tests name, and the payloads written in its tests."""
    samples: list[Webhook] = []
    unreadable: list[Finding] = []
    positions = _sample_positions(mapping)
    given = (test.given_file for test in mapping.tests if test.given_file)
    for file in dict.fromkeys([*mapping.samples, *given]):
        try:
            sample = read_sample(file, ANY_TIME)
            webhook = parse(Verified(sample.request), mapping.receive)
            answers = [sample.fetched, *(test.fetched for test in mapping.tests if test.given_file == file)]
            samples.extend(answered(webhook, mapping, one) for one in answers if one or one is answers[0])
        except BridgeError as error:
            position = positions.get(str(file))
            unreadable.append(Finding("error", "bad_sample", error.message, error.fix, position=position))
    return Evidence(samples, webhooks_in_tests(mapping), unreadable)


def webhooks_in_tests(mapping: CompiledMapping) -> list[Webhook]:
    """Return the payloads that are written in the tests of a mapping, with the answers that they record."""
    return [
        answered(
            Webhook(request_of_data(test.given, mapping.name, ANY_TIME), test.given), mapping, test.fetched
        )
        for test in mapping.tests
        if test.given_file is None
    ]


def answered(webhook: Webhook, mapping: CompiledMapping, answers: Mapping[str, Any]) -> Webhook:
    """Return the webhook with the recorded answers of what the mapping fetches."""
    if not mapping.fetch:
        return webhook
    whole = [replace(step, reads=None) for step in mapping.fetch]  # what a slip meant is there, too
    return Webhook(webhook.request, webhook.data, webhook.notes, Answers(recorded_answers(whole, answers)))


def _sample_positions(mapping: CompiledMapping) -> dict[str, Position]:
    in_tests = {str(test.given_file): test.position for test in mapping.tests if test.given_file}
    node = mapping.node.get("samples")
    nodes = one_or_more(node) if node is not None else ()
    return in_tests | {str(file): item.position for file, item in zip(mapping.samples, nodes, strict=False)}
