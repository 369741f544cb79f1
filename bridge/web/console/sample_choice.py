"""Which webhook the playground tries: one that is pasted, a sample file of a mapping, or a stored one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from bridge.body.parse import parse
from bridge.errors import BridgeError
from bridge.explain.masking import mask
from bridge.fetch.kept_answers import recorded_form
from bridge.mapping import CompiledMapping
from bridge.mapping.samples import answers_file, read_sample
from bridge.models import Receive, Request, Verified
from bridge.outbox import EventRecord, Query
from bridge.serialization import encode_readable
from bridge.web.api.dry_run import made_up_request
from bridge.web.console.active_mappings import active_mapping
from bridge.web.context import AppContext

ANY_BODY = Receive(max_size_bytes=2_097_152)
_OFFERED = 10


class SampleChoice(NamedTuple):
    """The webhook in the playground.

    `stored` is the event it became, or its own id while it is captured; `file` is the sample it comes from. A
    stored one is masked, and cannot be edited, until the admin asks to see it. `answers` is the text of the
    answers recorded beside a sample, or of the records that were fetched for a stored one.
    """

    payload: str = ""
    stored: str = ""
    file: str = ""
    is_masked: bool = False
    problem: str = ""
    answers: str = ""


def stored_sample(context: AppContext, event_id: str, *, reveal: bool) -> SampleChoice:
    """Return the webhook that an event came from."""
    request = _stored_request(context, event_id)
    if request is None:
        return SampleChoice(problem="The webhook of this event is no longer kept, or cannot be decrypted.")
    text = request.body.decode("utf-8", "replace") if reveal else masked_body(request)
    fetched = _fetched_for(context, event_id)
    answers = encode_readable(fetched if reveal else mask(fetched)) if fetched else ""
    return SampleChoice(text, stored=event_id, is_masked=not reveal, answers=answers)


def answers_of(context: AppContext, given: Mapping[str, str]) -> Any:
    """Return the answers of what the mapping fetches: as they were typed, or as they were kept."""
    typed = given.get("answers", "")
    if not typed.strip() and "payload" not in given and given.get("stored"):
        return _fetched_for(context, given["stored"])
    return typed


def _fetched_for(context: AppContext, event_id: str) -> dict[str, Any]:
    """Return the records that were fetched for a stored event, as they would be recorded."""
    detail = context.outbox().show(event_id)
    mapping = active_mapping(context, detail.event.mapping) if detail else None
    if detail is None or mapping is None or not mapping.fetch:
        return {}
    return recorded_form(context.outbox().fetches.kept(detail.event.webhook_id), mapping)


def masked_body(request: Request) -> str:
    """Return what a webhook says with its person masked, or why it cannot be read."""
    try:
        return encode_readable(mask(parse(Verified(request), ANY_BODY).data))
    except BridgeError as error:
        return f"This webhook cannot be read: {error.message}"


def sample_of_file(context: AppContext, mapping: CompiledMapping, name: str = "") -> SampleChoice:
    """Return a sample file of a mapping by its name, else the first one."""
    files = [file for file in mapping.samples if not name or file.name == name]
    request = _read_file(context, mapping, files[0].name) if files else None
    if request is None:
        return SampleChoice()
    beside = answers_file(files[0])
    answers = beside.read_text("utf-8", "replace") if beside.is_file() else ""
    return SampleChoice(request.body.decode("utf-8", "replace"), file=files[0].name, answers=answers)


def webhook_of(context: AppContext, given: Mapping[str, str]) -> Request | None:
    """Return the webhook that a form of the playground describes, None when there is none yet.

    Headers, query and time are those of the stored webhook or of the sample file it began as.
    """
    payload = given.get("payload")
    origin = _origin(context, given)
    if origin is None:
        return made_up_request({"payload": payload}, context.now()) if payload else None
    if payload is None or _same_text(payload, origin.body):
        return origin
    return replace(origin, body=payload.encode("utf-8", "replace"))


def _origin(context: AppContext, given: Mapping[str, str]) -> Request | None:
    if given.get("stored"):
        return _stored_request(context, given["stored"])
    mapping = active_mapping(context, given.get("opened", ""))
    return _read_file(context, mapping, given["file"]) if mapping and given.get("file") else None


def _stored_request(context: AppContext, stored: str) -> Request | None:
    """Return the webhook of an event, or a captured one: both have ids that no other has."""
    detail = context.outbox().show(stored)
    if detail is not None:
        return context.outbox().raw(detail.event.webhook_id)
    captured = context.outbox().captures.webhook(stored, context.now())
    return captured.request if captured else None


def _read_file(context: AppContext, mapping: CompiledMapping, name: str) -> Request | None:
    """Return a sample that the mapping names as a request; no other file can be read."""
    file = next((file for file in mapping.samples if file.name == name), None)
    try:
        return read_sample(file, context.now()).request if file else None
    except BridgeError:
        return None


def _same_text(typed: str, body: bytes) -> bool:
    """Tell whether a text area still holds what it was given: browsers change the ends of lines."""
    original = body.decode("utf-8", "replace")
    return typed.replace("\r\n", "\n") == original.replace("\r\n", "\n")


def recent_events(context: AppContext, mapping: CompiledMapping) -> list[EventRecord]:
    """Return the newest events of a mapping, whose webhooks can be tried."""
    return context.outbox().find(Query(mapping=mapping.name, limit=_OFFERED))
