"""What was fetched for a webhook, as it is kept beside it: only what the mapping reads of it.

Kept answers belong to one revision of the mapping, since another one may read other parts of the records.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.body.json import read_json
from bridge.body.media_type import MediaType
from bridge.errors import Refused
from bridge.mapping import CompiledMapping
from bridge.models import AnswerLookup, Fetched, FetchRequest
from bridge.serialization import encode

_MOST_VALUES = 1_000_000


def packed_answers(revision: str, answers: Mapping[FetchRequest, Fetched]) -> bytes:
    """Return the records that were found as JSON; what was missing or failed may be asked for again."""
    found = [
        {"call": _call_as_json(call), "value": answer.value, "took_ms": answer.took_ms}
        for call, answer in answers.items()
        if answer.value is not None
    ]
    return encode({"revision": revision, "answers": found})


def unpacked_answers(kept: bytes | None, revision: str) -> dict[FetchRequest, Fetched]:
    """Return what was kept for this revision of a mapping; nothing for another one."""
    if kept is None:
        return {}
    try:
        content, _ = read_json(kept, MediaType(), _MOST_VALUES)
    except Refused:
        return {}
    if content["revision"] != revision:
        return {}
    return dict(_unpacked(entry) for entry in content["answers"])


def kept_lookup(kept: bytes | None, mapping: CompiledMapping) -> AnswerLookup:
    """Return what looks calls up in what was kept for a webhook of a mapping."""
    return unpacked_answers(kept, mapping.revision).get


def _unpacked(entry: Mapping[str, Any]) -> tuple[FetchRequest, Fetched]:
    call = dict(entry["call"])
    body = call.pop("body")
    request = FetchRequest(**call, body=None if body is None else body.encode())
    return request, Fetched(entry["value"], request.source, entry["took_ms"], "cached")


def _call_as_json(call: FetchRequest) -> dict[str, Any]:
    return {
        "step": call.step,
        "source": call.source,
        "method": call.method,
        "target": call.target,
        "body": None if call.body is None else call.body.decode(),
        "keep_seconds": call.keep_seconds,
    }
