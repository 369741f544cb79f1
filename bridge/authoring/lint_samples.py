"""Runs the samples of a mapping through the road, and says when no person can be matched from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bridge.authoring.recognize import recognize
from bridge.authoring.sample_requests import Sample, read_sample, request_of_data
from bridge.catalog import Catalog
from bridge.errors import BridgeError
from bridge.mapping.compiled import CompiledMapping
from bridge.parse import parse
from bridge.values import Finding, Position, Verified, Webhook

_IDENTITY = frozenset({"email", "phone", "fbc", "fbp", "fbclid", "lead_id", "ip", "full_name", "first_name"})
# where a sample's own time is not noted; lint looks at fields, and no finding depends on it
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ReadSample:
    """A sample that could be read: its webhook, and the request it came as."""

    webhook: Webhook
    sample: Sample | None = None


def read_samples(mapping: CompiledMapping) -> tuple[list[ReadSample], list[Finding]]:
    """Return the mapping's samples and what its tests are given, and what could not be read."""
    samples: list[ReadSample] = []
    findings: list[Finding] = []
    places = _sample_positions(mapping)
    for file in dict.fromkeys(
        [*mapping.samples, *(test.given_file for test in mapping.tests if test.given_file)]
    ):
        try:
            sample = read_sample(file, _SOME_DAY)
            samples.append(ReadSample(parse(Verified(sample.request), mapping.receive), sample))
        except BridgeError as error:
            findings.append(
                Finding("error", "bad_sample", error.message, error.fix, position=places.get(str(file)))
            )
    for test in mapping.tests:
        if test.given_file is None:
            request = request_of_data(test.given, mapping.name, _SOME_DAY)
            samples.append(ReadSample(Webhook(request, test.given)))
    return samples, findings


def _sample_positions(mapping: CompiledMapping) -> dict[str, Position]:
    from bridge.yamltext import Listing

    places = {str(test.given_file): test.position for test in mapping.tests if test.given_file}
    node = mapping.node.get("samples")
    nodes = node.items if isinstance(node, Listing) else (node,) if node is not None else ()
    return places | {str(file): item.position for file, item in zip(mapping.samples, nodes, strict=False)}


def lint_samples(
    mapping: CompiledMapping, samples: Sequence[ReadSample], catalog: Catalog
) -> Iterator[Finding]:
    """Yield a finding when no sample carries anything to match a person by."""
    if not samples or any(_names_a_person(sample.webhook, mapping, catalog) for sample in samples):
        return
    yield Finding(
        "warning",
        "no_person_in_samples",
        "no person can be matched from this webhook: no sample carries an e-mail, a phone or a click id",
        "have the sender include the contact's data, or send the webhook after looking the contact up",
        position=mapping.node.position,
    )


def _names_a_person(webhook: Webhook, mapping: CompiledMapping, catalog: Catalog) -> bool:
    filled = {name for draft in mapping.drafts(webhook) for name in draft.fields.get("user_data", {})}
    if filled & {catalog.user_data_names.get(name, name) for name in _IDENTITY}:
        return True
    found = {
        guess.destination.removeprefix("user_data.")
        for guess in recognize(webhook.data)
        if guess.strength > 40
    }
    return bool(found & _IDENTITY)
