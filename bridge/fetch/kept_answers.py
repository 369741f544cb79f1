"""What was fetched for a webhook, as it is kept beside it: only what the mapping reads of it.

Kept answers belong to one revision of the mapping, since another one may read other parts of the records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

from bridge.body.json import read_json
from bridge.body.media_type import MediaType
from bridge.errors import Refused
from bridge.mapping import CompiledMapping
from bridge.models import AnswerLookup, Fetched, FetchRequest
from bridge.serialization import encode

_MOST_VALUES = 1_000_000


def packed_answers(revision: str, answers: Mapping[FetchRequest, Fetched]) -> bytes:
    """Return answers as JSON, the missing and failed ones too: they explain what an event has become."""
    entries = [{"call": _call_as_json(call), **_answer_as_json(answer)} for call, answer in answers.items()]
    return encode({"revision": revision, "answers": entries})


def kept_answers(kept: bytes | None, revision: str) -> dict[FetchRequest, Fetched]:
    """Return all that was answered for this revision of a mapping; nothing for another one."""
    of, answers = _opened(kept)
    return answers if of == revision else {}


def recorded_form(kept: bytes | None, mapping: CompiledMapping) -> dict[str, Any]:
    """Return all that was answered, whichever revision asked, as a test records it: by step, or by path."""
    steps = {step.name: step for step in mapping.fetch}
    answers = {call: answer for call, answer in _opened(kept)[1].items() if call.step in steps}
    calls = Counter(call.step for call in answers)
    return {
        call.step if calls[call.step] == 1 else call.target.partition("?")[0]: steps[call.step].as_recorded(
            answer
        )
        for call, answer in answers.items()
    }


def _opened(kept: bytes | None) -> tuple[str, dict[FetchRequest, Fetched]]:
    """Return which revision of a mapping asked, and what was answered."""
    if kept is None:
        return "", {}
    try:
        content, _ = read_json(kept, MediaType(), _MOST_VALUES)
    except Refused:
        return "", {}
    return content["revision"], dict(_unpacked(entry) for entry in content["answers"])


def found_answers(kept: bytes | None, revision: str) -> dict[FetchRequest, Fetched]:
    """Return the records that were found; what was missing, or failed, is worth asking for again."""
    return {call: answer for call, answer in kept_answers(kept, revision).items() if answer.value is not None}


def kept_lookup(kept: bytes | None, mapping: CompiledMapping) -> AnswerLookup:
    """Return what looks calls up in all that was answered for a webhook of a mapping, to explain it."""
    return kept_answers(kept, mapping.revision).get


def _unpacked(entry: Mapping[str, Any]) -> tuple[FetchRequest, Fetched]:
    call, body = dict(entry["call"]), entry["call"]["body"]
    request = FetchRequest(**call | {"body": None if body is None else body.encode()})
    how: Literal["", "cached"] = "" if entry["value"] is None else "cached"
    answer = Fetched(
        entry["value"], request.source, entry["took_ms"], how, entry["reason"], entry["withheld"]
    )
    return request, answer


def _answer_as_json(answer: Fetched) -> dict[str, Any]:
    return {
        "value": answer.value,
        "took_ms": answer.took_ms,
        "reason": answer.reason,
        "withheld": answer.withheld,
    }


def _call_as_json(call: FetchRequest) -> dict[str, Any]:
    return {
        "step": call.step,
        "source": call.source,
        "method": call.method,
        "target": call.target,
        "body": None if call.body is None else call.body.decode(),
        "keep_seconds": call.keep_seconds,
    }
