"""The other side of `verify`: what an honest sender adds to a request, for the demo and for tests."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from bridge.body.reader import read_body
from bridge.models import Request, VerifyRule
from bridge.serialization import encode
from bridge.verify import standard_webhooks
from bridge.verify.schemes import DIGESTS, expected_signature
from bridge.verify.signed_content import Content, needs_body_read


def signed(request: Request, rule: VerifyRule) -> Request:
    """Return the request as a sender who knows the rule's first secret would send it now.

    A token in the body cannot be added here; such a body already contains it. Nor can a signature of a
    private key, which nobody but the sender has.
    """
    if rule.scheme in DIGESTS:
        return _with_signature(request, rule)
    headers = {**request.headers, **_proof_headers(request, rule)}
    query = dict(request.query)
    if rule.scheme == "token" and rule.query:
        query[rule.query] = rule.secrets[0].decode()
    return replace(request, headers=headers, query=query)


def _proof_headers(request: Request, rule: VerifyRule) -> dict[str, str]:
    if rule.scheme == "standard_webhooks":
        return _standard_headers(request, rule)
    if rule.scheme == "basic":
        pair = (rule.user or "").encode() + b":" + rule.secrets[0]
        return {"authorization": "Basic " + base64.b64encode(pair).decode()}
    if rule.scheme == "token" and rule.header:
        bearer = "Bearer " if rule.header.lower() == "authorization" else ""
        return {rule.header.lower(): (rule.prefix or bearer) + rule.secrets[0].decode()}
    if rule.scheme == "jwt" and rule.header and rule.algorithm == "hs256":
        import jwt

        seconds = int(request.received_at.timestamp())
        token = jwt.encode({"iat": seconds, "exp": seconds + 300}, rule.secrets[0], algorithm="HS256")
        return {rule.header.lower(): rule.prefix + token}
    return {}


def _with_signature(request: Request, rule: VerifyRule) -> Request:
    seconds = int(request.received_at.timestamp())
    timestamp = str(seconds * 1_000 if rule.timestamp_unit == "milliseconds" else seconds)
    headers = dict(request.headers)
    if rule.timestamp_header:
        headers[rule.timestamp_header.lower()] = timestamp
    timed = replace(request, headers=headers)
    if rule.for_each is not None or rule.body_field is not None:
        return _with_signatures_inside(timed, rule, timestamp)
    data = read_body(request).data if needs_body_read(rule) else None
    written = _written(
        rule, timestamp, expected_signature(Content(timed, timestamp, rule.secrets[0], rule, data))
    )
    if rule.query:
        return replace(timed, query={**request.query, rule.query: written})
    return replace(timed, headers={**headers, (rule.header or "").lower(): written})


def _written(rule: VerifyRule, timestamp: str, signature: str) -> str:
    form = rule.format or rule.prefix + "{signature}"
    form = form.replace("{timestamp}", timestamp).replace("{signatures}", signature)
    return form.replace("{signature}", signature)


def _with_signatures_inside(request: Request, rule: VerifyRule, timestamp: str) -> Request:
    """Write the signature into the body, or into each entry that has its own."""
    data = read_body(request).data
    parts = rule.for_each(data) if rule.for_each else [data]
    signatures = [
        _written(
            rule, timestamp, expected_signature(Content(request, timestamp, rule.secrets[0], rule, part))
        )
        for part in parts
    ]
    if "x-www-form-urlencoded" in request.headers.get("content-type", ""):
        fields = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        return replace(request, body=urlencode({**fields, rule.field or "": signatures[0]}).encode())
    for part, signature in zip(parts, signatures, strict=True):
        _put(part, (rule.field or "").split("."), signature)
    return replace(request, body=encode(data))


def _put(node: Any, path: list[str], text: str) -> None:
    for key in path[:-1]:
        node = node[0 if key == "first" else int(key)] if isinstance(node, list) else node[key]
    node[path[-1]] = text


def _standard_headers(request: Request, rule: VerifyRule) -> dict[str, str]:
    prefix = standard_webhooks.header_prefix(rule)
    message_id = request.headers.get(f"{prefix}id", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W")
    return standard_webhooks.sign(rule.secrets[:1], message_id, request.body, request.received_at, prefix)
