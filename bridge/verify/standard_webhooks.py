"""Standard Webhooks, both sides: the headers a sender adds, and what a receiver makes of them.

The signature is the base64 HMAC-SHA256 of `{id}.{timestamp}.{body}`. https://www.standardwebhooks.com, spec
of 2023. The three headers share a prefix, `webhook-` unless a sender has its own.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bridge.errors import NotAuthentic
from bridge.models import Request, VerifyRule
from bridge.verify.signed_content import check_age, is_among, required_header

_SECRET_PREFIX: Final = b"whsec_"


def sign(
    secrets: Sequence[bytes], message_id: str, body: bytes, now: datetime, prefix: str = "webhook-"
) -> dict[str, str]:
    """Return the three headers that prove a body, signed with the first key that each secret can mean.

    Several secrets give several signatures with spaces between them, as the specification has it for the
    time in which a secret is being changed.
    """
    timestamp = str(int(now.timestamp()))
    keys = [next(iter(_keys(secret)), secret) for secret in secrets]
    signatures = [f"v1,{_signature(key, message_id, timestamp, body)}" for key in keys]
    return {
        f"{prefix}id": message_id,
        f"{prefix}timestamp": timestamp,
        f"{prefix}signature": " ".join(signatures),
    }


def verify_standard_webhooks(request: Request, rule: VerifyRule) -> None:
    """Accept a request signed with any of the rule's secrets; raise `NotAuthentic` otherwise.

    `rule.header` names another signature header, and by that the prefix of all three.
    """
    prefix = header_prefix(rule)
    message_id, timestamp, header = (
        required_header(request, f"{prefix}{part}") for part in ("id", "timestamp", "signature")
    )
    check_age(timestamp, rule, request.received_at)
    given = [part[3:].rstrip(",") for part in header.split() if part.startswith("v1,")]
    for secret in rule.secrets:
        for key in _keys(secret):
            if is_among(_signature(key, message_id, timestamp, request.body), given):
                return
    raise NotAuthentic(f"{prefix}signature does not match what was received")


def header_prefix(rule: VerifyRule) -> str:
    """Return what the three headers begin with."""
    return (rule.header or "webhook-signature").lower().removesuffix("signature")


def _signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def _keys(secret: bytes) -> list[bytes]:
    """Return the keys a secret can mean: base64 after `whsec_`; without that, itself or its base64."""
    encoded = secret.removeprefix(_SECRET_PREFIX)
    keys = [] if encoded != secret else [secret]
    with contextlib.suppress(binascii.Error, ValueError):
        keys.append(base64.b64decode(encoded, validate=True))
    return [key for key in keys if key]
