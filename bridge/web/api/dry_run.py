"""Trying things out: a webhook, a mapping that is only text so far, a finished body. Nothing is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from bridge.body.parse import parse
from bridge.coerce.moments import moment_in
from bridge.errors import UnreadableBody, WrongUse
from bridge.fetch.visit_lookup import VisitLookup
from bridge.ingest.preview import preview
from bridge.mapping.draft import draft_mapping
from bridge.mapping.samples import content_type_of
from bridge.models import Receive, Request, Verified
from bridge.pipeline import translate
from bridge.serialization import encode
from bridge.validate import validate_body
from bridge.web.auth import is_admin
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, as_webhook
from bridge.web.responses import Response

_JSON_ONLY = Receive(accept=frozenset({"json"}), max_size_bytes=2_097_152)


def of_mapping(context: AppContext, request: HttpRequest) -> Response:
    """Show what a webhook would become; asks for what the real endpoint asks for."""
    mapping = context.mapping(request.name)
    webhook = _webhook(context, request)
    trusted = is_admin(request, context.settings)
    reveal = trusted and webhook.query.get("reveal") == "true"
    given = Verified(webhook) if trusted else webhook
    fetched = mapping.recorded({})
    if trusted and mapping.fetch:  # whoever only sends here must not learn whose visits are known
        fetched = VisitLookup(context.outbox().visits, context.now).beside(mapping, fetched)
    translation = translate(given, mapping, context.spec, fetched=fetched, explain=True, reveal=reveal)
    code = webhook.query.get("test_event_code") or webhook.headers.get("x-test-event-code")
    return Response(200, preview(translation, context.settings, webhook.received_at, code))


def of_text(context: AppContext, request: HttpRequest) -> Response:
    """Try a mapping that is only text so far: show what a payload would become."""
    asked = _json_object(_webhook(context, request))
    source = asked.get("mapping")
    if not isinstance(source, str):
        raise WrongUse("mapping is missing", fix="give the text of the mapping file as `mapping`")
    mapping = draft_mapping(source, context.spec, context.settings.destinations)
    webhook = made_up_request(asked, context.now())
    fetched = mapping.recorded(recorded_in(asked.get("fetched")))
    translation = translate(Verified(webhook), mapping, context.spec, fetched=fetched, explain=True)
    outcome = preview(translation, context.settings, webhook.received_at)
    return Response(200, {**outcome, "warnings": [finding.as_json() for finding in mapping.warnings]})


def of_finished_body(context: AppContext, request: HttpRequest) -> Response:
    """Check a finished Conversions API body against the schema and the rules."""
    body = parse(Verified(_webhook(context, request)), _JSON_ONLY).data
    findings = validate_body(body, context.spec, context.now())
    return Response(200, {"findings": [finding.as_json() for finding in findings]})


def recorded_in(given: Any) -> Mapping[str, Any]:
    """Return recorded answers as they were given: data, or the text of a JSON object; nothing is none."""
    if isinstance(given, str) and given.strip():
        try:
            given = json.loads(given, parse_float=Decimal)
        except ValueError as error:
            fix = 'write them as {"person": {…}}, each as its source gives it'
            raise WrongUse("the answers are no JSON object", fix=fix) from error
    if given and not isinstance(given, dict):
        raise WrongUse("fetched is not an object", fix='send "fetched": {"person": {…}}')
    return given or {}


def made_up_request(asked: Mapping[str, Any], now: datetime) -> Request:
    """Return the webhook that was described: payload (data or the raw text), headers, query, now."""
    payload = asked.get("payload", {})
    headers = {name.lower(): text for name, text in _texts(asked, "headers").items()}
    body = payload.encode("utf-8", "surrogatepass") if isinstance(payload, str) else encode(payload)
    headers.setdefault("content-type", content_type_of(body))
    return Request(
        method="POST",
        url="https://example.test/hooks/mapping",
        headers=headers,
        query=_texts(asked, "query"),
        body=body,
        ip=str(asked["ip"]) if asked.get("ip") else "203.0.113.7",
        received_at=moment_in(asked, "now", now) or now,
    )


def _webhook(context: AppContext, request: HttpRequest) -> Request:
    return as_webhook(request, context.settings, context.now())


def _json_object(request: Request) -> Mapping[str, Any]:
    plain = replace(request, headers={"content-type": "application/json"})
    data = parse(Verified(plain), _JSON_ONLY).data
    if not isinstance(data, dict):
        raise UnreadableBody("the body is not a JSON object", fix='send {"mapping": "…", "payload": {…}}')
    return data


def _texts(asked: Mapping[str, Any], key: str) -> dict[str, str]:
    block = asked.get(key) or {}
    if not isinstance(block, dict):
        raise WrongUse(f"{key} is not an object", fix=f'send "{key}": {{"name": "text"}}')
    return {
        str(name): text if isinstance(text, str) else json.dumps(text, default=str)
        for name, text in block.items()
    }
