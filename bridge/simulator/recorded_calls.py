"""The calls that mappings make for their samples, each with the answer that was recorded for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from bridge.body.parse import parse
from bridge.errors import BridgeError
from bridge.mapping.runtime.known_answers import Answers
from bridge.mapping.runtime.mapping import CompiledMapping
from bridge.mapping.sample_dates import redated
from bridge.mapping.samples import ANY_TIME, Sample, read_sample
from bridge.models import Fetched, FetchRequest, Verified, Webhook
from bridge.serialization import encode


def recorded_calls(
    mappings: Iterable[CompiledMapping], now: datetime
) -> dict[tuple[str, str, str, bytes], bytes]:
    """Return the JSON that was recorded for each call: by source, method, path with query, and body.

    Its dates are moved to `now`, as those of the samples are.
    """
    samples = (
        (mapping, read_sample(file, ANY_TIME))
        for mapping in mappings
        if mapping.fetch
        for file in mapping.samples
    )
    return {
        (call.source, call.method, call.target, call.body or b""): redated(
            encode(answer), sample.request.received_at, now
        )
        for mapping, sample in samples
        for call, answer in _calls_of(mapping, sample)
        if not isinstance(answer, str)  # a word: there is no such record
    }


def _calls_of(mapping: CompiledMapping, sample: Sample) -> Iterator[tuple[FetchRequest, Any]]:
    """Yield each call that a sample leads to, with what is recorded for it."""
    calls: list[FetchRequest] = []
    recorded = mapping.recorded(sample.fetched)

    def lookup(call: FetchRequest) -> Fetched | None:
        calls.append(call)
        return recorded(call)

    try:
        webhook = parse(Verified(sample.request), mapping.receive)
    except BridgeError:
        return
    mapping.drafts(Webhook(webhook.request, webhook.data, webhook.notes, Answers(lookup)))
    for call in dict.fromkeys(calls):
        for key in (call.target.partition("?")[0], call.step):
            if key in sample.fetched:
                yield call, sample.fetched[key]
                break
