"""Runs the samples of a mapping through the road, and says when nobody can be matched from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bridge.authoring.samples import Sample, read_sample, request_of_data
from bridge.body.parse import parse
from bridge.errors import BridgeError
from bridge.mapping.runtime.mapping import CompiledMapping
from bridge.models import Draft, Finding, Position, Verified, Webhook

# each of these is enough for Meta to know a person by; an own id, a name or a place is not
_IDENTITY = frozenset(
    [
        "em",
        "ph",
        "fbc",
        "fbclid",
        "fbp",
        "lead_id",
        "fb_login_id",
        "madid",
        "anon_id",
        "page_scoped_user_id",
        "ctwa_clid",
        "ig_sid",
    ]
)
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
    from bridge.positioned_yaml import Listing

    places = {str(test.given_file): test.position for test in mapping.tests if test.given_file}
    node = mapping.node.get("samples")
    nodes = node.items if isinstance(node, Listing) else (node,) if node is not None else ()
    return places | {str(file): item.position for file, item in zip(mapping.samples, nodes, strict=False)}


def lint_samples(mapping: CompiledMapping, samples: Sequence[ReadSample]) -> Iterator[Finding]:
    """Yield a finding when events are made of the samples and none carries anything to match a person by."""
    made = [
        draft for sample in samples for draft in mapping.drafts(sample.webhook) if draft.verdict == "ready"
    ]
    if not made or any(_names_a_person(draft) for draft in made):
        return
    yield Finding(
        "warning",
        "no_person_in_samples",
        "nobody can be matched: no event made of the samples has an e-mail, a phone or a click id",
        "have the sender include the contact's data, or send the webhook after looking the contact up",
        position=mapping.node.position,
    )


def _names_a_person(draft: Draft) -> bool:
    return not _IDENTITY.isdisjoint(draft.fields.get("user_data", {}))
