"""The named schemes by which senders prove who they are; a mapping picks one and fills in its details."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from bridge.body.reader import read_body
from bridge.errors import NotAuthentic, Refused
from bridge.models import Request, Verified, VerifyRule
from bridge.verify.json_web_tokens import body_of_claims, claims_of
from bridge.verify.signed_content import (
    Content,
    as_bytes,
    check_age,
    is_among,
    needs_body_read,
    read_structured,
    required_header,
    signed_bytes,
    url_spellings,
)
from bridge.verify.standard_webhooks import verify_standard_webhooks


def verify(request: Request, rule: VerifyRule) -> Verified:
    """Let a request through whose sender proves itself by the rule; raise `NotAuthentic` otherwise.

    Where the body is a token, what was verified are its claims: they are the body of the result.
    """
    if rule.scheme != "none" and not any(rule.secrets) and not rule.keys:
        raise NotAuthentic(
            "the mapping has no secret to compare with",
            fix="Set the environment variable that holds the secret.",
        )
    proven = SCHEMES[rule.scheme](request, rule)
    return Verified(proven or request)


def _anyone(_request: Request, _rule: VerifyRule) -> None:
    """Accept whoever knows the URL."""


def _signature(request: Request, rule: VerifyRule) -> None:
    """Accept a signature over the signed text, made with any of the secrets, in every entry that has its own.

    We encode the signature we expect and never decode the one we were given, so a malformed header
    is simply a wrong one. A header may hold several signatures while the sender rotates its secret.
    """
    for data in _signed_parts(request, rule):
        given, timestamp = _given_signatures(request, rule, data)
        expected = _expected_signatures(Content(request, timestamp, b"", rule, data))
        if not any(is_among(signature, given) for signature in expected):
            raise NotAuthentic(f"{_place(rule)} does not match what was received")


def _public_signature(request: Request, rule: VerifyRule) -> None:
    """Accept a signature that the owner of one of the public keys made."""
    given, timestamp = _given_signatures(request, rule, None)
    data = _data(request) if needs_body_read(rule) else None
    signed = signed_bytes(Content(request, timestamp, b"", rule, data))
    from bridge.public_keys import is_signed_by  # loaded with the first mapping that has such a key

    if not is_signed_by(rule.keys, given, signed, rule.encoding, rule.algorithm):
        raise NotAuthentic(f"{_place(rule)} does not match what was received")


def _place(rule: VerifyRule) -> str:
    return rule.header or rule.query or rule.field or "the signature"


def _signed_parts(request: Request, rule: VerifyRule) -> list[Any]:
    """Return what is signed one by one: the entries of a list, or the body as a whole."""
    if not needs_body_read(rule):
        return [None]
    data = _data(request)
    parts = list(rule.for_each(data)) if rule.for_each else [data]
    if not parts:
        raise NotAuthentic("there is no entry that could be signed")
    return parts


def _data(request: Request) -> Any:
    """Read the body before anything is believed; one that cannot be read proves nothing."""
    try:
        return read_body(request, max_bytes=max(len(request.body), _INFLATED_MAX_BYTES)).data
    except Refused as error:
        raise NotAuthentic(f"the proof in the body is missing: {error.message}") from error


def _given_signatures(request: Request, rule: VerifyRule, data: Any) -> tuple[list[str], str | None]:
    """Return the signatures a request carries, and the timestamp when the rule asks for one."""
    written = _written_signature(request, rule, data)
    if rule.format:
        signatures, timestamp = read_structured(rule.format, written)
    else:
        signatures, timestamp = _without_prefix(written, rule.prefix), None
    if rule.timestamp_header:
        timestamp = required_header(request, rule.timestamp_header)
    if timestamp is None and ("{timestamp}" in rule.signed or "{timestamp}" in (rule.format or "")):
        raise NotAuthentic(f"{_place(rule)} comes without its timestamp")
    if timestamp is not None:
        check_age(timestamp, rule, request.received_at)
    if rule.encoding == "hex":
        signatures = [signature.lower() for signature in signatures]
    return signatures, timestamp


def _written_signature(request: Request, rule: VerifyRule, data: Any) -> str:
    if rule.header:
        return required_header(request, rule.header)
    written = request.query.get(rule.query, "") if rule.query else _text(rule.body_field, data)
    if not written:
        raise NotAuthentic(f"there is no signature in {_place(rule)}")
    return written


def _text(read: Callable[[Any], Any] | None, data: Any) -> str:
    value = read(data) if read else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _without_prefix(header: str, prefix: str) -> list[str]:
    """Return the signatures behind the prefix; a header that was sent twice arrives joined by commas."""
    parts = [part.strip() for part in header.split(",")]
    return [part.removeprefix(prefix) for part in parts if part.startswith(prefix)]


def _expected_signatures(content: Content) -> Iterator[str]:
    rule, request = content.rule, content.request
    spellings = url_spellings(request.url) if "{url}" in rule.signed else (request.url,)
    for url in spellings:
        spelled = replace(request, url=url) if url != request.url else request
        for secret in filter(None, rule.secrets):
            yield expected_signature(replace(content, request=spelled, secret=secret))


def expected_signature(content: Content) -> str:
    """Return the signature over a content as its sender writes it."""
    rule = content.rule
    digest = DIGESTS[rule.scheme](content.secret, signed_bytes(content), rule.algorithm)
    return ENCODINGS[rule.encoding](digest)


def _json_web_token(request: Request, rule: VerifyRule) -> Request | None:
    """Accept a JWT beside the body, or a body that is one; then its claims are the body."""
    if rule.signed_body:
        token = request.body.decode("ascii", "replace").strip().strip('"')
        return body_of_claims(request, claims_of(token, rule, request.received_at))
    tokens = [token for token in _given_tokens(request, rule) if token]
    claims_of(tokens[0] if tokens else "", rule, request.received_at)
    return None


def _token(request: Request, rule: VerifyRule) -> None:
    """Accept a shared token, in a header (with or without `Bearer`), the query or the body."""
    given = [text for text in _given_tokens(request, rule) if text]
    if not given:
        raise NotAuthentic("the token is missing")
    for secret in filter(None, rule.secrets):
        if any(hmac.compare_digest(secret, as_bytes(text)) for text in given):
            return
    raise NotAuthentic("the token is wrong")


def _given_tokens(request: Request, rule: VerifyRule) -> Iterator[str]:
    if rule.header:
        yield _bare_token(request.headers.get(rule.header.lower(), ""), rule.prefix)
    if rule.query:
        yield request.query.get(rule.query, "")
    if rule.body_field:
        yield _text(rule.body_field, _data(request))


def _bare_token(header: str, prefix: str) -> str:
    header = header.strip()
    if prefix:
        return header.removeprefix(prefix).strip() if header.startswith(prefix) else ""
    scheme, blank, token = header.partition(" ")
    return token.strip() if blank and scheme.lower() in ("bearer", "token") else header


_INFLATED_MAX_BYTES: Final = 1_048_576


def _basic(request: Request, rule: VerifyRule) -> None:
    """Accept HTTP Basic credentials; password managers of vendors write them in UTF-8."""
    scheme, _, given = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        raise NotAuthentic("there is no Authorization: Basic header")
    for secret in filter(None, rule.secrets):
        expected = base64.b64encode(as_bytes(rule.user or "") + b":" + secret).decode()
        if is_among(expected, [given.strip()]):
            return
    raise NotAuthentic("user or password is wrong")


def _plain_digest(_secret: bytes, signed: bytes, algorithm: str) -> bytes:
    return hashlib.new(algorithm, signed).digest()


# `hmac` and `digest` differ only here: a plain hash has its secret inside the signed text.
DIGESTS: Final[dict[str, Callable[[bytes, bytes, str], bytes]]] = {
    "hmac": hmac.digest,
    "digest": _plain_digest,
}

ENCODINGS: Final[dict[str, Callable[[bytes], str]]] = {
    "hex": lambda digest: digest.hex(),
    "base64": lambda digest: base64.b64encode(digest).decode(),
}

SCHEMES: Final[dict[str, Callable[[Request, VerifyRule], Request | None]]] = {
    "none": _anyone,
    "hmac": _signature,
    "digest": _signature,
    "rsa": _public_signature,
    "ed25519": _public_signature,
    "jwt": _json_web_token,
    "standard_webhooks": verify_standard_webhooks,
    "token": _token,
    "basic": _basic,
}
