"""The public door: one webhook in, stored durably, and an answer its sender understands.

    read → rate → verify → handshake? → translate → (store) → deliver at once? → answer

The view yields the webhook to be stored, and is given the receipt once it is on disk. A webhook
whose translation breaks down is stored all the same, held for repair.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bridge.body.parse import parse
from bridge.errors import NotAuthentic, Refused
from bridge.ingest.entries import held_by_an_error, new_events
from bridge.mapping import CompiledMapping
from bridge.models import Request, Translation, Verified
from bridge.monitoring.log import failure
from bridge.outbox import NewEvent, NewWebhook, Receipt, StoredEvent
from bridge.pipeline import translate
from bridge.verify import handshake_answer, verify
from bridge.web.access import is_admin
from bridge.web.answers import Answer, Line, detail
from bridge.web.arrival import Environ, peer_address, read_request
from bridge.web.browser import allow_reading
from bridge.web.door import Door
from bridge.web.serving import AnswerSteps
from bridge.web.waiting import answer_after_meta

HOOKS = "/hooks/"
TEST_NOTE = "sent as a test; Meta does not discard test events"
_TRUE = frozenset({"true", "1", "yes"})


class Arrival(NamedTuple):
    """One verified webhook on its way through the door, and where what happens to it is noted."""

    door: Door
    mapping: CompiledMapping
    request: Request
    request_id: str
    line: Line
    test_event_code: str | None


def receive(door: Door, environ: Environ, name: str, request_id: str, line: Line) -> AnswerSteps:
    """Take in one webhook. Raises Refused; everything else that can be wrong is in the answer."""
    line.is_webhook = True
    mapping = door.mapping(name)
    line.mapping = mapping.name
    if mapping.receive.sent_by == "browser":
        allow_reading(environ)
    settings = door.settings
    admit_address(door, environ)
    most = min(mapping.receive.max_size_bytes, settings.limits.max_body_bytes)
    request = read_request(environ, settings, most, door.now())
    challenge = _challenge(request, mapping)
    if challenge is not None:
        line.status = "handshake"
        return Answer(200, challenge)
    if request.method != "POST":
        return _alive(mapping, line)
    verified = verify(request, mapping.receive.verify)
    rate = settings.hook(name).rate_limit or settings.limits.rate_per_mapping
    door.rates.admit(f"m {name}", rate, "too many webhooks for this mapping")
    code = _asked_test_code(door, environ, request, mapping)
    return (yield from _store(Arrival(door, mapping, verified.request, request_id, line, code), verified))


def admit_address(door: Door, environ: Environ) -> None:
    """Hold the rate of one sender's address, before anything of it is read.

    The rate of a mapping is held after the signature: strangers must not use up what its sender may send.
    """
    rate = door.settings.limits.rate_per_address
    if rate is not None:
        address = peer_address(environ, door.settings.trusted_proxies)
        door.rates.admit(f"a {address}", rate, "too many requests from this address")


def _alive(mapping: CompiledMapping, line: Line) -> Answer:
    """Answer a look at the address: some senders want a 200 before their first webhook.

    Where a challenge is due, only its right answer is a yes.
    """
    if mapping.receive.handshake is not None and mapping.receive.handshake.on == "get":
        raise NotAuthentic("the handshake does not hold what the mapping expects")
    line.status = "alive"
    return Answer(200, {"status": "ready", "message": "send webhooks here with POST"})


def _challenge(request: Request, mapping: CompiledMapping) -> str | None:
    """Return what a sender wants echoed; the one thing that is answered before a signature is checked."""
    rule = mapping.receive.handshake
    if rule is None:
        return None
    try:
        asked = parse(Verified(request), mapping.receive) if rule.on == "field" else request
    except Refused:
        return None
    return handshake_answer(asked, rule)


def _asked_test_code(door: Door, environ: Environ, request: Request, mapping: CompiledMapping) -> str | None:
    """Return the test code the sender asked for; only one who proved who it is may ask.

    A mapping without verification proves nothing, so there the admin token is wanted. The live
    profile refuses: an event meant as a test must not silently become a live one.
    """
    code = (request.query.get("test_event_code") or request.headers.get("x-test-event-code") or "").strip()
    if not code:
        return _code_of_file(door, request, mapping)
    proven = mapping.receive.verify.scheme != "none" or is_admin(environ, door.settings) or door.settings.demo
    if not proven:
        raise NotAuthentic("a test_event_code needs an authenticated sender")
    if not door.settings.test_codes_allowed:
        raise Refused(
            "test_event_code is not accepted in the live profile",
            code="test_code_refused",
            fix="remove it, or set allow_test_event_code: yes",
        )
    return code


def _code_of_file(door: Door, request: Request, mapping: CompiledMapping) -> str | None:
    """Return the test code that the mapping's own file sets; the live profile takes no notice of it."""
    code = mapping.test_event_code
    return code.at(request.received_at) if code and door.settings.test_codes_allowed else None


def _store(arrival: Arrival, verified: Verified) -> AnswerSteps:
    door, mapping, request = arrival.door, arrival.mapping, arrival.request
    translation = _translated(arrival, verified)
    events = _events(arrival, translation)
    receipt = yield NewWebhook(
        mapping=mapping.name,
        revision=mapping.revision,
        repeat_key=translation.repeat_key if translation else _digest(request),
        repeat_window_seconds=mapping.receive.repeat_window_seconds,
        received_at=request.received_at,
        request=request,
        request_id=arrival.request_id,
        events=events,
    )
    _count(arrival, receipt, events)
    if request.query.get("wait", "").lower() in _TRUE and not receipt.duplicate:
        answer = answer_after_meta(door, receipt, arrival.line)
        if answer is not None:
            return answer.adding(test_note(receipt, events)) if answer.status == 200 else answer
    return _told(arrival, receipt, events)


def _translated(arrival: Arrival, verified: Verified) -> Translation | None:
    try:
        return translate(verified, arrival.mapping, arrival.door.spec)
    except Refused:
        raise
    except Exception as error:  # noqa: BLE001 - a fault of ours must not lose somebody's conversion
        fault = failure(error)
        arrival.door.log.error("broke_down", mapping=arrival.mapping.name, **fault)  # noqa: TRY400
        return None


def _events(arrival: Arrival, translation: Translation | None) -> tuple[NewEvent, ...]:
    settings, now = arrival.door.settings, arrival.request.received_at
    if translation is None:
        return held_by_an_error(arrival.mapping, settings, now, arrival.test_event_code)
    return new_events(translation, settings, arrival.door.spec, now, arrival.test_event_code)


def _digest(request: Request) -> bytes:
    return hashlib.sha256(request.body).digest()


def _count(arrival: Arrival, receipt: Receipt, events: Sequence[NewEvent]) -> None:
    arrival.line.events = len(receipt.events)
    if not receipt.duplicate and not receipt.remapped:
        for event, stored in zip(events, receipt.events, strict=True):
            arrival.door.metrics.event(arrival.mapping.name, stored.status, event.match_score)


def _told(arrival: Arrival, receipt: Receipt, events: Sequence[NewEvent]) -> Answer:
    body = told(receipt, events)
    status = body["status"]
    arrival.line.status = status
    if body.get("test"):
        arrival.line.extra["test_event_code"] = True
    by_answer = arrival.mapping.receive.on_problem == "answer"
    if not receipt.duplicate and by_answer and any(_is_sender_s(event) for event in events):
        arrival.line.status = "problems"
        return Answer(422, _problems(events, body), code="problems")
    return Answer(200, body)


def told(receipt: Receipt, events: Sequence[NewEvent]) -> dict[str, Any]:
    """Return what a sender is told about a webhook that is on disk."""
    body: dict[str, Any] = {
        "status": "duplicate" if receipt.duplicate else overall(event.status for event in receipt.events),
        "events": [_shown(event) for event in receipt.events],
    }
    reasons = sorted({event.reason for event in receipt.events if event.reason})
    if reasons and not receipt.duplicate:
        body["reasons"] = reasons
    findings = [finding.as_json() for event in events if event.status == "held" for finding in event.findings]
    if findings and not receipt.duplicate:
        body["findings"] = findings
    return {**body, **test_note(receipt, events)}


def test_note(receipt: Receipt, events: Sequence[NewEvent]) -> dict[str, Any]:
    """Return the note that events of a webhook go out as a test; nothing when none of them goes out."""
    goes_out = not receipt.duplicate and any(event.status == "waiting" for event in receipt.events)
    codes = sorted({event.test_event_code for event in events if event.test_event_code})
    return {"test": {"test_event_code": codes, "note": TEST_NOTE}} if goes_out and codes else {}


def overall(statuses: Any) -> str:
    """Return the one word for several events: the most lively of their states."""
    present = set(statuses)
    for status, word in (("waiting", "queued"), ("held", "held"), ("suppressed", "suppressed")):
        if status in present:
            return word
    return "skipped"


def _is_sender_s(event: NewEvent) -> bool:
    """Tell whether the problem is one its sender can mend, and not a fault of ours."""
    return event.status == "held" and not any(finding.code == "internal_fault" for finding in event.findings)


def _problems(events: Sequence[NewEvent], body: Mapping[str, Any]) -> dict[str, Any]:
    held = [event for event in events if event.status == "held"]
    count = "1 event has" if len(held) == 1 else f"{len(held)} events have"
    message = f"{count} problems and {'is' if len(held) == 1 else 'are'} kept for repair"
    errors = [finding for event in held for finding in event.findings if finding.severity == "error"]
    details = [detail(finding) for finding in errors] or [
        {"code": "held", "path": None, "message": event.reason, "fix": None, "where": None} for event in held
    ]
    error = {"code": "problems", "message": message, "details": details}
    return {"error": error, "status": "held", "events": body["events"]}


def _shown(event: StoredEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "event_name": event.event_name,
        "event_id": event.event_id,
        "destination": event.destination,
        "status": event.status,
    }
