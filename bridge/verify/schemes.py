"""The named schemes by which senders prove who they are; a mapping picks one and fills in its details."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from bridge.body.reader import read_body
from bridge.errors import NotAuthentic, Refused
from bridge.models import Request, Verified, VerifyRule
from bridge.verify.signed_content import (
    as_bytes,
    check_age,
    is_among,
    read_structured,
    required_header,
    signed_bytes,
    url_spellings,
)
from bridge.verify.standard_webhooks import verify_standard_webhooks


def verify(request: Request, rule: VerifyRule) -> Verified:
    """Let a request through whose sender proves itself by the rule; raise `NotAuthentic` otherwise."""
    if rule.scheme != "none" and not any(rule.secrets):
        raise NotAuthentic("the mapping has no secret to compare with", fix="Set the secret's variable.")
    SCHEMES[rule.scheme](request, rule)
    return Verified(request)


def _anyone(_request: Request, _rule: VerifyRule) -> None:
    """Accept whoever knows the URL."""


def _signature(request: Request, rule: VerifyRule) -> None:
    """Accept a signature over the signed text, made with any of the secrets.

    We encode the signature we expect and never decode the one we were given, so a malformed header
    is simply a wrong one. A header may hold several signatures while the sender rotates its secret.
    """
    given, timestamp = _given_signatures(request, rule)
    if timestamp is not None:
        check_age(timestamp, rule, request.received_at)
    for expected in _expected_signatures(request, rule, timestamp):
        if is_among(expected, given):
            return
    raise NotAuthentic(f"{rule.header} does not match what was received")


def _given_signatures(request: Request, rule: VerifyRule) -> tuple[list[str], str | None]:
    """Return the signatures a request carries, and the timestamp when the rule asks for one."""
    header = required_header(request, rule.header)
    if rule.format:
        signatures, timestamp = read_structured(rule.format, header)
    else:
        signatures, timestamp = _without_prefix(header, rule.prefix), None
    if rule.timestamp_header:
        timestamp = required_header(request, rule.timestamp_header)
    if timestamp is None and ("{timestamp}" in rule.signed or "{timestamp}" in (rule.format or "")):
        raise NotAuthentic(f"{rule.header} comes without its timestamp")
    if rule.encoding == "hex":
        signatures = [signature.lower() for signature in signatures]
    return signatures, timestamp


def _without_prefix(header: str, prefix: str) -> list[str]:
    """Return the signatures behind the prefix; a header that was sent twice arrives joined by commas."""
    parts = [part.strip() for part in header.split(",")]
    return [part.removeprefix(prefix) for part in parts if part.startswith(prefix)]


def _expected_signatures(request: Request, rule: VerifyRule, timestamp: str | None) -> Iterator[str]:
    spellings = url_spellings(request.url) if "{url}" in rule.signed else (request.url,)
    for url in spellings:
        spelled = replace(request, url=url) if url != request.url else request
        for secret in filter(None, rule.secrets):
            signed = signed_bytes(rule.signed, spelled, timestamp, secret)
            yield ENCODINGS[rule.encoding](DIGESTS[rule.scheme](secret, signed, rule.algorithm))


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
        yield _token_of_body(request, rule.body_field)


def _bare_token(header: str, prefix: str) -> str:
    header = header.strip()
    if prefix:
        return header.removeprefix(prefix).strip() if header.startswith(prefix) else ""
    scheme, blank, token = header.partition(" ")
    return token.strip() if blank and scheme.lower() in ("bearer", "token") else header


def _token_of_body(request: Request, read: Callable[[object], object]) -> str:
    """Read the token out of the body; a body that cannot be read proves nothing."""
    try:
        data = read_body(request, max_bytes=max(len(request.body), _INFLATED_MAX_BYTES)).data
    except Refused as error:
        raise NotAuthentic(f"the token is missing: {error.message}") from error
    value = read(data)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


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

SCHEMES: Final[dict[str, Callable[[Request, VerifyRule], None]]] = {
    "none": _anyone,
    "hmac": _signature,
    "digest": _signature,
    "standard_webhooks": verify_standard_webhooks,
    "token": _token,
    "basic": _basic,
}
