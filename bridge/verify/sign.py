"""The other side of `verify`: what an honest sender adds to a request, for the demo and for tests."""

from __future__ import annotations

import base64
from dataclasses import replace

from bridge.models import Request, VerifyRule
from bridge.verify import standard_webhooks
from bridge.verify.schemes import DIGESTS, ENCODINGS
from bridge.verify.signed_content import signed_bytes


def signed(request: Request, rule: VerifyRule) -> Request:
    """Return the request as a sender who knows the rule's first secret would send it now.

    A token in the body cannot be added here; such a body already contains it.
    """
    headers = {**request.headers, **_proof_headers(request, rule)}
    query = dict(request.query)
    if rule.scheme == "token" and rule.query:
        query[rule.query] = rule.secrets[0].decode()
    return replace(request, headers=headers, query=query)


def _proof_headers(request: Request, rule: VerifyRule) -> dict[str, str]:
    if rule.scheme in DIGESTS:
        return _signature_headers(request, rule)
    if rule.scheme == "standard_webhooks":
        return _standard_headers(request, rule)
    if rule.scheme == "basic":
        pair = (rule.user or "").encode() + b":" + rule.secrets[0]
        return {"authorization": "Basic " + base64.b64encode(pair).decode()}
    if rule.scheme == "token" and rule.header:
        bearer = "Bearer " if rule.header.lower() == "authorization" else ""
        return {rule.header.lower(): (rule.prefix or bearer) + rule.secrets[0].decode()}
    return {}


def _signature_headers(request: Request, rule: VerifyRule) -> dict[str, str]:
    seconds = int(request.received_at.timestamp())
    timestamp = str(seconds * 1_000 if rule.timestamp_unit == "milliseconds" else seconds)
    text = signed_bytes(rule.signed, request, timestamp, rule.secrets[0])
    signature = ENCODINGS[rule.encoding](DIGESTS[rule.scheme](rule.secrets[0], text, rule.algorithm))
    written = (rule.format or rule.prefix + "{signature}").replace("{timestamp}", timestamp)
    headers = {(rule.header or "").lower(): written.replace("{signature}", signature)}
    if rule.timestamp_header:
        headers[rule.timestamp_header.lower()] = timestamp
    return headers


def _standard_headers(request: Request, rule: VerifyRule) -> dict[str, str]:
    prefix = standard_webhooks.header_prefix(rule)
    message_id = request.headers.get(f"{prefix}id", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W")
    return standard_webhooks.sign(rule.secrets[0], message_id, request.body, request.received_at, prefix)
