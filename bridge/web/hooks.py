"""`/hooks/<mapping>`: one webhook in, stored durably, and an answer its sender understands.

    admit → (read) → handshake? → verify → rate → translate → pack → (commit) → (deliver at once?) → respond

A webhook whose translation breaks down is stored all the same, held for repair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from bridge.body.parse import parse
from bridge.errors import NotAuthentic, Refused, UnknownMapping
from bridge.ingest.entries import new_webhook, translation_after_a_fault
from bridge.mapping import CompiledMapping
from bridge.models import Request, SenderAnswer, Translation, Verified
from bridge.monitoring.log import failure
from bridge.outbox import NewEvent, NewWebhook, Receipt
from bridge.pipeline import translate
from bridge.verify import handshake_answer, verify
from bridge.verify.method import as_posted
from bridge.web.auth import is_admin
from bridge.web.capture_intake import admit_unknown, capture
from bridge.web.context import AppContext
from bridge.web.cors import reading_headers
from bridge.web.dispatch import refuse
from bridge.web.intake import Admission, Endpoint, MetaResults, Prepared, count_events
from bridge.web.request import HttpRequest, as_webhook, sender_address
from bridge.web.responses import Response, detail, detail_of
from bridge.web.wait_for_meta import overall, response_after_meta, waits_for_meta

TEST_NOTE = "sent as a test; Meta does not discard test events"


class HookCall(NamedTuple):
    """One verified webhook at its endpoint."""

    context: AppContext
    mapping: CompiledMapping
    request: Request
    request_id: str
    test_event_code: str | None


def admit(context: AppContext, request: HttpRequest) -> Admission:
    """Return what may be sent to the mapping in the path. Raises Refused."""
    limit_address(context, request)
    try:
        mapping = context.mapping(request.name)
    except UnknownMapping as unknown:
        return admit_unknown(context, request, unknown)
    if mapping.receive.sent_by == "companion":  # which has its own endpoint, and that checks more
        raise UnknownMapping("this mapping takes only what comes to the endpoint of the companion")
    most_bytes = min(mapping.receive.max_size_bytes, context.settings.limits.max_body_bytes)
    return Admission(mapping.name, most_bytes, reading_headers(request, mapping.receive))


def limit_address(context: AppContext, request: HttpRequest) -> None:
    """Hold the rate of one sender's address, before anything of it is read.

    The rate of a mapping is held after the signature: strangers must not use up what its sender may send.
    """
    rate = context.settings.limits.rate_per_address
    if rate is not None:
        address = sender_address(request, context.settings.trusted_proxies)
        context.rates.admit(f"a {address}", rate, "too many requests from this IP address")


def prepare(context: AppContext, request: HttpRequest) -> Prepared | Response:
    """Do everything but store one webhook. Raises Refused; what else can be wrong is in the response."""
    try:
        mapping = context.mapping(request.name)
    except UnknownMapping as unknown:
        return capture(context, request, unknown)
    return _prepared(context, request, mapping)


def _prepared(context: AppContext, request: HttpRequest, mapping: CompiledMapping) -> Prepared | Response:
    settings = context.settings
    webhook = as_webhook(request, settings, context.now())
    challenge = _challenge(webhook, mapping)
    if challenge is not None:
        return _as_asked(challenge, "handshake")
    posted = as_posted(webhook, mapping.receive)
    if posted is None:
        return _alive(mapping)
    verified = verify(posted, mapping.receive.verify)
    rate = settings.hook(mapping.name).rate_limit or settings.limits.rate_per_mapping
    context.rates.admit(f"m {mapping.name}", rate, "too many webhooks for this mapping")
    code = _asked_test_code(context, request, webhook, mapping)
    return _packed(HookCall(context, mapping, verified.request, request.id, code), verified)


ENDPOINT = Endpoint(admit, prepare, refuse, refused=Admission("-", 0))


def _alive(mapping: CompiledMapping) -> Response:
    """Answer a look at the endpoint: some senders want a 200 before their first webhook.

    Where a challenge is due, only its right answer is a yes.
    """
    if mapping.receive.handshake is not None and mapping.receive.handshake.on == "get":
        raise NotAuthentic("the handshake does not contain what the mapping expects")
    methods = " or ".join(sorted(method.upper() for method in mapping.receive.methods))
    return Response(200, {"status": "ready", "message": f"send webhooks here with {methods}"}, code="alive")


def _as_asked(answer: SenderAnswer, code: str) -> Response:
    """Return an answer in the words that a sender waits for."""
    return Response(200, answer.text, (("Content-Type", answer.content_type), *answer.headers), code)


def _challenge(request: Request, mapping: CompiledMapping) -> SenderAnswer | None:
    """Return what a sender wants echoed; the one thing that is answered before a signature is checked.

    What is computed with the secret is answered after it: a stranger could have signatures made.
    """
    rule = mapping.receive.handshake
    if rule is None:
        return None
    try:
        asked = parse(Verified(request), mapping.receive) if rule.on == "field" else request
    except Refused:
        return None
    answer = handshake_answer(asked, rule)
    if answer is not None and rule.needs_proof:
        verify(request, mapping.receive.verify)
    return answer


def _asked_test_code(
    context: AppContext, request: HttpRequest, webhook: Request, mapping: CompiledMapping
) -> str | None:
    """Return the test code the sender asked for; only one who proved who it is may ask.

    A mapping without verification proves nothing, so there the admin token is wanted. The live
    profile refuses: an event meant as a test must not silently become a live one.
    """
    code = (webhook.query.get("test_event_code") or webhook.headers.get("x-test-event-code") or "").strip()
    if not code:
        return code_of_file(context, webhook, mapping)
    settings = context.settings
    proven = mapping.receive.verify.scheme != "none" or is_admin(request, settings) or settings.demo
    if not proven:
        raise NotAuthentic("a test_event_code needs an authenticated sender")
    if not settings.test_codes_allowed:
        raise Refused(
            "test_event_code is not accepted in the live profile",
            code="test_code_refused",
            fix="remove it, or set allow_test_event_code: yes",
        )
    return code


def code_of_file(context: AppContext, request: Request, mapping: CompiledMapping) -> str | None:
    """Return the test code that the mapping's own file sets; the live profile takes no notice of it."""
    code = mapping.test_event_code
    return code.at(request.received_at) if code and context.settings.test_codes_allowed else None


def _packed(call: HookCall, verified: Verified) -> Prepared:
    webhook = mapped(call.context, call.mapping, verified, call.request_id, call.test_event_code)
    packed = call.context.outbox().pack(webhook)
    return Prepared(packed, partial(_respond, call, webhook.events), waits_for_meta(call.request.query))


def mapped(
    context: AppContext, mapping: CompiledMapping, verified: Verified, request_id: str, code: str | None
) -> NewWebhook:
    """Return what a verified webhook became, ready to be packed; `code` is its test code. Raises Refused."""
    return new_webhook(
        _translated(context, mapping, verified),
        verified.request,
        context.settings,
        context.spec,
        request_id=request_id,
        repeat_window_seconds=mapping.receive.repeat_window_seconds,
        test_event_code=code,
    )


def _translated(context: AppContext, mapping: CompiledMapping, verified: Verified) -> Translation:
    """Translate; a webhook that we break down over is held."""
    try:
        return translate(verified, mapping, context.spec)
    except Refused:
        raise
    except Exception as error:  # noqa: BLE001 - a fault of ours must not lose somebody's conversion
        context.log.error("broke_down", mapping=mapping.name, **failure(error))  # noqa: TRY400
        return translation_after_a_fault(mapping, verified.request)


def _respond(call: HookCall, events: Sequence[NewEvent], receipt: Receipt, results: MetaResults) -> Response:
    """Return the response for a webhook that is on disk."""
    count_events(call.context, call.mapping.name, events, receipt)
    response = response_after_meta(call.context, receipt, results)
    if response is None:
        response = _stored_response(call, receipt, events)
    elif response.status == 200:
        response = response.adding(test_note(receipt, events))
    return response._replace(events=len(receipt.events))


def _stored_response(call: HookCall, receipt: Receipt, events: Sequence[NewEvent]) -> Response:
    body = receipt_body(receipt, events)
    log = {"test_event_code": True} if body.get("test") else {}
    by_answer = call.mapping.receive.on_problem == "answer"
    if not receipt.duplicate and by_answer and any(_is_sender_s(event) for event in events):
        return Response(422, _problems(events, body), code="problems", log=log)
    answer = call.mapping.receive.answer
    wants_to_read = waits_for_meta(call.request.query)
    if answer is not None and not wants_to_read:
        return _as_asked(answer, body["status"])._replace(log=log)
    return Response(200, body, code=body["status"], log=log)


def receipt_body(receipt: Receipt, events: Sequence[NewEvent]) -> dict[str, Any]:
    """Return the body of the response for a webhook that is on disk."""
    body: dict[str, Any] = {
        "status": _status(receipt),
        "events": [event.as_json() for event in receipt.events],
    }
    if receipt.job_id:
        body["erasure"] = receipt.job_id
    if receipt.duplicate:
        return body
    if reasons := sorted({event.reason for event in receipt.events if event.reason}):
        body["reasons"] = reasons
    held = (event for event in events if event.status == "held")
    if findings := [finding.as_json() for event in held for finding in event.findings]:
        body["findings"] = findings
    return {**body, **test_note(receipt, events)}


def _status(receipt: Receipt) -> str:
    """Return the one word for what became of a webhook; one that gave no event but erases says so."""
    if receipt.duplicate:
        return "duplicate"
    status = overall(event.status for event in receipt.events)
    return "erasing" if receipt.job_id and status == "skipped" else status


def test_note(receipt: Receipt, events: Sequence[NewEvent]) -> dict[str, Any]:
    """Return the note that events of a webhook go out as a test; nothing when none of them goes out."""
    codes = sorted({event.test_event_code for event in events if event.test_event_code})
    if not codes or receipt.duplicate or overall(event.status for event in receipt.events) != "queued":
        return {}
    return {"test": {"test_event_code": codes, "note": TEST_NOTE}}


def _is_sender_s(event: NewEvent) -> bool:
    """Return whether the problem is one its sender can fix, and not a fault of ours."""
    return event.status == "held" and not any(finding.code == "internal_fault" for finding in event.findings)


def _problems(events: Sequence[NewEvent], body: Mapping[str, Any]) -> dict[str, Any]:
    held = [event for event in events if event.status == "held"]
    count = "1 event has" if len(held) == 1 else f"{len(held)} events have"
    message = f"{count} problems and {'is' if len(held) == 1 else 'are'} kept for repair"
    errors = [finding for event in held for finding in event.findings if finding.severity == "error"]
    details = [detail(finding) for finding in errors] or [detail_of("held", event.reason) for event in held]
    error = {"code": "problems", "message": message, "details": details}
    return {"error": error, "status": "held", "events": body["events"]}
